import type { Clock } from '../clock.ts'
import type { Deadlines } from '../deadlines.ts'
import { EngineUnavailableError, JobTimeoutError, StaleDeliveryError } from '../errors.ts'
import type { Looks } from './consumer-terms.ts'
import type { Ending } from './defer.ts'
import { type DeliveryTerms, type Held, holdDelivery } from './delivery.ts'
import { JobFailedError } from './errors.ts'
import { type FailureTerms, settlementOf } from './failure.ts'
import { hasLost } from './held-passes.ts'
import type { Needs } from './needs.ts'
import { DEFAULT_LEASE_MS, MOST_HELD } from './options.ts'
import { BACK } from './outbox.ts'
import { PartitionedConsumer } from './partitioned-consumer.ts'
import type { Partitions } from './partitions.ts'
import type { ReadPayload } from './schema.ts'
import type { QueueStore, StoredJob } from './store.ts'

export interface PullerTerms {
  queue: string
  timeoutMs: number
  maxCrashes: number
  failures: FailureTerms
  looksOf: (queue: string) => Looks
  partitions: Partitions
  onRefused: (error: unknown) => void
  rememberMs: number
  /** What jobs wait for before they are given out. */
  needs: Needs
  tickFailed: (name: string, error: unknown) => void
  readPayload: ReadPayload
}

interface Request<Data> {
  max: number
  resolve: (held: Held<Data>[]) => void
}

interface Readable<Data> {
  job: StoredJob
  data: Data
}

/** Deliveries for callers who ask: one consumer per queue and process, without handlers. */
export class Puller<Data> {
  private readonly clock: Clock
  private readonly deadlines: Deadlines
  private readonly terms: PullerTerms
  private readonly deliveryTerms: DeliveryTerms
  private readonly consumer: PartitionedConsumer
  private readonly requests = new Set<Request<Data>>()
  private readonly held = new Map<string, Held<Data>>()
  /** Claimed, and not yet read by a schema that takes its time. */
  private readingCount = 0
  private lastReading: Promise<unknown> = Promise.resolve()
  private closed = false

  constructor(store: QueueStore, clock: Clock, deadlines: Deadlines, terms: PullerTerms) {
    this.clock = clock
    this.deadlines = deadlines
    this.terms = terms
    this.deliveryTerms = {
      ...terms,
      clock,
      notes: { note: (job, note) => this.consumer.note(job, note) },
      settle: (id, settlement) => this.settle(id, settlement),
      onOver: (id) => this.held.delete(id),
    }
    this.consumer = new PartitionedConsumer(store, clock, terms.partitions, {
      queue: terms.queue,
      leaseMs: DEFAULT_LEASE_MS,
      maxCrashes: terms.maxCrashes,
      keptFailures: terms.failures.keptFailures,
      failures: terms.failures,
      needs: terms.needs,
      looksOf: terms.looksOf,
      onRefused: terms.onRefused,
      rememberMs: terms.rememberMs,
      tickFailed: terms.tickFailed,
      freeSlots: () => this.wanted(),
      onJobs: (jobs, fence) => this.give(jobs, fence),
      start: () => {},
      onLease: () => {},
      onLost: (ids) => {
        for (const id of ids) this.held.get(id)?.end(new StaleDeliveryError(terms.queue, id))
      },
      onCancelled: (id, name) =>
        this.held.get(id)?.abort(new JobFailedError(terms.queue, name, 'cancelled')),
      onPassLost: (id, reason) => this.held.get(id)?.abort(reason),
    })
  }

