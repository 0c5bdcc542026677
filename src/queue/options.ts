import { type Duration, formatMs } from '../duration.ts'
import { ArgumentError } from '../errors.ts'
import {
  abortSignal,
  count,
  duration,
  oneOf,
  type Reader,
  readOptions,
  withDefault,
} from '../options.ts'
import { describe } from '../text.ts'
import { type Backoff, type BackoffFunction, DEFAULT_BACKOFF, readBackoff } from './backoff.ts'
import type { BatchTerms } from './batch.ts'
import type { Durability } from './durability.ts'
import { PLACE } from './event-store.ts'
import { MOST_REMEMBERED_FAILURES } from './history.ts'
import { LONGEST_MEMORY_MS, type NamingOptions } from './naming.ts'
import { type JobNeeds, type QueueNeeds, queueNeedOptions } from './need-options.ts'
import { readRetain } from './retention.ts'
import { readSchema, type Schema, type SchemaInput } from './schema.ts'

export interface QueueOptions<Data = unknown> extends QueueNeeds<Data> {
  /** How often a job is tried before it is dead, 1 to 999. A crash of its worker is no attempt. Defaults to 3. */
  attempts?: number
  /** Defaults to exponential from 1 s to 5 min. */
  backoff?: Backoff | BackoffFunction
  /**
   * How long one delivery may take, from 1 ms. Then `job.signal` aborts and the attempt has failed.
   * Defaults to 5 min.
   */
  timeout?: Duration
  /** How often a worker may crash with one job under suspicion before it is dead, 1 to 9. Defaults to 3. */
  maxCrashes?: number
  /**
   * Failed attempts that are kept with a job, the last ones, 0 to 20: shown by `get`, by `list` and of dead letters,
   * with up to 256 bytes of each reason. What the workers say counts, and who takes by hand. Defaults to 0.
   */
  history?: number
  /**
   * Keeps what happens to its jobs for `queue.events()`, the last `keep` events, 1 to 100,000, for a week; on Redis at most 3 MB
   * of each partition. Only a process that says so writes what it does. Defaults to none.
   */
  events?: { keep: number }
  /**
   * Keeps jobs that are done for `list({ state: 'done' })`: the last `count`, 1 to 100,000, for up to `age`, 1 ms to 30 d, on Redis
   * at most 3 MB of each partition. What the process says counts that works. `age` defaults to 1 day, the whole to none.
   */
  retain?: { count: number; age?: Duration }
  /**
   * Jobs that may wait, ready or timed: where `add` would make them more, it rejects with
   * `QueueFullError`, as long as its own process says so. Defaults to no limit.
   */
  maxLength?: number
  /**
   * Bytes of their payloads as JSON; of jobs with an id or a key until they have ended. Of a priority and a deadline,
   * Redis counts 27 more, and the id or key and what `history` keeps as well. Defaults to no limit.
   */
  maxBytes?: number
  /**
   * How long what became of a job with an id is remembered after its end, up to 30 d: its result, and
   * that its id is taken. A dead one is for an hour at least. Defaults to 1 hour.
   */
  remember?: Duration
  /**
   * Over how many slots of a Redis Cluster the queue is spread, 1 to 64: it is that many lines, and order is kept
   * in each. Jobs of a `key` are all in one, those with an `id` in that of the id; others take turns. The first
   * process to use a queue decides, until it is obliterated: the others may leave it out, and adopt it, or say the same.
   */
  partitions?: number
}

/** With these, the types of a queue come from its schema. */
export interface SchemaQueueOptions<S extends Schema> extends QueueOptions<SchemaInput<S>> {
  /**
   * What data must be: any Standard Schema, of zod, valibot, arktype and others. `add` refuses what does
   * not fit it once it has been through JSON. Handlers get what the schema makes of it; a job that
   * does not fit there, because it was added by another version, is dead at once with the issues.
   */
  schema: S
}

