import type { RateRule, TakeAnswer } from './store.ts'

/** What comes back of itself until a call has reached the engine is not given back once more. */
const LONGEST_CALL_US = 5_000_000

/**
 * How many of the units that were charged so long ago, and not used, are to be given back: those that
 * did not come back of themselves. Too few are only missed for a while; of too many, some would be
 * units that others used.
 */
export function stillOwed(
  rule: RateRule,
  units: number,
  ageMs: number,
  charged: TakeAnswer | undefined,
): number {
  const ageUs = ageMs * 1000 + LONGEST_CALL_US
  switch (rule.kind) {
    case 'funnel':
      return Math.max(0, units - Math.ceil(ageUs / rule.emissionUs))
    case 'bucket': {
      // It is full again a whole number of steps after the next one.
      const resetAfterUs = charged?.resetAfterUs ?? 0
      const nextStepUs = resetAfterUs > 0 ? ((resetAfterUs - 1) % rule.intervalUs) + 1 : 0
      return ageUs < nextStepUs ? units : 0
    }
    case 'slidingLog':
      return ageUs < rule.perUs ? units : 0
    case 'counter':
      return ageUs < rule.slices * rule.sliceUs ? units : 0
  }
}
