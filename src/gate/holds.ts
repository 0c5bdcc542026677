import type { Clock } from '../clock.ts'
import { ClosedError, InternalError, type LockConflict, LockTimeoutError } from '../errors.ts'
import type { HeldContext } from './held-context.ts'
import { HeldLease } from './lease.ts'
import { Rhythm } from './rhythm.ts'
import type { AcquireAnswer, AcquireRequest, GateStore, Owner } from './store.ts'
import { handOver } from './succession.ts'
import type { Acquired, HoldTerms, Standing } from './terms.ts'
import { UnderWay } from './under-way.ts'
import {
  acquiredOf,
  conflictOf,
  type LineContext,
  requestOf,
  standInLine,
  WaitingRoom,
} from './waiting.ts'

/** One acquisition under way. */
interface Asked<Demand, Given> {
  terms: HoldTerms<Demand>
  request: AcquireRequest<Demand>
  startedMs: number
  waitMs: number
  signal: AbortSignal | undefined
  give: (held: HeldLease<Demand>) => Given
  standing: Standing | undefined
}

/** The answer that came was over before it was there. */
const HELD_BY_NOBODY = { tag: 'held', waiterCount: 0, holder: null } as const

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
   * No async function on the short way: its frame alone was a tenth of what a lock allocates.
   *
   * @param waitMs may be infinite
   * @param give what the caller gets of the lease
   * @param standing left out, it stands in line as a caller; its signal counts instead of `signal`
   */
  acquire<Given>(
    terms: HoldTerms<Demand>,
    waitMs: number,
    signal: AbortSignal | undefined,
    give: (held: HeldLease<Demand>) => Given,
    standing?: Standing,
  ): Promise<Given | LockTimeoutError> {
    if (this.closed) return Promise.reject(new ClosedError('This Sluice'))
    const leaver = standing ?? signal
    if (leaver?.aborted) return Promise.reject(reasonOf(leaver))
    const startedMs = this.clock.monotonicMs()
    const request = requestOf(terms, `${this.ownerPrefix}${++this.ownerCount}`, waitMs > 0)
    if (standing) request.kind = standing.kind
    if (waitMs > 0) this.line.room.expect(request.owner)
    this.underWay.begin()
    return this.ask({ terms, request, startedMs, waitMs, signal, give, standing })
  }

  private ask<Given>(asked: Asked<Demand, Given>): Promise<Given | LockTimeoutError> {
    return this.store.acquire(asked.request).then(
      (answer) => this.heed(asked, answer),
      (error: unknown) => this.fail(asked, error),
    )
  }

  private heed<Given>(
    asked: Asked<Demand, Given>,
    answer: AcquireAnswer,
  ): Promise<Given | LockTimeoutError> | Given | LockTimeoutError {
    const { terms, request, startedMs, waitMs, signal, standing } = asked
    const isLeft = (standing ?? signal)?.aborted
    if (isLeft || this.closed) return this.fail(asked, new ClosedError('This Sluice'))
    const acquired = answer.tag === 'acquired' ? acquiredOf(answer, terms.ttlMs) : null
    const isOver = acquired !== null && this.isOver(acquired)
    if (isOver && this.hasTime(startedMs, waitMs)) return this.ask(asked)
    this.underWay.end()
    if (answer.tag === 'waiting') return this.standInLine(asked, answer)
    if (waitMs > 0) this.line.room.remove(request.owner)
    if (acquired && !isOver) return asked.give(this.hold(terms, request.owner, acquired))
    if (isOver) this.withdraw(request)
    else if (answer.tag !== 'held') {
      throw new InternalError(`${this.what} ${JSON.stringify(terms.name)} refused a new owner.`)
    }
    const conflict = conflictOf(answer.tag === 'held' ? answer : HELD_BY_NOBODY)
    return this.gaveUp(terms.name, this.clock.monotonicMs() - startedMs, conflict)
  }

  /** The first call has no answer, or one that comes too late. */
  private fail({ request, signal, standing }: Asked<Demand, unknown>, error: unknown): never {
    this.line.room.remove(request.owner)
    this.withdraw(request)
    this.underWay.end()
    const leaver = standing ?? signal
    throw leaver?.aborted ? reasonOf(leaver) : error
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

  private async standInLine<Given>(
    { terms, request, startedMs, waitMs, signal, give, standing }: Asked<Demand, Given>,
    first: AcquireAnswer & { tag: 'waiting' },
  ): Promise<Given> {
    const { owner, ttlMs, replicas, metadata, kind } = request
    const heartbeat = { ...request, heartbeat: true }
    const asker = {
      ask: () => this.store.acquire(heartbeat),
      gaveUp: (waitedMs: number, conflict: LockConflict) =>
        this.gaveUp(request.name, waitedMs, conflict),
      leave: () => this.withdraw(request),
      isNextAfter: (holder: Owner) => this.noteNext(holder, owner),
    }
    const leaving = standing ? standing.signal : signal
    const wait = { owner, ttlMs, replicas, metadata, waitMs, signal: leaving, kind }
    standing?.onWaiting()
    const granted = await standInLine(this.line, wait, asker, startedMs, first)
    return give(this.hold(terms, owner, granted))
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

const reasonOf = (leaver: Standing | AbortSignal): unknown =>
  'signal' in leaver ? leaver.signal.reason : leaver.reason
