import { randomBytes } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { untilAnswered } from './again.ts'
import type { GateAnswer, GateView, Park, Parked, ParkingStore } from './parking-store.ts'
import type { StoredJob } from './store.ts'
import { endOfTurn } from './turn.ts'

/** Jobs or gates that one call names. */
export const MOST_GATES_IN_A_CALL = 100

export interface ParkingTerms {
  store: ParkingStore
  clock: Clock
  queue: string
  leaseMs: number
  /** The consumer's life: what is unparked is for that one. */
  epoch: () => string
  heldCount: () => number
  /** Those are the consumer's from now on. */
  adopt: (jobs: readonly StoredJob[]) => void
  isOver: () => boolean
}

/** A job as it was claimed. */
export interface Claimed {
  job: StoredJob
  fence: number
}

/** What was behind a gate, and still is. */
export interface Unparked {
  /** None where all that it found was overdue. */
  claimed: Claimed[]
  rest: GateView | null
}

/** At one place of a call. */
interface Found {
  job: StoredJob | null
  fence: number
  rest: GateView | null
}

/** How one consumer parks and unparks: what is asked in one turn shares a call, and of each kind one is under way. */
export class Parking {
  private readonly terms: ParkingTerms
  /** As which gates know the consumer. */
  private readonly keeper = randomBytes(9).toString('base64url')
  /** Of both, so that a call that arrives once more when a later one was answered changes nothing. */
  private sequence = 0
  /** Of what is parked and what is unparked one call is under way: they are numbered together. */
  private last: Promise<unknown> = Promise.resolve()
  private readonly parks = new Gathering<Park, Parked>((parks) =>
    this.inTurn(() => this.parkAll(parks)),
  )
  private readonly unparks = new Gathering<string, Found>((gates) =>
    this.inTurn(() => this.unparkAll(gates)),
  )

  constructor(terms: ParkingTerms) {
    this.terms = terms
  }

  /** Tries until the store answers; null if it is over before. The job is no longer the consumer's. */
  park(park: Park): Promise<Parked | null> {
    return this.parks.ask(park)
  }

  /** The first jobs behind a gate, which are the consumer's then. Null if it is over, or the queue is paused. */
  async unpark(gate: string, count: number): Promise<Unparked | null> {
    const asked = Array.from({ length: count }, () => this.unparks.ask(gate))
    const found = (await Promise.all(asked)).filter((one) => one !== null)
    const claimed = found.flatMap(({ job, fence }) => (job ? [{ job, fence }] : []))
    return found.length > 0 ? { claimed, rest: found.at(-1)?.rest ?? null } : null
  }

  /** Becomes the keeper of gates, up to 100, or stays it. */
  keepGates(gates: string[]): Promise<GateAnswer[]> {
    const { store, queue } = this.terms
    return store.keepGates(queue, this.keeper, gates)
  }

  /** Others may keep them. */
  yieldGates(gates: string[]): Promise<void> {
    const { store, queue } = this.terms
    return store.yieldGates(queue, this.keeper, gates)
  }

  private inTurn<T>(call: () => Promise<T>): Promise<T> {
    const answer = this.last.then(call)
    this.last = answer.catch(() => {})
    return answer
  }

  private parkAll(parks: Park[]): Promise<Parked[] | null> {
    const { store, clock, queue, epoch, isOver } = this.terms
    const sequence = ++this.sequence
    const request = { queue, epoch: epoch(), sequence, keeper: this.keeper, parks }
    return untilAnswered({ clock, call: () => store.park(request), isOver })
  }

  private async unparkAll(gates: string[]): Promise<Found[] | null> {
    const { store, clock, queue, leaseMs, isOver } = this.terms
    const epoch = this.terms.epoch()
    const heldCount = this.terms.heldCount()
    const request = { queue, epoch, sequence: ++this.sequence, leaseMs, heldCount, gates }
    const answer = await untilAnswered({ clock, call: () => store.unpark(request), isOver })
    // Of an epoch that was lost meanwhile they come back with its lease.
    if (answer?.tag !== 'ok' || epoch !== this.terms.epoch()) return null
    const { jobs, rests, fence } = answer
    this.terms.adopt(jobs.filter((job) => job !== null))
    return gates.map((_, index) => ({
      job: jobs[index] ?? null,
      rest: rests[index] ?? null,
      fence,
    }))
  }
}

/** Brings together what is asked in one turn, and while a call is under way. */
class Gathering<Item, Answer> {
  private readonly send: (items: Item[]) => Promise<Answer[] | null>
  private waiting: { item: Item; give: (answer: Answer | null) => void }[] = []
  private isRunning = false

  constructor(send: (items: Item[]) => Promise<Answer[] | null>) {
    this.send = send
  }

  ask(item: Item): Promise<Answer | null> {
    return new Promise((give) => {
      this.waiting.push({ item, give })
      if (!this.isRunning) void this.run()
    })
  }

  private async run(): Promise<void> {
    this.isRunning = true
    await endOfTurn()
    while (this.waiting.length > 0) {
      const batch = this.waiting.splice(0, MOST_GATES_IN_A_CALL)
      const answers = await this.send(batch.map(({ item }) => item))
      for (const [index, { give }] of batch.entries()) give(answers?.[index] ?? null)
    }
    this.isRunning = false
  }
}
