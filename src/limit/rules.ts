import { type Duration, formatMs, LONGEST_MS } from '../duration.ts'
import { ArgumentError } from '../errors.ts'
import { amount, count, duration, readOptions } from '../options.ts'
import { describe } from '../text.ts'
import type { StoredRule } from './store.ts'

/** Shortest `per`: below it a window would be smaller than the jitter of a network call. */
const SHORTEST_PER_MS = 1
/** A log keeps one entry per unit: a longer one would be a big key. */
const LONGEST_LOG = 10_000
/** Up to here a thousandth of a unit is still exact in the arithmetic of a funnel. */
const LARGEST_CAPACITY = 1e9
/** A billion units a second: a thousand within one microsecond of the store's clock. */
const SHORTEST_EMISSION_US = 0.001

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

/** What a limiter allows each of its keys. */
export type Rule = SlidingLogRule | FunnelRule

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
  storedRules.set(rule, { kind: 'slidingLog', limit, perUs: microseconds(per) })
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
  const emissionUs = microseconds(per) / leak
  if (emissionUs < SHORTEST_EMISSION_US) {
    throw new ArgumentError('funnel.leak', 'at most a billion units a second', leakText(leak, per))
  }
  if (emissionUs * capacity > microseconds(LONGEST_MS)) {
    throw new ArgumentError(
      'funnel.leak',
      `enough to empty the funnel within ${formatMs(LONGEST_MS)}`,
      `${leakText(leak, per)} for a capacity of ${capacity}`,
    )
  }
  const rule: FunnelRule = Object.freeze({ kind: 'funnel', capacity, leak, perMs: per })
  storedRules.set(rule, { kind: 'funnel', capacity, emissionUs })
  return rule
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
    'a rule made by slidingLog(…) or funnel(…)',
    describe(value),
    'A copy of a rule is none: pass the object that the function returned.',
  )
}

const microseconds = (ms: number) => Math.round(ms * 1000)

const leakText = (leak: number, perMs: number) => `${describe(leak)} per ${formatMs(perMs)}`
