import type { Clock } from '../clock.ts'
import { SluiceError } from '../errors.ts'
import type { Gate, Pass } from '../gate/gate.ts'
import { UnderWay } from '../gate/under-way.ts'
import { type FailureTerms, settlementOf } from './failure.ts'
import { Gatekeeper, type LetIn } from './gatekeeper.ts'
import { HeldPasses } from './held-passes.ts'
import type { Needs } from './needs.ts'
import type { Settlement } from './outbox.ts'
import type { Unparked } from './parking.ts'
import type { Note } from './record-store.ts'
import { ShutGates } from './shut-gates.ts'
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

/**
 * A consumer that knows gates: a job that needs some is given out once it has them all, and is parked behind the first one
 * that it does not get. Jobs without gates are given out as they come.
 */
export class GatedConsumer {
  private readonly terms: GatedTerms
  private readonly tickets: TicketConsumer
  private readonly gatekeeper: Gatekeeper
  private readonly metadata: string
  private readonly held: HeldPasses
  /** What unparked jobs were let in with, until they are looked at. */
  private readonly letIn = new Map<string, LetIn>()
  private readonly shut: ShutGates
  private readonly standings = new Set<Standing>()
  private readonly underWay = new UnderWay()
  private readonly slotWaits: SlotWaits
  /** Jobs that are held and neither wait nor run: they ask for their gates. */
  private betweenCount = 0
  private life = 0
  private stopped = false

  constructor(store: QueueStore, clock: Clock, terms: GatedTerms) {
    this.shut = new ShutGates(clock)
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
      letIn: (unparked, granted) => this.underWay.during(this.receive(unparked, granted)),
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
    for (const standing of this.standings) this.underWay.during(standing.abandon())
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
    while (!this.underWay.isIdle && !this.stopped) {
      await this.underWay.idle()
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
    for (const job of jobs) if (needs.has(job.payload)) this.underWay.during(this.admit(job, fence))
  }

  /** All gates or none: what it got is given back before it is parked. */
  private async admit(job: StoredJob, fence: number): Promise<void> {
    const { life } = this
    const passes: Pass[] = []
    let isOut = false
    this.betweenCount++
    try {
      const isIn = await this.enterAll(job, passes)
      isOut = isIn && life === this.life && !this.stopped
      if (!isOut) await this.giveBack(passes)
    } catch (error) {
      await this.giveBack(passes)
      if (life === this.life) this.tickets.tell(job.id, this.refusalOf(job, error))
    }
    this.betweenCount--
    if (isOut) this.giveOut(job, fence, passes)
    else this.wake()
  }

  /** False: it is parked, or somebody else's by now. */
  private async enterAll(job: StoredJob, passes: Pass[]): Promise<boolean> {
    const granted = this.letIn.get(job.id)
    this.letIn.delete(job.id)
    if (granted) passes.push(granted.pass)
    const gates = this.terms.needs.of(job.payload)
    const grantedAt = gates.findIndex(({ key }) => key === granted?.pass.key)
    for (const [at, gate] of gates.entries()) {
      if (at === grantedAt && granted?.demand === gate.demand) continue
      // Another job was the first one when it was asked for.
      if (at === grantedAt) await this.giveBack(passes.splice(0, 1))
      const mayStand = granted !== undefined && at > grantedAt && !gate.isSpent
      const standing = mayStand || this.isShut(gate) ? null : this.ask(gate)
      const pass = mayStand
        ? await this.stand(gate)
        : standing && (await this.enter(gate, standing))
      if (pass) {
        passes.push(pass)
        continue
      }
      if (mayStand) this.tickets.tell(job.id, BACK)
      else {
        await this.giveBack(passes)
        await this.park(job, gate, standing)
      }
      return false
    }
    return true
  }

  private ask(gate: Gate): Standing {
    if (!gate.isShared) this.shut.take(gate.key)
    return new Standing(gate, gate.demand, this.metadata)
  }

  /** Null: it has to wait. */
  private async enter({ key }: Gate, standing: Standing): Promise<Pass | null> {
    let pass: Pass | null = null
    try {
      pass = await standing.atOnce()
    } finally {
      if (!pass) this.shut.free(key)
    }
    return pass
  }

  /**
   * A job that was let in waits for what comes behind in the order of gates with what it has: parked again, it would find
   * the others shut each time while many need the same ones. As all wait in that order, none waits for ever.
   */
  private async stand(gate: Gate): Promise<Pass | null> {
    const standing = new Standing(gate, gate.demand, this.metadata)
    this.standings.add(standing)
    try {
      return await standing.entered
    } finally {
      this.standings.delete(standing)
    }
  }

  /** Others wait for it, or hold it and will for a while: asking would be in vain. */
  private isShut({ key }: Gate): boolean {
    return this.gatekeeper.isKeeping(key) || this.shut.has(key)
  }

  private async park(job: StoredJob, gate: Gate, standing: Standing | null): Promise<void> {
    const { key, terms, demand } = gate
    const parked = await this.tickets.park(job, { gate: key, terms, demand })
    if (parked?.tag === 'keeper') return this.gatekeeper.keep(key, () => gate, demand, standing)
    if (standing) this.underWay.during(standing.abandon())
    if (parked?.tag === 'kept') this.shut.keepOut(key, parked.forMs)
  }

  private refusalOf(job: StoredJob, error: unknown): Settlement {
    const mayPass = error instanceof SluiceError && error.retryable
    if (mayPass) return { tag: 'retry', delayMs: PUT_OFF_MS, failed: false }
    return settlementOf(job, error, this.terms.failures)
  }

  private giveOut(job: StoredJob, fence: number, passes: readonly Pass[]): void {
    // First, as what nobody can take goes back at once.
    if (!this.held.add(job.id, passes)) return this.tell(job.id, BACK)
    job.passes = passes
    this.terms.onJobs([job], fence)
    this.terms.start()
  }

  /** The delivery has ended: those who wait for what it held are let in. */
  private leave(id: string): void {
    for (const pass of this.held.remove(id)) this.underWay.during(this.release(pass))
    this.slotWaits.tell()
  }

  /** While it is held, nobody here has to ask. */
  private release(pass: Pass): Promise<unknown> {
    return pass.release().then(() => this.shut.free(pass.key))
  }

  /** Of a job that does not run: none is left. */
  private async giveBack(passes: Pass[]): Promise<void> {
    await Promise.all(
      passes.splice(0).map(async (pass) => {
        await pass.giveBack()
        this.shut.free(pass.key)
      }),
    )
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
