import type { Clock } from '../clock.ts'
import { ClosedError, InternalError, type LockConflict, LockTimeoutError } from '../errors.ts'
import { type HeldContext, HeldLease } from './lease.ts'
import { Rhythm } from './rhythm.ts'
import type { AcquireAnswer, AcquireRequest, GateStore, Owner } from './store.ts'
import { handOver } from './succession.ts'
import type { Acquired, HoldTerms } from './terms.ts'
import { UnderWay } from './under-way.ts'
import {
  acquiredOf,
  conflictOf,
  type LineContext,
  requestOf,
  standInLine,
  WaitingRoom,
} from './waiting.ts'

/**
 * All that is held and waited for through one store by one client: it acquires, renews, tells
 * losses and gives up. Engines and kinds of things differ in the store alone.
 */
export class Holds<Demand> {
  readonly store: GateStore<Demand>
  readonly clock: Clock
  private readonly what: string
  private readonly ownerPrefix: string
  private readonly line: LineContext
  private readonly heldContext: HeldContext<Demand>
  private readonly leases: Rhythm<HeldLease<Demand>>
  private readonly underWay = new UnderWay()
  private ownerCount = 0
  private closed = false

  /**
   * @param what kind of thing, as messages name it: `Lock`
   * @param letter tells owners of one client apart by kind: they are numbered for each
   */
  constructor(what: string, store: GateStore<Demand>, clock: Clock, clientId: string, letter = '') {
    this.what = what
    this.store = store
    this.clock = clock
    this.ownerPrefix = `${clientId}.${letter}`
    this.leases = new Rhythm(clock)
    this.line = { clock, rhythm: new Rhythm(clock), room: new WaitingRoom(store) }
    this.heldContext = {
      ...{ store, clock, rhythm: this.leases, underWay: this.underWay },
      handOver: (held) => handOver(store, this.line, held),
    }
    store.onDoubt(() => {
      for (const lease of this.leases.members()) lease.confirm()
    })
    store.onForced(({ owner, reason }) => {
      for (const lease of this.leases.members()) {
        if (lease.owner === owner) lease.loseByForce(reason)
      }
    })
  }

  /**
   * One call, then the line. A call whose outcome is unknown is withdrawn before it is reported.
   * Answers the error that says who stood in the way, where that is an answer and no failure.
   *
   * @param give what the caller gets of the lease
   */
  async acquire<Given>(
    terms: HoldTerms<Demand>,
    waitMs: number,
    signal: AbortSignal | undefined,
    give: (held: HeldLease<Demand>) => Given,
  ): Promise<Given | LockTimeoutError> {
    if (this.closed) throw new ClosedError('This Sluice')
    signal?.throwIfAborted()
    const startedMs = this.clock.monotonicMs()
    const owner = `${this.ownerPrefix}${++this.ownerCount}`
    const request = requestOf(terms, owner, waitMs > 0)
    const { room } = this.line
    if (waitMs > 0) room.expect(owner)
    let answer: AcquireAnswer
    let acquired: Acquired | null
    this.underWay.begin()
    try {
      do {
        answer = await this.store.acquire(request)
        acquired = answer.tag === 'acquired' ? acquiredOf(answer, terms.ttlMs) : null
      } while (acquired && this.isOver(acquired) && this.hasTime(startedMs, waitMs))
      signal?.throwIfAborted()
      if (this.closed) throw new ClosedError('This Sluice')
    } catch (error) {
      room.remove(owner)
      this.withdraw(request)
      signal?.throwIfAborted()
      throw error
    } finally {
      this.underWay.end()
    }
    if (acquired && this.isOver(acquired)) {
      this.withdraw(request)
      answer = { tag: 'held', waiterCount: 0, holder: null }
    } else if (acquired) {
      if (waitMs > 0) room.remove(owner)
      return give(this.hold(terms, owner, acquired))
    }
    if (answer.tag === 'waiting') {
      const granted = await this.standInLine(request, startedMs, waitMs, signal, answer)
      return give(this.hold(terms, owner, granted))
    }
    room.remove(owner)
    if (answer.tag === 'held') {
      return this.gaveUp(terms.name, this.clock.monotonicMs() - startedMs, conflictOf(answer))
    }
    throw new InternalError(`${this.what} ${JSON.stringify(terms.name)} refused a new owner.`)
  }

