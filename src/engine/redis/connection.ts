import { setTimeout as delay } from 'node:timers/promises'
import { ClosedError, EngineUnavailableError } from '../../errors.ts'
import { type Call, CallLine, PlainCall } from './call-line.ts'
import type { RawClient } from './client.ts'
import { backoffMs, type ConnectOptions, connect } from './connect.ts'
import { asFailure, detailOf, isReplyError, isRetryable } from './failures.ts'
import { type Fits, fits } from './fitting.ts'
import { LastAnswer } from './last-answer.ts'
import { type Pulse, watchPulse } from './pulse.ts'

export interface ConnectionOptions extends ConnectOptions {
  /** What it is and where it goes, for messages: `commands to localhost:6379`. */
  label: string
  /** It answers again, or for the first time. */
  onReady?: () => void
  /** It was lost, fell silent or cannot be made: once until it is ready again. */
  onTrouble?: (cause: Error) => void
  /** An established socket is gone; `silent` if it had to be given up, since nothing came from it. */
  onLost?: (silent: boolean) => void
  /** Whether an answer can be one to its command. Left out for the commands that stores send. */
  fits?: Fits
  /** A silent socket is asked whether it lives. Left out for one that blocks. */
  pulse?: Pulse
}

/** Calls that may wait for a connection at one time; more are refused at once. */
const MOST_WAITING_CALLS = 10_000
/** One timer serves all deadlines of a connection; they hold within this. */
const SWEEP_MS = 20
/** The server serves no more on this socket, but another, or a new handshake, may help. */
const NEEDS_NEW_SOCKET = /^(?:READONLY|NOAUTH|MASTERDOWN)\b/
const SERVES_NOTHING = /^(?:LOADING|BUSY|MASTERDOWN|MISCONF|CLUSTERDOWN|NOAUTH)\b/
/** Time for the answers that follow such a refusal. */
const NEW_SOCKET_AFTER_MS = 20

/**
 * One supervised connection. It connects on first use, gives every call a deadline, and after a
 * loss or a missed deadline destroys the socket and builds a new client. Nothing is ever re-sent.
 */
export class Connection {
  readonly label: string
  private readonly options: ConnectionOptions
  private readonly calls = new CallLine()
  private readonly stop = new AbortController()
  private client: RawClient | null = null
  private running: Promise<void> | null = null
  private sweeper: NodeJS.Timeout | null = null
  private sweepAtMs = Number.POSITIVE_INFINITY
  private dropClient: ((cause: Error, silent: boolean) => void) | null = null
  private lastFailure: Error | undefined
  private troubled = false
  /** {@link retire} was called: what it refused may be asked of another. */
  retired = false
  private closed = false
  private readonly answers = new LastAnswer()

  constructor(options: ConnectionOptions) {
    this.label = options.label
    this.options = options
  }

  get ready(): boolean {
    return this.client !== null
  }

  /** Monotonic time of the last answer, for health; null before the first. */
  get lastAnswerMs(): number | null {
    return this.answers.atMs
  }

  /** Why it is not ready, or was not at last. */
  get failure(): Error | undefined {
    return this.lastFailure
  }

  /** Connects in the background, and stays connected until closed. */
  start(): void {
    if (!this.closed) this.running ??= this.supervise()
  }

