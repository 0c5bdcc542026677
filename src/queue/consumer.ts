import { randomBytes } from 'node:crypto'
import type { Clock, Timer } from '../clock.ts'
import { StaleDeliveryError } from '../errors.ts'
import { untilAnswered } from './again.ts'
import type { ConsumerTerms } from './consumer-terms.ts'
import {
  closedTooEarly,
  confirm,
  isStaying,
  leaveUnknown,
  type Outgoing,
  refuse,
  type Settlement,
  settlementsOf,
} from './outbox.ts'
import type { ExchangeAnswer, ExchangeRequest, QueueStore, StoredJob } from './store.ts'
import { endOfTurn } from './turn.ts'

/** A call under way. */
interface Sent {
  settled: Outgoing[]
  want: number
  /** Who holds something may not be able to take what an idle one could. */
  isIdleLook: boolean
  answer: Promise<ExchangeAnswer | null>
}

/** A look without a reason: no wake-up is trusted for longer than this. */
const SAFETY_CHECK_MS = 5_000

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
  private readonly outbox: Outgoing[] = []
  private epoch = newEpoch()
  private sequence = 0
  private running: Promise<void> | null = null
  private calling = false
  private checkEveryMs = SAFETY_CHECK_MS
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
  /** Higher than of all that was claimed before the last answer. */
  lastFence = 0

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

  /** Its life of now: the next one begins when this one was lost. */
  get currentEpoch(): string {
    return this.epoch
  }

  /** What was claimed beside its calls is its own from now on. */
  adopt(jobs: readonly StoredJob[]): void {
    for (const { id } of jobs) this.held.add(id)
    this.terms.onLease(this.held.size > 0 ? this.epoch : null)
    if (!this.running) this.armCheck()
  }

  /** False: it was lost. What was its own is taken from it beside its calls. */
  disown(id: string): boolean {
    return this.held.delete(id)
  }

  /** A call is under way: what is told now goes with the next one. */
  get isCalling(): boolean {
    return this.calling
  }

  /** Resolves when the store has it; rejects with {@link StaleDeliveryError} if it was too late. */
  settle(id: string, settlement: Settlement): Promise<void> {
    return new Promise((resolve, reject) => {
      if (!this.post({ id, settlement, asker: { resolve, reject } })) {
        reject(new StaleDeliveryError(this.terms.queue, id))
      }
    })
  }

  /** The same where nobody asks what became of it: it costs half as much. */
  tell(id: string, settlement: Settlement): void {
    this.post({ id, settlement, asker: null })
  }

  private post(outgoing: Outgoing): boolean {
    const { id, settlement } = outgoing
    const isHeld = isStaying(settlement) ? this.held.has(id) : this.held.delete(id)
    if (isHeld) this.outbox.push(outgoing)
    // Its slot is free in any case.
    this.claimWanted = true
    this.pump()
    return isHeld
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
    refuse(this.terms.queue, this.outbox.splice(0))
  }

  /** What is settled by the promises of this turn shares the call. */
  private pump(): void {
    if (this.running || this.pumpSoon || this.stopped) return
    this.pumpSoon = true
    void endOfTurn().then(() => {
      this.pumpSoon = false
      if (this.running || this.stopped) return
      this.running = this.run().finally(() => {
        this.running = null
      })
    })
  }

  private async run(): Promise<void> {
    let sent = this.send(true)
    while (sent) {
      // Now that what ended has left, the next jobs run while the engine works on it.
      await endOfTurn()
      this.terms.start()
      const answer = await sent.answer
      this.calling = false
      if (!answer) return leaveUnknown(sent.settled, closedTooEarly(this.terms.queue))
      this.lastAnswerMs = this.clock.monotonicMs()
      if (sent.isIdleLook) this.terms.looks.lastMs = this.lastAnswerMs
      this.take(answer, sent)
      // Where nothing ended meanwhile, there is nothing to wait for.
      sent = this.outbox.length > 0 ? this.send(false) : null
      if (sent) continue
      this.terms.start()
      // Handlers that finish in this very turn join the next call.
      await endOfTurn()
      sent = this.send(false)
    }
    this.terms.start()
    this.armCheck()
  }

  /** Null if there is nothing to say or to ask; a check has something to ask while anything is held. */
  private send(isCheck: boolean): Sent | null {
    const wants = this.claiming && this.claimWanted && !this.stopped
    const want = wants ? Math.max(0, this.terms.claimable()) : 0
    const hasReason = want > 0 || this.outbox.length > 0 || (isCheck && this.held.size > 0)
    if (!hasReason || this.stopped) return null
    this.claimWanted = false
    this.calling = true
    const settled = this.outbox.splice(0)
    const request = this.requestFor(settled, want)
    const isIdleLook = request.heldCount === 0 && want > 0
    return { settled, want, isIdleLook, answer: this.exchange(request, settled) }
  }

  /** Repeats the same call until it is answered: the store recognises it by its sequence. */
  private exchange(request: ExchangeRequest, settled: Outgoing[]): Promise<ExchangeAnswer | null> {
    return untilAnswered({
      clock: this.clock,
      call: () => this.store.exchange(request),
      isOver: () => this.stopped,
      failed: (error) => leaveUnknown(settled.splice(0), error),
    })
  }

  private requestFor(settled: Outgoing[], want: number): ExchangeRequest {
    const { queue, leaseMs, maxCrashes, keptFailures } = this.terms
    return {
      queue,
      epoch: this.epoch,
      sequence: ++this.sequence,
      leaseMs,
      maxCrashes,
      keptFailures,
      heldCount: this.held.size + settled.length,
      want,
      ...settlementsOf(settled),
    }
  }

  private take(answer: ExchangeAnswer, { settled, want }: Sent): void {
    if (answer.tag === 'lost') return this.loseAll(settled)
    this.lastFence = answer.fence
    confirm(this.terms.queue, settled, answer.staleIds)
    for (const { id } of answer.jobs) this.held.add(id)
    this.terms.onLease(this.held.size > 0 ? this.epoch : null)
    if (answer.jobs.length > 0) this.terms.onJobs(answer.jobs, answer.fence)
    if (want > 0) this.terms.onAsked()
    if (answer.gates) this.terms.onGates(answer.gates)
    if (answer.more && want > 0) this.claimWanted = true
    else if (answer.jobs.length < want || want === 0) this.waitForMore(answer)
    this.checkEveryMs = answer.watch
      ? Math.min(SAFETY_CHECK_MS, this.terms.leaseMs / 4)
      : SAFETY_CHECK_MS
  }

  private loseAll(settled: Outgoing[]): void {
    const ids = [...this.held]
    this.held.clear()
    this.epoch = newEpoch()
    this.sequence = 0
    refuse(this.terms.queue, settled)
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
    } else if (!this.stopListening) {
      const stopTokens = this.store.onWake(this.terms.queue, () => this.onToken())
      const stopHints = this.terms.looks.idle.add(() => this.wake())
      this.stopListening = () => {
        stopTokens()
        stopHints()
      }
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
    const isIdle = this.held.size === 0
    const everyMs = isIdle ? this.checkEveryMs * (0.9 + Math.random() / 10) : this.terms.leaseMs / 4
    const { lastMs } = this.terms.looks
    const sinceMs = this.clock.monotonicMs() - lastMs
    const delayMs = isIdle && sinceMs < everyMs ? everyMs - sinceMs : everyMs
    this.checkTimer = this.clock.after(delayMs, () => {
      if (this.terms.looks.lastMs > lastMs && this.held.size === 0) this.armCheck()
      else this.wake()
    })
  }
}

const newEpoch = () => randomBytes(9).toString('base64url')
