import type { Clock } from '../clock.ts'
import type { Duration } from '../duration.ts'
import { ClosedError, LockTimeoutError } from '../errors.ts'
import { type AcquireOptions, acquireOptions, DAY_MS } from '../gate/options.ts'
import { type Until, Waits } from '../gate/until.ts'
import { LOOK_EVERY_MS } from '../gate/watchers.ts'
import { count, duration, readName, readOptions, text, withDefault } from '../options.ts'
import type { LatchRequest, LatchState, LatchStore } from './latch-store.ts'

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
  const waits = new Waits()
  let arrivalCount = 0
  let isClosed = false

  async function wait(request: LatchRequest, options?: AcquireOptions): Promise<void> {
    const read = readOptions('wait', options, acquireOptions)
    if (isClosed) throw new ClosedError('This Sluice')
    await waits.until(untilOpen(store, clock, request, read.wait), read.signal)
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
      waits.endAll(new ClosedError('This Sluice'))
    },
  }
}

/** A latch that somebody waits for is kept: looking is what keeps it. */
const untilOpen = (
  store: LatchStore,
  clock: Clock,
  request: LatchRequest,
  waitMs: number,
): Until<LatchState, void> => ({
  clock,
  waitMs,
  look: () => store.watch(request),
  onNews: (listener) => store.onNews(request.name, listener),
  read: ({ left }) =>
    left === 0 ? { value: undefined } : { againMs: Math.min(LOOK_EVERY_MS, request.keepMs / 3) },
  late({ left }, waitedMs) {
    const message =
      `Latch ${JSON.stringify(request.name)} did not open within ${waitedMs} ms: ` +
      `${left} have not arrived. Wait longer, or look for who is late.`
    const conflict = { holder: null, sinceMs: null, position: left, retryAfterMs: 0 }
    return new LockTimeoutError(message, conflict)
  },
})
