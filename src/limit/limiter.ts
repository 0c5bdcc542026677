import { systemClock } from '../clock.ts'
import type { Duration } from '../duration.ts'
import { readName, readOptions } from '../options.ts'
import type { FailurePolicy } from './fallback.ts'
import { Front } from './front.ts'
import type { LimitLease } from './holds.ts'
import { keepInside, partsOfLimiter } from './inside.ts'
import { type Nearby, openNearby } from './nearby.ts'
import { limiterOptions, peekOptions, takeOptions, wholeUnits } from './options.ts'
import { plannedCalls, type WaitOptions, type WaitVerdict } from './planned.ts'
import { type Rule, readRule, readRules } from './rules.ts'
import type { LimitStore } from './store.ts'
import { taggedBy } from './tags.ts'
import { refuseUnheld, takesAlone } from './takes-alone.ts'

/** What one rule says to one take. */
export interface RuleVerdict {
  readonly rule: Rule
  readonly allowed: boolean
  /** Most units that the rule allows at once. */
  readonly limit: number
  /** Units left after this take; when it was refused, the units that are left. */
  readonly remaining: number
  /**
   * Milliseconds until the same take is allowed if nobody else takes, exact to the microsecond, so
   * it may have three decimals: round up for timers that count whole ones. 0 when allowed; null
   * when the cost is above the limit and can never be.
   */
  readonly retryAfterMs: number | null
  /** Milliseconds until the key is as good as new, exact to the microsecond. */
  readonly resetAfterMs: number
}

/**
 * The answer to one take. A refusal is an answer; a failure of the engine is thrown instead. Of
 * several rules, `limit` and `remaining` are those of the one that has the fewest units left,
 * `retryAfterMs` and `resetAfterMs` the longest of all.
 */
export interface Verdict extends Omit<RuleVerdict, 'rule'> {
  /** What each rule says, in their order; nothing was charged unless all allow. */
  readonly rules: readonly RuleVerdict[]
  /** The rules that refused; none when it was allowed. */
  readonly refusedBy: readonly Rule[]
  /** Who decided. */
  readonly source: VerdictSource
  /** Whether it was decided without the engine, because that failed. */
  readonly degraded: boolean
  /** Of a limiter with a `concurrency` rule: what a take that was allowed holds, to be released. */
  readonly lease?: LimitLease
  /** In shadow mode, of a take that would have been refused: that refusal. Else it is left out. */
  readonly shadow?: Verdict
}

/**
 * `engine`; `denied-cache`, a refusal of the engine that is repeated; `lease`, units that were taken
 * in advance; `fallback`, the limiter's `onEngineFailure`.
 */
export type VerdictSource = 'engine' | 'denied-cache' | 'lease' | 'fallback'

/** The answer to a take of as many units as there are. */
export interface PartVerdict extends Verdict {
  /** Units that were taken; 0 when not one was left, and then the rest answers a take of one. */
  readonly taken: number
}

export interface CostOptions {
  /** Whole units. Defaults to 1. */
  cost?: number
}

export interface LimiterTakeOptions extends CostOptions {
  /**
   * Names this request, in 1 to 1024 characters: within 5 minutes a take of the key with the same
   * name and cost that was charged is answered as it was, and not charged again. So a take whose
   * answer was lost may be repeated, by the engine itself until its deadline and by the user later.
   */
  requestId?: string
}