export interface AddOptions extends NamingOptions, JobNeeds {
  /** Not before this long after the call. Defaults to 0. */
  delay?: Duration
  /** Not before this instant of the engine's clock: a Date or epoch milliseconds. Not beside `delay`. */
  at?: Date | number
  /**
   * A whole number, a billion at most either way: lower ones run first, equal ones first in, first out;
   * below 0 before, above 0 behind all that have none. A failed or delayed job has its priority again
   * when it is due. Defaults to 0, which is none.
   */
  priority?: number
  /** Before all others that are ready, the newest first. Not beside `priority`. Defaults to false. */
  lifo?: boolean
  /**
   * After that long from now, or after that instant of the engine's clock, the job is no longer begun:
   * the worker that comes to it makes it a dead letter. A run that has begun goes on. From 1 ms.
   */
  deadline?: Duration | Date
  /**
   * Jobs of one key run one after the other, in the order in which they were added, whatever the number of
   * workers and their concurrency: one that waits for its delay or for its next attempt holds the others
   * of its key. 1 to 128 characters. Beside `delay` and `at` alone: a job with a key has no id of its
   * own, no rank and no deadline.
   */
  key?: string
}

/** What `add` and `addMany` take. */
export interface SureAddOptions extends AddOptions {
  /**
   * What has to have the job before `add` resolves: one replica, so many, or the disk (`'fsync'`: Redis 7.2 or
   * Valkey with `appendonly yes`; SQLite: also where the engine is `synchronous: 'normal'`). Where that is not
   * so within the command time-out, `add` rejects with `NotDurableError`, and the job is there all the
   * same. Defaults to what the engine does by itself.
   */
  durability?: Durability
}

export interface WorkOptions {
  /** Jobs that run at one time in this worker, 1 to 500. Defaults to 10. */
  concurrency?: number
  /** How long jobs of a dead worker stay unnoticed, 100 ms to 1 hour. Defaults to 15 s. */
  lease?: Duration
  /**
   * `'thread'` for handlers that block the event loop for longer than the lease: a thread with a
   * connection of its own renews it meanwhile. It needs a Sluice made with a URL of a server or file,
   * without functions for credentials. Defaults to `'loop'`.
   */
  heartbeat?: 'loop' | 'thread'
  /**
   * How long the thread renews for a process that is silent, from the lease on: then it is taken for
   * dead. Defaults to the queue's `timeout`, or the lease if that is longer.
   */
  heartbeatLimit?: Duration
}

export interface BatchWorkOptions extends WorkOptions {
  /** The handler gets up to this many jobs at a time, 1 to 500. `concurrency` then counts batches, and defaults to 1. */
  batch: number
  /**
   * How long the first job of a batch may wait for others, in addition to the queue's `timeout`. Defaults
   * to 0: a batch is what is there.
   */
  batchWait?: Duration
}

export interface TakeOptions {
  /** At most this many, 1 to 500. Defaults to 1. */
  max?: number
  /** How long to wait for the first one; 0 answers at once. Defaults to 0. */
  wait?: Duration
  /** Stops waiting; `take` then rejects with the signal's reason. */
  signal?: AbortSignal
}

export interface DeliveriesOptions {
  /** Deliveries that are not settled at one time, 1 to 500; so many are taken at once. Defaults to 1. */
  max?: number
  /** Ends the iteration. What was not given out goes back. */
  signal?: AbortSignal
}

export interface EventsOptions {
  /** Behind which event: `'now'`, `'start'` for all that are kept, or the `cursor` of one. Defaults to `'now'`. */
  from?: string
  /** Ends the iteration. */
  signal?: AbortSignal
}

export interface CloseOptions {
  /** How long running handlers may take to finish; then their signals abort. Defaults to 25 s. */
  timeout?: Duration
}

/** Jobs that one consumer may hold: its crash is recovered in one bounded step. */
export const MOST_HELD = 500
export const DEFAULT_LEASE_MS = 15_000
const MOST_PARTITIONS = 64
const HOUR_MS = 3_600_000
const MOST_LENGTH = 1_000_000_000
const MOST_BYTES = 1_000_000_000_000

const MOST_EVENTS = 100_000

const readEventsOption: Reader<{ keep: number } | null> = (value, argument) =>
  readOptions(argument, value, { keep: count(1, MOST_EVENTS) })

