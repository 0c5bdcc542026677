import { randomBytes } from 'node:crypto'
import type { Clock, Timer } from '../clock.ts'
import { EngineUnavailableError, StaleDeliveryError } from '../errors.ts'
import type { ExchangeAnswer, ExchangeRequest, QueueStore, StoredJob } from './store.ts'

/** How a delivery ends. */
export type Settlement =
  | { tag: 'ack' }
  | { tag: 'retry'; delayMs: number; failed: boolean }
  | { tag: 'death'; reason: string }

export interface ConsumerTerms {
  queue: string
  leaseMs: number
  maxCrashes: number
  /** How many more jobs could start now. */
  freeSlots: () => number
  onJobs: (jobs: StoredJob[], fence: number) => void
  /** These deliveries belong to someone else now. */
  onLost: (ids: string[]) => void
}

interface Outgoing {
  id: string
  settlement: Settlement
  resolve: () => void
  reject: (error: unknown) => void
}

/** A look without a reason: no wake-up is trusted for longer than this. */
const SAFETY_CHECK_MS = 5_000
const FIRST_PAUSE_MS = 50
const LONGEST_PAUSE_MS = 1_000

/**
 * One consumer of one queue: one epoch, one lease, one call at a time. A call carries everything
 * that was settled since the last one and claims as many jobs as have a free slot; what ends while
 * it is under way goes with the next. So the busier it is, the bigger its calls get.
 */
export class Consumer {
  private readonly store: QueueStore
  private readonly clock: Clock
  private readonly terms: ConsumerTerms
  private readonly held = new Set<string>()
  private outbox: Outgoing[] = []
  private epoch = newEpoch()
  private sequence = 0
  private running: Promise<void> | null = null
  private pumpSoon = false
  private claimWanted = false
  private claiming = true
  private stopListening: (() => void) | null = null
  private dueTimer: Timer | null = null
  private passing: Promise<void> | null = null
  private checkTimer: Timer | null = null
  private stopped = false
  /** Monotonic time of the last call that the engine answered. */
  lastAnswerMs: number | null = null

  constructor(store: QueueStore, clock: Clock, terms: ConsumerTerms) {
    this.store = store
    this.clock = clock
    this.terms = terms
  }

  get heldCount(): number {
    return this.held.size
  }

  /** There may be jobs to claim: at the start, on a wake-up, or when a slot became free. */
  wake(): void {
    this.claimWanted = true
    this.pump()
  }

