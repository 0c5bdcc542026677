import type { Clock, Timer } from '../clock.ts'
import { JobTimeoutError, StaleDeliveryError } from '../errors.ts'
import { readOptions } from '../options.ts'
import { ClaimAhead } from './ahead.ts'
import type { Looks } from './consumer-terms.ts'
import { JobFailedError } from './errors.ts'
import { type FailureTerms, settlementOf } from './failure.ts'
import type { Handling } from './handling.ts'
import type { Heartbeat } from './heartbeat.ts'
import { hasLost } from './held-passes.ts'
import type { Needs } from './needs.ts'
import { type CloseOptions, closeOptions, MOST_HELD } from './options.ts'
import { ACK, BACK } from './outbox.ts'
import { PartitionedConsumer } from './partitioned-consumer.ts'
import type { Partitions } from './partitions.ts'
import { abortRun, idOf, newRun, type Run } from './run.ts'
import type { QueueStore, StoredJob } from './store.ts'

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
  /** Jobs that may run at one time. */
  concurrency: number
  leaseMs: number
  maxCrashes: number
  timeoutMs: number
  failures: FailureTerms
  looksOf: (queue: string) => Looks
  partitions: Partitions
  onRefused: (error: unknown) => void
  rememberMs: number
  /** What jobs wait for before they are given out. */
  needs: Needs
  tickFailed: (name: string, error: unknown) => void
  /** Null where the worker's own calls are enough. */
  heartbeat: Heartbeat | null
}

/** After the timeout of `close`, how long the engine has to take the jobs back. */
const HAND_BACK_MS = 2_000

export class QueueWorker {
  private readonly clock: Clock
  private readonly terms: WorkerTerms
  private readonly handling: Handling
  /** In the order in which they began, so the first is the first that may time out. */
  private readonly runs = new Map<string, Run>()
  /** Claimed ahead, and not begun. */
  private waiting: Run[] = []
  private readonly ahead: ClaimAhead
  private timeoutTimer: Timer | null = null
  private readonly consumer: PartitionedConsumer
  private readonly onClosed: () => void
  private idleListeners: (() => void)[] = []
  private closing: Promise<void> | null = null

  constructor(
    store: QueueStore,
    clock: Clock,
    terms: WorkerTerms,
    handling: Handling,
    onClosed: () => void,
  ) {
    this.clock = clock
    this.terms = terms
    this.handling = handling
    this.onClosed = onClosed
    const { concurrency } = terms
    this.ahead = new ClaimAhead(
      clock,
      concurrency,
      Math.min(store.mostAhead, MOST_HELD - concurrency),
    )
    this.consumer = new PartitionedConsumer(store, clock, terms.partitions, {
      queue: terms.queue,
      leaseMs: terms.leaseMs,
      maxCrashes: terms.maxCrashes,
      keptFailures: terms.failures.keptFailures,
      failures: terms.failures,
      needs: terms.needs,
      looksOf: terms.looksOf,
      onRefused: terms.onRefused,
      rememberMs: terms.rememberMs,
      tickFailed: terms.tickFailed,
      freeSlots: () => this.room() - this.waiting.length,
      onJobs: (jobs, fence, coverage) => {
        for (const job of jobs) this.waiting.push(newRun(job, fence, this.consumer, coverage))
        if (this.closing) this.giveBackWaiting()
      },
      start: () => this.start(),
      onLease: (epoch, queue) => terms.heartbeat?.beat(queue, epoch),
      onLost: (ids) => {
        const lost = new Set(ids)
        this.waiting = this.waiting.filter(({ stored }) => !lost.has(stored.id))
        for (const id of ids) this.abort(id, new StaleDeliveryError(terms.queue, id))
      },
      onCancelled: (id, name) => this.abort(id, new JobFailedError(terms.queue, name, 'cancelled')),
      onPassLost: (id, reason) => this.abort(id, reason),
    })
    if (terms.heartbeat) void terms.heartbeat.ready.then(() => this.consumer.wake())
    else this.consumer.wake()
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
    this.giveBackWaiting()
    this.handling.hurry()
    if (!(await this.within(timeoutMs, this.idle()))) {
      for (const id of [...this.runs.keys()]) this.handBack(id)
    }
    await this.within(HAND_BACK_MS, this.consumer.flushed())
    this.consumer.stop()
    this.ahead.stop()
    this.timeoutTimer?.cancel()
    await this.terms.heartbeat?.stop()
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
    this.consumer.tell(id, BACK)
  }

