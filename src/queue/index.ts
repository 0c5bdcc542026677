export type {
  AddOptions,
  Backoff,
  CloseOptions,
  QueueOptions,
  TakeOptions,
  WorkOptions,
} from './options.ts'
export type { Delivery } from './puller.ts'
export type { DeadLetter, Queue } from './queue.ts'
export type { QueueCounts } from './store.ts'
export type { Handler, Job, Worker } from './worker.ts'
