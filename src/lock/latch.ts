import type { Clock } from '../clock.ts'
import type { Duration } from '../duration.ts'
import { ClosedError, LockTimeoutError } from '../errors.ts'
import { type AcquireOptions, acquireOptions, DAY_MS } from '../gate/options.ts'
import { count, duration, readName, readOptions, text, withDefault } from '../options.ts'
import type { LatchRequest, LatchState, LatchStore } from './latch-store.ts'
import { isPassing, LOOK_EVERY_MS, Watcher } from './watchers.ts'

export interface LatchOptions {
  /** How many have to arrive, from 1 to 10,000: the same for everybody who uses the name. */
  count: number
  /**
   * How long it stays after the last arrival, if nobody waits for it: then its name begins anew. From
   * 1 s to 30 days, defaults to 1 day.
   */
  keep?: Duration
}

export interface LatchView extends LatchState {
  name: string
}

/**
 * A count-down that opens once, for everybody: those who wait go on when as many have arrived as it
 * counts, and who comes later does not wait at all.
 */
export interface Latch {
  readonly name: string
  /**
   * Arrives, and answers how many are still missing; 0 when it is open, be it by this arrival or since
   * before. An id counts once, whoever says it: with one of your own, such as the number of a part, a
   * call may be repeated after an error, or by another process. Defaults to one that is never used twice.
   * @throws {SettingsMismatchError} if others say another count; {@link EngineUnavailableError}
   */
  countDown(options?: { id?: string }): Promise<number>
  /**
   * Resolves when it is open.
   * @throws {LockTimeoutError} whose `position` says how many were missing when `wait` was over;
   *   {@link SettingsMismatchError}, {@link EngineUnavailableError}; the signal's reason
   */
  wait(options?: AcquireOptions): Promise<void>
  /** How many are missing, as of now. Changes nothing. */
  inspect(): Promise<LatchView>
}

/** All latches of one engine. */
export interface Latches {
  latch(name: string, options: LatchOptions): Latch
  /** Ends every wait. */
  close(): Promise<void>
}

const MOST_ARRIVALS = 10_000
const LONGEST_ID = 256
const LONGEST_KEEP_MS = 30 * DAY_MS

const latchOptions = {
  count: count(1, MOST_ARRIVALS),
  keep: withDefault(duration({ minMs: 1_000, maxMs: LONGEST_KEEP_MS }), DAY_MS),
}

const countDownOptions = { id: withDefault(text(LONGEST_ID), undefined) }

export function createLatches(store: LatchStore, clock: Clock, clientId: string): Latches {
  const waits = new Set<LatchWait>()
  let arrivalCount = 0
  let isClosed = false

  async function wait(request: LatchRequest, options?: AcquireOptions): Promise<void> {
    const read = readOptions('wait', options, acquireOptions)
    if (isClosed) throw new ClosedError('This Sluice')
    read.signal?.throwIfAborted()
    const waiting = new LatchWait(store, clock, request, read.wait)
    const onAbort = () => waiting.end(read.signal?.reason)
    waits.add(waiting)
    read.signal?.addEventListener('abort', onAbort, { once: true })
    try {
      await waiting.opened
    } finally {
      waits.delete(waiting)
      read.signal?.removeEventListener('abort', onAbort)
    }
  }

  return {
    latch(givenName, options) {
      const name = readName(givenName, 'latch.name')
      const read = readOptions('latch', options, latchOptions)
      const request: LatchRequest = { name, count: read.count, keepMs: read.keep }
      return {
        name,
        async countDown(given) {
          const { id } = readOptions('countDown', given, countDownOptions)
          if (isClosed) throw new ClosedError('This Sluice')
          return store.arrive({ ...request, id: id ?? `${clientId}.${++arrivalCount}` })
        },
        wait: (given) => wait(request, given),
        async inspect() {
          const unused: LatchState = { count: read.count, left: read.count, openedAtMs: null }
          return { name, ...((await store.inspect(name)) ?? unused) }
        },
      }
    },

    async close() {
      isClosed = true
      for (const waiting of [...waits]) waiting.end(new ClosedError('This Sluice'))
    },
  }
}

/** One caller that waits until the latch opens, or for as long as it wants to. */
class LatchWait {
  readonly opened: Promise<void>
  private readonly clock: Clock
  private readonly request: LatchRequest
  private readonly startedMs: number
  private readonly resolve: () => void
  private readonly reject: (reason: unknown) => void
  private readonly stop: () => void
  private left: number | null = null
  private failure: unknown
  private isOverdue = false

  constructor(store: LatchStore, clock: Clock, request: LatchRequest, waitMs: number) {
    this.clock = clock
    this.request = request
    this.startedMs = clock.monotonicMs()
    const { promise, resolve, reject } = settlable()
    this.opened = promise
    this.resolve = resolve
    this.reject = reject
    const deadline = clock.after(waitMs, () => this.timeOut())
    const watcher = new Watcher<LatchState>({
      clock,
      look: () => store.watch(request),
      onNews: (listener) => store.onNews(request.name, listener),
      seen: (state) => this.seen(state),
      failed: (error) => this.failed(error),
    })
    this.stop = () => {
      deadline.cancel()
      watcher.stop()
    }
  }

  end(reason: unknown): void {
    this.stop()
    this.reject(reason)
  }

  /** A latch that somebody waits for is kept: looking is what keeps it. */
  private seen({ left }: LatchState): number {
    this.left = left
    this.failure = undefined
    if (left === 0) {
      this.stop()
      this.resolve()
    } else if (this.isOverdue) this.timeOut()
    return Math.min(LOOK_EVERY_MS, this.request.keepMs / 3)
  }

  private failed(error: unknown): void {
    this.failure = error
    if (!isPassing(error)) this.end(error)
    else if (this.isOverdue) this.timeOut()
  }

  /** Nobody is told that it is shut before it was looked at once. */
  private timeOut(): void {
    this.isOverdue = true
    if (this.failure !== undefined) return this.end(this.failure)
    if (this.left === null) return
    const waitedMs = Math.round(this.clock.monotonicMs() - this.startedMs)
    const message =
      `Latch ${JSON.stringify(this.request.name)} did not open within ${waitedMs} ms: ` +
      `${this.left} have not arrived. Wait longer, or look for who is late.`
    const conflict = { holder: null, sinceMs: null, position: this.left, retryAfterMs: 0 }
    this.end(new LockTimeoutError(message, conflict))
  }
}

function settlable() {
  let resolve: () => void = () => {}
  let reject: (reason: unknown) => void = () => {}
  const promise = new Promise<void>((onOpen, onEnd) => {
    resolve = onOpen
    reject = onEnd
  })
  return { promise, resolve, reject }
}
