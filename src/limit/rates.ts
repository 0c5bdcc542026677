/** Rates as stores know them, checked: neither too fast for the clock, nor too slow to recover. */
import { formatMs, LONGEST_MS } from '../duration.ts'
import { ArgumentError } from '../errors.ts'
import { count } from '../options.ts'
import { describe } from '../text.ts'
import type { StoredRule } from './store.ts'

/** A billion units a second: a thousand within one microsecond of the store's clock. */
const SHORTEST_EMISSION_US = 0.001

export const microseconds = (ms: number) => Math.round(ms * 1000)

const rateText = (units: number, perMs: number) => `${describe(units)} per ${formatMs(perMs)}`

/** `units` per `per`, evenly. */
export function leaking(
  argument: string,
  { capacity, units, per }: { capacity: number; units: number; per: number },
): StoredRule {
  const emissionUs = microseconds(per) / units
  if (emissionUs < SHORTEST_EMISSION_US) {
    throw new ArgumentError(argument, 'at most a billion units a second', rateText(units, per))
  }
  refuseSlow(argument, emissionUs * capacity, { capacity, units, per })
  return { kind: 'funnel', capacity, emissionUs }
}

/** `refill` per `per`, at once. */
export function stepwise(options: {
  capacity: number
  refill: number
  per: number
  isAligned: boolean
}): StoredRule {
  const { capacity, per, isAligned } = options
  const refill = count(1, capacity)(options.refill, 'tokenBucket.refill')
  const intervalUs = microseconds(per)
  const emptyUs = Math.ceil(capacity / refill) * intervalUs
  refuseSlow('tokenBucket.refill', emptyUs, { capacity, units: refill, per })
  return { kind: 'bucket', capacity, refill, intervalUs, isAligned }
}

function refuseSlow(
  argument: string,
  recoveryUs: number,
  { capacity, units, per }: { capacity: number; units: number; per: number },
): void {
  if (recoveryUs <= microseconds(LONGEST_MS)) return
  const what = argument.startsWith('funnel') ? 'empty the funnel' : 'fill the bucket'
  throw new ArgumentError(
    argument,
    `enough to ${what} within ${formatMs(LONGEST_MS)}`,
    `${rateText(units, per)} for a capacity of ${capacity}`,
  )
}
