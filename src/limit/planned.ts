/** Calls about what comes: waiting for a turn, penalties and blocks. */
import type { Duration } from '../duration.ts'
import { ArgumentError } from '../errors.ts'
import { abortSignal, duration, readName, readOptions, withDefault } from '../options.ts'
import type { InsideLimiter } from './inside.ts'
import type { Verdict } from './limiter.ts'
import { DEFAULT_COST, wholeUnits } from './options.ts'
import { isReservable, type Reserved } from './reservations.ts'
import { type LimitStore, LONGEST_DEBT_US, type Part, type ReserveRequest } from './store.ts'

const DEFAULT_MAX_WAIT_MS = 10_000

const waitOptions = {
  cost: withDefault(wholeUnits, DEFAULT_COST),
  maxWait: withDefault(duration({ maxMs: LONGEST_DEBT_US / 1000 }), DEFAULT_MAX_WAIT_MS),
  signal: withDefault(abortSignal, undefined),
}

export interface WaitOptions {
  /** Whole units. Defaults to 1. */
  cost?: number
  /** A longer wait is refused at once; up to 1 hour. Defaults to 10 s. */
  maxWait?: Duration
  /** Gives the place up; `wait` then rejects with the signal's reason. */
  signal?: AbortSignal
}

/** The answer to a wait: allowed when its turn has come. */
export interface WaitVerdict extends Verdict {
  /** Milliseconds for which it stood in line; 0 when it was refused, and in shadow mode. */
  readonly waitedMs: number
  /** In shadow mode: how it would have been refused, or for how long it would have waited. */
  readonly shadow?: WaitVerdict
}

export interface Planned {
  wait(key: string, options?: WaitOptions): Promise<WaitVerdict>
  penalize(key: string, units: number): Promise<Verdict>
  block(key: string, length: Duration): Promise<void>
}

export function plannedCalls(limiter: InsideLimiter): Planned {
  const { store, front, holds, partsOf } = limiter

  /** Leases are neither owed nor refused by time. */
  function refuseWithoutRates(call: string): void {
    if (partsOf('', 0).some(isRate)) return
    throw new ArgumentError(
      `${call}.limiter`,
      'a limiter with a rule of units in a time',
      'one of concurrency alone',
    )
  }

  return {
    async wait(givenKey, options) {
      const key = readName(givenKey, 'wait.key')
      const { cost, maxWait, signal } = readOptions('wait', options, waitOptions)
      const parts = partsOf(key, cost)
      refuseUnplanned(parts)
      signal?.throwIfAborted()
      const request = { parts, longestUs: maxWait * 1000 }
      const { answer, source } = await front.askOr<Reserved>(
        () => front.freeing(key, () => reserve(store, request)),
        (instead) => instead.reserve(key, cost, request.longestUs),
      )
      const { waitUs, answers, giveBack } = answer
      const verdict = { ...front.verdictOf(answers, source), waitedMs: (waitUs ?? 0) / 1000 }
      try {
        if (waitUs !== null) signal?.throwIfAborted()
        // The store judged before its answer came, so it is never too early.
        if (verdict.waitedMs > 0 && !front.shadow) await holds.sleep(verdict.waitedMs, signal)
      } catch (error) {
        holds.inBackground(front.freeing(key, giveBack))
        throw error
      }
      const told = front.tell(key, verdict)
      if (!front.shadow || (verdict.allowed && verdict.waitedMs === 0)) return verdict
      return { ...told, waitedMs: 0, shadow: verdict }
    },

    async penalize(givenKey, units) {
      const key = readName(givenKey, 'penalize.key')
      const cost = wholeUnits(units, 'penalize.units')
      refuseWithoutRates('penalize')
      const parts = partsOf(key, cost).map((part) => (isRate(part) ? part : { ...part, cost: 0 }))
      const answers = await front.freeing(key, () => store.penalize(parts))
      return front.verdictOf(answers, 'engine')
    },

    async block(givenKey, length) {
      const key = readName(givenKey, 'block.key')
      const forMs = duration({ minMs: 1, maxMs: LONGEST_BLOCK_MS })(length, 'block.duration')
      refuseWithoutRates('block')
      const parts = partsOf(key, 0).filter(isRate)
      await front.freeing(key, () => store.block({ parts, forUs: Math.round(forMs * 1000) }))
    },
  }
}

/** Keys are never longer in the store than rules let them be. */
const LONGEST_BLOCK_MS = 365 * 86_400_000

const isRate = ({ rule }: Part) => rule.kind !== 'concurrency'

async function reserve(store: LimitStore, request: ReserveRequest): Promise<Reserved> {
  const { parts } = request
  const { waitUs, answers, receipts } = await store.reserve(request)
  return { waitUs, answers, giveBack: () => store.cancel({ parts, receipts }) }
}

/** What leaves a window is not known before it does, and a lease may be released at any time. */
function refuseUnplanned(parts: readonly Part[]): void {
  const other = parts.find(({ rule }) => !isReservable(rule))
  if (other === undefined) return
  throw new ArgumentError(
    'wait.limiter',
    'a limiter of funnels, token buckets and fixed windows',
    `one with a ${other.rule.kind === 'counter' ? 'slidingCounter' : other.rule.kind}`,
    'Take, and try again after retryAfterMs.',
  )
}
