import type { Clock, Timer } from '../clock.ts'
import { type LockConflict, LockTimeoutError } from '../errors.ts'
import { marginOf } from './lease.ts'
import type { Rhythm } from './rhythm.ts'
import type { AcquireAnswer, AcquireRequest, Grant, LockStore } from './store.ts'

/** The longest time that a waiter which was given the lock may take to say that it lives. */
const LONGEST_CLAIM_MS = 3_000
/** A head waiter looks again this long after the holder's lease should have ended. */
const AFTER_EXPIRY_MS = 3

export const claimMsOf = (ttlMs: number) => Math.min(ttlMs, LONGEST_CLAIM_MS)

/** A lock that was got: for how long is certain from `validUntilMs` on the monotonic clock. */
export interface Acquired {
  fence: number
  validUntilMs: number
  /** It came by hand-over and holds for the claim lease only, until the first renewal. */
  claimed: boolean
}

export interface WaitTerms {
  name: string
  owner: string
  ttlMs: number
  waitMs: number
  signal: AbortSignal | undefined
}

/**
 * Routes what the store tells to those who wait in this process. A grant travels apart from the
 * answer to the call that joined the line, and may overtake it: it is kept until that is there.
 */
export class WaitingRoom {
  private readonly waiters = new Map<string, LineWaiter>()
  private readonly early = new Map<string, Grant | null>()

  constructor(store: LockStore) {
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

  /** Ends every wait with `reason`. */
  close(reason: Error): void {
    for (const waiter of [...this.waiters.values()]) waiter.giveUp(reason)
  }
}

/**
 * One caller in the line of one lock. It is told of its turn by a grant. Grants may be lost, so it
 * also asks: every third of a claim lease, which is what keeps its place, and as head of the line
 * when the holder's lease should be over.
 */
export class LineWaiter {
  private readonly store: LockStore
  private readonly clock: Clock
  private readonly terms: WaitTerms
  private readonly claimMs: number
  private readonly startedMs: number
  private readonly settle: (result: Acquired | Error) => void
  private lastSentAtMs: number
  private conflict: LockConflict = { holder: null, sinceMs: null, position: 0, retryAfterMs: 0 }
  private failure: unknown
  private checking = false
  private checkAgain = false
  private stopped = false
  private expiryTimer: Timer | null = null

  constructor(
    store: LockStore,
    clock: Clock,
    terms: WaitTerms,
    startedMs: number,
    first: AcquireAnswer & { tag: 'waiting' },
    settle: (result: Acquired | Error) => void,
  ) {
    this.store = store
    this.clock = clock
    this.terms = terms
    this.claimMs = claimMsOf(terms.ttlMs)
    this.startedMs = startedMs
    this.settle = settle
    this.lastSentAtMs = first.sentAtMs
    this.learn(first)
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
   * that lay unread for long is confirmed first.
   */
  granted(grant: Grant): void {
    const validUntilMs = this.lastSentAtMs + this.claimMs - marginOf(this.claimMs)
    if (validUntilMs - this.clock.monotonicMs() < this.claimMs / 2) return this.check()
    this.settle({ fence: grant.fence, validUntilMs, claimed: true })
  }

  timeOut(): void {
    const waitedMs = this.clock.monotonicMs() - this.startedMs
    if (this.failure instanceof Error) return this.settle(this.failure)
    this.settle(new LockTimeoutError(this.terms.name, waitedMs, this.conflict))
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
        this.take(
          await this.store.acquire(requestOf(this.terms, { enqueue: true, heartbeat: true })),
        )
      } catch (error) {
        this.failure = error
      }
    }
    this.checking = false
  }

  private take(answer: AcquireAnswer): void {
    this.failure = undefined
    if (this.stopped) return
    if (answer.tag === 'waiting') {
      this.lastSentAtMs = answer.sentAtMs
      this.learn(answer)
    } else if (answer.tag === 'acquired') {
      this.settle(acquiredOf(answer, this.terms.ttlMs))
    }
  }

  private learn(answer: AcquireAnswer & { tag: 'waiting' }): void {
    this.conflict = conflictOf(answer)
    this.expiryTimer?.cancel()
    if (answer.position > 0) return
    const delayMs = (answer.holder?.remainingMs ?? 0) + AFTER_EXPIRY_MS
    this.expiryTimer = this.clock.after(delayMs, () => this.check())
  }
}

/** Stands in line until the lock is got, `waitMs` is over or the signal aborts. */
export function standInLine(
  context: { store: LockStore; clock: Clock; room: WaitingRoom; rhythm: Rhythm },
  terms: WaitTerms,
  startedMs: number,
  first: AcquireAnswer & { tag: 'waiting' },
): Promise<Acquired> {
  const { store, clock, room, rhythm } = context
  return new Promise((resolve, reject) => {
    const settle = (result: Acquired | Error) =>
      end(() => (result instanceof Error ? abandon(result) : resolve(result)))
    const onAbort = () => end(() => abandon(terms.signal?.reason))
    const waiter = new LineWaiter(store, clock, terms, startedMs, first, settle)
    const deadline = clock.after(startedMs + terms.waitMs - clock.monotonicMs(), () =>
      waiter.timeOut(),
    )
    const stopBeating = rhythm.every(claimMsOf(terms.ttlMs) / 3, () => waiter.check())
    let finished = false

    function end(conclude: () => void): void {
      if (finished) return
      finished = true
      waiter.stop()
      deadline.cancel()
      stopBeating()
      room.remove(terms.owner)
      terms.signal?.removeEventListener('abort', onAbort)
      conclude()
    }

    /** A grant may be on its way: leaving hands it on, and refuses what of ours arrives late. */
    function abandon(reason: unknown): void {
      store.leave(terms).catch(() => {})
      reject(reason)
    }

    if (terms.signal?.aborted) return onAbort()
    terms.signal?.addEventListener('abort', onAbort, { once: true })
    room.add(terms.owner, waiter)
  })
}

export function requestOf(
  terms: Pick<WaitTerms, 'name' | 'owner' | 'ttlMs'>,
  how: Pick<AcquireRequest, 'enqueue' | 'heartbeat'>,
): AcquireRequest {
  const { name, owner, ttlMs } = terms
  return { name, owner, ttlMs, claimMs: claimMsOf(ttlMs), ...how }
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
