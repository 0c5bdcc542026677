import { ArgumentError } from '../errors.ts'
import { readOptions } from '../options.ts'
import { describe } from '../text.ts'
import type { InsideLimiter } from './inside.ts'
import type { Limiter } from './limiter.ts'
import type { Nearby } from './nearby.ts'
import type { LimitStore, Part } from './store.ts'
import {
  type AllVerdict,
  demandOptions,
  MOST_ITEMS,
  readLimiter,
  type TakeAllOptions,
  type TakeItem,
  takeAll,
  takeAllOptions,
} from './take-all.ts'

/** The slot of a cluster that a key is in; null where all keys are together. */
export type SlotOf = ((whose: Pick<Part, 'limiter' | 'key' | 'tag'>) => number) | null

/** Limiters that are asked together: all of them allow, or none is charged. */
export interface JointLimiter {
  readonly limiters: readonly Limiter[]
  /**
   * Takes of each limiter, in their order: a key, for one unit, or a key and a cost.
   *
   * @throws the same as `take` of a limiter; {ArgumentError} when tags that are made of keys put those
   *   into several slots of a cluster
   */
  take(items: readonly (string | Omit<TakeItem, 'limiter'>)[]): Promise<AllVerdict>
}

/**
 * Limiters that are asked together, checked at once: on a cluster, their keys must have what it takes to
 * be in one slot, which is a tag. A tag that is made of keys is known at a take only.
 *
 * @param limiters 1 to 32, each may come more than once
 * @throws {ArgumentError}
 */
export function jointLimiter(
  store: LimitStore,
  nearby: Nearby,
  slotOf: SlotOf,
  limiters: readonly Limiter[],
  options?: TakeAllOptions,
): JointLimiter {
  const { consistency } = readOptions('limits', options, takeAllOptions)
  if (!Array.isArray(limiters) || limiters.length < 1 || limiters.length > MOST_ITEMS) {
    const received = Array.isArray(limiters) ? `a list of ${limiters.length}` : describe(limiters)
    throw new ArgumentError('limits.limiters', `a list of 1 to ${MOST_ITEMS} limiters`, received)
  }
  const list: readonly Limiter[] = Object.freeze([...limiters])
  const insides = list.map((limiter, index) =>
    readLimiter(limiter, `limits.limiters[${index}]`, nearby),
  )
  if (consistency === 'atomic' && slotOf !== null) refuseFar(insides, slotOf)
  return {
    limiters: list,
    async take(items) {
      if (!Array.isArray(items) || items.length !== list.length) {
        const received = Array.isArray(items) ? `a list of ${items.length}` : describe(items)
        const expected = `a key, or { key, cost }, for each of ${list.length} limiters`
        throw new ArgumentError('limits.take.items', expected, received)
      }
      const named = list.map((limiter, index) => {
        const item: unknown = items[index]
        const demand = typeof item === 'string' ? { key: item } : item
        return { ...readOptions(`limits.take.items[${index}]`, demand, demandOptions), limiter }
      })
      return takeAll(store, nearby, named, { consistency })
    },
  }
}

function refuseFar(insides: readonly InsideLimiter[], slotOf: NonNullable<SlotOf>): void {
  if (insides.length === 1) return
  const places = insides.flatMap(({ name, tag }) => {
    if (typeof tag === 'function') return []
    const [slot, where] =
      tag === null
        ? [null, 'in a slot for each of its keys, as it has no tag']
        : [slotOf({ limiter: name, key: '', tag }), `by its tag ${describe(tag)}`]
    return [{ slot, text: `${name} ${slot === null ? where : `in slot ${slot} ${where}`}` }]
  })
  const [first] = places
  const far = places.find(({ slot }) => slot === null || slot !== first?.slot)
  if (first === undefined || far === undefined) return
  throw new ArgumentError(
    'limits.limiters',
    'limiters whose keys are in one slot of the cluster',
    first === far ? far.text : `${first.text}, and ${far.text}`,
    "Give them one tag, such as the tenant's, or say consistency: 'compensating'.",
  )
}
