export type { Clock, Timer } from './clock.ts'
export type { Duration } from './duration.ts'
export {
  ArgumentError,
  ClosedError,
  DriverMissingError,
  EngineUnavailableError,
  InternalError,
  JobTimeoutError,
  LockLostError,
  LockTimeoutError,
  type LossReason,
  type Outcome,
  SluiceError,
  StaleDeliveryError,
  StoreCorruptError,
  StoreFullError,
  StoreVersionError,
} from './errors.ts'
export {
  type CostOptions,
  funnel,
  type Limiter,
  type LimiterOptions,
  type Rule,
  slidingLog,
  type Verdict,
} from './limit/index.ts'
export type { AcquireOptions, Holder, Lease, Lock, LockOptions, LockView } from './lock/index.ts'
export type {
  AddOptions,
  Backoff,
  CloseOptions,
  DeadLetter,
  Delivery,
  Handler,
  Job,
  Queue,
  QueueCounts,
  QueueOptions,
  TakeOptions,
  Worker,
  WorkOptions,
} from './queue/index.ts'
export { createSluice, type Logger, type Sluice, type SluiceOptions } from './sluice.ts'
