export type { LimiterCounts } from './counts.ts'
export type { FailurePolicy } from './fallback.ts'
export type { LimitLease } from './holds.ts'
export type { JointLimiter } from './joint.ts'
export type {
  CostOptions,
  Limiter,
  LimiterOptions,
  LimiterTakeOptions,
  PartVerdict,
  RuleVerdict,
  Verdict,
  VerdictSource,
} from './limiter.ts'
export type { WaitOptions, WaitVerdict } from './planned.ts'
export type {
  ConcurrencyRule,
  FixedWindowRule,
  FunnelRule,
  RefillMode,
  Rule,
  SlidingCounterRule,
  SlidingLogRule,
  TokenBucketRule,
} from './rules.ts'
export {
  concurrency,
  fixedWindow,
  funnel,
  slidingCounter,
  slidingLog,
  tokenBucket,
} from './rules.ts'
export type { AllVerdict, TakeAllOptions, TakeItem } from './take-all.ts'
export { type ThrottleNumbers, throttleNumbers } from './throttle.ts'
export type { TopKey } from './top-keys.ts'
