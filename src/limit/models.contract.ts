/** What buckets and counters must answer, worked out the slow way, to compare the engines with. */
import { type Admission, allowed, type Oracle, refused } from './oracle.contract.ts'

export interface BucketOptions {
  capacity: number
  refill: number
  intervalUs: number
  /** When a bucket that is filled step by step on the grid was last filled; null without a grid. */
  gridUs: number | null
}

/** Fills the bucket one step after the other. */
export function bucketModel({ capacity, refill, intervalUs, gridUs }: BucketOptions): Oracle {
  let tokens = capacity
  let nextUs = 0
  const stepsUntil = (wanted: number) => Math.ceil((wanted - tokens) / refill)
  return (nowUs, cost) => {
    while (tokens < capacity && nextUs <= nowUs) {
      tokens = Math.min(capacity, tokens + refill)
      nextUs += intervalUs
    }
    if (tokens === capacity) {
      nextUs = gridUs === null ? nowUs : gridUs
      while (nextUs <= nowUs) nextUs += intervalUs
    }
    const waitUs = (steps: number) => (steps === 0 ? 0 : nextUs - nowUs + (steps - 1) * intervalUs)
    const fullUs = () => waitUs(stepsUntil(capacity))
    if (cost > capacity) return refused(tokens, null, fullUs())
    if (cost > tokens) return refused(tokens, waitUs(stepsUntil(cost)), fullUs())
    tokens -= cost
    return allowed(tokens, fullUs())
  }
}

export interface CounterOptions {
  limit: number
  slices: number
  sliceUs: number
  isStrict: boolean
}

/** Remembers every unit, counts them anew, and searches for when a take fits. */
export function counterModel({ limit, slices, sliceUs, isStrict }: CounterOptions): Oracle {
  let taken: { slice: number; units: number }[] = []
  let startUs = 0
  const sliceOf = (atUs: number) => Math.floor((atUs - startUs) / sliceUs)
  /** In whole numbers: the share of the slice that is leaving is a fraction. */
  function usedAt(atUs: number): number {
    const slice = sliceOf(atUs)
    const leftUs = startUs + (slice + 1) * sliceUs - atUs
    const unitsAt = (age: number) =>
      taken.reduce((sum, one) => sum + (slice - one.slice === age ? one.units : 0), 0)
    const leaving = BigInt(unitsAt(slices)) * BigInt(isStrict ? sliceUs : leftUs)
    const share = Number((leaving + BigInt(sliceUs) - 1n) / BigInt(sliceUs))
    return Array.from({ length: slices }, (_, age) => unitsAt(age)).reduce((a, b) => a + b, share)
  }
  /** The first microsecond from `nowUs` at which no more than `units` count. */
  function firstUs(nowUs: number, units: number): number {
    let [tooSoon, late] = [nowUs - 1, nowUs + (slices + 1) * sliceUs]
    while (late - tooSoon > 1) {
      const middle = Math.floor((tooSoon + late) / 2)
      if (usedAt(middle) <= units) late = middle
      else tooSoon = middle
    }
    return late - nowUs
  }
  return (nowUs, cost) => {
    taken = taken.filter(({ slice }) => sliceOf(nowUs) - slice <= slices)
    if (taken.length === 0) startUs = nowUs
    const remaining = () => Math.max(0, limit - usedAt(nowUs))
    const newUs = () => {
      const newest = Math.max(...taken.map(({ slice }) => slice))
      return taken.length === 0 ? 0 : startUs + (newest + slices + 1) * sliceUs - nowUs
    }
    if (cost > limit) return refused(remaining(), null, newUs())
    if (usedAt(nowUs) + cost > limit) {
      return refused(remaining(), firstUs(nowUs, limit - cost), newUs())
    }
    taken.push({ slice: sliceOf(nowUs), units: cost })
    return allowed(remaining(), newUs())
  }
}

/** Most units, in any window, above what `perStep` for each `stepUs` of it, begun or whole, allows. */
export function mostOverSteps(
  admitted: Admission[],
  { perStep, stepUs }: { perStep: number; stepUs: number },
): number {
  const excesses = admitted.flatMap(({ atUs: fromUs }, first) => {
    let units = 0
    return admitted.slice(first).map((one) => {
      units += one.units
      // The shortest window that has both ends in it is a microsecond longer than their distance.
      return units - perStep * Math.ceil((one.atUs - fromUs + 1) / stepUs)
    })
  })
  return Math.max(0, ...excesses)
}
