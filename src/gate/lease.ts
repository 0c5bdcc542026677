import { type Duration, readDuration } from '../duration.ts'
import { LockLostError, type LossReason } from '../errors.ts'
import { Handle } from './handle.ts'
import type { HeldContext } from './held-context.ts'
import { DAY_MS, SHORTEST_TTL_MS } from './options.ts'
import type { Beat } from './rhythm.ts'
import type { Owner, ReleaseAnswer, RenewAnswer } from './store.ts'
import { afterArrival, outcomeOf } from './succession.ts'
import { type Acquired, type HoldTerms, leaseFor, marginOf } from './terms.ts'

/** Pause before a renewal that failed is tried again. */
const RETRY_MS = 100
/** Share of what is left of a claim lease after which its holder says that it lives. */
const CONFIRM_SHARE = 0.05
/** A renewal may come early by this share of its period. */
const EARLY_SHARE = 0.2

/** What one lease does over its life. {@link Handle} is its public face. */
export class HeldLease<Demand> implements Beat {
  readonly name: string
  readonly owner: Owner
  readonly replicas: number
  fence: number
  demand: Demand
  ttlMs: number
  successor: Owner | null
  dueMs = 0
  slackMs = 0
  next: Beat | null = null
  previous: Beat | null = null
  private readonly context: HeldContext<Demand>
  /** Made on the first use of the signal: most holders never ask, and it is a third of the cost. */
  private controller: AbortController | null = null
  private loss: LockLostError | null = null
  private lossListener: ((loss: LockLostError) => void) | null = null
  readonly heldSinceMs: number
  private readonly holdUntilMs: number
  validUntilMs: number
  private wallUntilMs: number
  private renewAtMs: number
  private renewing = false
  private ended = false
  private lateRelease: Promise<unknown> | null = null
  /** Until the store knows of this lease, it is asked nothing about it. */
  private arrival: Promise<void> | null = null
  /**
   * Whoever holds it. They are let go at the first renewal, when most leases are over: if all of them
   * were collected then, nobody is left to give it up. Weak references from the start cost too much.
   */
  private handles: Handle[] = []
  private weakHandles: WeakRef<Handle>[] = []
  private openHandles = 0

  constructor(
    context: HeldContext<Demand>,
    terms: HoldTerms<Demand>,
    owner: Owner,
    acquired: Acquired,
  ) {
    const { clock, rhythm } = context
    this.context = context
    this.name = terms.name
    this.owner = owner
    this.replicas = terms.replicas
    this.fence = acquired.fence
    this.demand = terms.demand
    this.ttlMs = terms.ttlMs
    this.successor = acquired.successor ?? null
    const nowMs = clock.monotonicMs()
    this.heldSinceMs = nowMs
    this.holdUntilMs = terms.maxHoldMs === null ? Number.POSITIVE_INFINITY : nowMs + terms.maxHoldMs
    this.validUntilMs = Math.min(acquired.validUntilMs, this.holdUntilMs)
    this.wallUntilMs = clock.wallMs() + this.validUntilMs - nowMs
    this.renewAtMs = nowMs + terms.ttlMs / 3
    this.setDue()
    rhythm.add(this)
    if (acquired.claimed) this.confirmSoon()
    if (acquired.arrival) this.arrival = this.arrive(acquired.arrival, terms.ttlMs)
  }

  /** One more that holds this lease: it is given up when the last of them is released. */
  handle(): Handle {
    const handle = new Handle(this as unknown as HeldLease<unknown>)
    // A push into an empty list makes room for sixteen.
    if (this.openHandles++ === 0) this.handles = [handle]
    else this.handles.push(handle)
    return handle
  }

  get signal(): AbortSignal {
    this.controller ??= new AbortController()
    if (this.loss) this.controller.abort(this.loss)
    return this.controller.signal
  }

  /** Calls back when it is lost, or at once if it was. There is one listener: the job that holds it. */
  onLoss(listener: (loss: LockLostError) => void): void {
    this.lossListener = listener
    if (this.loss) listener(this.loss)
  }

