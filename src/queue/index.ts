export type { AddedJob, Addressed, JobView } from './addressed.ts'
export type { OpenQueue, Queue } from './api.ts'
export type { Backoff, BackoffFunction } from './backoff.ts'
export type { BatchHandler, BatchResult } from './batch.ts'
export type { GateRow } from './busiest-gates.ts'
export type { JobEntry, JobPage, ListOptions } from './contents.ts'
export type { DeadLetter, DeadLetters } from './dead-letters.ts'
export { Defer } from './defer.ts'
export type { Delivery } from './delivery.ts'
export type { Durability } from './durability.ts'
export {
  JobFailedError,
  KeyFullError,
  NotAddressableError,
  NotDurableError,
  QueueBusyError,
  QueueFullError,
  ResultTimeoutError,
  TooManySchedulesError,
} from './errors.ts'
export type { QueueEvent } from './events.ts'
export type { Handler } from './handling.ts'
export type { FailedAttempt, FailureKind } from './history.ts'
export type { Dedupe, NamingOptions } from './naming.ts'
export type {
  JobNeeds,
  LimitNeed,
  LockNeed,
  OfData,
  QueueLimit,
  QueueNeeds,
  SemaphoreNeed,
} from './need-options.ts'
export type {
  AddOptions,
  BatchWorkOptions,
  CloseOptions,
  DeliveriesOptions,
  EventsOptions,
  QueueOptions,
  SchemaQueueOptions,
  SureAddOptions,
  TakeOptions,
  WorkOptions,
} from './options.ts'
export type { HeldGate, Job } from './run.ts'
export type { ScheduleSlot } from './schedule-store.ts'
export type {
  Schedule,
  ScheduleOptions,
  SchedulePage,
  ScheduleRule,
  Schedules,
} from './schedules.ts'
export type { Schema, SchemaInput, SchemaIssue, SchemaOutput } from './schema.ts'
export type { QueueCounts } from './store.ts'
export type { ParkedOn, Why } from './why.ts'
export type { Worker } from './worker.ts'
