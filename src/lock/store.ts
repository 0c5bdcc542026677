/**
 * The contract of locks on an engine: one method per atomic operation. Internal, outside semver.
 *
 * Promises, proved by `lock.contract.ts` on every engine:
 * - L1  At most one owner holds a name at any instant of the store's clock.
 * - L2  Each new ownership of a name has a higher fence than every one before it.
 * - L3  Only the owner can renew or release; anyone else is told `lost` and changes nothing.
 * - L4  A released or expired lock goes to the waiter that has waited longest and still lives.
 * - L5  A hand-over is granted for the claim lease only, until its owner acquires or renews.
 * - L6  A waiter that missed a heartbeat deadline delays nobody by more than one claim lease.
 * - L7  `acquire` repeated by the same owner gives the same ownership: same fence, fresh lease.
 * - L8  After `leave` the owner's late `acquire` is refused, and what it was granted is passed on.
 * - L9  `inspect` and `list` change nothing.
 * - L10 Nothing outlives its use: an idle lock leaves only its fence, and that for a day.
 */

/** Identifies one acquisition: `<clientId>.<number>`; every call of it carries the same owner. */
export type Owner = string

export interface AcquireRequest {
  name: string
  owner: Owner
  /** Lease that an acquired lock gets. */
  ttlMs: number
  /** Lease that a hand-over gets until it is claimed; a waiter must call again before it is over. */
  claimMs: number
  /** Join the line when the lock is taken, or answer `held`. */
  enqueue: boolean
  /** True for the second and later call of a waiter: a full store still serves it. */
  heartbeat: boolean
}

/**
 * Who has the lock, as the store saw it while answering; null where an answer carries a holder and
 * the lock is free for someone who waits in front.
 */
export interface Holder {
  owner: Owner
  /** Epoch milliseconds of the store's clock. */
  sinceMs: number
  /** What is left of the lease. */
  remainingMs: number
}

/** `sentAtMs`: monotonic time, on the caller's clock, from before the call left this process. */
export type AcquireAnswer =
  | { tag: 'acquired'; fence: number; sentAtMs: number }
  | { tag: 'waiting'; position: number; holder: Holder | null; sentAtMs: number }
  | { tag: 'held'; waiterCount: number; holder: Holder | null }
  | { tag: 'refused' }

export type RenewAnswer = { tag: 'renewed'; sentAtMs: number } | { tag: 'lost' }
export type ReleaseAnswer = { tag: 'released' } | { tag: 'lost' }

/** A hand-over: the lock now belongs to `owner`, for the claim lease of its last answered call. */
export interface Grant {
  owner: Owner
  fence: number
}

export interface LockView {
  name: string
  holder: (Holder & { fence: number }) | null
  /** In the order in which they will get the lock. */
  waiters: { owner: Owner; kind: 'caller' | 'job' }[]
}

/** Calls of one tick may share one round trip; each still settles by the engine's deadline. */
export interface LockStore {
  acquire(request: AcquireRequest): Promise<AcquireAnswer>
  renew(request: { name: string; owner: Owner; ttlMs: number }): Promise<RenewAnswer>
  release(request: { name: string; owner: Owner }): Promise<ReleaseAnswer>
  /** Withdraws: out of the line, and passed on if it was granted meanwhile. */
  leave(request: { name: string; owner: Owner }): Promise<void>
  inspect(name: string): Promise<LockView>
  /** Locks that are held or waited for, at most `limit`, in no order. */
  list(limit: number): Promise<LockView[]>
  /** Calls back with each grant to an owner of this client. Returns what unsubscribes. */
  onGrant(listener: (grant: Grant) => void): () => void
  /**
   * Calls back when grants may have been missed, or leases forgotten: every waiter should acquire
   * again at once, and every holder renew.
   */
  onDoubt(listener: () => void): () => void
  /** Why a lease may be gone that was there at `sinceMs`, a monotonic time; else null. */
  resetSince(sinceMs: number): Error | null
}