  remainingMs(): number {
    const nowMs = this.context.clock.monotonicMs()
    this.noticeExpiry(nowMs)
    return this.ended ? 0 : this.validUntilMs - nowMs
  }

  assertHeld(): void {
    this.noticeExpiry(this.context.clock.monotonicMs())
    if (this.loss) throw this.loss
    if (this.ended) throw new LockLostError(this.name, 'released')
  }

  /**
   * Turns the claim lease of a hand-over into a full one, after a moment: most holders are done
   * before it is over, and then a hand-over costs the release alone.
   */
  confirmSoon(): void {
    const nowMs = this.context.clock.monotonicMs()
    this.renewBy(nowMs + (this.validUntilMs - nowMs) * CONFIRM_SHARE)
  }

  /** What is held has become something else, with a fence of its own. Its lease is never cut by that. */
  regrant({ fence, validUntilMs, claimed }: Acquired): void {
    this.fence = fence
    this.becomeValidUntil(Math.max(this.validUntilMs, validUntilMs))
    if (claimed) this.confirmSoon()
  }

  /** The engine may have forgotten the lease: asks at once. */
  confirm(): void {
    void this.keepAlive()
  }

  beat(nowMs: number): void {
    this.noticeExpiry(nowMs)
    if (this.ended) return
    if (this.renewAtMs - this.slackMs <= nowMs) {
      if (this.isForgotten()) return this.lose('forgotten')
      this.renewAtMs = nowMs + this.ttlMs / 3
      void this.keepAlive()
    }
    this.setDue()
  }

  async extend(ttl: Duration): Promise<void> {
    const maxMs = this.context.store.longestTtlMs ?? DAY_MS
    const ttlMs = readDuration(ttl, 'ttl', { minMs: SHORTEST_TTL_MS, maxMs })
    this.assertHeld()
    this.ttlMs = ttlMs
    this.renewBy(this.context.clock.monotonicMs() + ttlMs / 3)
    await this.renew()
    this.assertHeld()
  }

  /** The fences after its own, so that so many can have it one after the other. False where others stand in line. */
  async reserve(count: number): Promise<boolean> {
    const { name, owner, context } = this
    const fence = this.fence + count - 1
    const ask = async () => context.store.reserveFences?.({ name, owner, fence })
    const isReserved = (await afterArrival(this.arrival, name, context.store, ask)) === 'reserved'
    if (isReserved) this.fence = fence
    return isReserved
  }

  /** One of its handles gives it up. */
  release(): Promise<'released' | 'lost'> {
    this.openHandles--
    this.noticeExpiry(this.context.clock.monotonicMs())
    if (this.ended || this.openHandles > 0) return Promise.resolve(this.ended ? 'lost' : 'released')
    this.context.underWay.begin()
    const handedOver = this.arrival ? null : this.context.handOver(this)
    this.end()
    const answer: Promise<RenewAnswer | ReleaseAnswer> = handedOver ?? this.giveUp()
    const done = () => this.context.underWay.end()
    answer.then(done, done)
    return answer.then(outcomeOf)
  }

  /** Whether it belongs to these, and is not over. */
  isOf(context: unknown): boolean {
    return this.context === context && !this.ended
  }

  /** Ends the lease without the holder's will; gives it up in the background where it is still ours. */
  lose(reason: LossReason, cause?: Error): void {
    if (this.ended) return
    this.end()
    this.loss = new LockLostError(this.name, reason, cause)
    this.controller?.abort(this.loss)
    this.lossListener?.(this.loss)
    const isOurs = reason === 'expired' || reason === 'max-hold' || reason === 'closed'
    if (isOurs) this.lateRelease = this.giveUp().catch(() => {})
  }

  /** It was taken away on purpose. */
  loseByForce(why: string): void {
    this.lose('forced', new Error(why))
  }

