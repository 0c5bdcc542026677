import { ArgumentError } from '../errors.ts'
import { oneOf, readName, readOptions, withDefault } from '../options.ts'
import { describe } from '../text.ts'
import type { LimitLease } from './holds.ts'
import { insideOfLimiter } from './inside.ts'
import type { Limiter, Verdict, VerdictSource } from './limiter.ts'
import type { Nearby } from './nearby.ts'
import { DEFAULT_COST, wholeUnits } from './options.ts'
import type { LimitStore } from './store.ts'
import { decideTogether, type Take } from './take-items.ts'

/** One of several takes. */
export interface TakeItem {
  limiter: Limiter
  key: string
  /** Whole units. Defaults to 1. */
  cost?: number
}

export interface TakeAllOptions {
  /**
   * `'atomic'` is one step of the engine: on a cluster, all keys must be in one slot, by the `tag` of
   * their limiters. `'compensating'` takes one after the other, and gives back when one refuses: until
   * then, for up to a call each, others are refused by units that are given back, and a process that
   * dies in between leaves them charged. Neither admits above a limit. Defaults to `'atomic'`.
   */
  consistency?: 'atomic' | 'compensating'
}

/** The answer to several takes. */
export interface AllVerdict {
  readonly allowed: boolean
  /** What each limiter says, in the order of the items; nothing was charged unless all allow. */
  readonly verdicts: readonly Verdict[]
  /** The items that refused; none when it was allowed. */
  readonly refusedBy: readonly TakeItem[]
  /** Milliseconds until all allow, if nobody else takes; null when one never does. */
  readonly retryAfterMs: number | null
  /** Who decided: the engine, or the limiters' `onEngineFailure`. */
  readonly source: VerdictSource
  /** Whether it was decided without the engine, because that failed. */
  readonly degraded: boolean
  /** Where a limiter has a `concurrency` rule: what all of them hold, to be released together. */
  readonly lease?: LimitLease
}

/** Items may be many, but one call must not hold the engine for long. */
export const MOST_ITEMS = 32
export const demandOptions = { key: readName, cost: withDefault(wholeUnits, DEFAULT_COST) }
const itemOptions = { ...demandOptions, limiter: (value: unknown) => value as Limiter }
export const takeAllOptions = {
  consistency: withDefault(oneOf('atomic', 'compensating'), 'atomic' as const),
}

/**
 * Takes from several limiters and keys: all or none. When the engine fails, each limiter decides as its
 * `onEngineFailure` says, and the failure is thrown if that of one is `'throw'`. Those in shadow refuse
 * nobody. Refusals that are remembered, and units that were taken in advance, play no part.
 *
 * @throws the same as `take` of a limiter
 */
export async function takeAll(
  store: LimitStore,
  nearby: Nearby,
  items: readonly TakeItem[],
  options?: TakeAllOptions,
): Promise<AllVerdict> {
  const { consistency } = readOptions('takeAll', options, takeAllOptions)
  const takes = readItems(items, nearby)
  const told = await decideTogether({ store, nearby, consistency }, [...new Set(takes)])
  const { isAllowed, verdicts: byTake, ...held } = told
  const verdicts = takes.flatMap((take) => byTake.get(take) ?? [])
  const waits = verdicts.map(({ retryAfterMs }) => retryAfterMs)
  const degraded = verdicts.some((verdict) => verdict.degraded)
  return {
    allowed: isAllowed,
    verdicts,
    refusedBy: items.filter((_, index) => !verdicts[index]?.allowed),
    retryAfterMs: waits.includes(null) ? null : Math.max(...waits.map(Number)),
    source: degraded ? 'fallback' : 'engine',
    degraded,
    ...held,
  }
}

/** What each item is a part of. */
function readItems(items: readonly TakeItem[], nearby: Nearby): Take[] {
  if (!Array.isArray(items) || items.length < 1 || items.length > MOST_ITEMS) {
    const received = Array.isArray(items) ? `a list of ${items.length}` : describe(items)
    throw new ArgumentError('takeAll.items', `a list of 1 to ${MOST_ITEMS} items`, received)
  }
  const byName = new Map<string, { limiter: Limiter; take: Take }>()
  return items.map((item: TakeItem, index) => {
    const argument = `takeAll.items[${index}]`
    const { limiter, key, cost } = readOptions(argument, item, itemOptions)
    const inside = readLimiter(limiter, `${argument}.limiter`, nearby)
    const name = JSON.stringify([limiter.name, key])
    const before = byName.get(name)
    if (before && before.limiter !== limiter) {
      const received = 'another limiter of a name and key that came before'
      throw new ArgumentError(`${argument}.limiter`, 'the same limiter', received)
    }
    const take = before?.take ?? { inside, key, parts: inside.partsOf(key, 0) }
    for (const part of take.parts) part.cost += cost
    byName.set(name, { limiter, take })
    return take
  })
}

/** @throws {ArgumentError} for what is no limiter of the Sluice that is asked */
export function readLimiter(limiter: Limiter, argument: string, nearby: Nearby) {
  const inside = insideOfLimiter(limiter)
  if (inside?.holds === nearby.holds) return inside
  throw new ArgumentError(argument, 'a limiter of this Sluice', describe(limiter))
}
