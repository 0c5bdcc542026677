import { ClosedError, EngineUnavailableError } from '../../errors.ts'
import type { RawClient } from './client.ts'
import { fromReply, isReplyError, ServerReply } from './failures.ts'

export interface ConnectionOptions {
  /** What it is and where it goes, for messages: `commands to localhost:6379`. */
  label: string
  openClient: () => RawClient
  /** Bounds TCP, TLS, handshake and the first PING together. */
  connectTimeoutMs: number
  onReady?: (client: RawClient) => void | Promise<void>
  onLost?: (cause: Error | undefined) => void
  /** PING after this long without an answer; a silent socket is found by its deadline. */
  pingAfterMs?: number
}

interface Call {
  command: string
  args: string[]
  deadlineMs: number
  sent: boolean
  resolve: (reply: unknown) => void
  reject: (error: unknown) => void
}

/** Calls that may wait for a connection at one time; more are refused at once. */
const MOST_WAITING_CALLS = 10_000
const FIRST_BACKOFF_MS = 20
const LONGEST_BACKOFF_MS = 1_000
/** One timer serves all deadlines of a connection; they hold within this. */
const SWEEP_MS = 20

/**
 * One supervised connection. It connects on first use, gives every call a deadline, and after a
 * loss or a missed deadline destroys the socket and builds a new client. Nothing is ever re-sent.
 */
export class Connection {
  private readonly options: ConnectionOptions
  private readonly calls = new Set<Call>()
  private client: RawClient | null = null
  private running: Promise<void> | null = null
  private sweeper: NodeJS.Timeout | null = null
  private sweepAtMs = Number.POSITIVE_INFINITY
  private wakeFromBackoff: (() => void) | null = null
  private dropClient: ((cause?: Error) => void) | null = null
  private lastFailure: Error | undefined
  private closed = false
  /** Monotonic time of the last answer, for health. */
  lastAnswerMs: number | null = null

  constructor(options: ConnectionOptions) {
    this.options = options
  }

  get ready(): boolean {
    return this.client !== null
  }

  /** Connects in the background, and stays connected until closed. */
  start(): void {
    if (!this.closed) this.running ??= this.supervise()
  }

