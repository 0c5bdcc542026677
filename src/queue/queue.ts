import type { Clock } from '../clock.ts'
import { Deadlines } from '../deadlines.ts'
import type { EngineAddress, Logger } from '../engine/open.ts'
import { consoleLogger } from '../engine/options.ts'
import { ClosedError, EngineUnavailableError } from '../errors.ts'
import { type Acquirable, type Gates, NO_GATES } from '../gate/gate.ts'
import { Waits } from '../gate/until.ts'
import { readOptions } from '../options.ts'
import { waysIn } from './add.ts'
import { AddressedJobs } from './addressed.ts'
import type { Queue, Queues } from './api.ts'
import { delayAfter } from './backoff.ts'
import type { BatchHandler } from './batch.ts'
import { busiestGates } from './busiest-gates.ts'
import type { Looks } from './consumer-terms.ts'
import { Contents } from './contents.ts'
import { deadLetters } from './dead-letters.ts'
import { deliveriesOf } from './deliveries.ts'
import { readQueueEvents } from './events.ts'
import type { Handler } from './handling.ts'
import { InTurn } from './in-turn.ts'
import { Needs } from './needs.ts'
import {
  type CloseOptions,
  closeOptions,
  DEFAULT_LEASE_MS,
  deliveriesOptions,
  eventsOptions,
  type QueueOptions,
  queueOptions,
  takeOptions,
  type WorkOptions,
} from './options.ts'
import { Partitions, queueOfPartition, readQueueName } from './partitions.ts'
import { Producers } from './producers.ts'
import { Puller } from './puller.ts'
import type { Retention } from './retention.ts'
import { QueueSchedules } from './schedules.ts'
import { payloadReader } from './schema.ts'
import type { QueueStore } from './store.ts'
import { wholeQueue } from './whole-queue.ts'
import { startWorker } from './work.ts'
import { workerOf } from './worker.ts'

interface Closable {
  close(options?: CloseOptions): Promise<void>
}

interface Shared {
  store: QueueStore
  clock: Clock
  deadlines: Deadlines
  clientId: string
  logger: Logger
  /** Null where no thread can open the same engine. */
  address: EngineAddress | null
  open: Set<Closable>
  /** Who waits for the end of a job. */
  waits: Waits
  isClosed: () => boolean
  looksOf: (queue: string) => Looks
  gates: Gates
}

/** `callTimeoutMs` is how long any call may take, however many are in front of it. */
export function createQueues(
  store: QueueStore,
  clock: Clock,
  clientId: string,
  callTimeoutMs: number,
  logger: Logger = consoleLogger,
  address: EngineAddress | null = null,
  gates: Gates = NO_GATES,
): Queues {
  const open = new Set<Closable>()
  const waits = new Waits()
  const deadlines = new Deadlines(clock, callTimeoutMs)
  let closed = false
  const looks = new Map<string, Looks>()
  function looksOf(queue: string): Looks {
    const known = looks.get(queue) ?? { lastMs: Number.NEGATIVE_INFINITY, idle: new InTurn() }
    looks.set(queue, known)
    return known
  }
  const isClosed = () => closed
  const shared: Shared = {
    store,
    clock,
    deadlines,
    clientId,
    logger,
    address,
    open,
    waits,
    isClosed,
    looksOf,
    gates,
  }
  const whole = (name: string) => wholeQueue(store, new Partitions(store, name, null))
  let queueCount = 0
  return {
    queue: <Data, Input>(name: string, options?: QueueOptions<Input>) =>
      openQueue<Data, Input>(
        shared,
        readQueueName(name, 'queue.name'),
        options,
        `${clientId}.${++queueCount}`,
      ),
    async list(limit) {
      const names = await store.list(limit)
      return [...new Set(names.map(queueOfPartition))]
    },
    counts: (name) => whole(name).counts(name),
    busiestGates: (name, limit) => busiestGates(whole(name), gates, name, limit),
    async close(options) {
      readOptions('close', options, closeOptions)
      closed = true
      waits.endAll(new ClosedError('This Sluice'))
      await Promise.all([...open].map((one) => one.close(options)))
    },
  }
}

/** The store as the options of a queue want it. */
function keepingIn(
  store: QueueStore,
  { events, retain }: { events: { keep: number } | null; retain: Retention | null },
): QueueStore {
  const told = events ? store.keepingEvents(events.keep) : store
  return retain ? told.retaining(retain) : told
}

