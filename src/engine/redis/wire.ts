import type { Duplex } from 'node:stream'
import RedisParser from 'redis-parser'
import { PART_LENGTH, putCommand } from './command-text.ts'

/** How many arguments make a call worth a packet of its own: some 4 KiB. */
const LONG_CALL = 64
/** How many that were answered may be left in front before they are cut off. */
const MOST_ANSWERED = 1_024

/** Who is told the next answer. A class: literals that many are made of, the compiler comes to make old from the start. */
class Asked {
  readonly answered: (reply: unknown) => void
  readonly failed: (error: unknown) => void

  constructor(answered: (reply: unknown) => void, failed: (error: unknown) => void) {
    this.answered = answered
    this.failed = failed
  }
}

/**
 * What is said on a socket once a library has made it, in RESP2: commands out, and their answers to who asked, in
 * that order.
 */
export class Wire {
  private readonly stream: Duplex
  private readonly onNonsense: (error: Error) => void
  private readonly asked: (Asked | undefined)[] = []
  /** Of `asked`, those in front of it were answered. */
  private head = 0
  private unsent = ''
  private isAscii = true
  private isLeaving = false
  /** By channel. On a socket that has one nothing else is asked, but for PING. */
  private readonly listeners = new Map<string, (message: string) => void>()
  private closedBy: Error | null = null

  /** @param onNonsense called when what comes is not what Redis answers: the socket has been destroyed */
  constructor(stream: Duplex, onNonsense: (error: Error) => void) {
    this.stream = stream
    this.onNonsense = onNonsense
    const parser = new RedisParser({
      returnReply: (reply) => this.heed(reply),
      returnError: (error) => this.next()?.failed(error),
      returnFatalError: (error) => this.end(error),
    })
    stream.removeAllListeners('data')
    stream.on('data', (chunk: Buffer) => {
      try {
        parser.execute(chunk)
      } catch (error) {
        // A list that is longer, or deeper, than any: the parser has no other word for it.
        if (!(error instanceof RangeError)) throw error
        this.end(new Error(`what answers there is not Redis: ${error.message}`))
      }
    })
  }

  /**
   * What is asked in one turn leaves as one packet: one system call each was about half of the client's CPU at 100
   * in flight, and of the server's. What is long, or has nothing in front of it, leaves at once: the
   * server works on it meanwhile.
   */
  ask(
    command: string,
    args: readonly string[],
    answered: (reply: unknown) => void,
    failed: (error: unknown) => void,
  ): void {
    if (this.closedBy) return failed(this.closedBy)
    const isFirst = this.head === this.asked.length
    this.asked.push(new Asked(answered, failed))
    putCommand(command, args, this.put)
    if (isFirst || args.length >= LONG_CALL) this.leave()
    else if (!this.isLeaving) this.leaveSoon()
  }

  subscribe(channel: string, onMessage: (message: string) => void): Promise<unknown> {
    this.listeners.set(channel, onMessage)
    return new Promise((resolve, reject) => this.ask('SUBSCRIBE', [channel], resolve, reject))
  }

  /** The socket is gone: nobody who has asked, or asks from now on, gets an answer. */
  close(cause: Error): void {
    this.closedBy = cause
    for (const one of this.asked.splice(0).slice(this.head)) one?.failed(cause)
    this.head = 0
  }

  private readonly put = (text: string, isAscii: boolean): void => {
    this.unsent += text
    this.isAscii &&= isAscii
    if (this.unsent.length >= PART_LENGTH) this.leave()
  }

  private leaveSoon(): void {
    this.isLeaving = true
    process.nextTick(() => {
      this.isLeaving = false
      this.leave()
    })
  }

  private leave(): void {
    const { unsent, stream } = this
    if (unsent === '') return
    this.unsent = ''
    if (!stream.destroyed) stream.write(unsent, this.isAscii ? 'latin1' : 'utf8')
    this.isAscii = true
  }

  private heed(reply: unknown): void {
    const isMessage = this.listeners.size > 0 && Array.isArray(reply) && reply[0] === 'message'
    if (isMessage) this.listeners.get(reply[1])?.(String(reply[2]))
    else this.next()?.answered(reply)
  }

  private next(): Asked | undefined {
    const { asked } = this
    const next = asked[this.head]
    if (!next) {
      this.end(new Error('what answers there is not Redis: it answered what nobody asked'))
      return undefined
    }
    asked[this.head++] = undefined
    if (this.head === asked.length || this.head > MOST_ANSWERED) {
      asked.splice(0, this.head)
      this.head = 0
    }
    return next
  }

  private end(cause: Error): void {
    if (this.stream.destroyed) return
    this.stream.destroy()
    this.onNonsense(cause)
  }
}
