import { count, oneOf, readName, readOptions, withDefault } from '../options.ts'
import { type Rule, readRule } from './rules.ts'
import type { LimitStore, StoredRule, TakeAnswer } from './store.ts'

/** The answer to one take. A refusal is an answer; a failure of the engine is thrown instead. */
export interface Verdict {
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
  /** Who decided. */
  readonly source: 'engine'
  /** Whether it was decided without the engine, because that failed. */
  readonly degraded: boolean
}

export interface CostOptions {
  /** Whole units. Defaults to 1. */
  cost?: number
}

export interface LimiterOptions {
  /** What a failing engine means: `'throw'` lets its error through. Defaults to `'throw'`. */
  onEngineFailure?: 'throw'
}

/** One rule, applied to each key alone. Promises and failure modes: the README of this folder. */
export interface Limiter {
  readonly name: string
  readonly rule: Rule
  /**
   * Takes `cost` units of `key` if the rule allows it, all or none; a refusal is not charged.
   *
   * @param key what is limited, such as a user's id: 1 to 1024 characters, never sensitive data
   * @param options.cost whole units, at least 1. Defaults to 1
   * @throws {ArgumentError} nothing was sent
   * @throws {EngineUnavailableError} with `outcome: 'unknown'` the units may have been taken
   * @throws {StoreFullError} nothing was taken: the engine has no room
   * @throws {StoreCorruptError} nothing was taken: the key holds something else
   */
  take(key: string, options?: CostOptions): Promise<Verdict>
  /**
   * Answers what `take` would answer now, and changes nothing; `cost: 0` shows what is left.
   *
   * @param options.cost whole units, may be 0. Defaults to 1
   * @throws the same as `take`
   */
  peek(key: string, options?: CostOptions): Promise<Verdict>
}

const LARGEST_COST = Number.MAX_SAFE_INTEGER
const DEFAULT_COST = 1

const takeOptions = { cost: withDefault(count(1, LARGEST_COST), DEFAULT_COST) }
const peekOptions = { cost: withDefault(count(0, LARGEST_COST), DEFAULT_COST) }

/**
 * A limiter on any store. Two limiters of one name share their keys, in all processes; when their
 * rules differ, each judges what is stored by its own.
 *
 * @throws {ArgumentError}
 */
export function createLimiter(
  store: LimitStore,
  name: string,
  rule: Rule,
  options?: LimiterOptions,
): Limiter {
  const limiter = readName(name, 'limiter.name')
  const stored = readRule(rule, 'limiter.rule')
  readOptions('limiter', options, { onEngineFailure: withDefault(oneOf('throw'), 'throw') })
  const limit = mostAtOnce(stored)

  return {
    name: limiter,
    rule,
    async take(key, given) {
      const checkedKey = readName(key, 'take.key')
      const { cost } = readOptions('take', given, takeOptions)
      const request = { limiter, key: checkedKey, rule: stored, cost, peek: false }
      return verdict(limit, await store.take(request))
    },
    async peek(key, given) {
      const checkedKey = readName(key, 'peek.key')
      const { cost } = readOptions('peek', given, peekOptions)
      const request = { limiter, key: checkedKey, rule: stored, cost, peek: true }
      return verdict(limit, await store.take(request))
    },
  }
}

const mostAtOnce = (rule: StoredRule) => (rule.kind === 'funnel' ? rule.capacity : rule.limit)

function verdict(limit: number, answer: TakeAnswer): Verdict {
  const { allowed, remaining, retryAfterUs, resetAfterUs } = answer
  return {
    allowed,
    limit,
    remaining,
    retryAfterMs: retryAfterUs === null ? null : retryAfterUs / 1000,
    resetAfterMs: resetAfterUs / 1000,
    source: 'engine',
    degraded: false,
  }
}
