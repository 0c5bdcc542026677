import type { Clock } from '../clock.ts'
import { SluiceError, StaleDeliveryError } from '../errors.ts'
import type { Gate, Pass } from '../gate/gate.ts'
import { UnderWay } from '../gate/under-way.ts'
import { Admission, type Brought, type Where } from './admission.ts'
import type { Ending } from './defer.ts'
import { type FailureTerms, settlementOf } from './failure.ts'
import { FreeSlots } from './free-slots.ts'
import { Gatekeeper, type LetIn } from './gatekeeper.ts'
import { HeldPasses } from './held-passes.ts'
import { type FailedRetry, KeptJobs } from './kept-jobs.ts'
import type { Needs } from './needs.ts'
import type { Settlement } from './outbox.ts'
import type { Claimed } from './parking.ts'
import type { Note } from './record-store.ts'
import type { Standing } from './standing.ts'
import type { QueueStore, StoredJob } from './store.ts'
import { TicketConsumer, type TicketTerms } from './ticket-consumer.ts'

export interface GatedTerms extends Omit<TicketTerms, 'onGates' | 'onAsked'> {
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
  private readonly admission: Admission
  private readonly held: HeldPasses
  /** Until they are looked at. */
  private readonly brought = new Map<string, Brought>()
  private readonly kept: KeptJobs
  private readonly underWay = new UnderWay()
  private readonly asking = new UnderWay()
  private readonly slots: FreeSlots
  private life = 0
  private stopped = false

  constructor(store: QueueStore, clock: Clock, terms: GatedTerms) {
    this.terms = terms
    this.metadata = JSON.stringify({ queue: terms.queue })
    const { freeSlots } = terms
    this.slots = new FreeSlots({ clock, freeSlots, ask: () => this.tickets.wake() })
    this.admission = new Admission({
      ...{ clock, needs: terms.needs, metadata: this.metadata, asking: this.asking },
      isKeeping: (key) => this.gatekeeper.isKeeping(key),
      isRoomy: () => 2 * this.slots.reserved <= terms.freeSlots(),
      letPass: (gate, pass) => this.gatekeeper.letPass(gate, pass),
      park: (job, where, standing) => this.park(job.id, where, standing),
    })
    this.kept = new KeptJobs({
      clock,
      stay: async (id, failed) => {
        await this.tickets.settle(id, failed)
        return this.tickets.lastFence
      },
      untilRoom: (ms) => this.slots.until(ms),
      again: (job, fence, passes) => this.tryAgain(job, fence, passes),
      back: (id, delayMs) => this.tickets.tell(id, { tag: 'retry', delayMs, failed: false }),
      release: (pass) => this.admission.release(pass),
    })
    this.held = new HeldPasses((id, reason) => terms.onPassLost(id, reason))
    this.tickets = new TicketConsumer(store, clock, {
      ...terms,
      freeSlots: () => terms.freeSlots() - this.slots.spokenFor,
      claimable: () => terms.claimable() - this.slots.spokenFor,
      onJobs: (jobs, fence) => this.take(jobs, fence),
      onAsked: () => this.slots.asked(),
      onLost: (ids) => this.lose(ids),
      onGates: (keys) => this.gatekeeper.look(keys),
    })
    this.gatekeeper = new Gatekeeper({
      clock,
      metadata: this.metadata,
      open: (text) => terms.needs.open(text),
      keepGates: (keys) => this.tickets.parking.keepGates(keys),
      yieldGates: (keys) => this.tickets.parking.yieldGates(keys),
      slots: this.slots,
      takesTurns: (gate) => terms.needs.takesTurns(gate),
      unpark: (key, count) => this.tickets.parking.unpark(key, count),
      letIn: (claimed, granted) => this.underWay.during(this.receive(claimed, granted)),
      putBack: (claimed, gate) => this.putBack(claimed, gate),
    })
  }

  get isCalling(): boolean {
    return this.tickets.isCalling
  }

