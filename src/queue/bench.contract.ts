import { afterEach, beforeEach, expect } from 'vitest'
import type { TestClock } from '../testing/clock.ts'
import type { ListedJob, ListedState } from './listing-store.ts'
import type { Park, Parked, ParkRequest, UnparkAnswer, UnparkRequest } from './parking-store.ts'
import type {
  Death,
  ExchangeAnswer,
  ExchangeRequest,
  NewJob,
  QueueStore,
  Retry,
  StoredJob,
} from './store.ts'

/** One client of the data. */
export interface QueueClient {
  readonly clientId: string
  readonly queue: QueueStore
}

/** A transaction of a user's own client of the data. */
export interface UserTransaction {
  /** What a user passes. */
  readonly handle: object
  /** Answers what the user is answered. */
  commit(): Promise<unknown>
  rollback(): Promise<void>
}

/** A store of its own, empty, on a clock that only the test moves. */
export interface OpenedQueueStore {
  readonly clock: TestClock
  readonly first: QueueClient
  /** Another client of the same data. */
  second(): Promise<QueueClient>
  /** Left out where nobody else can open the data. */
  begin?(): Promise<UserTransaction>
  /** Everything that is stored, one line each. */
  dump(): Promise<string[]>
  /** Forgets everything that is stored, behind the back of the clients. */
  wipe(): Promise<void>
  close(): Promise<void>
}

export const LEASE_MS = 9_000
export const HOUR_MS = 3_600_000
/** The resolution of every store. */
export const MICROSECOND_MS = 0.001

export type Answered = ExchangeAnswer & { tag: 'ok' }

/** What a consumer has to say beyond its deliveries. */
interface Said {
  want?: number
  acks?: StoredJob[]
  retries?: (Omit<Retry, 'id'> & { job: StoredJob })[]
  deaths?: (Omit<Death, 'id'> & { job: StoredJob })[]
  leaseMs?: number
  maxCrashes?: number
  keptFailures?: number
  quiet?: StoredJob[]
}

/** One epoch of one consumer, which counts its calls and deliveries as the contract asks. */
export class Consumer {
  readonly epoch: string
  private readonly client: QueueClient
  private readonly queue: string
  private readonly held = new Set<string>()
  private sequence = 0
  private last: ExchangeRequest | undefined
  private lastUnpark: UnparkRequest | undefined
  private lastPark: ParkRequest | undefined
  /** Calls that park or unpark. */
  private gateCalls = 0

  constructor(client: QueueClient, queue: string, epoch: string) {
    this.client = client
    this.queue = queue
    this.epoch = epoch
  }

  /** Claims up to `want`, having settled what is said. */
  async exchange(said: Said = {}): Promise<ExchangeAnswer> {
    const { want = 0, acks = [], retries = [], deaths = [] } = said
    const { leaseMs = LEASE_MS, maxCrashes = 3, keptFailures, quiet = [] } = said
    const request: ExchangeRequest = {
      queue: this.queue,
      epoch: this.epoch,
      sequence: ++this.sequence,
      leaseMs,
      heldCount: this.held.size,
      acks: acks.map(({ id }) => id),
      retries: retries.map(({ job, ...how }) => ({ id: job.id, ...how })),
      deaths: deaths.map(({ job, ...how }) => ({ id: job.id, ...how })),
      want,
      maxCrashes,
      keptFailures,
      quietIds: quiet.map(({ id }) => id),
    }
    this.last = request
    for (const { id } of [...acks, ...[...retries, ...deaths].map(({ job }) => job)]) {
      this.held.delete(id)
    }
    const answer = await this.client.queue.exchange(request)
    if (answer.tag === 'ok') for (const { id } of answer.jobs) this.held.add(id)
    return answer
  }

  /** Like `exchange` where it cannot be lost. */
  async say(said: Said = {}): Promise<Answered> {
    const answer = await this.exchange(said)
    if (answer.tag === 'lost') throw new Error(`${this.epoch} is lost`)
    return answer
  }

  async claim(want: number): Promise<StoredJob[]> {
    return (await this.say({ want })).jobs
  }

  /** The last call again, as after an answer that was lost; `back` calls earlier if given. */
  repeat(back = 0): Promise<ExchangeAnswer> {
    if (!this.last) throw new Error('nothing was called yet')
    return this.client.queue.exchange({ ...this.last, sequence: this.sequence - back })
  }

  /** Puts what it holds behind gates. */
  park(parks: Park[], keeper = this.epoch): Promise<Parked[]> {
    for (const { id } of parks) this.held.delete(id)
    const { queue, epoch } = this
    this.lastPark = { queue, epoch, sequence: ++this.gateCalls, keeper, parks }
    return this.client.queue.park(this.lastPark)
  }

