import type {
  AcquireAnswer,
  AcquireRequest,
  Owner,
  ReleaseAnswer,
  RenewAnswer,
} from '../gate/store.ts'
import { marginOf } from '../gate/terms.ts'
import type { LockDemand, LockStore } from '../lock/open.ts'
import type { Council } from './council.ts'
import type { Said } from './poll.ts'

/** What an owner asks of the nodes. */
export interface AttemptTerms {
  name: string
  /** Of this attempt alone: what an earlier one left on a node is never taken for this one's. */
  owner: Owner
  ttlMs: number
  metadata: string
}

export interface AttemptRules {
  /** Whether a lease has a fence, for another round trip. */
  fence: boolean
  /** What is left of a lease when it is given out is more than this. */
  minValidityMs: number
}

const NOT_HELD: Said<never> = { vote: 'lost', reason: 'it did not grant the lease' }
const GRANTED: Said<never> = { vote: 'granted', reason: '' }
const LOST: Said<never> = { vote: 'lost', reason: '' }
/** What is known of a node: whether it may have been told of the attempt, and what it said. */
const ASKED = 1
const HOLDS = 2
const FORCED = 4
/** It is being given back there, until that is answered. */
const GIVING_BACK = 8
/** The node granted it so late that it was being given back already. */
const GRANTED_LATE = 16

const FENCED: LockDemand = { fair: true }
const UNFENCED: LockDemand = { fair: true, fenced: false }

/**
 * One try to get a lock from a majority, and the lease that it became. The algorithm is Redlock
 * (https://redis.io/docs/latest/develop/clients/patterns/distributed-locks/): what is left of a lease
 * counts from before the first request, less the drift of clocks, and what is not a majority's is
 * given back everywhere.
 */
export class Attempt {
  readonly name: string
  readonly owner: Owner
  private metadata: string
  private readonly council: Council
  private readonly rules: AttemptRules
  private readonly demand: LockDemand
  /** Of each node, what is known of it. */
  private readonly marks: number[]
  private ttlMs: number
  private ended = false
  fence = 0
  sentAtMs = 0
  /** Monotonic time until which a majority surely has it. */
  validUntilMs = 0

  constructor(council: Council, rules: AttemptRules, terms: AttemptTerms) {
    this.council = council
    this.rules = rules
    this.demand = rules.fence ? FENCED : UNFENCED
    this.name = terms.name
    this.owner = terms.owner
    this.metadata = terms.metadata
    this.ttlMs = terms.ttlMs
    this.marks = council.unmarked.slice()
  }

  /** Asks all nodes for it. */
  acquire(): Promise<Said<AcquireAnswer>[]> {
    const { council, ttlMs } = this
    this.sentAtMs = council.clock.monotonicMs()
    this.validUntilMs = this.sentAtMs + ttlMs - marginOf(ttlMs)
    const request = this.request()
    return council.poll(council.nodeTimeoutMs(ttlMs), {
      ask: ({ store }, index) => {
        this.mark(index, ASKED)
        return store.acquire(request)
      },
      read: readAcquire,
      late: (index, said) => this.heedLate(index, said),
    })
  }

  /** What came of {@link acquire}: those that granted it are asked to renew it. */
  heed(votes: readonly Said<AcquireAnswer>[]): void {
    for (let index = 0; index < votes.length; index++) {
      if (votes[index]?.vote === 'granted') this.mark(index, HOLDS)
    }
  }

  /** Whether so much of it is left that it may be given out. */
  get isGood(): boolean {
    return this.validUntilMs - this.council.clock.monotonicMs() > this.rules.minValidityMs
  }

  get isOver(): boolean {
    return this.ended || this.validUntilMs <= this.council.clock.monotonicMs()
  }

  /**
   * Writes the fence back to a majority: every later majority shares a node with this one, and its
   * counter there is as high. A node writes it only while this owner has the lock there.
   */
  raiseFence(fence: number): Promise<Said<string>[]> {
    const { name, owner, council } = this
    this.fence = fence
    return council.poll(council.nodeTimeoutMs(this.ttlMs), {
      ask: ({ store }) => store.raiseFence({ name, owner, fence }),
      read: (said) => (said === 'raised' ? GRANTED : LOST),
    })
  }

  describe(metadata: string): Promise<Said<string>[]> {
    const { name, owner, council } = this
    this.metadata = metadata
    return council.poll(council.nodeTimeoutMs(this.ttlMs), {
      ask: ({ store }) => store.describe({ name, owner, metadata }),
      read: (said) => (said === 'changed' ? GRANTED : LOST),
    })
  }