  /** Loses the lease as `closed`; resolves when it was given up, as far as that is possible. */
  async close(): Promise<void> {
    this.lose('closed')
    await this.lateRelease
  }

  private giveUp(): Promise<ReleaseAnswer> {
    const { store } = this.context
    return afterArrival(this.arrival, this.name, store, () => store.release(this))
  }

  /** Handed over in this process, it is held on the former lease until the store has answered. */
  private async arrive(answer: Promise<RenewAnswer | null>, leaseMs: number): Promise<void> {
    const told = await answer
    this.arrival = null
    if (told) this.heed(told, leaseMs)
  }

  /** Asks for a fresh lease at once. Rejects if the engine did not answer. */
  private renew(): Promise<void> {
    return afterArrival(this.arrival, this.name, this.context.store, async () => {
      const { store, clock } = this.context
      const { name, owner, ttlMs, replicas } = this
      const leftMs = this.holdUntilMs - clock.monotonicMs()
      const leaseMs = Math.min(ttlMs, Math.max(leaseFor(leftMs), SHORTEST_TTL_MS))
      // A shorter lease may begin with the call, and its answer may never come.
      const untilMs = clock.monotonicMs() + leaseMs - marginOf(leaseMs)
      if (untilMs < this.validUntilMs) this.becomeValidUntil(untilMs)
      this.heed(await store.renew({ name, owner, ttlMs: leaseMs, replicas }), leaseMs)
    })
  }

  private heed(answer: RenewAnswer, leaseMs: number): void {
    if (this.ended) return
    if (answer.tag === 'forced') return this.loseByForce(answer.reason)
    if (answer.tag === 'lost') {
      const reset = this.context.store.resetSince(this.heldSinceMs)
      return reset ? this.lose('reset', reset) : this.lose('taken')
    }
    this.successor = answer.successor ?? this.successor
    this.becomeValidUntil(answer.sentAtMs + leaseMs - marginOf(leaseMs))
  }

  /** A renewal whose outcome is unknown is tried again as long as the lease is valid. */
  private async keepAlive(): Promise<void> {
    const { clock } = this.context
    if (this.renewing || this.arrival || this.ended) return
    if (clock.monotonicMs() >= this.holdUntilMs) return
    this.renewing = true
    try {
      await this.renew()
    } catch {
      this.renewBy(clock.monotonicMs() + RETRY_MS)
    } finally {
      this.renewing = false
    }
  }

  private end(): void {
    this.ended = true
    this.context.rhythm.remove(this)
  }

  private becomeValidUntil(untilMs: number): void {
    const { clock } = this.context
    this.validUntilMs = Math.min(untilMs, this.holdUntilMs)
    this.wallUntilMs = clock.wallMs() + this.validUntilMs - clock.monotonicMs()
    this.moveDue()
  }

  private renewBy(atMs: number): void {
    this.renewAtMs = atMs
    this.moveDue()
  }

  private moveDue(): void {
    this.setDue()
    if (!this.ended) this.context.rhythm.expect(this)
  }

  /** A renewal may be early with others, the end of a lease is told neither early nor late. */
  private setDue(): void {
    const renewsFirst = this.renewAtMs < this.validUntilMs
    this.dueMs = renewsFirst ? this.renewAtMs : this.validUntilMs
    this.slackMs = renewsFirst ? (this.ttlMs / 3) * EARLY_SHARE : 0
  }

  private isForgotten(): boolean {
    this.weakHandles.push(...this.handles.splice(0).map((handle) => new WeakRef(handle)))
    return !this.weakHandles.some((handle) => Handle.isOpen(handle.deref()))
  }

  /** The monotonic clock stands still while a machine sleeps, the wall clock may jump: either ends it. */
  private noticeExpiry(nowMs: number): void {
    if (this.ended) return
    if (nowMs < this.validUntilMs && this.context.clock.wallMs() < this.wallUntilMs) return
    this.lose(nowMs >= this.holdUntilMs ? 'max-hold' : 'expired')
  }
}
