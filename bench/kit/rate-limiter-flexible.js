// @ts-check
// What benches ask of rate-limiter-flexible.
import { RateLimiterRes } from 'rate-limiter-flexible'

/**
 * It rejects with its verdict when it refuses. Of a union that is one verdict for each limiter, by
 * its prefix.
 *
 * @param {{consume: (key: string) => Promise<unknown>}} limiter
 * @returns {(key: string) => Promise<boolean>} whether it was allowed
 */
export const takeBy = (limiter) => async (key) => {
  try {
    await limiter.consume(key)
    return true
  } catch (verdict) {
    const verdicts = verdict instanceof RateLimiterRes ? [verdict] : Object.values(verdict ?? {})
    if (verdicts.length > 0 && verdicts.every((one) => one instanceof RateLimiterRes)) return false
    throw verdict
  }
}
