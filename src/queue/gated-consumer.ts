import type { Clock } from '../clock.ts'
import { SluiceError } from '../errors.ts'
import type { Gate, Pass } from '../gate/gate.ts'
import { type FailureTerms, settlementOf } from './failure.ts'
import { Gatekeeper, type LetIn } from './gatekeeper.ts'
import { giveBack, HeldPasses } from './held-passes.ts'
import type { Need, Needs } from './needs.ts'
import type { Settlement } from './outbox.ts'
import type { Unparked } from './parking.ts'
import type { Note } from './record-store.ts'
import { SlotWaits } from './slot-waits.ts'
import { Standing } from './standing.ts'
import type { QueueStore, StoredJob } from './store.ts'
import { TicketConsumer, type TicketTerms } from './ticket-consumer.ts'

export interface GatedTerms extends Omit<TicketTerms, 'onGates' | 'keeper'> {
  needs: Needs
  failures: FailureTerms
  /** What a delivery was let in with is lost: it is still to be settled. */
  onPassLost: (id: string, reason: unknown) => void
}

/** A job whose gate could not be asked comes back after this time, without an attempt. */
const PUT_OFF_MS = 1_000
const BACK: Settlement = { tag: 'retry', delayMs: 0, failed: false }
/** Gates that are remembered as kept by others. */
const MOST_ELSEWHERE = 10_000

/**
 * A consumer that knows gates: a job that needs some is given out once it has them all, and is parked behind the first one
 * that it does not get. Jobs without gates are given out as they come.
 */
export class GatedConsumer {
  private readonly clock: Clock
  private readonly terms: GatedTerms
  private readonly tickets: TicketConsumer
  private readonly gatekeeper: Gatekeeper
  private readonly metadata: string
  private readonly held: HeldPasses
  /** What unparked jobs were let in with, until they are looked at. */
  private readonly letIn = new Map<string, LetIn>()
  /** Gates for one at a time that are held or asked for here. */
  private readonly taken = new Set<string>()
  /** Until when others keep a gate, monotonic. */
  private readonly elsewhere = new Map<string, number>()
  private readonly standings = new Set<Standing>()
  private readonly underWay = new Set<Promise<unknown>>()
  private readonly slotWaits: SlotWaits
  /** Jobs that are held and neither wait nor run: they ask for their gates. */
  private betweenCount = 0
  private life = 0
  private stopped = false

  constructor(store: QueueStore, clock: Clock, terms: GatedTerms) {
    this.clock = clock
    this.terms = terms
    this.metadata = JSON.stringify({ queue: terms.queue })
    const hasSlot = () => terms.freeSlots() - this.betweenCount > 0
    this.slotWaits = new SlotWaits(clock, hasSlot)
    this.held = new HeldPasses((id, reason) => terms.onPassLost(id, reason))
    this.tickets = new TicketConsumer(store, clock, {
      ...terms,
      freeSlots: () => terms.freeSlots() - this.betweenCount,
      claimable: () => terms.claimable() - this.betweenCount,
      onJobs: (jobs, fence) => this.take(jobs, fence),
      onLost: (ids) => this.lose(ids),
      onGates: (keys) => this.gatekeeper.look(keys),
    })
    this.gatekeeper = new Gatekeeper({
      clock,
      metadata: this.metadata,
      open: (text) => terms.needs.open(text),
      keepGates: (keys) => this.tickets.parking.keepGates(keys),
      yieldGates: (keys) => this.tickets.parking.yieldGates(keys),
      untilRoom: (ms) => this.slotWaits.until(ms),
      unpark: (key) => this.unpark(key),
      letIn: (unparked, granted) => this.track(this.receive(unparked, granted)),
    })
  }

  get isCalling(): boolean {
    return this.tickets.isCalling
  }

  get lastAnswerMs(): number | null {
    return this.tickets.lastAnswerMs
  }

  wake(): void {
    this.slotWaits.tell()
    this.tickets.wake()
  }

  stopClaiming(): void {
    this.tickets.stopClaiming()
    this.gatekeeper.stop()
    for (const standing of this.standings) this.track(standing.abandon())
  }

  stop(): void {
    this.stopped = true
    this.stopClaiming()
    this.tickets.stop()
    for (const id of this.held.ids()) this.leave(id)
  }