  get lastAnswerMs(): number | null {
    return this.tickets.lastAnswerMs
  }

  wake(): void {
    this.slots.tell()
    this.tickets.wake()
  }

  stopClaiming(): void {
    this.tickets.stopClaiming()
    this.gatekeeper.stop()
    this.kept.stop('back')
    this.slots.tell()
    for (const abandoned of this.admission.abandon()) this.underWay.during(abandoned)
  }

  stop(): void {
    this.stopped = true
    this.kept.stop('gone')
    this.stopClaiming()
    this.tickets.stop()
    for (const id of this.held.ids()) this.leave(id)
  }

  /** Resolves when all that can be had now was given out. */
  answered(): Promise<void> {
    return this.asking.rest(this.tickets, () => this.stopped)
  }

  /** Resolves when nothing is left to tell the store. */
  async flushed(): Promise<void> {
    await this.underWay.rest(this.tickets, () => this.stopped)
    await this.gatekeeper.settled()
  }

  /** How a delivery ended, where nobody asks what became of it. */
  tell(id: string, ending: Ending): void {
    if (ending.tag === 'behind') return this.underWay.during(this.putBehind(id, ending.gate))
    // Nobody asks whether it came too late.
    const kept = ending.tag === 'retry' ? this.keep(id, ending)?.catch(() => {}) : null
    if (kept) return
    this.tickets.tell(id, ending)
    this.leave(id)
  }

  /** Resolves when the store has it; rejects with {@link StaleDeliveryError} if it was too late. */
  settle(id: string, ending: Ending): Promise<void> {
    if (ending.tag === 'behind') return this.settleBehind(id, ending.gate)
    const kept = ending.tag === 'retry' ? this.keep(id, ending) : null
    if (kept) return kept
    const settled = this.tickets.settle(id, ending)
    this.leave(id)
    return settled
  }

  /** @throws {NotAddressableError} for a plain job; {@link StaleDeliveryError} */
  note(job: StoredJob, note: Note): Promise<void> {
    return this.tickets.note(job, note)
  }

  private take(jobs: StoredJob[], fence: number): void {
    const { needs } = this.terms
    const asks = ({ id, payload }: StoredJob) => needs.has(payload) || this.brought.has(id)
    if (!jobs.some(asks)) return this.terms.onJobs(jobs, fence)
    const free = jobs.filter((job) => !asks(job))
    if (free.length > 0) this.terms.onJobs(free, fence)
    for (const job of jobs) if (asks(job)) this.underWay.during(this.admit(job, fence))
  }

  /** All gates or none: what it got is given back before it is parked. */
  private async admit(job: StoredJob, fence: number): Promise<void> {
    const { life } = this
    const passes: Pass[] = []
    const brought = this.brought.size > 0 ? this.brought.get(job.id) : undefined
    if (brought) this.brought.delete(job.id)
    let isOut = false
    this.slots.reserve()
    this.asking.begin()
    try {
      const admitted = await this.admission.enterAll(job, passes, brought)
      isOut = admitted === 'in' && life === this.life && !this.stopped
      if (admitted === 'back') this.tickets.tell(job.id, BACK)
      if (!isOut) await this.admission.giveBack(passes)
    } catch (error) {
      const refusal = this.refusalOf({ ...job, passes: [...passes] }, error)
      await this.admission.giveBack(passes)
      if (life === this.life) this.tell(job.id, refusal)
    }
    this.slots.giveUp()
    if (isOut) this.giveOut(job, fence, passes)
    else this.wake()
    this.asking.end()
  }

  /** False: nothing is known of it any more. */
  private async park(id: string, where: Where, standing: Standing | null): Promise<boolean> {
    const { gate, turnOf } = where
    const { key, terms, demand } = gate
    const parked = await this.tickets.park(id, { gate: key, terms, demand, turnOf })
    if (parked?.tag === 'keeper') this.gatekeeper.keep(key, () => gate, demand, standing)
    else if (standing) this.underWay.during(standing.abandon())
    if (parked?.tag === 'kept') this.admission.keepOut(key, parked.forMs)
    return parked !== null && parked.tag !== 'stale'
  }