  /**
   * Sends one command. Rejects with {@link EngineUnavailableError} at the deadline: `not-applied`
   * if it never left, `unknown` if it did. Error replies of the server reject as they came.
   */
  call(command: string, args: string[], deadlineMs: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.closed) return reject(new ClosedError('This Sluice'))
      this.start()
      if (!this.client && this.calls.size >= MOST_WAITING_CALLS) {
        return reject(this.unavailable(`${MOST_WAITING_CALLS} calls wait for it already`, false))
      }
      const call: Call = { command, args, deadlineMs, sent: false, resolve, reject }
      this.calls.add(call)
      this.armSweeper(deadlineMs)
      if (this.client) this.transmit(this.client, call)
    })
  }

  async close(): Promise<void> {
    this.closed = true
    for (const call of this.calls) this.settle(call, new ClosedError('This Sluice'))
    if (this.sweeper) clearTimeout(this.sweeper)
    this.dropClient?.()
    this.wakeFromBackoff?.()
    await this.running
  }

  private async supervise(): Promise<void> {
    let failures = 0
    while (!this.closed) {
      const client = this.options.openClient()
      const lost = new Promise<Error | undefined>((resolve) => {
        this.dropClient = resolve
        client.onClose(resolve)
      })
      try {
        await withDeadline(this.establish(client, lost), this.options.connectTimeoutMs)
        failures = 0
        this.becomeReady(client)
        this.lastFailure = await this.watch(client, lost)
      } catch (error) {
        failures++
        this.lastFailure = asFailure(client, error)
      }
      client.destroy()
      this.becomeLost()
      if (!this.closed) await this.backoff(failures)
    }
  }

  private async establish(client: RawClient, lost: Promise<Error | undefined>): Promise<void> {
    const steps = client.connect().then(() => client.send('PING', []))
    const early = lost.then((cause) =>
      Promise.reject(cause ?? new Error('the connection was closed')),
    )
    await Promise.race([steps, early])
    await this.options.onReady?.(client)
  }

  /** Resolves when the client is lost; meanwhile it must answer, with or without traffic. */
  private async watch(
    client: RawClient,
    lost: Promise<Error | undefined>,
  ): Promise<Error | undefined> {
    const pingAfterMs = this.options.pingAfterMs
    if (pingAfterMs === undefined) return lost
    const pinger = setInterval(() => {
      const silentMs = performance.now() - (this.lastAnswerMs ?? 0)
      if (this.client !== client || this.calls.size > 0 || silentMs < pingAfterMs * 0.9) return
      this.call('PING', [], performance.now() + this.options.connectTimeoutMs).catch(() => {})
    }, pingAfterMs)
    try {
      return await lost
    } finally {
      clearInterval(pinger)
    }
  }

  private becomeReady(client: RawClient): void {
    this.client = client
    this.lastAnswerMs = performance.now()
    for (const call of this.calls) if (!call.sent) this.transmit(client, call)
  }

  private becomeLost(): void {
    const wasReady = this.client !== null
    this.client = null
    this.dropClient = null
    for (const call of this.calls) {
      if (call.sent)
        this.settle(call, this.unavailable('the connection was lost before the answer', true))
    }
    if (wasReady && !this.closed) this.options.onLost?.(this.lastFailure)
  }

  private transmit(client: RawClient, call: Call): void {
    call.sent = true
    client.send(call.command, call.args).then(
      (reply) => {
        this.lastAnswerMs = performance.now()
        this.calls.delete(call)
        call.resolve(reply)
      },
      (error: unknown) => {
        // Only a reply answers the call; anything else is the socket's end, which becomeLost reports.
        const failure = asFailure(client, error)
        if (!isReplyError(failure)) return this.dropClient?.(failure)
        this.lastAnswerMs = performance.now()
        this.settle(call, failure)
      },
    )
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
    for (const call of this.calls) {
      nextMs = Math.min(nextMs, call.deadlineMs)
      if (call.deadlineMs > now) continue
      missed ||= call.sent
      this.settle(call, this.unavailable('no answer by the deadline', call.sent))
    }
    if (this.calls.size > 0) this.armSweeper(Math.max(nextMs, now + SWEEP_MS))
    if (missed) this.dropClient?.(new Error('a command got no answer by its deadline'))
  }

  private settle(call: Call, error: unknown): void {
    this.calls.delete(call)
    call.reject(error)
  }

  private unavailable(reason: string, sent: boolean): EngineUnavailableError {
    const failure = this.lastFailure
    const detail =
      failure && isReplyError(failure) ? fromReply(failure.message, 'the connection') : failure
    const last = detail ? ` Last failure: ${detail.message}` : ''
    return new EngineUnavailableError(
      `Redis (${this.options.label}): ${reason}${sent ? ', so the outcome is unknown' : ''}.${last}`,
      { outcome: sent ? 'unknown' : 'not-applied', cause: failure },
    )
  }

  private async backoff(failures: number): Promise<void> {
    const ceilingMs = Math.min(FIRST_BACKOFF_MS * 2 ** failures, LONGEST_BACKOFF_MS)
    await new Promise<void>((resolve) => {
      const timeout = setTimeout(resolve, ceilingMs * (0.5 + Math.random() / 2))
      this.wakeFromBackoff = () => {
        clearTimeout(timeout)
        resolve()
      }
    })
  }
}

function asFailure(client: RawClient, error: unknown): Error {
  if (!(error instanceof Error)) return new Error(String(error))
  return client.isReply(error) ? new ServerReply(error.message) : error
}

/** Rejects when `work` has not settled in time; its late result is dropped. */
async function withDeadline<T>(work: Promise<T>, timeoutMs: number): Promise<T> {
  let timeout: NodeJS.Timeout | undefined
  const deadline = new Promise<never>((_, reject) => {
    timeout = setTimeout(() => reject(new Error(`no connection within ${timeoutMs} ms`)), timeoutMs)
  })
  try {
    return await Promise.race([work, deadline])
  } finally {
    clearTimeout(timeout)
  }
}