  /** Resolves when nothing is left to tell the store. */
  async flushed(): Promise<void> {
    await this.tickets.flushed()
    while (this.underWay.size > 0 && !this.stopped) {
      await Promise.all(this.underWay)
      await this.tickets.flushed()
    }
    await this.gatekeeper.settled()
  }

  /** How a delivery ended, where nobody asks what became of it. */
  tell(id: string, settlement: Settlement): void {
    this.tickets.tell(id, settlement)
    this.leave(id)
  }

  /** Resolves when the store has it; rejects with {@link StaleDeliveryError} if it was too late. */
  settle(id: string, settlement: Settlement): Promise<void> {
    const settled = this.tickets.settle(id, settlement)
    this.leave(id)
    return settled
  }

  /** @throws {NotAddressableError} for a plain job; {@link StaleDeliveryError} */
  note(job: StoredJob, note: Note): Promise<void> {
    return this.tickets.note(job, note)
  }

  private take(jobs: StoredJob[], fence: number): void {
    const { needs } = this.terms
    if (!jobs.some(({ payload }) => needs.has(payload))) return this.terms.onJobs(jobs, fence)
    const free = jobs.filter(({ payload }) => !needs.has(payload))
    if (free.length > 0) this.terms.onJobs(free, fence)
    for (const job of jobs) if (needs.has(job.payload)) this.track(this.admit(job, fence))
  }

  private track(promise: Promise<unknown>): void {
    const done = promise.then(() => {
      this.underWay.delete(done)
    })
    this.underWay.add(done)
  }

  /** All gates or none: what it got is given back before it is parked. */
  private async admit(job: StoredJob, fence: number): Promise<void> {
    const { life } = this
    const passes: Pass[] = []
    this.betweenCount++
    try {
      const isIn = await this.enterAll(job, passes)
      const isOurs = life === this.life && !this.stopped
      if (isIn && isOurs) return this.giveOut(job, fence, passes)
      await giveBack(passes)
    } catch (error) {
      await giveBack(passes)
      if (life === this.life) this.tickets.tell(job.id, this.refusalOf(job, error))
    } finally {
      this.betweenCount--
      this.wake()
    }
  }

  /** False: it is parked, or somebody else's by now. */
  private async enterAll(job: StoredJob, passes: Pass[]): Promise<boolean> {
    const granted = this.letIn.get(job.id)
    this.letIn.delete(job.id)
    if (granted) passes.push(granted.pass)
    const needs = this.terms.needs.of(job.payload)
    const grantedAt = needs.findIndex(({ gate }) => gate.key === granted?.pass.key)
    for (const [at, need] of needs.entries()) {
      const { gate } = need
      if (at === grantedAt && granted?.demand === gate.demand) continue
      // Another job was the first one when it was asked for.
      if (at === grantedAt) await giveBack(passes.splice(0, 1))
      const mayStand = granted !== undefined && at > grantedAt && this.mayStandFor(need)
      const pass = mayStand ? await this.stand(need) : await this.enter(job, need, passes)
      if (!pass && mayStand) this.tickets.tell(job.id, BACK)
      if (!pass) return false
      passes.push(gate.isShared ? pass : this.noting(pass))
    }
    return true
  }

  /** Null: it is parked. */
  private async enter(job: StoredJob, need: Need, passes: Pass[]): Promise<Pass | null> {
    const { gate } = need
    const standing = this.isShut(gate) ? null : this.ask(gate)
    const isIn = standing !== null && (await standing.isIn)
    const pass = isIn ? await standing.entered : null
    if (pass) return pass
    await giveBack(passes)
    await this.park(job, need, standing)
    return null
  }

  /**
   * A job that was let in waits for what comes behind in the order of gates with what it has: parked again, it would find
   * the others shut each time while many need the same ones. As all wait in that order, none waits for ever.
   */
  private async stand(need: Need): Promise<Pass | null> {
    const pass = await this.standFor(need.gate)
    const isPassed = pass !== null && need.turnOf !== null && (await this.letPass(need.gate, pass))
    return isPassed ? this.standFor(need.gate) : pass
  }

  private async standFor(gate: Gate): Promise<Pass | null> {
    const standing = new Standing(gate, gate.demand, this.metadata)
    this.standings.add(standing)
    try {
      return await standing.entered
    } finally {
      this.standings.delete(standing)
    }
  }

