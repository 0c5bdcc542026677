import type { Duration } from '../duration.ts'
import { ArgumentError } from '../errors.ts'
import { DAY_MS, SHORTEST_TTL_MS } from '../gate/options.ts'
import { amount, count, duration, flag, oneOf, readOptions, withDefault } from '../options.ts'
import { describe } from '../text.ts'
import { leaking, microseconds, stepwise } from './rates.ts'
import { MOST_RULES, type StoredRule } from './store.ts'

/** Shortest `per`: below it a window would be smaller than the jitter of a network call. */
const SHORTEST_PER_MS = 1
/** A log keeps one entry per unit: a longer one would be a big key. */
const LONGEST_LOG = 10_000
/** Up to here Redis keeps a sorted set in one piece, and above it takes three times as much for each unit. */
const SHORT_LOG = 128
/** Up to here a thousandth of a unit is still exact in the arithmetic of a funnel. */
const LARGEST_CAPACITY = 1e9
/** A strict counter counts units for up to a tenth of its period too long. */
const STRICT_SLICES = 10
const DEFAULT_LEASE_MS = 30_000

/** What {@link slidingLog} made. Frozen. */
export interface SlidingLogRule {
  readonly kind: 'slidingLog'
  /** Units in any window of `perMs`. */
  readonly limit: number
  readonly perMs: number
}

/** What {@link funnel} made. Frozen. */
export interface FunnelRule {
  readonly kind: 'funnel'
  /** Units that fit at once. */
  readonly capacity: number
  /** Units that leak out per `perMs`, evenly. */
  readonly leak: number
  readonly perMs: number
}

/** What {@link fixedWindow} made. Frozen. */
export interface FixedWindowRule {
  readonly kind: 'fixedWindow'
  /** Units in a window. */
  readonly limit: number
  readonly perMs: number
}

/** What {@link slidingCounter} made. Frozen. */
export interface SlidingCounterRule {
  readonly kind: 'slidingCounter'
  readonly limit: number
  readonly perMs: number
  readonly strict: boolean
}

/** How a token bucket is refilled. */
export type RefillMode = 'greedy' | 'interval' | 'aligned'

/** What {@link tokenBucket} made. Frozen. */
export interface TokenBucketRule {
  readonly kind: 'tokenBucket'
  /** Tokens that it holds when it is full. */
  readonly capacity: number
  /** Tokens that come back per `perMs`. */
  readonly refill: number
  readonly perMs: number
  readonly mode: RefillMode
}

/** What {@link concurrency} made. Frozen. */
export interface ConcurrencyRule {
  readonly kind: 'concurrency'
  /** Units that are held at one time. */
  readonly limit: number
  readonly leaseMs: number
}

/** What a limiter allows each of its keys. */
export type Rule =
  | SlidingLogRule
  | FunnelRule
  | FixedWindowRule
  | SlidingCounterRule
  | TokenBucketRule
  | ConcurrencyRule

/** Only checked rules are in here, so a look-alike or a spread copy is refused. */
const storedRules = new WeakMap<Rule, StoredRule>()

/**
 * At most `limit` units in any window of `per`, wherever it begins: exact, with one stored entry
 * per admitted unit, kept for `per`. For more than 10,000 units use {@link funnel}.
 *
 * @param options.limit whole number from 1 to 10,000
 * @param options.per from 1 ms to 10 years, kept to the microsecond
 * @throws {ArgumentError}
 */
export function slidingLog(options: { limit: number; per: Duration }): SlidingLogRule {
  const { limit, per } = readOptions('slidingLog', options, {
    limit: count(1, LONGEST_LOG),
    per: duration({ minMs: SHORTEST_PER_MS }),
  })
  const rule: SlidingLogRule = Object.freeze({ kind: 'slidingLog', limit, perMs: per })
  const perUs = microseconds(per)
  storedRules.set(rule, { kind: 'slidingLog', limit, perUs, isLong: limit > SHORT_LOG })
  return rule
}

