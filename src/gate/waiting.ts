import type { Clock, Timer } from '../clock.ts'
import type { LockConflict } from '../errors.ts'
import type { Beat, Rhythm } from './rhythm.ts'
import {
  type AcquireAnswer,
  type AcquireRequest,
  type GateStore,
  type Grant,
  JOB_COUNTS_MS,
  type Owner,
} from './store.ts'
import { type Acquired, type HeirTerms, marginOf } from './terms.ts'
import { isPassing } from './watchers.ts'

/** The longest time that a waiter which was given the lock may take to say that it lives. */
const LONGEST_CLAIM_MS = 3_000
/**
 * Of a job that waits, whose entry counts for at least three of these. Nobody is told that a lock went to one who is dead:
 * who comes next has to ask within that one's claim lease, to be there when it is over.
 */
const jobHeartbeatMsOf = (claimMs: number) => Math.min(claimMs, JOB_COUNTS_MS / 3)
/** A head waiter looks again this long after the holder's lease should have ended. */
const AFTER_EXPIRY_MS = 3
/** A heartbeat may come early by this share of its period. */
const EARLY_SHARE = 0.2

export const claimMsOf = (ttlMs: number) => Math.min(ttlMs, LONGEST_CLAIM_MS)

/** Of whom, and for how long, a wait is. */
export interface WaitTerms extends HeirTerms {
  waitMs: number
  signal: AbortSignal | undefined
}

/**
 * Routes what the store tells to those who wait in this process. A grant travels apart from the
 * answer to the call that joined the line, and may overtake it: it is kept until that is there.
 */
export class WaitingRoom {
  private readonly waiters = new Map<Owner, LineWaiter>()
  private readonly early = new Map<Owner, Grant | null>()

  constructor(store: Pick<GateStore<never>, 'onGrant' | 'onDoubt'>) {
    store.onGrant((grant) => {
      const waiter = this.waiters.get(grant.owner)
      if (waiter) waiter.granted(grant)
      else if (this.early.has(grant.owner)) this.early.set(grant.owner, grant)
    })
    store.onDoubt(() => {
      for (const waiter of this.waiters.values()) waiter.check()
    })
  }

  /** The owner's first call is about to leave; `remove` when it does not lead into the line. */
  expect(owner: string): void {
    this.early.set(owner, null)
  }

  add(owner: string, waiter: LineWaiter): void {
    this.waiters.set(owner, waiter)
    const grant = this.early.get(owner)
    this.early.delete(owner)
    if (grant) waiter.granted(grant)
  }

  remove(owner: string): void {
    this.waiters.delete(owner)
    this.early.delete(owner)
  }

  /** Who waits here, and is known to stand in line. */
  waiterOf(owner: string): LineWaiter | undefined {
    return this.waiters.get(owner)
  }

  /** Ends every wait with `reason`. */
  close(reason: Error): void {
    for (const waiter of [...this.waiters.values()]) waiter.giveUp(reason)
  }
}

/** How a waiter asks, and says what it knows when it gives up. */
export interface Asker {
  ask(): Promise<AcquireAnswer>
  gaveUp(waitedMs: number, conflict: LockConflict): Error
  /** It stands first in line after `holder`. */
  isNextAfter?(holder: Owner): void
}

/**
 * One caller or job in one line. It is told of its turn by a grant. Grants may be lost, so it
 * also asks: every third of a claim lease, a job every claim lease, which is what keeps its place, and as
 * head of the line when the holder's lease should be over.
 */
export class LineWaiter implements Beat {
  dueMs = 0
  readonly slackMs: number
  next: Beat | null = null
  previous: Beat | null = null
  private readonly clock: Clock
  private readonly asker: Asker
  readonly terms: HeirTerms
  readonly claimMs: number
  private readonly heartbeatMs: number
  private readonly startedMs: number
  private readonly settle: (result: Acquired | Error) => void
  private lastSentAtMs: number
  private lastFence: number
  private conflict: LockConflict = { holder: null, sinceMs: null, position: 0, retryAfterMs: 0 }
  private failure: unknown
  private checking = false
  private checkAgain = false
  private stopped = false
  private expiryTimer: Timer | null = null

  constructor(
    clock: Clock,
    asker: Asker,
    terms: HeirTerms,
    startedMs: number,
    first: AcquireAnswer & { tag: 'waiting' },
    settle: (result: Acquired | Error) => void,
  ) {
    this.clock = clock
    this.asker = asker
    this.terms = terms
    this.claimMs = claimMsOf(terms.ttlMs)
    this.heartbeatMs = terms.kind === 'job' ? jobHeartbeatMsOf(this.claimMs) : this.claimMs / 3
    this.slackMs = this.heartbeatMs * EARLY_SHARE
    this.startedMs = startedMs
    this.settle = settle
    this.lastSentAtMs = first.sentAtMs
    this.lastFence = first.lastFence
    this.beat(clock.monotonicMs(), false)
    this.learn(first)
  }

  /** Keeps the place, and makes up for a lost message. */
  beat(nowMs: number, asks = true): void {
    this.dueMs = nowMs + this.heartbeatMs
    if (asks) this.check()
  }

  /** Asks again, as every caller of the line may at any time. */
  check(): void {
    this.checkAgain = true
    if (this.checking) return
    this.checking = true
    void this.askWhileNeeded()
  }