function openQueue<Data, Input>(
  shared: Shared,
  name: string,
  options: QueueOptions<Input> | undefined,
  producerId: string,
): Queue<Data, Input> {
  const { clock, deadlines, open, waits } = shared
  const read = readOptions('queue', options, queueOptions)
  const store = keepingIn(shared.store, read)
  const { attempts, backoff, timeout, maxCrashes, schema, maxLength, maxBytes } = read
  const retryDelay = delayAfter(backoff, (error) =>
    shared.logger.error(`sluice: the backoff of queue ${JSON.stringify(name)} failed`, error),
  )
  const { looksOf } = shared
  const partitions = new Partitions(store, name, read.partitions)
  const whole = wholeQueue(store, partitions)
  const limits = { maxLength, maxBytes }
  const producers = new Producers(partitions, { store, deadlines, producerId, limits, looksOf })
  const rememberMs = read.remember
  const needs = new Needs(shared.gates, name, read, DEFAULT_LEASE_MS)
  const terms = {
    queue: name,
    timeoutMs: timeout,
    maxCrashes,
    failures: {
      delayAfter: retryDelay,
      keptFailures: read.history,
      gateOf: (handle: Acquirable) => needs.behind(handle),
    },
    looksOf,
    partitions,
    onRefused: (error: unknown) => shared.logger.error('sluice: a worker claims nothing', error),
    rememberMs,
    needs,
    readPayload: payloadReader(schema),
    tickFailed: (schedule: string, error: unknown) =>
      shared.logger.error(
        `sluice: schedule ${JSON.stringify(schedule)} of queue ${JSON.stringify(name)} failed, and is tried again`,
        error,
      ),
  }
  const contents = new Contents(whole, name)
  let puller: Puller<Data> | null = null

  function assertOpen(): void {
    if (shared.isClosed()) throw new ClosedError('This Sluice')
  }

  function openPuller(): Puller<Data> {
    if (puller) return puller
    puller = new Puller(store, clock, deadlines, terms)
    open.add(puller)
    return puller
  }

  const addressed = new AddressedJobs<Input>({
    ...{ clock, waits, needs, assertOpen },
    store: whole,
    queue: name,
    rememberMs,
  })

  const schedules = new QueueSchedules<Input>({ store, queue: name, attempts, schema, assertOpen })

  return {
    name,
    ...waysIn<Input>({
      store,
      clock,
      queue: name,
      attempts,
      schema,
      limits,
      partitions,
      producers,
      addressed,
      needs,
      assertOpen,
    }),
    work(handler: Handler<Data> | BatchHandler<Data>, options?: WorkOptions) {
      assertOpen()
      const onClosed = () => open.delete(worker)
      const worker = startWorker<Data>({ ...shared, store, terms }, handler, options, onClosed)
      open.add(worker)
      return workerOf(worker)
    },
    async take(options) {
      assertOpen()
      const { max, wait, signal } = readOptions('take', options, takeOptions)
      await partitions.askIfThere()
      const taken = await openPuller().take(max, wait, signal)
      return taken.map(({ delivery }) => delivery)
    },
    deliveries(options) {
      assertOpen()
      const { max, signal } = readOptions('deliveries', options, deliveriesOptions)
      return deliveriesOf(openPuller(), max, signal)
    },
    events(options) {
      assertOpen()
      const { from, signal } = readOptions('events', options, eventsOptions)
      const { isClosed } = shared
      const events = { store: shared.store, clock, queue: name, partitions, waits, isClosed }
      return readQueueEvents(events, from, signal)
    },
    get: (id) => addressed.get(id),
    why: (id) => addressed.why(id),
    cancel: (id) => addressed.cancel(id),
    change: (id, options) => addressed.change(id, options),
    runNow: (id) => addressed.runNow(id),
    schedule: (schedule, rule, data, options) => schedules.put(schedule, rule, data, options),
    schedules,
    async pause() {
      assertOpen()
      await whole.pause(name)
    },
    async resume() {
      assertOpen()
      await whole.resume(name)
    },
    async list(options) {
      assertOpen()
      return contents.list<Data>(options)
    },
    async drain() {
      assertOpen()
      return contents.drain()
    },
    async obliterate(options) {
      assertOpen()
      return contents.obliterate(options)
    },
    counts: () =>
      deadlines.bound(
        whole.counts(name),
        () =>
          new EngineUnavailableError(
            `Queue ${JSON.stringify(name)} could not be counted by the deadline.`,
            { outcome: 'not-applied' },
          ),
      ),
    dead: deadLetters(whole, name, assertOpen),
  }
}
