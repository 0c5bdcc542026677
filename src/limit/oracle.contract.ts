/** What a limiter must answer, worked out the slow way, to compare the engines with. */
import fc from 'fast-check'
import type { TakeAnswer } from './store.ts'

/** Time that passes, and then takes of one tick. */
export interface Step {
  pauseUs: number
  costs: number[]
}

export interface Admission {
  atUs: number
  units: number
}

/** Judges and charges one take. */
export type Oracle = (nowUs: number, cost: number) => TakeAnswer

export const allowed = (remaining: number, resetAfterUs: number): TakeAnswer => ({
  allowed: true,
  remaining,
  retryAfterUs: 0,
  resetAfterUs,
})

export const refused = (
  remaining: number,
  retryAfterUs: number | null,
  resetAfterUs: number,
): TakeAnswer => ({ allowed: false, remaining, retryAfterUs, resetAfterUs })

/** Pauses that often end on an edge of `spanUs`, and costs that often do not fit. */
export const stepsOver = (spanUs: number): fc.Arbitrary<Step[]> => {
  const edges = fc.constantFrom(0, 1, spanUs - 1, spanUs, spanUs + 1, spanUs / 2, spanUs / 5)
  const pauseUs = fc.oneof(edges, fc.nat(Math.floor(spanUs / 4)))
  const costs = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 })
  return fc.array(fc.record({ pauseUs, costs }), { minLength: 1, maxLength: 15 })
}

/** Long enough that no key of an engine with a clock of its own expires during a run. */
export const LOG_PER_US = 60_000_000
export const logOptions = fc.record({
  limit: fc.integer({ min: 1, max: 8 }),
  per: fc.constant('1m' as const),
})

export const FUNNEL_SPAN_US = 60_000_000
/** Mostly paces without an end in binary, such as a third of a minute. */
export const funnelOptions = fc.record({
  capacity: fc.integer({ min: 1, max: 8 }),
  leak: fc.constantFrom(1, 2, 3, 5, 7, 11, 13),
  per: fc.integer({ min: 60_000, max: 600_000 }),
})

/** Remembers when each unit was admitted, in `all`, and counts. */
export function logOracle(limit: number, perUs: number, all: number[] = []): Oracle {
  return (nowUs, cost) => {
    const units = all.filter((atUs) => atUs > nowUs - perUs)
    const remaining = Math.max(0, limit - units.length)
    const newestUs = units.at(-1)
    const resetUs = newestUs === undefined ? 0 : newestUs + perUs - nowUs
    if (cost > limit) return refused(remaining, null, resetUs)
    const leaverUs = units[units.length + cost - limit - 1]
    if (leaverUs !== undefined) {
      return refused(remaining, leaverUs + perUs - nowUs, resetUs)
    }
    for (let unit = 0; unit < cost; unit++) all.push(nowUs)
    return allowed(remaining - cost, perUs)
  }
}

/** The same in whole numbers: time is counted in `1 / leak` of a microsecond. */
export function exactFunnel(options: { capacity: number; leak: number; per: number }): Oracle {
  const perUnit = BigInt(Math.round(options.per * 1000))
  const leak = BigInt(options.leak)
  const full = BigInt(options.capacity) * perUnit
  const ceilUs = (time: bigint) => Number((time + leak - 1n) / leak)
  const free = (debt: bigint) => Number((full - debt) / perUnit)
  let debt = 0n
  let at = 0n
  return (nowUs, cost) => {
    const now = BigInt(nowUs) * leak
    debt = debt > now - at ? debt - (now - at) : 0n
    at = now
    const after = debt + BigInt(cost) * perUnit
    if (cost > options.capacity) return refused(free(debt), null, ceilUs(debt))
    if (after > full) return refused(free(debt), ceilUs(after - full), ceilUs(debt))
    debt = after
    return allowed(free(debt), ceilUs(debt))
  }
}

/** Most units admitted in any window of `perUs` that is open at its end. */
export function mostInAnyWindow(admitted: Admission[], perUs: number): number {
  const windows = admitted.map(({ atUs: fromUs }) =>
    sum(admitted.filter(({ atUs }) => atUs >= fromUs && atUs < fromUs + perUs)),
  )
  return Math.max(0, ...windows)
}

/** Most units, in any window, above what leaked during it: a funnel's capacity at the most. */
export function mostOverPace(admitted: Admission[], pace: { leak: number; per: number }): number {
  const excesses = admitted.flatMap(({ atUs: fromUs }, first) =>
    admitted.slice(first).map(({ atUs: toUs }, length) => {
      const leaked = Math.floor(((toUs - fromUs) * pace.leak) / (pace.per * 1000))
      return sum(admitted.slice(first, first + length + 1)) - leaked
    }),
  )
  return Math.max(0, ...excesses)
}

const sum = (admitted: Admission[]) => admitted.reduce((total, { units }) => total + units, 0)

/**
 * A funnel of 4 units: `[when, cost, allowed, remaining, retry after, reset after]`, times in
 * thousandths of what one unit takes to leak, retry null for never; a cost of 0 peeks.
 */
export const FUNNEL_VECTORS: [number, number, boolean, number, number | null, number][] = [
  // More than it holds never fits, not even when it is empty.
  [0, 5, false, 4, null, 0],
  // It fills; what does not fit is told when it will, and a smaller take still fits.
  [0, 1, true, 3, 0, 1000],
  [0, 2, true, 1, 0, 3000],
  [0, 2, false, 1, 1000, 3000],
  [0, 1, true, 0, 0, 4000],
  [0, 1, false, 0, 1000, 4000],
  // A unit leaks out: not yet, now, and no second one.
  [999, 1, false, 0, 1, 3001],
  [1000, 1, true, 0, 0, 4000],
  [1000, 0, true, 0, 0, 4000],
  // Halves of a unit leak too, and count for nothing until they are whole.
  [2500, 1, true, 0, 0, 3500],
  [2500, 1, false, 0, 500, 3500],
  [2500, 3, false, 0, 2500, 3500],
  [4000, 0, true, 2, 0, 2000],
  [4000, 4, false, 2, 2000, 2000],
  // Empty again, to the microsecond; a long rest saves nothing up.
  [6000, 4, true, 0, 0, 4000],
  [6000, 5, false, 0, null, 4000],
  [10_000, 1, true, 3, 0, 1000],
  [60_000, 0, true, 4, 0, 0],
]