  private giveBackWaiting(): void {
    for (const run of this.waiting.splice(0)) this.giveBack(run)
  }

  private giveBack({ stored }: Run): void {
    this.consumer.tell(stored.id, BACK)
  }

  /** With what is worth claiming before it can start. */
  private room(): number {
    return this.handling.room(this.runs) + this.ahead.count(this.runs.size > 0)
  }

  private start(): void {
    if (this.waiting.length === 0) return
    const room = this.handling.room(this.runs)
    if (room > 0) {
      const next = this.waiting.splice(0, room)
      for (const run of next) this.begin(run)
    }
    this.ahead.watch(
      () => this.waiting.length > 0,
      () => this.giveBackWaiting(),
    )
  }

  private begin(run: Run): void {
    const { id } = run.stored
    // Read for each: a process that was stopped between two of them must not take it for their time.
    run.startedMs = this.clock.monotonicMs()
    // Who stood still for a lease may have lost it: where it is ours yet, the call that gives it back claims it again.
    const isOver = run.startedMs >= run.coverage.untilMs
    if (isOver || hasLost(run.stored)) return this.giveBack(run)
    this.runs.set(id, run)
    this.ahead.noteStart()
    this.timeoutTimer ??= this.clock.after(this.terms.timeoutMs, () => this.endLate())
    this.handle(run).then(
      (result) => {
        const { name } = run.stored
        if (this.finish(run)) this.consumer.tell(id, name === null ? ACK : { tag: 'ack', result })
        this.startNext()
      },
      (error: unknown) => {
        if (this.finish(run)) this.fail(run.stored, error)
        this.startNext()
      },
    )
  }

  private async handle(run: Run): Promise<unknown> {
    return this.handling.handle(run)
  }

  /** While no call is under way, what ended has to leave first: {@link Consumer} says when to go on. */
  private startNext(): void {
    if (this.consumer.isCalling) this.start()
    if (this.runs.size > 0) return
    for (const listener of this.idleListeners.splice(0)) listener()
  }

  /** False for a job that was lost, handed back or timed out meanwhile: it is no longer ours to settle. */
  private finish(run: Run): boolean {
    const { id } = run.stored
    if (this.runs.get(id) !== run) return false
    this.runs.delete(id)
    const nowMs = this.clock.monotonicMs()
    this.ahead.noteEnd(nowMs - run.startedMs, nowMs)
    return true
  }

  /** Fails what has run for too long. All may run equally long, so one timer is enough. */
  private endLate(): void {
    const { queue, timeoutMs } = this.terms
    this.timeoutTimer = null
    const nowMs = this.clock.monotonicMs()
    for (const run of [...this.runs.values()]) {
      const leftMs = run.startedMs + timeoutMs - nowMs
      if (leftMs > 0) {
        this.timeoutTimer = this.clock.after(leftMs, () => this.endLate())
        break
      }
      const error = new JobTimeoutError(queue, idOf(run.stored), timeoutMs)
      abortRun(run, error)
      if (this.finish(run)) this.fail(run.stored, error)
    }
    this.startNext()
  }

  private fail(job: StoredJob, error: unknown): void {
    this.consumer.tell(job.id, settlementOf(job, error, this.terms.failures))
  }

  private abort(id: string, reason: unknown): void {
    const run = this.runs.get(id)
    if (run) abortRun(run, reason)
  }
}

/** The public face of a worker. */
export function workerOf(worker: QueueWorker): Worker {
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
