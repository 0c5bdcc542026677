import type { Clock } from '../clock.ts'
import { EngineUnavailableError, StaleDeliveryError } from '../errors.ts'
import { CancelLooks } from './cancel-looks.ts'
import { closeTickets, type Ended, restOf, type Shut, type Ticket } from './close-tickets.ts'
import { Consumer } from './consumer.ts'
import type { ConsumerTerms } from './consumer-terms.ts'
import { NotAddressableError } from './errors.ts'
import { MOST_IN_A_CALL, openTickets } from './open-tickets.ts'
import { ACK, isStaying, quiet, type Settlement } from './outbox.ts'
import { Parking } from './parking.ts'
import type { Park, Parked } from './parking-store.ts'
import type { CloseVerdict, Note, Opening } from './record-store.ts'
import type { QueueStore, StoredJob } from './store.ts'
import { Ticks } from './ticks.ts'
import { endOfTurn } from './turn.ts'

export interface TicketTerms extends ConsumerTerms {
  /** How long what has ended is remembered. */
  rememberMs: number
  /** This delivery is to be cancelled: it is still to be settled. */
  onCancelled: (id: string, name: string) => void
  /** The slots of a schedule could not be worked out. */
  tickFailed: (name: string, error: unknown) => void
}

/** What was claimed and is not given out yet. `life` tells whether it was lost meanwhile. */
interface Claim {
  jobs: StoredJob[]
  fence: number
  life: number
}

/**
 * A consumer that knows tickets: it opens them before their jobs are given out, in the order of the
 * claims, and closes them before they are settled. Who never meets a ticket has a plain {@link Consumer}.
 */
export class TicketConsumer {
  private readonly store: QueueStore
  private readonly clock: Clock
  private readonly terms: TicketTerms
  private readonly consumer: Consumer
  private readonly ticks: Ticks
  readonly parking: Parking
  private readonly tickets = new Map<string, Ticket>()
  private claims: Claim[] = []
  private readonly ended: Ended[] = []
  /** Jobs that are held and neither wait nor run: they are being opened or closed. */
  private betweenCount = 0
  private life = 0
  private opening: Promise<void> | null = null
  private closing: Promise<void> | null = null
  private readonly cancelling: CancelLooks
  private stopped = false

  constructor(store: QueueStore, clock: Clock, terms: TicketTerms) {
    this.store = store
    this.clock = clock
    this.terms = terms
    this.consumer = new Consumer(store, clock, {
      ...terms,
      freeSlots: () => terms.freeSlots() - this.betweenCount - this.ticks.count,
      claimable: () => terms.claimable() - this.betweenCount - this.ticks.count,
      onJobs: (jobs, fence) => this.takeAll(jobs, fence),
      onLost: (ids) => this.lose(ids),
    })
    this.ticks = new Ticks({
      ...{ store, queue: terms.queue, failed: terms.tickFailed },
      tell: (id, settlement) => this.consumer.tell(id, settlement),
    })
    this.cancelling = new CancelLooks({
      clock,
      everyMs: terms.leaseMs / 4,
      tickets: this.tickets,
      ask: (running) => store.findCancelling(terms.queue, running),
      onCancelled: (id, name) => terms.onCancelled(id, name),
    })
    this.parking = new Parking({
      ...{ store, clock, queue: terms.queue, leaseMs: terms.leaseMs },
      epoch: () => this.consumer.currentEpoch,
      heldCount: () => this.consumer.heldCount,
      adopt: (jobs) => this.consumer.adopt(jobs),
      isOver: () => this.stopped,
    })
  }

  get isCalling(): boolean {
    return this.consumer.isCalling
  }

  get lastAnswerMs(): number | null {
    return this.consumer.lastAnswerMs
  }

  get lastFence(): number {
    return this.consumer.lastFence
  }

  wake(): void {
    this.consumer.wake()
  }

  stopClaiming(): void {
    this.consumer.stopClaiming()
  }

  stop(): void {
    this.stopped = true
    this.cancelling.stop()
    this.consumer.stop()
  }

  /** Resolves when nothing is left to tell the store. */
  async flushed(): Promise<void> {
    do {
      await this.opening
      await this.closing
      await this.ticks.settled()
      await this.consumer.flushed()
    } while (!this.stopped && (this.opening || this.closing || this.ticks.count > 0))
  }

  /** How a delivery ended, where nobody asks what became of it. */
  tell(id: string, settlement: Settlement): void {
    const ticket = this.ticketOf(id)
    if (ticket) this.end({ ticket, settlement, asker: null })
    else this.consumer.tell(id, settlement)
  }

  /** Resolves when the store has it; rejects with {@link StaleDeliveryError} if it was too late. */
  settle(id: string, settlement: Settlement): Promise<void> {
    const ticket = this.ticketOf(id)
    if (!ticket) return this.consumer.settle(id, settlement)
    return new Promise((resolve, reject) =>
      this.end({ ticket, settlement, asker: { resolve, reject } }),
    )
  }

  /** @throws {NotAddressableError} for a plain job; {@link StaleDeliveryError} */
  async note({ id, name }: StoredJob, note: Note): Promise<void> {
    const { queue } = this.terms
    if (name === null) throw new NotAddressableError(queue, id)
    const ticket = this.tickets.get(id)
    const isNoted = ticket && (await this.store.noteRecord(queue, ticket, note))
    if (!isNoted) throw new StaleDeliveryError(queue, name)
  }

  /** A job that was given out is to wait for a gate. Null: nothing is known of it any more. */
  async park(id: string, where: Omit<Park, 'id'>): Promise<Parked | null> {
    const ticket = this.ticketOf(id)
    if (ticket && !(await this.shut(ticket, where.gate))) return null
    return this.consumer.disown(id) ? this.parking.park({ id, ...where }) : null
  }