/**
 * A funnel that holds `capacity` units and leaks `leak` of them per `per`, evenly; what does not
 * fit is refused. Any window of length w admits at most `capacity + w × leak / per` units, in one
 * small stored value per key. For a hard "at most n per p" take `capacity + leak = n`.
 *
 * This is the generic cell rate algorithm (ITU-T I.371; ATM Forum Traffic Management), the one
 * behind `CL.THROTTLE` of redis-cell: its `max_burst` is `capacity - 1`, its `count` is `leak`.
 *
 * @param options.capacity whole number from 1 to 1,000,000,000
 * @param options.leak number above 0, may be fractional; at most a billion units a second, and
 *   enough that a full funnel is empty within 10 years
 * @param options.per from 1 ms to 10 years, kept to the microsecond
 * @throws {ArgumentError}
 */
export function funnel(options: { capacity: number; leak: number; per: Duration }): FunnelRule {
  const { capacity, leak, per } = readOptions('funnel', options, {
    capacity: count(1, LARGEST_CAPACITY),
    leak: amount(Number.MAX_SAFE_INTEGER),
    per: duration({ minMs: SHORTEST_PER_MS }),
  })
  const stored = leaking('funnel.leak', { capacity, units: leak, per })
  const rule: FunnelRule = Object.freeze({ kind: 'funnel', capacity, leak, perMs: per })
  storedRules.set(rule, stored)
  return rule
}

/**
 * At most `limit` units in a window of `per` that begins with the first take of a key, and again
 * with the first after it is over. Cheap, and easy to explain, but the end of one window and the
 * start of the next may be close: any window of length w admits at most
 * `limit × (ceil(w / per) + 1)` units. For a hard limit take {@link slidingLog}, or a strict
 * {@link slidingCounter}; for windows that begin on the hour, an aligned {@link tokenBucket}.
 *
 * @param options.limit whole number from 1 to 1,000,000,000
 * @param options.per from 1 ms to 10 years, kept to the microsecond
 * @throws {ArgumentError}
 */
export function fixedWindow(options: { limit: number; per: Duration }): FixedWindowRule {
  const { limit, per } = readOptions('fixedWindow', options, {
    limit: count(1, LARGEST_CAPACITY),
    per: duration({ minMs: SHORTEST_PER_MS }),
  })
  const rule: FixedWindowRule = Object.freeze({ kind: 'fixedWindow', limit, perMs: per })
  const intervalUs = microseconds(per)
  const steps = { capacity: limit, refill: limit, intervalUs, isAligned: false }
  storedRules.set(rule, { kind: 'bucket', ...steps })
  return rule
}

/**
 * About `limit` units in any window of `per`, in one small stored value: units are counted by
 * windows, and those of the last one count for the share of it that is less than `per` ago. That
 * takes them to have come evenly. When they came at its end, any window of `per` admits more, but
 * always less than `2 × limit`.
 *
 * With `strict`, never more than `limit` in any window of `per`: it counts by tenths of `per`, and
 * a tenth that is partly in the window as a whole. A unit so counts for up to a tenth of `per`
 * longer than in a {@link slidingLog}.
 *
 * @param options.limit whole number from 1 to 1,000,000,000
 * @param options.per from 1 ms to 10 years, kept to the microsecond
 * @param options.strict defaults to false
 * @throws {ArgumentError}
 */
export function slidingCounter(options: {
  limit: number
  per: Duration
  strict?: boolean
}): SlidingCounterRule {
  const { limit, per, strict } = readOptions('slidingCounter', options, {
    limit: count(1, LARGEST_CAPACITY),
    per: duration({ minMs: SHORTEST_PER_MS }),
    strict: withDefault(flag, false),
  })
  const rule: SlidingCounterRule = Object.freeze({
    kind: 'slidingCounter',
    ...{ limit, perMs: per, strict },
  })
  const slices = strict ? STRICT_SLICES : 1
  // Rounded up: slices that add up to less than a period would let one unit leave too early.
  const sliceUs = Math.ceil(microseconds(per) / slices)
  storedRules.set(rule, { kind: 'counter', limit, slices, sliceUs, isStrict: strict })
  return rule
}