  /** Resolves with at least one delivery, or with none when `waitMs` is over. */
  take(max: number, waitMs: number, signal?: AbortSignal): Promise<Held<Data>[]> {
    if (this.closed) return Promise.resolve([])
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const request: Request<Data> = {
        max,
        resolve: (held) => {
          finish()
          resolve(held)
        },
      }
      const finish = () => {
        this.requests.delete(request)
        timer?.cancel()
        signal?.removeEventListener('abort', onAbort)
      }
      const onAbort = () => {
        finish()
        reject(signal?.reason)
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      const timer = waitMs > 0 ? this.clock.after(waitMs, () => request.resolve([])) : null
      this.requests.add(request)
      this.consumer.wake()
      if (waitMs > 0) return
      const late = this.deadlines.watch(() => request.resolve([]))
      const answered = this.consumer.answered().then(() => this.lastReading)
      void answered.then(() => {
        late()
        request.resolve([])
      })
    })
  }

  /** Hands back what nobody settled. */
  async close(): Promise<void> {
    this.closed = true
    this.consumer.stopClaiming()
    for (const request of [...this.requests]) request.resolve([])
    for (const held of [...this.held.values()]) this.handBack(held)
    const late = new Promise<void>((resolve) =>
      this.clock.after(2_000, resolve, { background: true }),
    )
    await Promise.race([this.consumer.flushed(), late])
    this.consumer.stop()
  }

  get isClosed(): boolean {
    return this.closed
  }

  /** As if it had never been taken. */
  handBack(held: Held<Data>): void {
    if (held.isOver) return
    const { id } = held.job
    held.end(new StaleDeliveryError(this.terms.queue, id))
    this.returnJob(id)
  }

  private returnJob(id: string): void {
    this.consumer.tell(id, BACK)
  }

  private wanted(): number {
    let wanted = 0
    for (const { max } of this.requests) wanted += max
    const coming = this.readingCount
    return Math.max(0, Math.min(wanted - coming, MOST_HELD - this.held.size - coming))
  }

  private give(jobs: StoredJob[], fence: number): void {
    const reading = jobs.map((job) => this.read(job))
    if (!reading.some((one) => one instanceof Promise)) {
      return this.hand(reading as (Readable<Data> | null)[], fence)
    }
    this.readingCount += jobs.length
    this.lastReading = Promise.all(reading).then((read) => {
      this.readingCount -= jobs.length
      this.hand(read, fence)
      this.consumer.wake()
    })
  }

  private hand(read: (Readable<Data> | null)[], fence: number): void {
    const waiting: Readable<Data>[] = []
    for (const one of read) {
      if (one && hasLost(one.job)) this.returnJob(one.job.id)
      else if (one) waiting.push(one)
    }
    for (const request of [...this.requests]) {
      if (waiting.length === 0) return
      request.resolve(waiting.splice(0, request.max).map((one) => this.hold(one, fence)))
    }
    // Whoever asked gave up while the claim was under way.
    for (const { job } of waiting) this.returnJob(job.id)
  }

  /** Null for what no handler may see: it must not cost its batch. */
  private read(job: StoredJob): Readable<Data> | null | Promise<Readable<Data> | null> {
    const fail = (error: unknown) => {
      this.consumer.tell(job.id, settlementOf(job, error, this.terms.failures))
      return null
    }
    try {
      const data = this.terms.readPayload(job.payload)
      if (!(data instanceof Promise)) return { job, data: data as Data }
      return this.inTime(job, data).then((read) => ({ job, data: read as Data }), fail)
    } catch (error) {
      return fail(error)
    }
  }

  /** A schema of the user's may never end. */
  private inTime(job: StoredJob, reading: Promise<unknown>): Promise<unknown> {
    const { queue, timeoutMs } = this.terms
    return new Promise((resolve, reject) => {
      const timer = this.clock.after(timeoutMs, () =>
        reject(new JobTimeoutError(queue, job.id, timeoutMs)),
      )
      reading.then(resolve, reject).finally(() => timer.cancel())
    })
  }

  /** What is not told by the deadline is told as soon as that is possible, so it may happen yet. */
  private settle(id: string, ending: Ending): Promise<void> {
    const { queue } = this.terms
    return this.deadlines.bound(
      this.consumer.settle(id, ending),
      () =>
        new EngineUnavailableError(
          `Queue ${JSON.stringify(queue)}: the engine did not confirm the end of delivery ${id} by the deadline. It is told again until it answers or the lease is over.`,
          { outcome: 'unknown' },
        ),
    )
  }

  private hold({ job, data }: Readable<Data>, fence: number): Held<Data> {
    const held = holdDelivery(job, data, fence, this.deliveryTerms)
    this.held.set(job.id, held)
    return held
  }
}
