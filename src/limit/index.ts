export type { CostOptions, Limiter, LimiterOptions, Verdict } from './limiter.ts'
export type { FunnelRule, Rule, SlidingLogRule } from './rules.ts'
export { funnel, slidingLog } from './rules.ts'