  /** The last of those again. */
  repeatPark(): Promise<Parked[]> {
    if (!this.lastPark) throw new Error('nothing was parked yet')
    return this.client.queue.park(this.lastPark)
  }

  async unpark(gates: string[], leaseMs = LEASE_MS): Promise<UnparkAnswer> {
    const { queue, epoch } = this
    const heldCount = this.held.size
    this.lastUnpark = { queue, epoch, sequence: ++this.gateCalls, leaseMs, heldCount, gates }
    const answer = await this.client.queue.unpark(this.lastUnpark)
    if (answer.tag === 'ok') for (const job of answer.jobs) if (job) this.held.add(job.id)
    return answer
  }

  /** The last of those again; `back` calls earlier if given. */
  repeatUnpark(back = 0): Promise<UnparkAnswer> {
    if (!this.lastUnpark) throw new Error('nothing was unparked yet')
    return this.client.queue.unpark({
      ...this.lastUnpark,
      sequence: this.lastUnpark.sequence - back,
    })
  }
}

/** What the tests of the contract work with: a fresh store for each, seen by two clients. */
export class Bench {
  readonly queue = 'work'
  private readonly open: () => Promise<OpenedQueueStore>
  private opened: OpenedQueueStore | undefined
  private other: QueueClient | undefined
  private epochCount = 0
  private readonly sequences = new Map<string, number>()

  constructor(open: () => Promise<OpenedQueueStore>) {
    this.open = open
    beforeEach(async () => {
      this.opened = await this.open()
      this.other = await this.opened.second()
      this.sequences.clear()
    })
    afterEach(() => this.opened?.close())
  }

  get store(): OpenedQueueStore {
    if (!this.opened) throw new Error('no test is running')
    return this.opened
  }

  get first(): QueueClient {
    return this.store.first
  }

  get second(): QueueClient {
    if (!this.other) throw new Error('no test is running')
    return this.other
  }

  consumer(client: QueueClient = this.first, queue = this.queue): Consumer {
    return new Consumer(client, queue, `epoch-${++this.epochCount}`)
  }

  /** Adds one job for each payload, in one batch of this client's producer. */
  add(payloads: string[], how: Partial<NewJob> = {}, client = this.first): Promise<string[]> {
    const producer = `${client.clientId}.1`
    const sequence = (this.sequences.get(producer) ?? 0) + 1
    this.sequences.set(producer, sequence)
    return client.queue.add({
      queue: this.queue,
      producer,
      sequence,
      jobs: payloads.map((payload) => newJob(payload, how)),
    })
  }

  pass(ms: number): Promise<void> {
    return this.store.clock.advance(ms)
  }

  /** Lets time pass while this consumer calls often enough for nobody to think that time stood still. */
  async passWith(consumer: Consumer, ms: number, said: Said = {}): Promise<void> {
    const stepMs = LEASE_MS / 4
    for (let leftMs = ms; leftMs > 0; leftMs -= stepMs) {
      await this.pass(Math.min(stepMs, leftMs))
      await consumer.say(said)
    }
  }

  /** As the client sees it that did not change anything last. */
  async counts() {
    return this.second.queue.counts(this.queue)
  }

  async dead() {
    return this.second.queue.listDead(this.queue, 1_000)
  }

  /** All pages of a state, one after the other. */
  async pages(state: ListedState, limit: number): Promise<ListedJob[][]> {
    const found: ListedJob[][] = []
    let cursor: string | null = null
    do {
      const page = await this.second.queue.listJobs(this.queue, { state, limit, cursor })
      expect(page.jobs.length).toBeLessThanOrEqual(limit)
      found.push(page.jobs)
      cursor = page.cursor
      if (cursor !== null) expect(cursor).toMatch(/^[\w:-]{0,99}@\d{1,16}$/)
    } while (cursor !== null)
    return found
  }
}

export const newJob = (payload: string, how: Partial<NewJob> = {}): NewJob => ({
  payload,
  maxAttempts: 3,
  delayMs: 0,
  ...how,
})

export const payloadsOf = (jobs: StoredJob[]) => jobs.map(({ payload }) => payload)
export const idsOf = (jobs: StoredJob[]) => jobs.map(({ id }) => id)
/** Ids are compared as numbers: they grow. */
export const inOrder = (ids: string[]) => [...ids].sort((a, b) => Number(a) - Number(b))
/** `'1'` to `'count'`. */
export const numbered = (count: number) => Array.from({ length: count }, (_, i) => String(i + 1))
