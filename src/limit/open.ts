import type { Engine } from '../engine/engine.ts'
import type { LimiterCounts } from './counts.ts'
import { type LimitGates, limitGates } from './gate.ts'
import { type JointLimiter, jointLimiter } from './joint.ts'
import { createLimiter, type Limiter, type LimiterOptions } from './limiter.ts'
import { openNearby } from './nearby.ts'
import { slotsOf } from './redis/keys.ts'
import { redisLimitStore } from './redis/store.ts'
import type { Rule } from './rules.ts'
import { sqliteLimitStore } from './sqlite/store.ts'
import type { LimitStore } from './store.ts'
import { type AllVerdict, type TakeAllOptions, type TakeItem, takeAll } from './take-all.ts'

export type { LimitGates } from './gate.ts'

/** The limiters of one engine. */
export interface Limits {
  /** See {@link createLimiter}. */
  limiter(name: string, rules: Rule | readonly Rule[], options?: LimiterOptions): Limiter
  /** See {@link takeAll}. */
  takeAll(items: readonly TakeItem[], options?: TakeAllOptions): Promise<AllVerdict>
  /** See {@link jointLimiter}. */
  limits(limiters: readonly Limiter[], options?: TakeAllOptions): JointLimiter
  /** Keys that are not as good as new, at most `limit`, in no order. */
  list(limit: number): Promise<{ limiter: string; key: string }[]>
  /** What the takes of this process were told, by limiter. */
  counts(): LimiterCounts[]
  readonly gates: LimitGates
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
  const limiter: Limits['limiter'] = (name, rules, options) =>
    createLimiter(store, name, rules, options, nearby)
  return {
    limiter,
    takeAll: (items, options) => takeAll(store, nearby, items, options),
    limits: (limiters, options) => jointLimiter(store, nearby, slotOf, limiters, options),
    list: (limit) => store.list(limit),
    gates: limitGates(store, limiter),
    counts: () => nearby.readCounts(),
    close: () => nearby.close(),
  }
}