export interface LimiterOptions {
  /**
   * What decides a take, a peek, a `takeAtMost`, a `wait` and a `takeAll` when the engine is away, does not answer by its
   * deadline or has no room: `'throw'` lets its error through; `'deny'` refuses, `'allow'` allows
   * whatever may ever fit; `'local'` judges by the same rules in this process alone. After three
   * failures in a row only one take a second asks the engine, until it answers. Not with `'throw'`.
   * Refunds and resets always throw. Defaults to `'throw'`, with `shadow` to `'allow'`.
   */
  onEngineFailure?: FailurePolicy
  /**
   * For how long a refusal is repeated to equal takes of its key without asking the engine, if its
   * wait is as long: at most so late is a reset, a refund or a higher limit of another process seen.
   * From 1 ms to 1 hour; false asks each time. Defaults to `'1s'`.
   */
  deniedCache?: Duration | false
  /**
   * Takes up to `tokens` units of a key in advance and answers takes from them, at the speed of a
   * call within the process. It begins with one and asks for more the faster they are used; unused
   * ones are given back after `for`, from 10 ms to 1 minute, by default 1 s, and when the Sluice is
   * closed. The price: any window admits at most what the rules admit in a window longer by `for`,
   * and at most `tokens` for each process more than in its own. Not on unless told.
   */
  lease?: { tokens: number; for?: Duration }
  /**
   * Judges and counts as always, and refuses nobody: what would have been refused is allowed without
   * being charged, and `verdict.shadow` says what would have been said. A `wait` comes back at once, with
   * its place charged. Defaults to false.
   */
  shadow?: boolean
  /**
   * Names what has to be in one slot of a cluster, as `takeAll` wants it of all of its keys: a text,
   * or what makes one of a key, such as the tenant of a user. All keys of a tag are on one node. All
   * limiters of one name must have the same. Defaults to each key of this limiter by itself.
   */
  tag?: string | ((key: string) => string)
}

/** Rules, applied to each key alone. Promises and failure modes: the README of this folder. */
export interface Limiter {
  readonly name: string
  readonly rules: readonly Rule[]
  /**
   * Takes `cost` units of `key` if every rule allows it, all or none; a refusal is not charged.
   *
   * @param key what is limited, such as a user's id: 1 to 1024 characters, never sensitive data
   * @param options.cost whole units, at least 1. Defaults to 1
   * @param options.requestId makes it safe to repeat
   * @throws {ArgumentError} nothing was sent; or the `requestId` was of another take
   * @throws {EngineUnavailableError} with `outcome: 'unknown'` the units may have been taken
   * @throws {StoreFullError} nothing was taken: the engine has no room
   * @throws {StoreCorruptError} nothing was taken: the key holds something else
   */
  take(key: string, options?: LimiterTakeOptions): Promise<Verdict>
  /**
   * Answers what `take` would answer now, and changes nothing; `cost: 0` shows what is left.
   *
   * @param options.cost whole units, may be 0. Defaults to 1
   * @throws the same as `take`
   */
  peek(key: string, options?: CostOptions): Promise<Verdict>
  /**
   * Takes as many units as every rule has left, up to `units`: for work that can be done in part.
   *
   * @param units whole units, at least 1; may be above the limit
   * @throws the same as `take`
   */
  takeAtMost(key: string, units: number): Promise<PartVerdict>
  /**
   * Gives units back, such as those of a call that failed: they are free at once. The last ones
   * that were taken are forgotten, whoever took them; a key never has more free than when it is
   * new. Answers what is left.
   *
   * @param units whole units. Defaults to 1
   * @throws the same as `take`; with `outcome: 'unknown'` the units may have been given back
   */
  refund(key: string, units?: number): Promise<Verdict>
  /**
   * Takes units when its turn comes: it reserves a place at once, in the order of the engine, and
   * waits for it. Refused at once, with `allowed: false`, when that is longer than `maxWait`, or the
   * cost above a limit. Only for rules that know beforehand when it is its turn: `funnel`,
   * `tokenBucket` and `fixedWindow`.
   *
   * A place that is given up is free again, but for what others have reserved behind it.
   *
   * @throws the same as `take`; {ArgumentError} for other rules; the signal's reason;
   *   {ClosedError} when the Sluice is closed meanwhile
   */
  wait(key: string, options?: WaitOptions): Promise<WaitVerdict>
  /**
   * Charges units whatever is left, such as for a failed login: what is above the limit stays owed. A
   * key owes at most twice what fits; of a funnel or bucket also what fits and an hour of it.
   *
   * @param units whole units, at least 1
   * @throws the same as `take`; {ArgumentError} for a limiter of `concurrency` alone
   */
  penalize(key: string, units: number): Promise<Verdict>
  /**
   * Refuses every take of the key from now on, for so long; `reset` lifts it. A block that lasts
   * longer stays, and so do leases that are held.
   *
   * @param duration from 1 ms to 1 year
   * @throws the same as `take`; it may be repeated; {ArgumentError} for a limiter of `concurrency` alone
   */
  block(key: string, duration: Duration): Promise<void>
  /**
   * Makes the key as good as new: also without a block, and its leases are lost.
   *
   * @throws {ArgumentError} nothing was sent
   * @throws {EngineUnavailableError} it may be repeated
   */
  reset(key: string): Promise<void>
}