  /** What the delivery holds is given up before its job waits for more. False: it was not this delivery's any more. */
  private async putBehind(id: string, gate: Gate): Promise<boolean> {
    const { life } = this
    this.slots.reserve()
    this.admission.remember(id, gate)
    await Promise.all(this.held.remove(id).map((pass) => this.admission.release(pass)))
    const isOurs = life === this.life && !this.stopped
    const isParked = isOurs && (await this.park(id, { gate, turnOf: null }, null))
    this.slots.giveUp()
    this.wake()
    return isParked
  }

  private refusalOf(job: StoredJob, error: unknown): Ending {
    const mayPass = error instanceof SluiceError && error.retryable
    if (mayPass) return { tag: 'retry', delayMs: PUT_OFF_MS, failed: false }
    return settlementOf(job, error, this.terms.failures)
  }

  private giveOut(job: StoredJob, fence: number, passes: readonly Pass[]): void {
    job.passes = passes
    // First, as what nobody can take goes back at once.
    this.held.add(job)
    this.terms.onJobs([job], fence)
    this.terms.start()
  }

  /** The delivery has ended: those who wait for what it held are let in. */
  private leave(id: string): void {
    for (const pass of this.held.remove(id)) this.underWay.during(this.admission.release(pass))
    this.slots.tell()
  }

  /** Resolves when the store has the failure of a job that keeps what it holds. Null: it keeps nothing, and ends like others. */
  private keep(id: string, failed: FailedRetry): Promise<void> | null {
    const job = failed.failed && this.kept.hasRoom ? this.held.get(id) : undefined
    const passes = job ? this.terms.needs.keptOf(job) : []
    if (!job || passes.length === 0 || passes.some(({ signal }) => signal?.aborted)) return null
    for (const pass of this.held.remove(id)) {
      if (!passes.includes(pass)) this.underWay.during(this.admission.release(pass))
    }
    for (const { key } of passes) this.gatekeeper.endSeries(key)
    const { told, over } = this.kept.keep(job, failed, passes)
    this.underWay.during(over)
    this.wake()
    return told.then(() => {})
  }

  /** In the slot that is there now. */
  private async tryAgain(job: StoredJob, fence: number, passes: readonly Pass[]): Promise<void> {
    this.slots.reserve()
    this.brought.set(job.id, { kept: passes })
    await this.tickets.receive(job, fence)
    if (this.brought.delete(job.id))
      await Promise.all(passes.map((pass) => this.admission.release(pass)))
    this.slots.giveUp()
    this.wake()
  }

  private async settleBehind(id: string, gate: Gate): Promise<void> {
    const isParked = this.putBehind(id, gate)
    this.underWay.during(isParked)
    if (!(await isParked)) throw new StaleDeliveryError(this.terms.queue, id)
  }

  private lose(ids: string[]): void {
    this.life++
    this.gatekeeper.endAllSeries()
    this.terms.onLost(ids)
    for (const id of ids) {
      this.kept.drop(id)
      this.leave(id)
    }
  }

  private async putBack(claimed: Claimed[], gate: Gate): Promise<void> {
    const parks = claimed.map(({ job: { id } }) =>
      this.park(id, { gate, turnOf: null }, null).catch(() => this.tickets.tell(id, BACK)),
    )
    await Promise.all(parks)
    this.wake()
  }

  /** What was unparked may be a ticket, which is opened first. Where nothing comes of it, nothing is held. */
  private async receive({ job, fence }: Claimed, granted: LetIn | null): Promise<void> {
    if (granted) this.brought.set(job.id, { granted })
    await this.tickets.receive(job, fence)
    if (granted && this.brought.delete(job.id)) await granted.pass?.giveBack()
  }
}
