import type { Front } from './front.ts'
import type { LimitHolds } from './holds.ts'
import type { Limiter } from './limiter.ts'
import { type Rule, readRule } from './rules.ts'
import { type LimitStore, type Part, partsOf } from './store.ts'
import { type Tag, tagFor } from './tags.ts'

/** What is behind a limiter, for calls that several files make. */
export interface InsideLimiter {
  readonly name: string
  readonly tag: Tag | null
  readonly store: LimitStore
  readonly front: Front
  readonly holds: LimitHolds
  /** What a take of this cost asks of each rule. */
  partsOf(key: string, cost: number): Part[]
}

const insides = new WeakMap<Limiter, InsideLimiter>()

export function keepInside(limiter: Limiter, inside: InsideLimiter): void {
  insides.set(limiter, inside)
}

/** Undefined for what `sluice.limiter()` did not return. */
export const insideOfLimiter = (limiter: unknown): InsideLimiter | undefined =>
  insides.get(limiter as Limiter)

export function partsOfLimiter(
  limiter: string,
  list: readonly Rule[],
  tag: Tag | null,
): InsideLimiter['partsOf'] {
  const rules = list.map((rule) => readRule(rule, 'limiter.rule'))
  return (key, cost) => partsOf({ limiter, key, rules, cost, tag: tagFor(tag, key) })
}
