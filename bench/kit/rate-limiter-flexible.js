// @ts-check
// What benches ask of rate-limiter-flexible.
import { RateLimiterRes } from 'rate-limiter-flexible'

/**
 * It rejects with its verdict when it refuses. Of a union that is one verdict for each limiter, by
 * its prefix.
 *
 * @param {unknown} verdict
 */
export function isRefusal(verdict) {
  const verdicts = verdict instanceof RateLimiterRes ? [verdict] : Object.values(verdict ?? {})
  return verdicts.length > 0 && verdicts.every((one) => one instanceof RateLimiterRes)
}

/**
 * @param {{consume: (key: string) => Promise<unknown>}} limiter
 * @returns {(key: string) => Promise<boolean>} whether it was allowed
 */
export const takeBy = (limiter) => async (key) => {
  try {
    await limiter.consume(key)
    return true
  } catch (verdict) {
    if (isRefusal(verdict)) return false
    throw verdict
  }
}
