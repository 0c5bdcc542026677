import type { AddedJob, Addressed } from './addressed.ts'
import type { BatchHandler } from './batch.ts'
import type { GateRow } from './busiest-gates.ts'
import type { JobPage, ListOptions } from './contents.ts'
import type { DeadLetters } from './dead-letters.ts'
import type { Delivery } from './delivery.ts'
import type { QueueEvent } from './events.ts'
import type { Handler } from './handling.ts'
import type {
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
import type { Schedule, ScheduleOptions, ScheduleRule, Schedules } from './schedules.ts'
import type { Schema, SchemaInput, SchemaOutput } from './schema.ts'
import type { QueueCounts } from './store.ts'
import type { Worker } from './worker.ts'

/**
 * A queue by name, shared by every process on the same engine and prefix. Delivery is at least once:
 * a job whose `add` resolved runs until it is acknowledged or dead, whatever process dies. `Data` is
 * what handlers get, `Input` what is added: with a schema they may differ.
 */
export interface Queue<Data = unknown, Input = Data> extends Addressed<Input> {
  readonly name: string
  /**
   * Resolves when the engine has the job, or knows one of the same `id` or `dedupe` that stands for it.
   * @throws {ArgumentError}, {@link QueueFullError}, {@link StoreFullError}, {@link EngineUnavailableError} whose `outcome`
   *   says whether the job may have been added; {@link NotDurableError} where it was, and `durability` is not reached
   */
  add(data: Input, options?: SureAddOptions): Promise<AddedJob>
  /**
   * Like `add` for each, in order; up to 1000 are added all or none, of those with an id up to 100. Options are
   * of all of them, where an `id` or a `dedupe` is refused; or a function gives each its own, and plain ones are then
   * added apart from those with an id. More than that takes several calls, each with a command time-out of its own: where
   * one fails, the outcome is `unknown`, as some were added, and the others are not.
   */
  addMany(
    data: readonly Input[],
    options?: SureAddOptions | ((item: Input, index: number) => SureAddOptions),
  ): Promise<AddedJob[]>
  /**
   * Adds a job within a transaction of your own, at once: workers get it when you commit, and never if you do
   * not. On SQLite `transaction` is a connection of yours to the same file that has begun one; on Redis it
   * is a MULTI of your own client, to the same server and database, that is still to be executed. `id` is the job's; null where
   * Redis gives it when the MULTI runs. Redis undoes nothing: where the add fails in EXEC, what else was
   * queued there stands.
   * @throws {ArgumentError}, {@link QueueFullError} on SQLite, {@link EngineUnavailableError} whose outcome is `not-applied`,
   *   {@link StoreFullError}, {@link StoreVersionError}
   */
  addWithin(transaction: object, data: Input, options?: AddOptions): { id: string | null }
  /** Runs `handler` for every job: first in, first out, woken at once. What it throws fails the attempt. */
  work(handler: Handler<Data>, options?: WorkOptions): Worker
  /** The same for up to `batch` jobs at a time. */
  work(handler: BatchHandler<Data>, options: BatchWorkOptions): Worker
  /** Takes jobs by hand; each must be settled. Resolves with none if none came within `wait`. */
  take(options?: TakeOptions): Promise<Delivery<Data>[]>
  /**
   * Takes jobs by hand as they come: `for await (const delivery of queue.deliveries())`. Each must be
   * settled. Ends when `signal` aborts or the Sluice closes.
   * @throws {ArgumentError}, {@link ClosedError}
   */
  deliveries(options?: DeliveriesOptions): AsyncIterableIterator<Delivery<Data>>
  /**
   * Makes a schedule: a job with `data`, JSON of up to 64 KiB, for each slot of `rule`, as long as the queue has
   * workers. One of that name gets the new data and options; it keeps its next slot where the rule is the same, so
   * every process may say it when it starts. A queue has up to 1,000.
   * @throws {ArgumentError}, {@link TooManySchedulesError}, {@link StoreFullError}, {@link EngineUnavailableError}
   */
  schedule(
    name: string,
    rule: ScheduleRule,
    data: Input,
    options?: ScheduleOptions,
  ): Promise<Schedule<Input>>
  readonly schedules: Schedules<Input>
  /**
   * Nothing is claimed from now on, by whatever process, until {@link resume}: what a worker has claimed
   * by then runs on, and what is added waits.
   */
  pause(): Promise<void>
  /** Ends a pause. Workers go on at once. */
  resume(): Promise<void>
  /**
   * Jobs of one state, page by page: `cursor` of a page asks for the next one. What moves meanwhile may
   * be missed, or be there twice.
   * @throws {ArgumentError}, {@link StoreCorruptError}, {@link EngineUnavailableError}
   */
  list(options: ListOptions): Promise<JobPage<Data>>
  /**
   * What happens to the jobs of a queue whose processes say `events: { keep }`, as it happens:
   * `for await (const event of queue.events())`. It begins when the first one is asked for. Who is too slow, or away for too
   * long, is told so by an event of type `missed`. Ends when `signal` aborts or the Sluice closes; while the engine is away it waits.
   * @throws {ArgumentError}, {@link SettingsMismatchError}, {@link StoreCorruptError}, {@link ClosedError}
   */
  events(options?: EventsOptions): AsyncIterableIterator<QueueEvent>
  /**
   * Removes for good what waits now, ready, timed or parked, in steps of 100. Resolves with how many. What is in
   * flight and what is dead stays; of what is added meanwhile some may go instead of others.
   */
  drain(): Promise<number>
  /**
   * Removes everything of the queue for good, dead letters and a pause included, in steps of 100. Resolves
   * with how many jobs. The queue is paused until then: where it fails, call it again. Stop those who add
   * first: it goes on until nothing is left. With `force`, what is in flight goes too, and its workers are
   * told that it is lost.
   * @throws {QueueBusyError} while deliveries are in flight, without `force`
   */
  obliterate(options?: { force?: boolean }): Promise<number>
  /** How many jobs are where, in one moment: of each partition, where there are several. */
  counts(): Promise<QueueCounts>
  readonly dead: DeadLetters<Input>
}

/** @throws {ArgumentError} */
export interface OpenQueue {
  <S extends Schema>(
    name: string,
    options: SchemaQueueOptions<S>,
  ): Queue<SchemaOutput<S>, SchemaInput<S>>
  <Data = unknown>(name: string, options?: QueueOptions<Data>): Queue<Data>
}

/** All queues of one engine. */
export interface Queues {
  queue: OpenQueue
  list(limit: number): Promise<string[]>
  counts(name: string): Promise<QueueCounts>
  /** What most of its parked jobs wait for. */
  busiestGates(name: string, limit: number): Promise<GateRow[]>
  /** Closes every worker and hands back what was taken by hand. */
  close(options?: CloseOptions): Promise<void>
}
