import type { Clock } from '../clock.ts'
import { Deadlines } from '../deadlines.ts'
import { ArgumentError, ClosedError, EngineUnavailableError } from '../errors.ts'
import { callback, count, readName, readOptions } from '../options.ts'
import { describe } from '../text.ts'
import {
  type AddOptions,
  type CloseOptions,
  closeOptions,
  type QueueOptions,
  queueOptions,
  readWhen,
  type TakeOptions,
  takeOptions,
  type WorkOptions,
  workOptions,
} from './options.ts'
import { decodeForView, encodePayload } from './payload.ts'
import { Producer } from './producer.ts'
import { type Delivery, Puller } from './puller.ts'
import type { NewJob, QueueCounts, QueueStore } from './store.ts'
import { type Handler, QueueWorker, type Worker } from './worker.ts'

/** A job that will not be tried again, and why. */
export interface DeadLetter<Data> {
  id: string
  /** `undefined` if something else than sluice wrote the job, and it is not JSON. */
  data: Data
  /** Failed attempts. */
  attempts: number
  reason: string
  /** On the engine's clock. */
  diedAt: Date
}

/**
 * A queue by name, shared by every process on the same engine and prefix. Delivery is at least once:
 * a job whose `add` resolved runs until it is acknowledged or dead, whatever process dies.
 */
export interface Queue<Data = unknown> {
  readonly name: string
  /**
   * Resolves when the engine has the job. `id` is unique and grows in the order of adding.
   * @throws {ArgumentError}, {@link StoreFullError}, {@link EngineUnavailableError} whose `outcome`
   *   says whether the job may have been added
   */
  add(data: Data, options?: AddOptions): Promise<{ id: string }>
  /** Like `add` for each, in order; up to 1000 are added all or none. */
  addMany(data: readonly Data[], options?: AddOptions): Promise<{ id: string }[]>
  /** Runs `handler` for every job: first in, first out, woken at once. What it throws fails the attempt. */
  work(handler: Handler<Data>, options?: WorkOptions): Worker
  /** Takes jobs by hand; each must be settled. Resolves with none if none came within `wait`. */
  take(options?: TakeOptions): Promise<Delivery<Data>[]>
  /** How many jobs are where. On Redis a job that moves meanwhile may be counted twice or not at all. */
  counts(): Promise<QueueCounts>
  readonly dead: {
    /** The oldest first, at most `limit`, by default 100, at most 1000. The newest 10,000 are kept. */
    list(options?: { limit?: number }): Promise<DeadLetter<Data>[]>
  }
}

/** All queues of one engine. */
export interface Queues {
  queue<Data = unknown>(name: string, options?: QueueOptions): Queue<Data>
  list(limit: number): Promise<string[]>
  counts(name: string): Promise<QueueCounts>
  /** Closes every worker and hands back what was taken by hand. */
  close(options?: CloseOptions): Promise<void>
}

interface Closable {
  close(options?: CloseOptions): Promise<void>
}

interface Shared {
  store: QueueStore
  clock: Clock
  deadlines: Deadlines
  clientId: string
  open: Set<Closable>
  isClosed: () => boolean
}

/** `callTimeoutMs` is how long any call may take, however many are in front of it. */
export function createQueues(
  store: QueueStore,
  clock: Clock,
  clientId: string,
  callTimeoutMs: number,
): Queues {
  const open = new Set<Closable>()
  const deadlines = new Deadlines(clock, callTimeoutMs)
  let closed = false
  const shared: Shared = { store, clock, deadlines, clientId, open, isClosed: () => closed }
  let queueCount = 0
  return {
    queue: <Data>(name: string, options?: QueueOptions) =>
      openQueue<Data>(shared, readName(name, 'queue.name'), options, `${clientId}.${++queueCount}`),
    list: (limit) => store.list(limit),
    counts: (name) => store.counts(name),
    async close(options) {
      readOptions('close', options, closeOptions)
      closed = true
      await Promise.all([...open].map((one) => one.close(options)))
    },
  }
}

function openQueue<Data>(
  shared: Shared,
  name: string,
  options: QueueOptions | undefined,
  producerId: string,
): Queue<Data> {
  const { store, clock, deadlines, open } = shared
  const { attempts, backoff, timeout, maxCrashes } = readOptions('queue', options, queueOptions)
  const producer = new Producer(store, deadlines, name, producerId)
  let puller: Puller<Data> | null = null

  function assertOpen(): void {
    if (shared.isClosed()) throw new ClosedError('This Sluice')
  }

  function newJob(
    data: unknown,
    argument: string,
    when: { delayMs: number; dueAtMs?: number },
  ): NewJob {
    return { payload: encodePayload(data, argument), maxAttempts: attempts, ...when }
  }

  return {
    name,
    async add(data, addOptions) {
      assertOpen()
      const [id = ''] = await producer.add([newJob(data, 'data', readWhen(addOptions))])
      return { id }
    },
    async addMany(data, addOptions) {
      assertOpen()
      if (!Array.isArray(data)) throw new ArgumentError('data', 'an array', describe(data))
      const when = readWhen(addOptions)
      const jobs = data.map((item, index) => newJob(item, `data[${index}]`, when))
      return jobs.length === 0 ? [] : (await producer.add(jobs)).map((id) => ({ id }))
    },
    work(handler, options) {
      assertOpen()
      const read = readOptions('work', options, workOptions)
      const terms = {
        queue: name,
        concurrency: read.concurrency,
        leaseMs: read.lease,
        maxCrashes,
        timeoutMs: timeout,
        backoff,
      }
      const run = callback<Handler<Data>>(handler, 'work.handler')
      const worker = new QueueWorker(store, clock, terms, run, () => open.delete(worker))
      open.add(worker)
      return workerOf(worker)
    },
    async take(options) {
      assertOpen()
      const { max, wait, signal } = readOptions('take', options, takeOptions)
      if (!puller) {
        const terms = { queue: name, timeoutMs: timeout, maxCrashes, backoff }
        puller = new Puller(store, clock, deadlines, terms)
        open.add(puller)
      }
      return puller.take(max, wait, signal)
    },
    counts: () =>
      deadlines.bound(
        store.counts(name),
        () =>
          new EngineUnavailableError(
            `Queue ${JSON.stringify(name)} could not be counted by the deadline.`,
            { outcome: 'not-applied' },
          ),
      ),
    dead: {
      async list(options) {
        const { limit } = readOptions('dead.list', options, { limit: limitReader })
        const jobs = await store.listDead(name, limit)
        return jobs.map((job) => ({
          id: job.id,
          data: decodeForView(job.payload) as Data,
          attempts: job.attempt,
          reason: job.reason,
          diedAt: new Date(job.diedAtMs),
        }))
      },
    },
  }
}

const limitReader = (value: unknown, argument: string) =>
  value === undefined ? 100 : count(1, 1_000)(value, argument)

/** The public face of a worker. */
function workerOf<Data>(worker: QueueWorker<Data>): Worker {
  return {
    get runningCount() {
      return worker.runningCount
    },
    get sinceAnswerMs() {
      return worker.sinceAnswerMs
    },
    close: (options) => worker.close(options),
    async [Symbol.asyncDispose]() {
      await worker.close()
    },
  }
}
