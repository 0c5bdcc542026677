import type { Engine } from '../engine/engine.ts'
import type { Gate } from '../gate/gate.ts'
import type { LimiterCounts } from './counts.ts'
import { limitGate } from './gate.ts'
import { type JointLimiter, jointLimiter } from './joint.ts'
import { createLimiter, type Limiter, type LimiterOptions } from './limiter.ts'
import { openNearby } from './nearby.ts'
import { slotsOf } from './redis/keys.ts'
import { redisLimitStore } from './redis/store.ts'
import type { Rule } from './rules.ts'
import { sqliteLimitStore } from './sqlite/store.ts'
import type { LimitStore } from './store.ts'
import { type AllVerdict, type TakeAllOptions, type TakeItem, takeAll } from './take-all.ts'

export { ruleAgain } from './rule-again.ts'

/** The limiters of one engine. */
export interface Limits {
  /** See {@link createLimiter}. */
  limiter(name: string, rules: Rule | readonly Rule[], options?: LimiterOptions): Limiter
  /** See {@link takeAll}. */
  takeAll(items: readonly TakeItem[], options?: TakeAllOptions): Promise<AllVerdict>
  /** See {@link jointLimiter}. */
  limits(limiters: readonly Limiter[], options?: TakeAllOptions): JointLimiter
  /** Units of one key, as a job waits for them. */
  gate(limiter: Limiter, key: string, cost: number): Gate
  /** Keys that are not as good as new, at most `limit`, in no order. */
  list(limit: number): Promise<{ limiter: string; key: string }[]>
  /** What the takes of this process were told, by limiter. */
  counts(): LimiterCounts[]
  /** Ends what waits, and gives back what is held. */
  close(): Promise<void>
}

export function openLimitStore(engine: Engine): LimitStore {
  return engine.kind === 'redis' ? redisLimitStore(engine) : sqliteLimitStore(engine)
}

export function openLimits(engine: Engine): Limits {
  const store = openLimitStore(engine)
  const nearby = openNearby(store, engine.clock)
  const slotOf = engine.kind === 'redis' ? slotsOf(engine) : null
  return {
    limiter: (name, rules, options) => createLimiter(store, name, rules, options, nearby),
    takeAll: (items, options) => takeAll(store, nearby, items, options),
    limits: (limiters, options) => jointLimiter(store, nearby, slotOf, limiters, options),
    gate: (limiter, key, cost) => limitGate(engine.clock, limiter, key, cost),
    list: (limit) => store.list(limit),
    counts: () => nearby.readCounts(),
    close: () => nearby.close(),
  }
}
