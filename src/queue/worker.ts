import type { Clock, Timer } from '../clock.ts'
import { JobTimeoutError, StaleDeliveryError } from '../errors.ts'
import { readOptions } from '../options.ts'
import { Consumer } from './consumer.ts'
import { type BackoffTerms, backoffMs, type CloseOptions, closeOptions } from './options.ts'
import { decodePayload } from './payload.ts'
import type { QueueStore, StoredJob } from './store.ts'

/** One delivery of a job to a handler. */
export interface Job<Data> {
  readonly id: string
  readonly data: Data
  /** 1 for the first try; a crash of a worker does not count. */
  readonly attempt: number
  /** Higher than in every earlier delivery of this job: lets a resource refuse a late writer. */
  readonly fence: number
  /** Aborts when the delivery timed out, was lost to another worker, or the worker must close. */
  readonly signal: AbortSignal
}

export type Handler<Data> = (job: Job<Data>) => unknown

/** A running worker. */
export interface Worker extends AsyncDisposable {
  /** Jobs that run now. */
  readonly runningCount: number
  /** Milliseconds since the engine last answered, null before the first time: the health to watch. */
  readonly sinceAnswerMs: number | null
  /**
   * Claims no more, waits for running handlers up to `timeout`, then aborts their signals and hands
   * their jobs back at once. Resolves when nothing of this worker is left in the engine.
   */
  close(options?: CloseOptions): Promise<void>
}

export interface WorkerTerms {
  queue: string
  concurrency: number
  leaseMs: number
  maxCrashes: number
  timeoutMs: number
  backoff: BackoffTerms
}

interface Run {
  job: StoredJob
  /** Made on the first use of `job.signal`: most handlers never ask. */
  controller: AbortController | null
  abortReason: unknown
  timer: Timer | null
}

/** Reasons of dead letters are cut at this length. */
const LONGEST_REASON = 1_000
/** After the timeout of `close`, how long the engine has to take the jobs back. */
const HAND_BACK_MS = 2_000

export class QueueWorker<Data> {
  private readonly clock: Clock
  private readonly terms: WorkerTerms
  private readonly handler: Handler<Data>
  private readonly runs = new Map<string, Run>()
  private readonly consumer: Consumer
  private readonly onClosed: () => void
  private idleListeners: (() => void)[] = []
  private closing: Promise<void> | null = null

  constructor(
    store: QueueStore,
    clock: Clock,
    terms: WorkerTerms,
    handler: Handler<Data>,
    onClosed: () => void,
  ) {
    this.clock = clock
    this.terms = terms
    this.handler = handler
    this.onClosed = onClosed
    this.consumer = new Consumer(store, clock, {
      queue: terms.queue,
      leaseMs: terms.leaseMs,
      maxCrashes: terms.maxCrashes,
      freeSlots: () => terms.concurrency - this.runs.size,
      onJobs: (jobs, fence) => {
        for (const job of jobs) void this.process(job, fence)
      },
      onLost: (ids) => {
        for (const id of ids) this.abort(id, new StaleDeliveryError(terms.queue, id))
      },
    })
    this.consumer.wake()
  }

  get runningCount(): number {
    return this.runs.size
  }

  get sinceAnswerMs(): number | null {
    const { lastAnswerMs } = this.consumer
    return lastAnswerMs === null ? null : this.clock.monotonicMs() - lastAnswerMs
  }

  close(options?: CloseOptions): Promise<void> {
    const { timeout } = readOptions('close', options, closeOptions)
    this.closing ??= this.shutDown(timeout)
    return this.closing
  }

  private async shutDown(timeoutMs: number): Promise<void> {
    this.consumer.stopClaiming()
    if (!(await this.within(timeoutMs, this.idle()))) {
      for (const id of [...this.runs.keys()]) this.handBack(id)
    }
    await this.within(HAND_BACK_MS, this.consumer.flushed())
    this.consumer.stop()
    this.onClosed()
  }

  private async within(timeoutMs: number, done: Promise<unknown>): Promise<boolean> {
    let timer: Timer | undefined
    const late = new Promise<boolean>((resolve) => {
      timer = this.clock.after(timeoutMs, () => resolve(false))
    })
    const inTime = await Promise.race([done.then(() => true), late])
    timer?.cancel()
    return inTime
  }

  private idle(): Promise<void> {
    if (this.runs.size === 0) return Promise.resolve()
    return new Promise((resolve) => this.idleListeners.push(resolve))
  }

  private handBack(id: string): void {
    this.abort(id, new Error('The worker is closing.'))
    this.runs.delete(id)
    this.consumer.settle(id, { tag: 'retry', delayMs: 0, failed: false }).catch(() => {})
  }

  private async process(job: StoredJob, fence: number): Promise<void> {
    const run: Run = { job, controller: null, abortReason: undefined, timer: null }
    this.runs.set(job.id, run)
    const timedOut = new Promise<never>((_, reject) => {
      run.timer = this.clock.after(this.terms.timeoutMs, () => {
        const error = new JobTimeoutError(this.terms.queue, job.id, this.terms.timeoutMs)
        this.abort(job.id, error)
        reject(error)
      })
    })
    try {
      await Promise.race([this.handle(job, fence, run), timedOut])
      this.finish(run, () => this.consumer.settle(job.id, { tag: 'ack' }))
    } catch (error) {
      this.finish(run, () => this.fail(job, error))
    }
  }

  private async handle(job: StoredJob, fence: number, run: Run): Promise<void> {
    await this.handler({
      id: job.id,
      data: decodePayload(job.payload) as Data,
      attempt: job.attempt + 1,
      fence,
      get signal() {
        run.controller ??= new AbortController()
        if (run.abortReason !== undefined) run.controller.abort(run.abortReason)
        return run.controller.signal
      },
    })
  }

  private fail(job: StoredJob, error: unknown): Promise<void> {
    const failures = job.attempt + 1
    if (failures >= job.maxAttempts) {
      return this.consumer.settle(job.id, { tag: 'death', reason: reasonOf(error) })
    }
    const delayMs = backoffMs(this.terms.backoff, failures)
    return this.consumer.settle(job.id, { tag: 'retry', delayMs, failed: true })
  }

  /** A job that was lost or handed back meanwhile is no longer ours to settle. */
  private finish(run: Run, settle: () => Promise<void>): void {
    run.timer?.cancel()
    if (this.runs.get(run.job.id) === run) {
      this.runs.delete(run.job.id)
      settle().catch(() => {})
    }
    if (this.runs.size > 0) return
    for (const listener of this.idleListeners.splice(0)) listener()
  }

  private abort(id: string, reason: unknown): void {
    const run = this.runs.get(id)
    if (!run) return
    run.abortReason = reason
    run.controller?.abort(reason)
  }
}

/** What a dead letter says of the last error: its name and message, never its stack. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? `${error.name}: ${error.message}` : String(error)
  return text.slice(0, LONGEST_REASON)
}