  /**
   * The lock is ours from some moment after our last answered call was sent, so the claim lease
   * cannot end before that moment plus its length: no clock of another machine is needed. A grant
   * that lay unread for long is confirmed first, and so is one that replicas must have, or one that
   * was over before that answer: a process that stood still may read its messages after its answers.
   */
  granted(grant: Grant): void {
    const validUntilMs = this.lastSentAtMs + this.claimMs - marginOf(this.claimMs)
    const isNews = grant.fence > this.lastFence
    const isFresh = isNews && validUntilMs - this.clock.monotonicMs() >= this.claimMs / 2
    if (!isFresh || this.terms.replicas > 0) return this.check()
    const { fence, successor = null } = grant
    this.settle({ fence, validUntilMs, claimed: true, successor })
  }

  /** Its turn has come by the one before it, in this very process. */
  takeOver(acquired: Acquired): void {
    this.settle(acquired)
  }

  timeOut(): void {
    const waitedMs = this.clock.monotonicMs() - this.startedMs
    if (this.failure instanceof Error) return this.settle(this.failure)
    this.settle(this.asker.gaveUp(waitedMs, this.conflict))
  }

  giveUp(reason: Error): void {
    this.settle(reason)
  }

  stop(): void {
    this.stopped = true
    this.expiryTimer?.cancel()
  }

  /** What happened while an answer was on its way is not in it: then the question is put again. */
  private async askWhileNeeded(): Promise<void> {
    while (this.checkAgain && !this.stopped) {
      this.checkAgain = false
      try {
        this.take(await this.asker.ask())
      } catch (error) {
        this.failure = error
        // A job may wait for ever: it is told at once of what does not pass.
        const isJob = this.terms.kind === 'job'
        if (isJob && error instanceof Error && !isPassing(error)) this.settle(error)
      }
    }
    this.checking = false
  }

  private take(answer: AcquireAnswer): void {
    this.failure = undefined
    if (this.stopped) return
    if (answer.tag === 'waiting') {
      this.lastSentAtMs = answer.sentAtMs
      this.lastFence = answer.lastFence
      this.learn(answer)
    } else if (answer.tag === 'acquired') {
      this.settle(acquiredOf(answer, this.terms.ttlMs))
    }
  }

  private learn(answer: AcquireAnswer & { tag: 'waiting' }): void {
    this.conflict = conflictOf(answer)
    this.expiryTimer?.cancel()
    if (answer.position > 0 || answer.holder === null) return
    this.asker.isNextAfter?.(answer.holder.owner)
    const delayMs = answer.holder.remainingMs + AFTER_EXPIRY_MS
    this.expiryTimer = this.clock.after(delayMs, () => this.check())
  }
}

/** What waiting needs to know of where it takes place. */
export interface LineContext {
  clock: Clock
  room: WaitingRoom
  rhythm: Rhythm<LineWaiter>
}

/** Stands in line until it is got, `waitMs` is over or the signal aborts: then it calls `leave`. */
export function standInLine(
  { clock, room, rhythm }: LineContext,
  terms: WaitTerms,
  asker: Asker & { leave(): void },
  startedMs: number,
  first: AcquireAnswer & { tag: 'waiting' },
): Promise<Acquired> {
  return new Promise((resolve, reject) => {
    const settle = (result: Acquired | Error) =>
      end(() => (result instanceof Error ? abandon(result) : resolve(result)))
    const onAbort = () => end(() => abandon(terms.signal?.reason))
    const waiter = new LineWaiter(clock, asker, terms, startedMs, first, settle)
    const leftMs = startedMs + terms.waitMs - clock.monotonicMs()
    const deadline = Number.isFinite(leftMs) ? clock.after(leftMs, () => waiter.timeOut()) : null
    rhythm.add(waiter)
    let finished = false

    function end(conclude: () => void): void {
      if (finished) return
      finished = true
      waiter.stop()
      deadline?.cancel()
      rhythm.remove(waiter)
      room.remove(terms.owner)
      terms.signal?.removeEventListener('abort', onAbort)
      conclude()
    }

    /** A grant may be on its way: leaving hands it on, and refuses what of ours arrives late. */
    function abandon(reason: unknown): void {
      asker.leave()
      reject(reason)
    }

    if (terms.signal?.aborted) return onAbort()
    terms.signal?.addEventListener('abort', onAbort, { once: true })
    room.add(terms.owner, waiter)
  })
}

/** The first request of an acquisition. */
export function requestOf<Demand>(
  terms: Omit<AcquireRequest<Demand>, 'owner' | 'claimMs' | 'enqueue' | 'heartbeat'>,
  owner: Owner,
  enqueue: boolean,
): AcquireRequest<Demand> {
  const { name, ttlMs, metadata, replicas, demand } = terms
  const claimMs = claimMsOf(ttlMs)
  return { name, owner, ttlMs, claimMs, enqueue, heartbeat: false, metadata, replicas, demand }
}

export function acquiredOf(answer: AcquireAnswer & { tag: 'acquired' }, ttlMs: number): Acquired {
  const validUntilMs = answer.sentAtMs + ttlMs - marginOf(ttlMs)
  return { fence: answer.fence, validUntilMs, claimed: false }
}

export function conflictOf(answer: AcquireAnswer & { tag: 'waiting' | 'held' }): LockConflict {
  return {
    holder: answer.holder?.owner ?? null,
    sinceMs: answer.holder?.sinceMs ?? null,
    position: answer.tag === 'waiting' ? answer.position : answer.waiterCount,
    retryAfterMs: answer.holder?.remainingMs ?? 0,
  }
}