/** A take without options, as nearly all are. */
const PLAIN_TAKE = readOptions('take', undefined, takeOptions)

/**
 * A limiter on any store. Two limiters of one name share their keys, in all processes; when their
 * rules differ, each judges what is stored by its own.
 *
 * @param rules one, or up to four that must all allow
 * @param nearby what the limiters of this engine share in this process
 * @throws {ArgumentError}
 */
export function createLimiter(
  store: LimitStore,
  name: string,
  rules: Rule | readonly Rule[],
  options?: LimiterOptions,
  nearby: Nearby = openNearby(store, systemClock),
): Limiter {
  const limiter = readName(name, 'limiter.name')
  const list = readRules(rules, 'limiter.rule')
  const stored = list.map((rule) => readRule(rule, 'limiter.rule'))
  const { onEngineFailure, deniedCache, lease, shadow, tag } = readOptions(
    'limiter',
    options,
    limiterOptions(stored),
  )
  refuseUnheld(list, { onEngineFailure, shadow })
  const own = tag === null ? { store, nearby } : taggedBy(tag, store, nearby)
  const front = new Front(
    own.store,
    own.nearby,
    { limiter, rules: list },
    {
      onEngineFailure: onEngineFailure ?? (shadow ? 'allow' : 'throw'),
      stalenessMs: deniedCache,
      lease: lease && { tokens: lease.tokens, forMs: lease.for },
      shadow,
    },
  )
  const partsOf = partsOfLimiter(limiter, list, tag)
  const inside = { name: limiter, tag, store, front, holds: nearby.holds, partsOf }
  const alone = takesAlone(inside, list)
  const self: Limiter = {
    name: limiter,
    rules: list,
    ...plannedCalls(inside),
    take(key, given) {
      try {
        const checkedKey = readName(key, 'take.key')
        const { cost, requestId } =
          given === undefined ? PLAIN_TAKE : readOptions('take', given, takeOptions)
        if (requestId !== undefined || alone.givesLeases) {
          return alone.take(checkedKey, cost, requestId)
        }
        return front.take(checkedKey, cost)
      } catch (error) {
        return Promise.reject(error)
      }
    },
    async peek(key, given) {
      const checkedKey = readName(key, 'peek.key')
      const { cost } = readOptions('peek', given, peekOptions)
      return front.peek(checkedKey, cost)
    },
    async takeAtMost(givenKey, units) {
      const key = readName(givenKey, 'takeAtMost.key')
      const most = wholeUnits(units, 'takeAtMost.units')
      return alone.givesLeases ? alone.takeAtMost(key, most) : front.takeAtMost(key, most)
    },
    async refund(givenKey, units = 1) {
      const key = readName(givenKey, 'refund.key')
      return front.refund(key, wholeUnits(units, 'refund.units'))
    },
    async reset(givenKey) {
      await front.reset(readName(givenKey, 'reset.key'))
    },
  }
  keepInside(self, inside)
  return self
}
