import type { RedisEngine } from '../../engine/redis/engine.ts'
import { StoreCorruptError } from '../../errors.ts'
import {
  type LimitStore,
  type PartAnswer,
  placesOf,
  type RuleKind,
  type StoredRule,
  type TakeSeveralRequest,
} from '../store.ts'
import { ownerOf, stateKey, statePattern } from './keys.ts'
import * as scripts from './scripts.gen.ts'

/** Limits on Redis: a key for each rule of a key, described in the `.lua` files beside this one. */
export function redisLimitStore(engine: RedisEngine): LimitStore {
  /** A script of its own for each kind: a short one costs the server less. */
  function judge(state: string, rule: StoredRule, cost: number, peek: number) {
    switch (rule.kind) {
      case 'funnel': {
        const { capacity, emissionUs } = rule
        return engine.call(scripts.takeFunnel, { state }, { capacity, emissionUs, cost, peek })
      }
      case 'slidingLog': {
        const { limit, perUs } = rule
        return engine.call(scripts.takeLog, { state }, { limit, perUs, cost, peek })
      }
      case 'bucket':
        return engine.call(
          scripts.takeBucket,
          { state },
          { ...rule, isAligned: rule.isAligned ? 1 : 0, cost, peek },
        )
      case 'counter':
        return engine.call(
          scripts.takeCounter,
          { state },
          { ...rule, isStrict: rule.isStrict ? 1 : 0, cost, peek },
        )
    }
  }

  async function judgeAll(request: TakeSeveralRequest, least: number): Promise<PartAnswer> {
    const { limiter, key, rules, cost, peek } = request
    const places = placesOf(rules)
    const states = rules.map(({ kind }, index) =>
      stateKey(engine.keys, limiter, key, kind, places[index]),
    )
    const [first = '', second = first, third = first, fourth = first] = states
    const list = rules.map((rule) => ({ rule: textOf(rule) }))
    const args = { rules: list, cost, least, peek: peek ? 1 : 0 }
    const answer = await engine.call(scripts.takeSeveral, { first, second, third, fourth }, args)
    if (answer.tag === 'corrupt') {
      const index = answer.place - 1
      throw corrupt(states[index] ?? first, rules[index]?.kind ?? 'funnel')
    }
    const answers = rules.map((_, index) => {
      const [remaining = 0, resetAfterUs = 0, retryUs = 0] = answer.answers.slice(index * 3)
      const retryAfterUs = retryUs < 0 ? null : retryUs
      return { allowed: retryAfterUs === 0, remaining, retryAfterUs, resetAfterUs }
    })
    return { units: answer.units, answers }
  }

  return {
    async take(request) {
      const { rule } = request
      const state = stateKey(engine.keys, request.limiter, request.key, rule.kind)
      const answer = await judge(state, rule, request.cost, request.peek ? 1 : 0)
      if (answer.tag === 'corrupt') throw corrupt(state, rule.kind)
      const { remaining, resetUs: resetAfterUs } = answer
      switch (answer.tag) {
        case 'allowed':
          return { allowed: true, remaining, retryAfterUs: 0, resetAfterUs }
        case 'refused':
          return { allowed: false, remaining, retryAfterUs: answer.retryUs, resetAfterUs }
        case 'never':
          return { allowed: false, remaining, retryAfterUs: null, resetAfterUs }
      }
    },

    takeSeveral: async (request) => (await judgeAll(request, request.cost)).answers,

    takeAtMost: (request) => judgeAll(request, 1),

    async reset({ limiter, key, rules }) {
      const places = placesOf(rules)
      await Promise.all(
        rules.map(({ kind }, index) => {
          const state = stateKey(engine.keys, limiter, key, kind, places[index])
          return engine.call(scripts.reset, { state }, {})
        }),
      )
    },

    async list(limit) {
      const found = await engine.scan(statePattern(engine.keys), limit)
      const owners = found.map((key) => ownerOf(engine.keys, key)).filter((owner) => owner !== null)
      const distinct = new Map(owners.map((owner) => [JSON.stringify(owner), owner]))
      return [...distinct.values()]
    },
  }
}

const corrupt = (state: string, kind: RuleKind) =>
  new StoreCorruptError(
    state,
    `${state} does not hold a ${kind}. Something else writes there: use another prefix, or remove the key.`,
  )

/** Texts of rules, which are as few as the limiters of a program. */
const texts = new WeakMap<StoredRule, string>()

/** A rule as `rule.lua` reads it. */
function textOf(rule: StoredRule): string {
  let text = texts.get(rule)
  if (text === undefined) {
    text = measures(rule).join(' ')
    texts.set(rule, text)
  }
  return text
}

function measures(rule: StoredRule): (string | number)[] {
  const { kind } = rule
  switch (kind) {
    case 'funnel':
      return [kind, rule.capacity, rule.emissionUs, 0, 0]
    case 'slidingLog':
      return [kind, rule.limit, rule.perUs, 0, 0]
    case 'bucket':
      return [kind, rule.capacity, rule.intervalUs, rule.refill, rule.isAligned ? 1 : 0]
    case 'counter':
      return [kind, rule.limit, rule.sliceUs, rule.slices, rule.isStrict ? 1 : 0]
  }
}
