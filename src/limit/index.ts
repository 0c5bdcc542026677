export type {
  CostOptions,
  Limiter,
  LimiterOptions,
  PartVerdict,
  RuleVerdict,
  Verdict,
} from './limiter.ts'
export type {
  FixedWindowRule,
  FunnelRule,
  RefillMode,
  Rule,
  SlidingCounterRule,
  SlidingLogRule,
  TokenBucketRule,
} from './rules.ts'
export { fixedWindow, funnel, slidingCounter, slidingLog, tokenBucket } from './rules.ts'
export { type ThrottleNumbers, throttleNumbers } from './throttle.ts'
