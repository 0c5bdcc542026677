import type { Deadlines } from '../deadlines.ts'

/**
 * What every store does that gives things out for a limited time: locks, permits of a semaphore,
 * shares of a read-write lock. `Demand` is what a kind of thing needs to know besides. Each store
 * says and proves its own promises; the logic above is the same for all.
 */

/** How long a job counts that stands in line: several of its heartbeats, which cost a command each. */
export const JOB_COUNTS_MS = 15_000

/** Identifies one acquisition: `<clientId>.<number>`; every call of it carries the same owner. */
export type Owner = string

export interface AcquireRequest<Demand> {
  name: string
  owner: Owner
  /** Lease that the owner gets. */
  ttlMs: number
  /** Lease that a hand-over gets until it is claimed; a caller that waits must call again before it is over. */
  claimMs: number
  /** Join the line when it is taken, or answer `held`. */
  enqueue: boolean
  /** True for the second and later call of a waiter: a full store still serves it. */
  heartbeat: boolean
  /**
   * Who asks; left out, a caller. A job calls again less often: in line it counts for
   * {@link JOB_COUNTS_MS} after its last call, where a caller counts for one claim lease.
   */
  kind?: 'job'
  /** JSON that {@link Holder}s are shown with; empty for none. */
  metadata: string
  /** Replicas that must have the answer before it counts; 0 asks none. */
  replicas: number
  demand: Demand
}

export interface RenewRequest {
  name: string
  owner: Owner
  ttlMs: number
  replicas: number
}

/** The owner gives what it holds to a waiter of its own client, which holds it from now on. */
export interface HandOverRequest {
  name: string
  owner: Owner
  successor: Owner
  /** The owner's fence plus one, which is nobody else's. */
  fence: number
  /** Lease that the successor gets. */
  ttlMs: number
  metadata: string
}

export interface ReserveRequest {
  name: string
  owner: Owner
  /** The last of those that the owner is to have. */
  fence: number
}

export interface ReleaseRequest<Demand> {
  name: string
  owner: Owner
  demand: Demand
  /** Monotonic times of the lease, as its owner knows them: they may tell what a lost answer said. */
  heldSinceMs?: number
  validUntilMs?: number
}

/**
 * Who has it, as the store saw it while answering; null where an answer carries a holder and there
 * is none, for someone waits in front.
 */
export interface Holder {
  owner: Owner
  /** Epoch milliseconds of the store's clock. */
  sinceMs: number
  /** What is left of the lease. */
  remainingMs: number
}

/**
 * `sentAtMs`: monotonic time, on the caller's clock, from before the call left this process.
 * `lastFence`: the highest that was given out before the call. A grant to one who waits that has no
 * higher one is over: it was made before, and was not claimed in time.
 */
export type AcquireAnswer =
  | { tag: 'acquired'; fence: number; sentAtMs: number }
  | { tag: 'waiting'; position: number; lastFence: number; holder: Holder | null; sentAtMs: number }
  | { tag: 'held'; waiterCount: number; holder: Holder | null }
  | { tag: 'refused' }

export type RenewAnswer =
  | { tag: 'renewed'; sentAtMs: number; successor?: Owner | null }
  | { tag: 'lost' }
  /** Somebody took it away on purpose, and said why. */
  | { tag: 'forced'; reason: string }
export type ReleaseAnswer = { tag: 'released' } | { tag: 'lost' }

/** A hand-over: it now belongs to `owner`, for the claim lease of its last answered call. */
export interface Grant {
  owner: Owner
  fence: number
  /** Who stands first in line after that, where it is of the same client and the store says so. */
  successor?: Owner | null
}

/** Who stands in a line. */
export interface WaiterView {
  owner: Owner
  kind: 'caller' | 'job'
  metadata: string
}

/** Calls of one tick may share one round trip; each still settles by the engine's deadline. */
export interface GateStore<Demand> {
  acquire(request: AcquireRequest<Demand>): Promise<AcquireAnswer>
  renew(request: RenewRequest): Promise<RenewAnswer>
  release(request: ReleaseRequest<Demand>): Promise<ReleaseAnswer>
  /**
   * A release and its grant at once, where the store is far away: the successor begins before it is
   * asked, and is told afterwards whether that was right, as by a renewal.
   */
  handOver?(request: HandOverRequest): Promise<RenewAnswer>
  /**
   * Makes every later ownership have a higher fence than this one, while the owner holds it and nobody stands in line: it lets
   * several have it on one lease, each with a fence of its own. `awaited`: somebody does, and nothing was changed.
   */
  reserveFences?(request: ReserveRequest): Promise<'reserved' | 'awaited' | 'lost'>
  /** No lease may be longer, where that is less than a day. */
  readonly longestTtlMs?: number
  /** Bounds what waits for a hand-over, where there are some. */
  readonly deadlines?: Deadlines
  /** Withdraws: out of the line, and passed on if it was granted meanwhile. */
  leave(request: ReleaseRequest<Demand>): Promise<void>
  /** Calls back with each grant to an owner of this client. Returns what unsubscribes. */
  onGrant(listener: (grant: Grant) => void): () => void
  /** Calls back, as a hint, when what an owner of this client held was taken away on purpose. */
  onForced(listener: (forced: { owner: Owner; reason: string }) => void): () => void
  /**
   * Calls back when grants may have been missed, or leases forgotten: every waiter should acquire
   * again at once, and every holder renew.
   */
  onDoubt(listener: () => void): () => void
  /** Why a lease may be gone that was there at `sinceMs`, a monotonic time; else null. */
  resetSince(sinceMs: number): Error | null
}

/** What leases need of their store. */
export type LeaseStore<Demand> = Pick<
  GateStore<Demand>,
  'renew' | 'release' | 'reserveFences' | 'resetSince' | 'deadlines' | 'longestTtlMs'
>
