import type { Clock } from '../clock.ts'
import type { Looks } from './consumer-terms.ts'
import { Coverage } from './coverage.ts'
import type { Ending } from './defer.ts'
import { GatedConsumer, type GatedTerms } from './gated-consumer.ts'
import { innerId, outerId, outerJob, type Partitions } from './partitions.ts'
import type { Note } from './record-store.ts'
import { type Sharer, Shares } from './shares.ts'
import type { ExchangeAnswer, ExchangeRequest, QueueStore, StoredJob } from './store.ts'
import { endOfTurn } from './turn.ts'

export interface PartitionedTerms
  extends Omit<GatedTerms, 'looks' | 'claimable' | 'onLease' | 'onJobs'> {
  looksOf: (queue: string) => Looks
  /** Takes what was claimed, and what covers it. It may be told to `start` a moment later. */
  onJobs: (jobs: StoredJob[], fence: number, coverage: Coverage) => void
  /** Told with each answer: the epoch that holds something of this partition, or null. */
  onLease: (epoch: string | null, queue: string) => void
  /** Others say another number of partitions: nothing will be claimed. */
  onRefused: (error: unknown) => void
}

/**
 * The consumers of a queue in one worker, one for each partition: each has its own calls and its own lease, so a
 * partition whose server is away does not hold up the others, and all share the worker's slots. The first
 * one begins at once, unless this process says how many there are.
 */
export class PartitionedConsumer {
  private readonly store: QueueStore
  private readonly clock: Clock
  private readonly terms: PartitionedTerms
  private readonly members: GatedConsumer[] = []
  private readonly shares: Shares
  private isAwake = false
  private isClaiming = true
  private stopped = false

  constructor(store: QueueStore, clock: Clock, partitions: Partitions, terms: PartitionedTerms) {
    this.store = store
    this.clock = clock
    this.terms = terms
    this.shares = new Shares(terms.freeSlots, () => clock.monotonicMs())
    this.open(partitions.atOnce ?? [])
    if (!partitions.names) void this.openAll(partitions)
  }

  get isCalling(): boolean {
    return this.members.some((member) => member.isCalling)
  }

  get lastAnswerMs(): number | null {
    const answered = this.members.flatMap(({ lastAnswerMs }) => lastAnswerMs ?? [])
    return answered.length === 0 ? null : Math.max(...answered)
  }

  wake(): void {
    this.isAwake = true
    for (const member of this.members) member.wake()
  }

  stopClaiming(): void {
    this.isClaiming = false
    for (const member of this.members) member.stopClaiming()
  }

  stop(): void {
    this.stopped = true
    for (const member of this.members) member.stop()
  }

  /** Resolves when all that can be had now was given out, and everyone has asked who could. */
  async answered(): Promise<void> {
    const all = () => Promise.all(this.members.map((member) => member.answered()))
    await all()
    for (let other = 1; other < this.members.length && this.isClaiming; other++) {
      if (this.stopped || !this.shares.next()) return
      await all()
    }
  }

  /** Resolves when nothing is left to tell the store. */
  async flushed(): Promise<void> {
    await Promise.all(this.members.map((member) => member.flushed()))
  }

  tell(id: string, ending: Ending): void {
    const [inner, partition] = innerId(id)
    this.members[partition]?.tell(inner, ending)
    if (this.members.length > 1) this.shares.next()
  }

  async settle(id: string, ending: Ending): Promise<void> {
    const [inner, partition] = innerId(id)
    const settled = this.members[partition]?.settle(inner, ending)
    if (this.members.length > 1) this.shares.next()
    await settled
  }

  async note(job: StoredJob, note: Note): Promise<void> {
    const [id, partition] = innerId(job.id)
    await this.members[partition]?.note({ ...job, id }, note)
  }

  private async openAll(partitions: Partitions): Promise<void> {
    const names = await partitions.insist(this.clock, () => this.stopped || !this.isClaiming)
    if (names === null || this.stopped || !this.isClaiming) return
    if ('refused' in names) return this.terms.onRefused(names.refused)
    const known = this.members.length
    this.open(names)
    // Nobody may have said yet that it can begin.
    if (this.isAwake) for (const member of this.members.slice(known)) member.wake()
  }

  private open(names: readonly string[]): void {
    for (const [partition, queue] of names.entries()) {
      this.members[partition] ??= this.member(queue, partition)
    }
  }

  private member(queue: string, partition: number): GatedConsumer {
    const { terms, shares } = this
    const { looksOf, onJobs, onLost, onCancelled, onPassLost, onLease } = terms
    const sharer = { wake: () => member.wake() }
    const coverage = new Coverage(this.clock, terms.leaseMs)
    const store: QueueStore = {
      ...this.store,
      exchange: coverage.by((request) =>
        this.members.length === 1 ? this.store.exchange(request) : this.exchange(request, sharer),
      ),
      unpark: coverage.by(this.store.unpark),
    }
    const member: GatedConsumer = new GatedConsumer(store, this.clock, {
      ...terms,
      queue,
      looks: looksOf(queue),
      freeSlots: () => (this.members.length === 1 ? terms.freeSlots() : shares.free(sharer)),
      claimable: () => (this.members.length === 1 ? terms.freeSlots() : shares.of(sharer)),
      onLease: (epoch) => onLease(epoch, queue),
      onJobs: (jobs, fence) => {
        const outer = partition === 0 ? jobs : jobs.map((job) => outerJob(job, partition))
        onJobs(outer, fence, coverage)
      },
      onLost: (ids) => onLost(ids.map((id) => outerId(id, partition))),
      onCancelled: (id, name) => onCancelled(outerId(id, partition), name),
      onPassLost: (id, reason) => onPassLost(outerId(id, partition), reason),
    })
    return member
  }

  private async exchange(request: ExchangeRequest, sharer: Sharer): Promise<ExchangeAnswer> {
    const { want, heldCount, acks, retries, deaths } = request
    this.shares.ask(sharer, want, heldCount - acks.length - retries.length - deaths.length)
    let brought = 0
    let hasMore = false
    try {
      const answer = await this.store.exchange(request)
      if (answer.tag === 'ok') {
        brought = answer.jobs.length
        hasMore = answer.more || brought === want
      }
      return answer
    } finally {
      this.shares.answered(sharer, brought, hasMore)
      // What this answer brings takes its slots first.
      void endOfTurn().then(() => this.shares.next())
    }
  }
}