  /**
   * Not with half of the free slots where keys take turns: who is parked there needs room as well. Else it is parked
   * there, in its turn; one always stands, so that not all go to and fro between two gates.
   */
  private mayStandFor({ gate, turnOf }: Need): boolean {
    if (gate.isSpent) return false
    if (turnOf === null || this.standings.size === 0) return true
    return 2 * this.betweenCount <= this.terms.freeSlots()
  }

  /** Those who stand have a place each, and all who are parked have one: each lets one of these go first. */
  private async letPass(gate: Gate, pass: Pass): Promise<boolean> {
    if (!this.slotWaits.hasSlot()) return false
    const unparked = await this.unpark(gate.key)
    if (!unparked?.job) return false
    const { job, fence } = unparked
    this.track(this.receive({ job, fence }, { pass, demand: gate.demand }))
    return true
  }

  /** Others wait for it, or hold it and will for a while: asking would be in vain. */
  private isShut({ key }: Gate): boolean {
    if (this.gatekeeper.isKeeping(key) || this.taken.has(key)) return true
    const untilMs = this.elsewhere.get(key)
    if (untilMs === undefined) return false
    if (untilMs > this.clock.monotonicMs()) return true
    this.elsewhere.delete(key)
    return false
  }

  private ask(gate: Gate): Standing {
    const standing = new Standing(gate, gate.demand, this.metadata)
    if (gate.isShared) return standing
    this.taken.add(gate.key)
    const free = () => this.taken.delete(gate.key)
    standing.isIn.then((isIn) => isIn || free(), free)
    return standing
  }

  /** Of a gate for one at a time: while it is held here nobody here has to ask. */
  private noting(pass: Pass): Pass {
    const { key, fence, signal } = pass
    const free = () => this.taken.delete(key)
    return {
      ...{ key, fence, signal },
      release: () => pass.release().finally(free),
      giveBack: () => pass.giveBack().finally(free),
    }
  }

  private async park(job: StoredJob, need: Need, standing: Standing | null): Promise<void> {
    const { gate, turnOf } = need
    const { key, terms, demand } = gate
    const parked = await this.tickets.park(job, { gate: key, terms, demand, turnOf })
    if (parked?.tag === 'keeper') return this.gatekeeper.keep(key, () => gate, demand, standing)
    if (standing) this.track(standing.abandon())
    if (parked?.tag !== 'kept') return
    if (this.elsewhere.size >= MOST_ELSEWHERE) this.elsewhere.clear()
    this.elsewhere.set(key, this.clock.monotonicMs() + parked.forMs)
  }

  private refusalOf(job: StoredJob, error: unknown): Settlement {
    const mayPass = error instanceof SluiceError && error.retryable
    if (mayPass) return { tag: 'retry', delayMs: PUT_OFF_MS, failed: false }
    return settlementOf(job, error, this.terms.failures)
  }

  private giveOut(job: StoredJob, fence: number, passes: readonly Pass[]): void {
    // First, as what nobody can take goes back at once.
    this.held.add(job.id, passes)
    if (passes.some(({ signal }) => signal?.aborted)) return this.tell(job.id, BACK)
    this.terms.onJobs([{ ...job, passes }], fence)
    this.terms.start()
  }

  /** The delivery has ended: those who wait for what it held are let in. */
  private leave(id: string): void {
    for (const released of this.held.release(id)) this.track(released)
    this.slotWaits.tell()
  }

  private lose(ids: string[]): void {
    this.life++
    this.terms.onLost(ids)
    for (const id of ids) this.leave(id)
  }

  private async unpark(key: string): Promise<Unparked | null> {
    this.betweenCount++
    try {
      return await this.tickets.parking.unpark(key)
    } finally {
      this.betweenCount--
    }
  }

  /** What was unparked may be a ticket, which is opened first. Where nothing comes of it, nothing is held. */
  private async receive(
    { job, fence }: { job: StoredJob; fence: number },
    granted: LetIn | null,
  ): Promise<void> {
    if (granted) this.letIn.set(job.id, granted)
    await this.tickets.receive(job, fence)
    if (granted && this.letIn.delete(job.id)) await granted.pass.giveBack()
  }
}
