// Who acquires in the tests of the contracts, of locks and of permits alike.
import type { AcquireAnswer, GateStore, Grant, Owner } from '../src/gate/store.ts'

export const TTL_MS = 10_000
export const CLAIM_MS = 3_000

/** What one call says; what is left out is what its asker says in each. */
interface Asking<Demand> {
  enqueue?: boolean
  ttlMs?: number
  claimMs?: number
  metadata?: string
  demand?: Partial<Demand>
}

/** One acquisition, by one client. */
export class GateAsker<Demand, Store extends GateStore<Demand>> {
  readonly owner: Owner
  readonly demand: Demand
  /** Those that it was told of, in that order, and was not asked about yet. */
  readonly grants: Grant[] = []
  protected readonly store: Store
  private readonly metadata: string
  private readonly kind: { kind?: 'job' }
  private hasAsked = false

  /** @param kind left out, it is a caller */
  constructor(owner: Owner, store: Store, demand: Demand, metadata = '', kind?: 'job') {
    this.owner = owner
    this.store = store
    this.demand = demand
    this.metadata = metadata
    this.kind = kind ? { kind } : {}
    this.store.onGrant((grant) => {
      if (grant.owner === this.owner) this.grants.push(grant)
    })
  }

  async acquire(name: string, asking: Asking<Demand> = {}): Promise<AcquireAnswer> {
    const { enqueue = true, ttlMs = TTL_MS, claimMs = CLAIM_MS, metadata = this.metadata } = asking
    const { owner, hasAsked: heartbeat } = this
    this.hasAsked = true
    const demand = { ...this.demand, ...asking.demand }
    const how = { ttlMs, claimMs, enqueue, heartbeat, metadata, replicas: 0 }
    return this.store.acquire({ name, owner, demand, ...how, ...this.kind })
  }

  /** Asks without joining the line. */
  tryAcquire = (name: string) => this.acquire(name, { enqueue: false })

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
  release = async (name: string, demand = this.demand) =>
    (await this.store.release({ name, owner: this.owner, demand })).tag
  leave = (name: string) => this.store.leave({ name, owner: this.owner, demand: this.demand })
}