/**
 * A bucket of `capacity` tokens, of which each unit takes one; `refill` tokens come back per `per`.
 *
 * - `greedy` (the default): one by one, evenly. That is a {@link funnel} seen from the other side:
 *   any window of length w admits at most `capacity + w × refill / per` units.
 * - `interval`: all `refill` at once, each `per` after the first take from the full bucket. Any
 *   window of length w admits at most `capacity + refill × ceil(w / per)` units.
 * - `aligned`: the same, at multiples of `per` since 1970 in UTC: on the hour for `'1h'`, at
 *   midnight for `'1d'`. For all keys at once, so many clients may come back at that moment.
 *
 * @param options.capacity whole number from 1 to 1,000,000,000
 * @param options.refill for `greedy` a number above 0, at most a billion a second; else a whole
 *   number from 1 to `capacity`. Enough that an empty bucket is full within 10 years
 * @param options.per from 1 ms to 10 years, kept to the microsecond
 * @throws {ArgumentError}
 */
export function tokenBucket(options: {
  capacity: number
  refill: number
  per: Duration
  mode?: RefillMode
}): TokenBucketRule {
  const { capacity, refill, per, mode } = readOptions('tokenBucket', options, {
    capacity: count(1, LARGEST_CAPACITY),
    refill: amount(Number.MAX_SAFE_INTEGER),
    per: duration({ minMs: SHORTEST_PER_MS }),
    mode: withDefault(oneOf('greedy', 'interval', 'aligned'), 'greedy' as const),
  })
  const stored: StoredRule =
    mode === 'greedy'
      ? leaking('tokenBucket.refill', { capacity, units: refill, per })
      : stepwise({ capacity, refill, per, isAligned: mode === 'aligned' })
  const rule: TokenBucketRule = Object.freeze({
    kind: 'tokenBucket',
    ...{ capacity, refill, perMs: per, mode },
  })
  storedRules.set(rule, stored)
  return rule
}

/**
 * At most `limit` units at one time. A take that is allowed comes with `verdict.lease`: its units are
 * held until it is released, and renewed meanwhile at a third of the lease. When its holder dies they
 * are free after `lease`; `lease.signal` aborts before they may be another's.
 *
 * @param options.limit whole number from 1 to 10,000
 * @param options.lease from 100 ms to 1 day. Defaults to 30 s
 * @throws {ArgumentError}
 */
export function concurrency(options: { limit: number; lease?: Duration }): ConcurrencyRule {
  const { limit, lease } = readOptions('concurrency', options, {
    limit: count(1, LONGEST_LOG),
    lease: withDefault(duration({ minMs: SHORTEST_TTL_MS, maxMs: DAY_MS }), DEFAULT_LEASE_MS),
  })
  const rule: ConcurrencyRule = Object.freeze({ kind: 'concurrency', limit, leaseMs: lease })
  storedRules.set(rule, { kind: 'concurrency', limit, leaseUs: microseconds(lease) })
  return rule
}

/**
 * One rule or a list of them, as the caller gave it.
 * @throws {ArgumentError} naming `argument`
 */
export function readRules(value: unknown, argument: string): readonly Rule[] {
  if (!Array.isArray(value)) {
    readRule(value, argument)
    return Object.freeze([value as Rule])
  }
  if (value.length < 1 || value.length > MOST_RULES) {
    throw new ArgumentError(
      argument,
      `a rule, or a list of 1 to ${MOST_RULES} rules`,
      `a list of ${value.length}`,
    )
  }
  for (const [index, rule] of value.entries()) {
    readRule(rule, `${argument}[${index}]`)
    if (value.indexOf(rule) !== index) {
      throw new ArgumentError(`${argument}[${index}]`, 'another rule', 'the same one again')
    }
  }
  return Object.freeze([...value])
}

/**
 * The form in which stores know a rule.
 * @throws {ArgumentError} naming `argument` when it was not made by a function of this file.
 */
export function readRule(value: unknown, argument: string): StoredRule {
  const stored = storedRules.get(value as Rule)
  if (stored) return stored
  throw new ArgumentError(
    argument,
    'a rule made by funnel(…), slidingLog(…) or another function of their kind',
    describe(value),
    'A copy of a rule is none: pass the object that the function returned.',
  )
}
