import type { Verdict } from './limiter.ts'

/** What `CL.THROTTLE` of redis-cell replies. */
export type ThrottleNumbers = readonly [
  limited: 0 | 1,
  limit: number,
  remaining: number,
  /** Whole seconds, rounded up; -1 when it was allowed, and when it never will be. */
  retryAfterSeconds: number,
  /** Whole seconds, rounded up. */
  resetAfterSeconds: number,
]

/**
 * A verdict as the five numbers of `CL.THROTTLE`, for programs that come from redis-cell. Its
 * `max_burst`, `count` and `period` are `funnel({ capacity: max_burst + 1, leak: count, per: period })`,
 * and its quantity of 0 is `peek(key, { cost: 0 })`.
 */
export function throttleNumbers(verdict: Verdict): ThrottleNumbers {
  const { allowed, limit, remaining, retryAfterMs, resetAfterMs } = verdict
  const retryAfterSeconds = allowed || retryAfterMs === null ? -1 : wholeSeconds(retryAfterMs)
  return [allowed ? 0 : 1, limit, remaining, retryAfterSeconds, wholeSeconds(resetAfterMs)]
}

const wholeSeconds = (ms: number) => Math.ceil(ms / 1000)