  /** A fresh lease from those that have it still. */
  async renew(ttlMs: number): Promise<{ votes: Said<RenewAnswer>[]; sentAtMs: number }> {
    const { council, name, owner } = this
    const sentAtMs = council.clock.monotonicMs()
    const untilMs = sentAtMs + ttlMs - marginOf(ttlMs)
    this.ttlMs = ttlMs
    // A shorter lease may begin with the call, and its answer may never come.
    this.validUntilMs = Math.min(this.validUntilMs, untilMs)
    const late = (index: number, { vote }: Said<RenewAnswer>) => {
      if (vote === 'lost') this.unmark(index, HOLDS)
      if (vote === 'forced') this.mark(index, FORCED)
    }
    const votes = await council.poll<RenewAnswer>(council.nodeTimeoutMs(ttlMs), {
      ask: ({ store }, index) =>
        this.is(index, HOLDS) ? store.renew({ name, owner, ttlMs, replicas: 0 }) : NOT_HELD,
      read: readRenew,
      late,
    })
    for (const [index, said] of votes.entries()) late(index, said)
    if (council.hasMajority(votes) && !this.isOver) this.validUntilMs = untilMs
    return { votes, sentAtMs }
  }

  /** While it is held, nodes that do not have it are asked again, in the background. */
  topUp(): void {
    const request = this.request()
    for (const [index, { store }] of this.council.nodes.entries()) {
      if (this.ended || this.is(index, HOLDS | FORCED) || this.council.unable(index)) continue
      this.mark(index, ASKED)
      store.acquire(request).then(
        (answer) => this.heedLate(index, readAcquire(answer)),
        () => this.heedLate(index, LOST),
      )
    }
  }

  /** Gives it back on all nodes, also on those that did not answer: on these again when they have. */
  giveUp(): Promise<Said<ReleaseAnswer>[]> {
    const { council, ttlMs } = this
    this.ended = true
    return council.poll<ReleaseAnswer>(council.nodeTimeoutMs(ttlMs), {
      // Who has no vote may have it all the same.
      unasked: (_, index) => {
        if (this.is(index, ASKED)) this.giveBackAgain(index)
      },
      ask: ({ store }, index) => {
        if (!this.is(index, ASKED)) return LOST
        this.mark(index, GIVING_BACK)
        return this.releaseOn(store)
      },
      read: (answer, index) => {
        this.heedRelease(index, answer.tag === 'lost')
        return answer.tag === 'released' ? GRANTED : LOST
      },
      failed: (index) => this.heedRelease(index, true),
    })
  }

  private request(): AcquireRequest<LockDemand> {
    const { name, owner, ttlMs, metadata } = this
    return {
      name,
      owner,
      ttlMs,
      claimMs: ttlMs,
      enqueue: false,
      heartbeat: false,
      metadata,
      replicas: 0,
      demand: this.demand,
    }
  }

  /** What a node says of it when the outcome is there. */
  private heedLate(index: number, { vote }: Said<AcquireAnswer>): void {
    if (!this.ended) {
      if (vote === 'granted') this.mark(index, HOLDS)
      return
    }
    if (vote === 'taken') return
    const isFoundOut = vote === 'granted' && this.is(index, GIVING_BACK)
    if (isFoundOut) this.mark(index, GRANTED_LATE)
    else this.giveBackAgain(index)
  }

  /** A release that overtook the call was of no use: one that is answered after it, and found it, was. */
  private heedRelease(index: number, foundNothing: boolean): void {
    this.unmark(index, GIVING_BACK)
    if (foundNothing && this.is(index, GRANTED_LATE)) this.giveBackAgain(index)
  }

  private giveBackAgain(index: number): void {
    const node = this.council.nodes[index]
    if (node) this.releaseOn(node.store).catch(() => {})
  }

  private is(index: number, marks: number): boolean {
    return ((this.marks[index] ?? 0) & marks) !== 0
  }

  private mark(index: number, marks: number): void {
    this.marks[index] = (this.marks[index] ?? 0) | marks
  }

  private unmark(index: number, marks: number): void {
    this.marks[index] = (this.marks[index] ?? 0) & ~marks
  }

  private releaseOn(store: LockStore): Promise<ReleaseAnswer> {
    return store.release({ name: this.name, owner: this.owner, demand: this.demand })
  }
}

function readAcquire(answer: AcquireAnswer): Said<AcquireAnswer> {
  if (answer.tag === 'acquired') return { vote: 'granted', reason: '', answer }
  if (answer.tag === 'refused') return { vote: 'refused', reason: 'it has been given up', answer }
  const reason = answer.holder ? `by ${ownerOfAttempt(answer.holder.owner)}` : ''
  return { vote: 'taken', reason, answer }
}

function readRenew(answer: RenewAnswer): Said<RenewAnswer> {
  if (answer.tag === 'forced') return { vote: 'forced', reason: answer.reason, answer }
  return answer.tag === 'renewed' ? GRANTED : LOST
}

/** An acquisition as the nodes know it, by what its owner knows it. */
export const attemptOwner = (owner: Owner, number: number): Owner => `${owner}/${number}`
/** The inverse. */
export const ownerOfAttempt = (owner: Owner): Owner => owner.replace(/\/\d+$/, '')