  /**
   * Stands in line for more of what is held already. `ask` is called at once, as heartbeat later on.
   * Answers the error that says that it took too long, where that is no failure.
   */
  async waitAgain(
    held: HeldLease<Demand>,
    waitMs: number,
    signal: AbortSignal,
    asker: { ask(heartbeat: boolean): Promise<AcquireAnswer>; leave(): void },
  ): Promise<Acquired | LockTimeoutError> {
    const { name, owner, ttlMs, replicas } = held
    const startedMs = this.clock.monotonicMs()
    const gaveUp = (waitedMs: number, conflict: LockConflict) =>
      this.gaveUp(name, waitedMs, conflict)
    const { room } = this.line
    room.expect(owner)
    try {
      const answer = await asker.ask(false)
      if (answer.tag === 'acquired') return acquiredOf(answer, ttlMs)
      if (answer.tag !== 'waiting') throw new InternalError(`${this.what} answered ${answer.tag}.`)
      const line = { ask: () => asker.ask(true), leave: asker.leave, gaveUp }
      const terms = { owner, ttlMs, replicas, metadata: '', waitMs, signal }
      return await standInLine(this.line, terms, line, startedMs, answer)
    } catch (error) {
      room.remove(owner)
      if (error instanceof LockTimeoutError) return error
      throw error
    }
  }

  /** Whether it is a lease of these that is not over. */
  has(held: HeldLease<unknown>): held is HeldLease<Demand> {
    return held.isOf(this.heldContext)
  }

  /** Ends every wait, and every lease that is held here with reason `closed`. */
  async close(): Promise<void> {
    this.closed = true
    this.line.room.close(new ClosedError('This Sluice'))
    await Promise.allSettled(this.leases.members().map((lease) => lease.close()))
    await this.underWay.idle()
  }

  /** Nobody waits for it but `close`: who left unheard would be waited for by those behind. */
  private withdraw(request: AcquireRequest<Demand>): void {
    this.underWay.begin()
    const done = () => this.underWay.end()
    this.store.leave(request).then(done, done)
  }

  private hold(terms: HoldTerms<Demand>, owner: Owner, acquired: Acquired): HeldLease<Demand> {
    return new HeldLease(this.heldContext, terms, owner, acquired)
  }

  private standInLine(
    request: AcquireRequest<Demand>,
    startedMs: number,
    waitMs: number,
    signal: AbortSignal | undefined,
    first: AcquireAnswer & { tag: 'waiting' },
  ): Promise<Acquired> {
    const { owner, ttlMs, replicas, metadata } = request
    const heartbeat = { ...request, heartbeat: true }
    const asker = {
      ask: () => this.store.acquire(heartbeat),
      gaveUp: (waitedMs: number, conflict: LockConflict) =>
        this.gaveUp(request.name, waitedMs, conflict),
      leave: () => this.withdraw(request),
      isNextAfter: (holder: Owner) => this.noteNext(holder, owner),
    }
    const terms = { owner, ttlMs, replicas, metadata, waitMs, signal }
    return standInLine(this.line, terms, asker, startedMs, first)
  }

  private noteNext(holder: Owner, next: Owner): void {
    if (!holder.startsWith(this.ownerPrefix)) return
    for (const lease of this.leases.members()) {
      if (lease.owner === holder) lease.successor = next
    }
  }

  /** An answer that took longer than the lease is no lease any more. */
  private isOver({ validUntilMs }: Acquired): boolean {
    return validUntilMs <= this.clock.monotonicMs()
  }

  private hasTime(startedMs: number, waitMs: number): boolean {
    return this.clock.monotonicMs() - startedMs < waitMs
  }

  private gaveUp(name: string, waitedMs: number, conflict: LockConflict): LockTimeoutError {
    const { holder, sinceMs, position, retryAfterMs } = conflict
    const since = sinceMs === null ? '' : ` since ${new Date(sinceMs).toISOString()}`
    const held = holder === null ? '' : `held by ${holder}${since}, `
    const message =
      `${this.what} ${JSON.stringify(name)} was not acquired within ${Math.round(waitedMs)} ms: ` +
      `${held}${position} waiting in front. Retry after ${Math.ceil(retryAfterMs)} ms, ` +
      'wait longer, or move the work to a queue.'
    return new LockTimeoutError(message, conflict)
  }
}
