import { afterEach, beforeEach, expect } from 'vitest'
import { GateAsker } from '../../test/asker.ts'
import type { Owner } from '../gate/store.ts'
import type { TestClock } from '../testing/clock.ts'
import type { LockDemand, LockStore, StoredLock } from './store.ts'

export { CLAIM_MS, TTL_MS } from '../../test/asker.ts'

/** One client of the data. */
export interface LockClient {
  readonly clientId: string
  readonly lock: LockStore
}

/** A store of its own, empty, on a clock that only the test moves. */
export interface OpenedLockStore {
  readonly clock: TestClock
  readonly first: LockClient
  /** Another client of the same data. */
  second(): Promise<LockClient>
  /** Everything that is stored, one line each. */
  dump(): Promise<string[]>
  /** Forgets everything that is stored, behind the back of the clients. */
  wipe(): Promise<void>
  close(): Promise<void>
}

export const DAY_MS = 86_400_000
/** The resolution of every store. */
export const MICROSECOND_MS = 0.001

/** What a job says of itself. */
export const JOB_NOTE = '{"job":"7"}'

export type Asker = GateAsker<LockDemand, LockStore>

/** What the tests of the contract work with: a fresh store for each, seen by two clients. */
export class Bench {
  private readonly open: () => Promise<OpenedLockStore>
  private opened: OpenedLockStore | undefined
  private other: LockClient | undefined
  private askerCount = 0

  constructor(open: () => Promise<OpenedLockStore>) {
    this.open = open
    beforeEach(async () => {
      this.opened = await this.open()
      this.other = await this.opened.second()
    })
    afterEach(() => this.opened?.close())
  }

  get store(): OpenedLockStore {
    if (!this.opened) throw new Error('no test is running')
    return this.opened
  }

  get first(): LockClient {
    return this.store.first
  }

  get second(): LockClient {
    if (!this.other) throw new Error('no test is running')
    return this.other
  }

  asker(client: LockClient = this.first): Asker {
    const owner = `${client.clientId}.${++this.askerCount}`
    return new GateAsker<LockDemand, LockStore>(owner, client.lock, { fair: true })
  }

  /** One who waits for jobs, and says so. */
  job(client: LockClient = this.first): Asker {
    const owner = `${client.clientId}.${++this.askerCount}`
    return new GateAsker<LockDemand, LockStore>(owner, client.lock, { fair: true }, JOB_NOTE, 'job')
  }

  /** Of two clients in turn, so that every order runs across both. */
  askers(count: number): Asker[] {
    return Array.from({ length: count }, (_, index) =>
      this.asker(index % 2 === 0 ? this.first : this.second),
    )
  }

  pass(ms: number): Promise<void> {
    return this.store.clock.advance(ms)
  }

  /** As the client sees it that did not change anything last. */
  inspect(name: string): Promise<StoredLock> {
    return this.second.lock.inspect(name)
  }

  async holderOf(name: string): Promise<Owner | null> {
    return (await this.inspect(name)).holder?.owner ?? null
  }

  async waitersOf(name: string): Promise<Owner[]> {
    return (await this.inspect(name)).waiters.map(({ owner }) => owner)
  }

  /** A lock that is taken, and those who wait for it in order. */
  async lineOf(name: string, count: number): Promise<[Asker, ...Asker[]]> {
    const holder = this.asker()
    await holder.take(name)
    const waiters = this.askers(count)
    for (const [index, waiter] of waiters.entries()) expect(await waiter.join(name)).toBe(index)
    return [holder, ...waiters]
  }
}
