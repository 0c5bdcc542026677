export type { Clock, Timer } from './clock.ts'
export type { Duration } from './duration.ts'
export type { EngineEvents, EngineHealth } from './engine/engine.ts'
export type { Logger } from './engine/open.ts'
export type { Credentials } from './engine/redis/source.ts'
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
  StoreResetError,
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
export {
  createSluice,
  type Sluice,
  type SluiceOptions,
  type SluiceTarget,
  type TlsOptions,
} from './sluice.ts'
