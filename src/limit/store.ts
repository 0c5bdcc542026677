/**
 * The contract of limits on an engine: one method per atomic operation. Internal, outside semver.
 *
 * Promises, proved by `limit.contract.ts` on every engine:
 * - R1  A sliding log never admits more than `limit` in any window of `perUs`.
 * - R2  A funnel never admits more than `capacity + floor(window / emissionUs)` in any window.
 * - R3  A refused take and every peek change nothing.
 * - R4  `retryAfterUs` is exact: the same take is allowed then, and not a microsecond before,
 *       if nobody else takes.
 * - R5  Every key has a TTL no longer than it takes to be as good as new.
 * - R6  A clock that stepped back, or state from a clock that ran ahead, refuses nobody for longer
 *       than one period.
 * - R7  Takes of one tick on one key are judged one after the other, in call order.
 */

/** What a key may do; all durations are in microseconds. */
export type StoredRule =
  | { kind: 'slidingLog'; limit: number; perUs: number }
  /** GCRA: `emissionUs` is the time one unit takes to leak, it may be fractional. */
  | { kind: 'funnel'; capacity: number; emissionUs: number }

export interface TakeRequest {
  limiter: string
  key: string
  rule: StoredRule
  /** Whole units; 0 only looks. */
  cost: number
  /** Answer as a take would, and change nothing. */
  peek: boolean
}

export interface TakeAnswer {
  allowed: boolean
  remaining: number
  /** 0 when allowed; null when the cost can never fit. */
  retryAfterUs: number | null
  /** Until the key is as good as new. */
  resetAfterUs: number
}

export interface LimitStore {
  /** Takes of one tick may share one round trip. */
  take(request: TakeRequest): Promise<TakeAnswer>
  /** Keys that are not as good as new, at most `limit`. */
  list(limit: number): Promise<{ limiter: string; key: string }[]>
}
