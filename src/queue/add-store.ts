import type { NamedJob } from './record-store.ts'
import type { AddRequest, NewJob } from './store.ts'

/** Adds of plain jobs by the batch, and of one within a transaction of the user's; and how safe they are. */
export interface AddStore {
  /** Answers the ids in the order of `jobs`. */
  add(request: AddRequest): Promise<string[]>
  /**
   * The same while the batch with the number before may still be under way: if the store has not just added that one,
   * this one waits until it is `settled`, whatever became of it, and is added then, with what that says of
   * {@link Batch.lastAdded}. Null where one batch at a time is as fast.
   */
  readonly addBehind: ((request: AddRequest, settled: Promise<number>) => Promise<string[]>) | null
  /**
   * Adds a job within a transaction of the user's, at once. Answers its number; null where the server
   * gives it when the transaction runs, and then an add that is refused fails there.
   * @throws {ArgumentError} that names `addWithin.transaction`; {@link QueueFullError}
   */
  addWithin(transaction: unknown, request: WithinRequest): string | null
  /** @throws {ArgumentError}, {@link EngineUnavailableError} where this store can never {@link confirm} that */
  checkDemand(queue: string, demand: Demand): Promise<void>
  /** After an answer: waits until what was added is safe. That a later batch is there does not do: the store may have lost one before it. */
  confirm(request: ConfirmRequest): Promise<void>
}

/** What a producer sends with one call. */
export interface Batch {
  queue: string
  /** Identifies the caller that numbers its batches; one batch is in flight at a time, or two by `addBehind`. */
  producer: string
  sequence: number
  /** The last batch of this kind that it knows to be added: a store without that one has lost it. 0, the default: none. */
  lastAdded?: number
}

/** What errors call the transaction of the user's. */
export const WITHIN = 'addWithin.transaction'

/** One job for a transaction of the user's, plain or by name. */
export interface WithinRequest extends Pick<AddRequest, 'queue' | 'maxLength' | 'maxBytes'> {
  job: NewJob | NamedJob
}

/** What has to have a job before it counts as safe: so many replicas, or the disk. */
export interface Demand {
  replicas: number
  fsync: boolean
}

/** Batches of a producer that were added. */
export interface ConfirmRequest {
  queue: string
  producer: string
  first: number
  /** The last of them. */
  sequence: number
  /** Of {@link RecordStore.addNamed}. */
  isNamed: boolean
  demand: Demand
}
