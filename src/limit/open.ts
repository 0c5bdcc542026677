import type { Engine } from '../engine/engine.ts'
import { createLimiter, type Limiter, type LimiterOptions } from './limiter.ts'
import { redisLimitStore } from './redis/store.ts'
import type { Rule } from './rules.ts'
import { sqliteLimitStore } from './sqlite/store.ts'
import type { LimitStore } from './store.ts'

/** The limiters of one engine. */
export interface Limits {
  /** See {@link createLimiter}. */
  limiter(name: string, rules: Rule | readonly Rule[], options?: LimiterOptions): Limiter
  /** Keys that are not as good as new, at most `limit`, in no order. */
  list(limit: number): Promise<{ limiter: string; key: string }[]>
}

export function openLimitStore(engine: Engine): LimitStore {
  return engine.kind === 'redis' ? redisLimitStore(engine) : sqliteLimitStore(engine)
}

export function openLimits(engine: Engine): Limits {
  const store = openLimitStore(engine)
  return {
    limiter: (name, rules, options) => createLimiter(store, name, rules, options),
    list: (limit) => store.list(limit),
  }
}