  /**
   * Sends one command. Rejects with {@link EngineUnavailableError} at the deadline: `not-applied`
   * if it never left, `unknown` if it did. Error replies of the server reject as they came.
   */
  call(command: string, args: string[], deadlineMs: number, asking = false): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.take(new PlainCall(command, args, deadlineMs, resolve, reject, asking))
    })
  }

  /** The same for a call that has no promise, and may be one of many. */
  take(call: Call): void {
    if (this.retired) return call.reject(this.unavailable('it serves no more', false))
    if (this.closed) return call.reject(new ClosedError('This Sluice'))
    this.start()
    if (!this.client && this.calls.size >= MOST_WAITING_CALLS) {
      const reason = `${MOST_WAITING_CALLS} calls wait for it already`
      return call.reject(this.unavailable(reason, false))
    }
    this.calls.add(call)
    this.armSweeper(call.deadlineMs)
    if (this.client) this.transmit(this.client, call)
  }

  /** Ends the socket, if there is one, and makes another: what it said or does not say tells to. */
  reconnect(cause: Error): void {
    this.dropClient?.(cause, false)
  }

  /** Takes no more calls and hands back those that never left; closes when the others are settled. */
  retire(): void {
    this.retired = true
    for (const call of this.calls.list()) {
      if (!call.sent) this.settle(call, this.unavailable('it serves no more', false))
    }
    this.closeIfRetired()
  }

  async close(): Promise<void> {
    this.closed = true
    this.stop.abort()
    for (const call of this.calls.list()) {
      this.settle(call, new ClosedError('This Sluice', call.sent ? 'unknown' : 'not-applied'))
    }
    if (this.sweeper) clearTimeout(this.sweeper)
    this.dropClient?.(new Error('closed'), false)
    await this.running
  }

  private async supervise(): Promise<void> {
    let failures = 0
    for (;;) {
      const established = await connect(this.options, this.stop.signal, (cause) => {
        this.lastFailure = cause
        this.tellTrouble(cause)
      })
      if (!established) return
      const { client, lost } = established
      const dropped = new Promise<{ cause: Error; silent: boolean }>((resolve) => {
        this.dropClient = (cause, silent) => resolve({ cause, silent })
      })
      this.becomeReady(client)
      const answersBefore = this.answers.count
      const stopWatching = this.watch()
      const end = await Promise.race([dropped, lost.then(closedBy)])
      stopWatching()
      client.destroy()
      this.becomeLost(end.cause)
      if (this.closed) return
      this.options.onLost?.(end.silent)
      // A server that lets in and serves nothing is not asked in a tight loop.
      failures = this.answers.count === answersBefore ? failures + 1 : 0
      const { signal } = this.stop
      if (failures > 0) await delay(backoffMs(failures), undefined, { signal }).catch(() => {})
    }
  }

  private becomeReady(client: RawClient): void {
    this.client = client
    this.answers.count++
    this.troubled = false
    for (const call of this.calls.list()) if (!call.sent) this.transmit(client, call)
    this.options.onReady?.()
  }

  private becomeLost(cause: Error): void {
    this.client = null
    this.dropClient = null
    this.lastFailure = cause
    for (const call of this.calls.list()) {
      if (call.sent) {
        this.settle(call, this.unavailable('the connection was lost before the answer', true))
      }
    }
    this.closeIfRetired()
    if (!this.closed) this.tellTrouble(cause)
  }

  private tellTrouble(cause: Error): void {
    if (this.troubled || this.retired) return
    this.troubled = true
    this.options.onTrouble?.(cause)
  }

  private transmit(client: RawClient, call: Call): void {
    call.sent = true
    if (call.asking) client.send('ASKING', []).catch(() => {})
    client.transmit(
      call.command,
      call.args,
      (reply) => {
        if (this.client !== client) return
        if (!(this.options.fits ?? fits)(call.command, call.args, reply)) return this.giveUp()
        this.noteAnswer()
        if (this.calls.settle(call)) call.resolve(reply)
        if (this.retired) this.closeIfRetired()
      },
      (error) => {
        // Only a reply answers the call; anything else is the socket's end, which becomeLost reports.
        if (this.client !== client) return
        const failure = asFailure(client, error)
        if (!isReplyError(failure)) return this.dropClient?.(failure, false)
        // Who only refuses is no more there than who is silent.
        if (SERVES_NOTHING.test(failure.message)) this.tellTrouble(failure)
        else this.noteAnswer()
        this.settle(call, failure)
        if (NEEDS_NEW_SOCKET.test(failure.message)) this.replaceSoon(client, failure)
        this.closeIfRetired()
      },
    )
  }

  /** Its answers are of other calls than they came to: none that follows is believed. */
  private giveUp(): void {
    this.client = null
    this.dropClient?.(new Error('what came is no answer to what was asked'), false)
  }

  private noteAnswer(): void {
    this.answers.count++
    if (!this.troubled || !this.client) return
    this.troubled = false
    this.options.onReady?.()
  }

  private replaceSoon(client: RawClient, cause: Error): void {
    setTimeout(() => {
      if (this.client === client) this.reconnect(cause)
    }, NEW_SOCKET_AFTER_MS)
  }

  private watch(): () => void {
    if (!this.options.pulse) return () => {}
    return watchPulse(this.options.pulse, {
      lastAnswerMs: () => this.lastAnswerMs ?? 0,
      oldest: () => this.calls.oldest,
      ping: (deadlineMs) => this.call('PING', [], deadlineMs),
      onSilence: (cause) => this.tellTrouble(cause),
    })
  }

  private armSweeper(deadlineMs: number): void {
    if (deadlineMs >= this.sweepAtMs) return
    if (this.sweeper) clearTimeout(this.sweeper)
    this.sweepAtMs = deadlineMs
    this.sweeper = setTimeout(
      () => this.sweep(),
      Math.max(SWEEP_MS, deadlineMs - performance.now()),
    )
  }

  private sweep(): void {
    const now = performance.now()
    this.sweepAtMs = Number.POSITIVE_INFINITY
    let missed = false
    let nextMs = Number.POSITIVE_INFINITY
    for (const call of this.calls.list()) {
      if (call.deadlineMs > now) {
        nextMs = Math.min(nextMs, call.deadlineMs)
        continue
      }
      missed ||= call.sent
      const what = call.sent ? 'no answer by the deadline' : 'no connection by the deadline'
      this.settle(call, this.unavailable(what, call.sent))
    }
    if (this.calls.size > 0) this.armSweeper(Math.max(nextMs, now + SWEEP_MS))
    if (missed) this.dropClient?.(new Error('a command got no answer by its deadline'), true)
    this.closeIfRetired()
  }

  private settle(call: Call, error: unknown): void {
    if (this.calls.settle(call)) call.reject(error)
  }

  private closeIfRetired(): void {
    if (this.retired && !this.closed && this.calls.size === 0) void this.close()
  }

  private unavailable(reason: string, sent: boolean): EngineUnavailableError {
    const detail = detailOf(this.lastFailure)
    const last = detail && !this.client ? ` Last failure: ${detail.message}` : ''
    const outcome = sent ? 'unknown' : 'not-applied'
    return new EngineUnavailableError(
      `Redis (${this.label}): ${reason}${sent ? ', so the outcome is unknown' : ''}.${last}`,
      { outcome, retryable: sent || isRetryable(detail), cause: detail },
    )
  }
}

const closedBy = (cause: Error | undefined) => ({
  cause: cause ?? new Error('the server closed the connection'),
  silent: false,
})