  /** Resolves when the store has it; rejects with {@link StaleDeliveryError} if it was too late. */
  settle(id: string, settlement: Settlement): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.held.delete(id)) {
        // Its slot is free all the same.
        this.wake()
        return reject(new StaleDeliveryError(this.terms.queue, id))
      }
      this.outbox.push({ id, settlement, resolve, reject })
      this.claimWanted = true
      this.pump()
    })
  }

  /** Claims nothing from now on; what is held can still be settled. */
  stopClaiming(): void {
    this.claiming = false
    this.listen(false)
    if (!this.dueTimer) return
    this.dueTimer.cancel()
    this.dueTimer = null
    // Others may sleep without a timer for the next job: one of them must set one now.
    this.passing = this.store.passWake(this.terms.queue).catch(() => {})
  }

  /** Resolves when nothing is left to tell the store. */
  async flushed(): Promise<void> {
    while (!this.stopped && (this.running || this.pumpSoon || this.outbox.length > 0)) {
      await (this.running ?? new Promise((resolve) => setImmediate(resolve)))
    }
    await this.passing
  }

  /** Ends at once. What is still held is recovered from its lease; what waits is unknown. */
  stop(): void {
    this.stopped = true
    this.stopClaiming()
    this.checkTimer?.cancel()
    for (const { id, reject } of this.outbox.splice(0)) {
      reject(new StaleDeliveryError(this.terms.queue, id))
    }
  }

  /** After the promises that are settled now have run on: what they settle shares the call. */
  private pump(): void {
    if (this.running || this.pumpSoon || this.stopped) return
    this.pumpSoon = true
    queueMicrotask(() =>
      process.nextTick(() => {
        this.pumpSoon = false
        if (this.running || this.stopped) return
        this.running = this.run().finally(() => {
          this.running = null
        })
      }),
    )
  }

  private async run(): Promise<void> {
    while (!this.stopped) {
      const want = this.claiming && this.claimWanted ? this.terms.freeSlots() : 0
      this.claimWanted = false
      if (want <= 0 && this.outbox.length === 0 && this.held.size === 0) break
      const sending = this.outbox
      this.outbox = []
      const answer = await this.exchange(sending, Math.max(0, want))
      if (!answer) return
      this.take(answer, sending, want)
      // Handlers that finish in this very tick join the next call.
      await new Promise<void>((resolve) => queueMicrotask(() => process.nextTick(resolve)))
      if (this.outbox.length === 0 && !(this.claimWanted && this.terms.freeSlots() > 0)) break
    }
    this.armCheck()
  }

  /** Repeats the same call until it is answered: the store recognises it by its sequence. */
  private async exchange(sending: Outgoing[], want: number): Promise<ExchangeAnswer | null> {
    const request = this.requestFor(sending, want)
    for (
      let pauseMs = FIRST_PAUSE_MS;
      !this.stopped;
      pauseMs = Math.min(pauseMs * 2, LONGEST_PAUSE_MS)
    ) {
      try {
        const answer = await this.store.exchange(request)
        this.lastAnswerMs = this.clock.monotonicMs()
        return answer
      } catch (error) {
        if (this.stopped) break
        // It is told again, so what did not happen now may happen yet.
        for (const { reject } of sending.splice(0)) reject(asUnknown(error))
        await pause(this.clock, pauseMs * (0.5 + Math.random() / 2))
      }
    }
    const closed = `Queue ${JSON.stringify(this.terms.queue)} was closed before the engine answered.`
    for (const { reject } of sending) {
      reject(new EngineUnavailableError(closed, { outcome: 'unknown', retryable: false }))
    }
    return null
  }

  private requestFor(sending: Outgoing[], want: number): ExchangeRequest {
    const { queue, leaseMs, maxCrashes } = this.terms
    const request: ExchangeRequest = {
      queue,
      epoch: this.epoch,
      sequence: ++this.sequence,
      leaseMs,
      maxCrashes,
      heldCount: this.held.size + sending.length,
      want,
      acks: [],
      retries: [],
      deaths: [],
    }
    for (const { id, settlement } of sending) {
      if (settlement.tag === 'ack') request.acks.push(id)
      else if (settlement.tag === 'death') request.deaths.push({ id, reason: settlement.reason })
      else request.retries.push({ id, delayMs: settlement.delayMs, failed: settlement.failed })
    }
    return request
  }

  private take(answer: ExchangeAnswer, sent: Outgoing[], want: number): void {
    if (answer.tag === 'lost') return this.loseAll(sent)
    const stale = new Set(answer.staleIds)
    for (const { id, resolve, reject } of sent) {
      if (stale.has(id)) reject(new StaleDeliveryError(this.terms.queue, id))
      else resolve()
    }
    for (const { id } of answer.jobs) this.held.add(id)
    if (answer.jobs.length > 0) this.terms.onJobs(answer.jobs, answer.fence)
    if (answer.jobs.length < want || want === 0) this.waitForMore(answer)
    this.checkEveryMs = answer.watch
      ? Math.min(SAFETY_CHECK_MS, this.terms.leaseMs / 4)
      : SAFETY_CHECK_MS
  }

  private checkEveryMs = SAFETY_CHECK_MS

  private loseAll(sent: Outgoing[]): void {
    const ids = [...this.held]
    this.held.clear()
    this.epoch = newEpoch()
    this.sequence = 0
    for (const { id, reject } of sent) reject(new StaleDeliveryError(this.terms.queue, id))
    this.terms.onLost(ids)
    this.claimWanted = true
  }

  /** Everything that was there is taken: sleeps until a wake-up, the next due job or the check. */
  private waitForMore(answer: ExchangeAnswer & { tag: 'ok' }): void {
    if (!this.claiming || this.stopped) return
    this.listen(this.terms.freeSlots() > 0)
    this.dueTimer?.cancel()
    if (answer.nextDueMs === null) return
    const delayMs = answer.sentAtMs + answer.nextDueMs - this.clock.monotonicMs()
    this.dueTimer = this.clock.after(delayMs, () => this.wake())
  }

  private listen(on: boolean): void {
    if (!on) {
      this.stopListening?.()
      this.stopListening = null
    } else {
      this.stopListening ??= this.store.onWake(this.terms.queue, () => this.onToken())
    }
  }

  private onToken(): void {
    if (this.claiming && this.terms.freeSlots() > 0) return this.wake()
    this.listen(false)
    this.store.passWake(this.terms.queue).catch(() => {})
  }

  /** Keeps the lease while something is held, and looks for what a lost wake-up left behind. */
  private armCheck(): void {
    this.checkTimer?.cancel()
    if (this.stopped || (!this.claiming && this.held.size === 0)) return
    const everyMs =
      this.held.size > 0 ? this.terms.leaseMs / 4 : this.checkEveryMs * (0.8 + Math.random() / 5)
    this.checkTimer = this.clock.after(everyMs, () => this.wake())
  }
}

const asUnknown = (error: unknown) =>
  error instanceof EngineUnavailableError && error.outcome === 'not-applied'
    ? new EngineUnavailableError(error.message, { outcome: 'unknown', cause: error })
    : error

const newEpoch = () => randomBytes(9).toString('base64url')

const pause = (clock: Clock, ms: number) =>
  new Promise<void>((resolve) => {
    clock.after(ms, resolve)
  })
