import { afterEach, beforeEach, expect } from 'vitest'
import { CLAIM_MS, GateAsker, TTL_MS } from '../../test/asker.ts'
import type { TestClock } from '../testing/clock.ts'
import type { SemaphoreDemand, SemaphoreStore, StoredSemaphore } from './store.ts'

export { CLAIM_MS, TTL_MS } from '../../test/asker.ts'

/** One client of the data. */
export interface SemaphoreClient {
  readonly clientId: string
  readonly semaphore: SemaphoreStore
  /** The same contract, for another kind of thing. */
  readonly readWriteLock: SemaphoreStore
}

/** A store of its own, empty, on a clock that only the test moves. */
export interface OpenedSemaphoreStore {
  readonly clock: TestClock
  readonly first: SemaphoreClient
  /** Another client of the same data. */
  second(): Promise<SemaphoreClient>
  /** Everything that is stored, one line each. */
  dump(): Promise<string[]>
  /** Forgets everything that is stored, behind the back of the clients. */
  wipe(): Promise<void>
  close(): Promise<void>
}

export const PERMITS = 3
export const DAY_MS = 86_400_000
/** The resolution of every store. */
export const MICROSECOND_MS = 0.001

/** What a job says of itself. */
export const JOB_NOTE = '{"job":"7"}'

const PLAIN: SemaphoreDemand = { weight: 1, permits: PERMITS, solo: false }

/** What one acquisition says in each of its calls; what is left out is plain. */
type Wish = Partial<SemaphoreDemand> & { metadata?: string }

/** One acquisition of permits, whose weight may change. */
export class Asker extends GateAsker<SemaphoreDemand, SemaphoreStore> {
  /** Asks for another weight; for what it has besides, unless told otherwise. */
  reweigh(
    name: string,
    weight: number,
    {
      solo = this.demand.solo,
      ttlMs = TTL_MS,
      claimMs = CLAIM_MS,
    }: { solo?: boolean; ttlMs?: number; claimMs?: number } = {},
  ) {
    const { owner } = this
    return this.store.reweigh({
      ...{ name, owner, weight, solo, ttlMs, claimMs, heartbeat: true, replicas: 0 },
    })
  }

  /** Changes its weight, which must happen at once, and answers the fence. */
  async change(name: string, weight: number, options: { solo?: boolean } = {}): Promise<number> {
    const answer = await this.reweigh(name, weight, options)
    if (answer.tag !== 'changed') throw new Error(`${this.owner} got ${JSON.stringify(answer)}`)
    return answer.fence
  }

  /** Asks for a weight that must not be free now. */
  async grow(name: string, weight: number, options: { solo?: boolean } = {}): Promise<void> {
    expect(await this.reweigh(name, weight, options)).toMatchObject({ tag: 'waiting' })
  }
}

type AskerOf<List extends readonly unknown[]> = { -readonly [Index in keyof List]: Asker }

/** What the tests of the contract work with: a fresh store for each, seen by two clients. */
export class Bench {
  private readonly open: () => Promise<OpenedSemaphoreStore>
  private opened: OpenedSemaphoreStore | undefined
  private other: SemaphoreClient | undefined
  private askerCount = 0

  constructor(open: () => Promise<OpenedSemaphoreStore>) {
    this.open = open
    beforeEach(async () => {
      this.opened = await this.open()
      this.other = await this.opened.second()
      this.askerCount = 0
    })
    afterEach(() => this.opened?.close())
  }

  get store(): OpenedSemaphoreStore {
    if (!this.opened) throw new Error('no test is running')
    return this.opened
  }

  get first(): SemaphoreClient {
    return this.store.first
  }

  get second(): SemaphoreClient {
    if (!this.other) throw new Error('no test is running')
    return this.other
  }

  /** Of the two clients in turn, so that every order runs across both. */
  asker(
    { metadata, ...demand }: Wish = {},
    client: SemaphoreClient = this.askerCount % 2 === 0 ? this.first : this.second,
    kind: 'semaphore' | 'readWriteLock' = 'semaphore',
  ): Asker {
    const owner = `${client.clientId}.${++this.askerCount}`
    return new Asker(owner, client[kind], { ...PLAIN, ...demand }, metadata)
  }

  /** One who waits for jobs, and says so. */
  job(
    demand: Partial<SemaphoreDemand> = {},
    client: SemaphoreClient = this.askerCount % 2 === 0 ? this.first : this.second,
  ): Asker {
    const owner = `${client.clientId}.${++this.askerCount}`
    return new Asker(owner, client.semaphore, { ...PLAIN, ...demand }, JOB_NOTE, 'job')
  }

  /** One for each weight. */
  askers<const Weights extends readonly number[]>(
    weights: Weights,
    wish: Wish = {},
  ): AskerOf<Weights> {
    return weights.map((weight) => this.asker({ ...wish, weight })) as AskerOf<Weights>
  }

  pass(ms: number): Promise<void> {
    return this.store.clock.advance(ms)
  }

  /** As the client sees it that did not change anything last. */
  inspect(name: string): Promise<StoredSemaphore> {
    return this.second.semaphore.inspect(name)
  }

  /** What one owner holds. */
  async holdOf(name: string, { owner }: Asker): Promise<StoredSemaphore['holders'][number]> {
    const hold = (await this.inspect(name)).holders.find((holder) => holder.owner === owner)
    if (!hold) throw new Error(`${owner} does not hold ${name}`)
    return hold
  }

  /** Those who hold, in any order, and those who wait, in this one; nobody else. */
  async expectOf(name: string, held: Asker[], waiting: Asker[] = []): Promise<void> {
    const { holders, waiters } = await this.inspect(name)
    expect({
      held: holders.map(({ owner }) => owner).sort(),
      waiting: waiters.map(({ owner }) => owner),
    }).toEqual({
      held: held.map(({ owner }) => owner).sort(),
      waiting: waiting.map(({ owner }) => owner),
    })
  }

  /** One who holds all permits, and those who wait in order, each for its weight. */
  async lineOf<const Weights extends readonly number[]>(
    name: string,
    weights: Weights,
  ): Promise<[holder: Asker, ...waiters: AskerOf<Weights>]> {
    const holder = this.asker({ weight: PERMITS })
    await holder.take(name)
    const waiters = this.askers(weights)
    for (const [index, waiter] of (waiters as Asker[]).entries()) {
      expect(await waiter.join(name)).toBe(index)
    }
    return [holder, ...waiters]
  }

  /** Owners of one client who join a line together, and are not heard of again. */
  async crowd(name: string, count: number, weight = 1): Promise<void> {
    const { semaphore, clientId } = this.first
    const answers = await Promise.all(
      Array.from({ length: count }, (_, index) =>
        semaphore.acquire({
          name,
          owner: `${clientId}.${1_000_000 + index}`,
          ttlMs: TTL_MS,
          claimMs: CLAIM_MS,
          enqueue: true,
          heartbeat: false,
          metadata: '',
          replicas: 0,
          demand: { ...PLAIN, weight },
        }),
      ),
    )
    for (const { tag } of answers) expect(tag).toBe('waiting')
  }
}