  /** Resolves when the job was given out, or nothing is to be done for it. */
  async receive(job: StoredJob, fence: number): Promise<void> {
    this.takeAll([job], fence)
    await this.opening
  }

  /** Whether its record or key took it back. */
  private shut(ticket: Ticket, gate: string): Promise<boolean> {
    const settlement: Shut = { tag: 'park', gate }
    return new Promise((resolve) => {
      const asker = { resolve: () => resolve(true), reject: () => resolve(false) }
      this.end({ ticket, settlement, asker })
    })
  }

  private ticketOf(id: string): Ticket | undefined {
    return this.tickets.size === 0 ? undefined : this.tickets.get(id)
  }

  private takeAll(claimed: StoredJob[], fence: number): void {
    if (!this.opening && !claimed.some(isTicket)) return this.terms.onJobs(claimed, fence)
    const jobs = claimed.filter((job) => !this.ticks.begin(job))
    this.betweenCount += jobs.length
    this.claims.push({ jobs, fence, life: this.life })
    this.opening ??= this.openAll()
  }

  private lose(ids: string[]): void {
    this.life++
    this.tickets.clear()
    this.terms.onLost(ids)
  }

  private async openAll(): Promise<void> {
    for (let claim = this.claims.shift(); claim; claim = this.claims.shift()) {
      const openings = await openTickets({
        store: this.store,
        clock: this.clock,
        queue: this.terms.queue,
        fence: claim.fence,
        tickets: claim.jobs.filter(isTicket),
        keptFailures: this.terms.keptFailures,
        isOver: () => this.stopped,
      })
      this.betweenCount -= claim.jobs.length
      if (claim.life !== this.life || this.stopped) continue
      const jobs = claim.jobs.flatMap((job) => this.opened(job, claim.fence, openings.get(job.id)))
      if (jobs.length > 0) this.terms.onJobs(jobs, claim.fence)
      this.terms.start()
    }
    this.opening = null
  }

  /** The job as it is to be run; none if it is not. */
  private opened(job: StoredJob, fence: number, opening: Opening | undefined): StoredJob[] {
    const { id, name, key = null, attempt, crashes } = job
    if (!isTicket(job)) return [job]
    const { history = job.history } = opening && 'payload' in opening ? opening : {}
    const ticket = { number: id, name: name ?? '', key, attempt, fence, history }
    switch (opening?.tag) {
      case 'run':
        this.hold({ ...ticket, payload: opening.payload, isCancelled: false })
        if (crashes < this.terms.maxCrashes) return [{ ...job, payload: opening.payload }]
        this.tell(id, {
          tag: 'death',
          reason: `its worker crashed ${crashes} times while it ran alone under suspicion`,
        })
        return []
      case 'overdue':
        this.hold({ ...ticket, payload: opening.payload, isCancelled: false })
        this.tell(id, { tag: 'death', reason: 'its deadline passed' })
        return []
      case 'cancelled':
        this.hold({ ...ticket, payload: '', isCancelled: true })
        this.tell(id, ACK)
        return []
      case 'bury':
        this.consumer.tell(id, quiet({ ...opening, tag: 'death', name: name ?? '' }))
        return []
      case 'later':
        this.consumer.tell(id, { tag: 'retry', delayMs: opening.delayMs, failed: false })
        return []
      default:
        this.consumer.tell(id, quiet(ACK))
        return []
    }
  }

  private hold(ticket: Ticket): void {
    this.tickets.set(ticket.number, ticket)
    this.cancelling.arm()
  }

  private end(ended: Ended): void {
    this.tickets.delete(ended.ticket.number)
    this.betweenCount++
    this.ended.push(ended)
    this.closing ??= this.closeAll()
  }

  /** What ends while a call is under way goes with the next. */
  private async closeAll(): Promise<void> {
    await endOfTurn()
    while (this.ended.length > 0) {
      const batch = this.ended.splice(0, MOST_IN_A_CALL)
      const { store, clock } = this
      const isOver = () => this.stopped
      const verdicts = await closeTickets({ ...this.terms, store, clock, isOver }, batch)
      for (const ended of batch) {
        this.betweenCount--
        this.pass(ended, verdicts.get(ended))
      }
    }
    this.closing = null
  }

  /** A record that was not told keeps its ticket: that comes back when the lease is over. */
  private pass({ ticket, settlement, asker }: Ended, verdict: CloseVerdict | undefined): void {
    const { queue } = this.terms
    const { number, key } = ticket
    const name = key === null ? ticket.name : number
    if (verdict === undefined) {
      const message = `Queue ${JSON.stringify(queue)} was closed before the end of ${name} was confirmed.`
      asker?.reject(new EngineUnavailableError(message, { outcome: 'unknown', retryable: false }))
      return
    }
    const goesOn = settlement.tag === 'park' || isStaying(settlement)
    if (verdict === 'stale' || (goesOn && verdict === 'cancelled')) {
      asker?.reject(new StaleDeliveryError(queue, name))
    }
    if (settlement.tag === 'park') {
      if (verdict === 'closed') asker?.resolve()
      else this.consumer.tell(number, quiet(ACK))
      return
    }
    const isDeath = settlement.tag === 'death'
    const rest = verdict === 'closed' ? restOf(settlement, ticket) : quiet(ACK)
    if (key !== null && isDeath) {
      // Its key has seen to the dead letter, and the ticket may have become it.
      this.consumer.tell(number, quiet(ACK))
      asker?.resolve()
    } else if (asker) this.consumer.settle(number, rest).then(asker.resolve, asker.reject)
    else this.consumer.tell(number, rest)
  }
}

const isTicket = ({ name, key }: StoredJob) => name !== null || key !== undefined
