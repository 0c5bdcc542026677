import type { RedisEngine } from '../../engine/redis/engine.ts'
import { StoreCorruptError } from '../../errors.ts'
import type { LimitStore, StoredRule } from '../store.ts'
import { ownerOf, stateKey, statePattern } from './keys.ts'
import * as scripts from './scripts.gen.ts'

/** Limits on Redis: one key each, described in the `.lua` files beside this one. */
export function redisLimitStore(engine: RedisEngine): LimitStore {
  return {
    async take({ limiter, key, rule, cost, peek }) {
      const state = stateKey(engine.keys, limiter, key, rule.kind)
      const args = { kind: rule.kind, ...measures(rule), cost, peek: peek ? 1 : 0 }
      const answer = await engine.call(scripts.take, { state }, args)
      if (answer.tag === 'corrupt') {
        throw new StoreCorruptError(
          state,
          `${state} does not hold a ${rule.kind}. Something else writes there: use another prefix, or remove the key.`,
        )
      }
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

    async list(limit) {
      const found = await engine.scan(statePattern(engine.keys), limit)
      const owners = found.map((key) => ownerOf(engine.keys, key)).filter((owner) => owner !== null)
      const distinct = new Map(owners.map((owner) => [JSON.stringify(owner), owner]))
      return [...distinct.values()]
    },
  }
}

const measures = (rule: StoredRule) =>
  rule.kind === 'funnel'
    ? { limit: rule.capacity, paceUs: rule.emissionUs }
    : { limit: rule.limit, paceUs: rule.perUs }