export const queueOptions = {
  attempts: withDefault(count(1, 999), 3),
  backoff: withDefault(readBackoff, DEFAULT_BACKOFF),
  timeout: withDefault(duration({ minMs: 1 }), 300_000),
  maxCrashes: withDefault(count(1, 9), 3),
  events: withDefault(readEventsOption, null),
  retain: withDefault(readRetain, null),
  history: withDefault(count(0, MOST_REMEMBERED_FAILURES), 0),
  remember: withDefault(duration({ maxMs: LONGEST_MEMORY_MS }), HOUR_MS),
  schema: withDefault(readSchema, undefined),
  partitions: withDefault(count(1, MOST_PARTITIONS), null),
  maxLength: withDefault(count(1, MOST_LENGTH), undefined),
  maxBytes: withDefault(count(1, MOST_BYTES), undefined),
  ...queueNeedOptions,
}

const workOptions = {
  concurrency: withDefault(count(1, MOST_HELD), undefined),
  batch: withDefault(count(1, MOST_HELD), undefined),
  batchWait: withDefault(duration({ maxMs: HOUR_MS }), undefined),
  lease: withDefault(duration({ minMs: 100, maxMs: HOUR_MS }), DEFAULT_LEASE_MS),
  heartbeat: withDefault(oneOf('loop', 'thread'), 'loop'),
  heartbeatLimit: withDefault(duration({ minMs: 100 }), undefined),
}

export const takeOptions = {
  max: withDefault(count(1, MOST_HELD), 1),
  wait: withDefault(duration(), 0),
  signal: withDefault(abortSignal, undefined),
}

export const deliveriesOptions = { max: takeOptions.max, signal: takeOptions.signal }

/** A place in each partition. */
const readFrom: Reader<string> = (value, argument) => {
  const places = typeof value === 'string' ? value.split('.') : []
  const isCursor = places.length <= MOST_PARTITIONS && places.every((place) => PLACE.test(place))
  if (typeof value === 'string' && isCursor) return value
  throw new ArgumentError(argument, "'now', 'start', or the cursor of an event", describe(value))
}

export const eventsOptions = {
  from: withDefault(readFrom, 'now'),
  signal: deliveriesOptions.signal,
}

/** Entries of one page. */
export const pageLimit = withDefault(count(1, 1_000), 100)

export const retryOptions = { delay: withDefault(duration(), undefined) }
export const closeOptions = { timeout: withDefault(duration(), 25_000) }

export interface WorkTerms {
  /** Jobs that may run at one time. */
  concurrency: number
  leaseMs: number
  /** How long one delivery may take. */
  timeoutMs: number
  /** Null where each job is handled for itself. */
  batch: BatchTerms | null
  /** Null without a thread; how long that renews for a silent process. */
  heartbeatLimitMs: number | null
}

/** `queueTimeoutMs` is the `timeout` of the queue. */
export function readWork(options: unknown, queueTimeoutMs: number): WorkTerms {
  const read = readOptions('work', options, workOptions)
  const { batch, batchWait = 0, lease, heartbeat, heartbeatLimit } = read
  refuseBeside('batchWait', read.batchWait, 'batch is given', batch !== undefined)
  refuseBeside('heartbeatLimit', heartbeatLimit, "heartbeat is 'thread'", heartbeat === 'thread')
  if (heartbeatLimit !== undefined && heartbeatLimit < lease) {
    const expected = `no shorter than the lease of ${formatMs(lease)}`
    throw new ArgumentError('work.heartbeatLimit', expected, describe(heartbeatLimit))
  }
  const timeoutMs = queueTimeoutMs + batchWait
  const terms = {
    leaseMs: lease,
    timeoutMs,
    heartbeatLimitMs: heartbeat === 'loop' ? null : (heartbeatLimit ?? Math.max(timeoutMs, lease)),
  }
  if (batch === undefined) return { ...terms, concurrency: read.concurrency ?? 10, batch: null }
  const { concurrency = 1 } = read
  const most = Math.floor(MOST_HELD / concurrency)
  if (batch > most) {
    const expected = `at most ${most} where concurrency is ${concurrency}`
    throw new ArgumentError('work.batch', expected, describe(batch))
  }
  return {
    ...terms,
    concurrency: concurrency * batch,
    batch: { size: batch, concurrency, waitMs: batchWait },
  }
}

function refuseBeside(option: string, value: unknown, where: string, isThere: boolean): void {
  if (value === undefined || isThere) return
  throw new ArgumentError(`work.${option}`, `left out unless ${where}`, describe(value))
}
