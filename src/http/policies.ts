import { formatMs } from '../duration.ts'
import type { Limiter, Rule, Verdict } from '../limit/index.ts'

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
export function judgementsOf({ name }: Limiter, { rules }: Verdict): Judgement[] {
  return rules.map((verdict) => ({ policy: policyOf(name, verdict.rule, rules.length), verdict }))
}

function policyOf(limiter: string, rule: Rule, count: number): Policy {
  const { quota, windowMs } = quotaOf(rule)
  const name = count === 1 ? limiter : `${limiter}/${rule.kind}/${formatMs(Math.ceil(windowMs))}`
  return { name, quota, windowMs }
}

/** The time in which a full funnel empties, or an empty bucket fills: quota per window is its rate. */
function quotaOf(rule: Rule): Omit<Policy, 'name'> {
  switch (rule.kind) {
    case 'funnel':
      return { quota: rule.capacity, windowMs: (rule.capacity * rule.perMs) / rule.leak }
    case 'tokenBucket':
      return { quota: rule.capacity, windowMs: (rule.capacity * rule.perMs) / rule.refill }
    case 'concurrency':
      return { quota: rule.limit, windowMs: rule.leaseMs }
    default:
      return { quota: rule.limit, windowMs: rule.perMs }
  }
}
