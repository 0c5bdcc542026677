import type { Clock, Timer } from '../clock.ts'
import type { Deadlines } from '../deadlines.ts'
import type { Duration } from '../duration.ts'
import { EngineUnavailableError, StaleDeliveryError } from '../errors.ts'
import { readOptions } from '../options.ts'
import { Consumer, type Settlement } from './consumer.ts'
import {
  type BackoffTerms,
  backoffMs,
  DEFAULT_LEASE_MS,
  MOST_HELD,
  retryOptions,
} from './options.ts'
import { decodePayload } from './payload.ts'
import type { QueueStore, StoredJob } from './store.ts'
import { reasonOf } from './worker.ts'

/** A job taken by hand. It must be settled within the queue's `timeout`, else the attempt has failed. */
export interface Delivery<Data> {
  readonly id: string
  readonly data: Data
  readonly attempt: number
  readonly fence: number
  /** Aborts when the delivery is over without having been settled. */
  readonly signal: AbortSignal
  /** Done: the job is removed. @throws {StaleDeliveryError} if it is not this delivery's any more */
  ack(): Promise<void>
  /** Failed: tried again after `delay`, by default the queue's backoff; dead after the last attempt. */
  retry(options?: { delay?: Duration }): Promise<void>
  /** Failed for good: straight to the dead letters. */
  fail(reason?: unknown): Promise<void>
}

export interface PullerTerms {
  queue: string
  timeoutMs: number
  maxCrashes: number
  backoff: BackoffTerms
}

interface Request<Data> {
  max: number
  resolve: (deliveries: Delivery<Data>[]) => void
}

interface Readable<Data> {
  job: StoredJob
  data: Data
}

interface Held {
  controller: AbortController
  timer: Timer
}

/** Deliveries for callers who ask: one consumer per queue and process, without handlers. */
export class Puller<Data> {
  private readonly clock: Clock
  private readonly deadlines: Deadlines
  private readonly terms: PullerTerms
  private readonly consumer: Consumer
  private readonly requests = new Set<Request<Data>>()
  private readonly held = new Map<string, Held>()

  constructor(store: QueueStore, clock: Clock, deadlines: Deadlines, terms: PullerTerms) {
    this.clock = clock
    this.deadlines = deadlines
    this.terms = terms
    this.consumer = new Consumer(store, clock, {
      queue: terms.queue,
      leaseMs: DEFAULT_LEASE_MS,
      maxCrashes: terms.maxCrashes,
      freeSlots: () => this.wanted(),
      onJobs: (jobs, fence) => this.give(jobs, fence),
      onLost: (ids) => {
        for (const id of ids) this.end(id, new StaleDeliveryError(terms.queue, id))
      },
    })
  }

  /** Resolves with at least one delivery, or with none when `waitMs` is over. */
  take(max: number, waitMs: number, signal?: AbortSignal): Promise<Delivery<Data>[]> {
    return new Promise((resolve, reject) => {
      if (signal?.aborted) return reject(signal.reason)
      const request: Request<Data> = {
        max,
        resolve: (deliveries) => {
          finish()
          resolve(deliveries)
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
      void this.consumer.flushed().then(() => {
        late()
        request.resolve([])
      })
    })
  }

  /** Hands back what nobody settled. */
  async close(): Promise<void> {
    this.consumer.stopClaiming()
    for (const request of [...this.requests]) request.resolve([])
    for (const id of [...this.held.keys()]) {
      this.end(id, new StaleDeliveryError(this.terms.queue, id))
      this.consumer.settle(id, { tag: 'retry', delayMs: 0, failed: false }).catch(() => {})
    }
    const late = new Promise<void>((resolve) =>
      this.clock.after(2_000, resolve, { background: true }),
    )
    await Promise.race([this.consumer.flushed(), late])
    this.consumer.stop()
  }

  private wanted(): number {
    let wanted = 0
    for (const { max } of this.requests) wanted += max
    return Math.min(wanted, MOST_HELD - this.held.size)
  }

  private give(jobs: StoredJob[], fence: number): void {
    const waiting = jobs.flatMap((job) => this.read(job))
    for (const request of [...this.requests]) {
      if (waiting.length === 0) return
      request.resolve(waiting.splice(0, request.max).map((one) => this.deliver(one, fence)))
    }
    // Whoever asked gave up while the claim was under way.
    for (const { job } of waiting) {
      this.consumer.settle(job.id, { tag: 'retry', delayMs: 0, failed: false }).catch(() => {})
    }
  }

  /** A payload that no producer of ours wrote is of no use to anyone, and must not cost its batch. */
  private read(job: StoredJob): Readable<Data>[] {
    try {
      return [{ job, data: decodePayload(job.payload) as Data }]
    } catch {
      const reason = 'the payload is not JSON: something else than sluice wrote it'
      this.consumer.settle(job.id, { tag: 'death', reason }).catch(() => {})
      return []
    }
  }

  /** What is not told by the deadline is told as soon as that is possible, so it may happen yet. */
  private settle(id: string, settlement: Settlement): Promise<void> {
    const { queue } = this.terms
    return this.deadlines.bound(
      this.consumer.settle(id, settlement),
      () =>
        new EngineUnavailableError(
          `Queue ${JSON.stringify(queue)}: the engine did not confirm the end of delivery ${id} by the deadline. It is told again until it answers or the lease is over.`,
          { outcome: 'unknown' },
        ),
    )
  }

  private deliver({ job, data }: Readable<Data>, fence: number): Delivery<Data> {
    const { queue, timeoutMs, backoff } = this.terms
    const controller = new AbortController()
    const timer = this.clock.after(timeoutMs, () => {
      this.end(job.id, new StaleDeliveryError(queue, job.id))
      failAttempt('not settled within the timeout').catch(() => {})
    })
    this.held.set(job.id, { controller, timer })
    const failures = job.attempt + 1
    const failAttempt = (reason: unknown, delayMs = backoffMs(backoff, failures)) =>
      failures >= job.maxAttempts
        ? this.settle(job.id, { tag: 'death', reason: reasonOf(reason) })
        : this.settle(job.id, { tag: 'retry', delayMs, failed: true })
    return {
      id: job.id,
      data,
      attempt: failures,
      fence,
      signal: controller.signal,
      ack: () => {
        this.end(job.id)
        return this.settle(job.id, { tag: 'ack' })
      },
      retry: async (options) => {
        const { delay } = readOptions('retry', options, retryOptions)
        this.end(job.id)
        await failAttempt('retried by its consumer until no attempt was left', delay)
      },
      fail: (reason = 'failed by its consumer') => {
        this.end(job.id)
        return this.settle(job.id, { tag: 'death', reason: reasonOf(reason) })
      },
    }
  }

  private end(id: string, reason?: unknown): void {
    const held = this.held.get(id)
    if (!held) return
    this.held.delete(id)
    held.timer.cancel()
    if (reason !== undefined) held.controller.abort(reason)
  }
}
