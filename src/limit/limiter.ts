import { count, oneOf, readName, readOptions, withDefault } from '../options.ts'
import { type Rule, readRule, readRules } from './rules.ts'
import type { LimitStore, StoredRule, TakeAnswer } from './store.ts'

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
  readonly source: 'engine'
  /** Whether it was decided without the engine, because that failed. */
  readonly degraded: boolean
}

/** The answer to a take of as many units as there are. */
export interface PartVerdict extends Verdict {
  /** Units that were taken; 0 when not one was left, and then the rest answers a take of one. */
  readonly taken: number
}

export interface CostOptions {
  /** Whole units. Defaults to 1. */
  cost?: number
}

export interface LimiterOptions {
  /** What a failing engine means: `'throw'` lets its error through. Defaults to `'throw'`. */
  onEngineFailure?: 'throw'
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
   * Makes the key as good as new.
   *
   * @throws {ArgumentError} nothing was sent
   * @throws {EngineUnavailableError} it may be repeated
   */
  reset(key: string): Promise<void>
}

const LARGEST_COST = Number.MAX_SAFE_INTEGER
const DEFAULT_COST = 1

const takeOptions = { cost: withDefault(count(1, LARGEST_COST), DEFAULT_COST) }
const peekOptions = { cost: withDefault(count(0, LARGEST_COST), DEFAULT_COST) }

/**
 * A limiter on any store. Two limiters of one name share their keys, in all processes; when their
 * rules differ, each judges what is stored by its own.
 *
 * @param rules one, or up to four that must all allow
 * @throws {ArgumentError}
 */
export function createLimiter(
  store: LimitStore,
  name: string,
  rules: Rule | readonly Rule[],
  options?: LimiterOptions,
): Limiter {
  const limiter = readName(name, 'limiter.name')
  const list = readRules(rules, 'limiter.rule')
  readOptions('limiter', options, { onEngineFailure: withDefault(oneOf('throw'), 'throw') })
  const judges = list.map((rule) => judgeOf(rule))
  const [only] = judges
  const stored = judges.map((judge) => judge.stored)

  async function ask(key: string, cost: number, peek: boolean): Promise<Verdict> {
    if (only !== undefined && judges.length === 1) {
      const answer = await store.take({ limiter, key, rule: only.stored, cost, peek })
      return alone(only.verdict(answer))
    }
    const answers = await store.takeSeveral({ limiter, key, rules: stored, cost, peek })
    return together(verdictsOf(answers))
  }

  const verdictsOf = (answers: TakeAnswer[]) =>
    answers.flatMap((answer, index) => judges[index]?.verdict(answer) ?? [])

  return {
    name: limiter,
    rules: list,
    async take(key, given) {
      const checkedKey = readName(key, 'take.key')
      const { cost } = readOptions('take', given, takeOptions)
      return ask(checkedKey, cost, false)
    },
    async peek(key, given) {
      const checkedKey = readName(key, 'peek.key')
      const { cost } = readOptions('peek', given, peekOptions)
      return ask(checkedKey, cost, true)
    },
    async takeAtMost(givenKey, units) {
      const key = readName(givenKey, 'takeAtMost.key')
      const cost = count(1, LARGEST_COST)(units, 'takeAtMost.units')
      const answer = await store.takeAtMost({ limiter, key, rules: stored, cost, peek: false })
      return { ...together(verdictsOf(answer.answers)), taken: answer.units }
    },
    async refund(key, units = 1) {
      const checkedKey = readName(key, 'refund.key')
      return ask(checkedKey, -count(1, LARGEST_COST)(units, 'refund.units'), false)
    },
    async reset(givenKey) {
      const key = readName(givenKey, 'reset.key')
      await store.reset({ limiter, key, rules: stored })
    },
  }
}

/** A rule as the store knows it, and how its answers read. */
function judgeOf(rule: Rule) {
  const stored = readRule(rule, 'limiter.rule')
  const limit = mostAtOnce(stored)
  const verdict = (answer: TakeAnswer): RuleVerdict => ({
    rule,
    allowed: answer.allowed,
    limit,
    remaining: answer.remaining,
    retryAfterMs: answer.retryAfterUs === null ? null : answer.retryAfterUs / 1000,
    resetAfterMs: answer.resetAfterUs / 1000,
  })
  return { stored, verdict }
}

const mostAtOnce = (rule: StoredRule) => ('capacity' in rule ? rule.capacity : rule.limit)

const NONE: readonly Rule[] = Object.freeze([])

/** Spelt out, as every take comes through here: spreading took longer than all else. */
function alone(one: RuleVerdict): Verdict {
  return {
    allowed: one.allowed,
    limit: one.limit,
    remaining: one.remaining,
    retryAfterMs: one.retryAfterMs,
    resetAfterMs: one.resetAfterMs,
    rules: [one],
    refusedBy: one.allowed ? NONE : [one.rule],
    source: 'engine',
    degraded: false,
  }
}

function together(rules: RuleVerdict[]): Verdict {
  const tightest = rules.reduce((least, one) => (one.remaining < least.remaining ? one : least))
  const refusals = rules.filter(({ allowed }) => !allowed)
  return {
    allowed: refusals.length === 0,
    limit: tightest.limit,
    remaining: tightest.remaining,
    retryAfterMs: refusals.reduce<number | null>(
      (longest, { retryAfterMs }) =>
        longest === null || retryAfterMs === null ? null : Math.max(longest, retryAfterMs),
      0,
    ),
    resetAfterMs: Math.max(...rules.map(({ resetAfterMs }) => resetAfterMs)),
    rules,
    refusedBy: refusals.length === 0 ? NONE : refusals.map(({ rule }) => rule),
    source: 'engine',
    degraded: false,
  }
}
