import type { Limiter, Verdict } from '../limit/index.ts'

/** What a limiter allows, in the words of `RateLimit-Policy`. */
export interface Policy {
  readonly name: string
  /** Units in a window. */
  readonly quota: number
  readonly windowMs: number
}

/** One policy, and what it said of a request. */
export interface Judgement {
  readonly policy: Policy
  readonly verdict: Pick<Verdict, 'allowed' | 'remaining' | 'retryAfterMs' | 'resetAfterMs'>
}

/** What each policy of a limiter said. The one place that knows how limiters tell of themselves. */
export const judgementsOf = (limiter: Limiter, verdict: Verdict): Judgement[] => [
  { policy: policyOf(limiter), verdict },
]

function policyOf({ name, rule }: Limiter): Policy {
  if (rule.kind === 'slidingLog') return { name, quota: rule.limit, windowMs: rule.perMs }
  // The time in which a full funnel empties: quota per window is then the rate at which it leaks.
  const windowMs = (rule.capacity * rule.perMs) / rule.leak
  return { name, quota: rule.capacity, windowMs }
}
