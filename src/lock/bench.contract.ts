import { afterEach, beforeEach, expect } from 'vitest'
import { ORDINARY } from '../../test/lock-request.js'
import type { AcquireAnswer, Grant, Owner } from '../gate/store.ts'
import type { TestClock } from '../testing/clock.ts'
import type { LockStore, StoredLock } from './store.ts'

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

export const TTL_MS = 10_000
export const CLAIM_MS = 3_000
export const DAY_MS = 86_400_000
/** The resolution of every store. */
export const MICROSECOND_MS = 0.001

/** What an acquisition asks for; what is left out is ordinary. */
interface Asking {
  enqueue?: boolean
  ttlMs?: number
  claimMs?: number
  metadata?: string
  fair?: boolean
}

/** One acquisition, by one client. */
export class Asker {
  readonly owner: Owner
  readonly grants: Grant[] = []
  private readonly store: LockStore
  private hasAsked = false

  constructor(client: LockClient, number: number) {
    this.owner = `${client.clientId}.${number}`
    this.store = client.lock
    this.store.onGrant((grant) => {
      if (grant.owner === this.owner) this.grants.push(grant)
    })
  }

  async acquire(name: string, options: Asking = {}): Promise<AcquireAnswer> {
    const { enqueue = true, ttlMs = TTL_MS, claimMs = CLAIM_MS } = options
    const { metadata = '', fair = true } = options
    const heartbeat = this.hasAsked
    this.hasAsked = true
    return this.store.acquire({
      name,
      owner: this.owner,
      ttlMs,
      claimMs,
      enqueue,
      heartbeat,
      ...ORDINARY,
      metadata,
      demand: { fair },
    })
  }

  /** Acquires what must be free, and answers the fence. */
  async take(name: string, ttlMs = TTL_MS): Promise<number> {
    const answer = await this.acquire(name, { ttlMs })
    if (answer.tag !== 'acquired') throw new Error(`${this.owner} got ${JSON.stringify(answer)}`)
    return answer.fence
  }

  /** Joins the line of what must be taken, and answers the position. */
  async join(name: string): Promise<number> {
    const answer = await this.acquire(name)
    if (answer.tag !== 'waiting') throw new Error(`${this.owner} got ${JSON.stringify(answer)}`)
    return answer.position
  }

  /** Waits for a grant, which comes by itself. */
  async granted(): Promise<Grant> {
    const deadlineMs = performance.now() + 5_000
    while (this.grants.length === 0 && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 1))
    }
    const grant = this.grants.shift()
    if (!grant) throw new Error(`${this.owner} was not told of its grant`)
    return grant
  }

  renew = async (name: string, ttlMs = TTL_MS) =>
    (await this.store.renew({ name, owner: this.owner, ttlMs, replicas: 0 })).tag
  release = async (name: string, fair = true) =>
    (await this.store.release({ name, owner: this.owner, demand: { fair } })).tag
  leave = (name: string) => this.store.leave({ name, owner: this.owner, ...ORDINARY })
}

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
    return new Asker(client, ++this.askerCount)
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
