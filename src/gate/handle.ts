import type { Duration } from '../duration.ts'
import { LockLostError } from '../errors.ts'
import type { HeldLease } from './lease.ts'
import type { Owner } from './store.ts'

/** Time-limited ownership, and the handle that stands for it. */
export interface Hold extends AsyncDisposable {
  readonly name: string
  /** Who holds: `host:pid:random.number`, unique to this acquisition. */
  readonly owner: Owner
  /** Aborts, with a {@link LockLostError}, by this process's own clock before the lease is over. */
  readonly signal: AbortSignal
  /** Milliseconds for which the lease is certainly held unless it is renewed; 0 once it is lost. */
  readonly remainingMs: number
  /** Throws {@link LockLostError} if the lease is over, also right after a pause of the process. */
  assertHeld(): void
  /**
   * Gives the lease this long from now on, and renews it with that from then on.
   * @throws {LockLostError} if it is lost, {@link ArgumentError}, {@link EngineUnavailableError}
   */
  extend(ttl: Duration): Promise<void>
  /**
   * Gives it up and over to the next in line. Never throws for a lost lease; a second call answers
   * as the first did. An engine that cannot be reached rejects, and the lease then expires.
   */
  release(): Promise<'released' | 'lost'>
}

/** A hold that nobody else shares. */
export interface Lease extends Hold {
  /**
   * Grows with every ownership of this name, across expiry and restart. Hand it to the resource and
   * let it refuse a lower one: that is the only guard that no pause or clock can defeat.
   */
  readonly fence: number
}

/** The public face of a lease. It keeps the lease, and nothing keeps it but its user. */
export class Handle implements Hold {
  readonly #held: HeldLease<unknown>
  #outcome: Promise<'released' | 'lost'> | null = null

  constructor(held: HeldLease<unknown>) {
    this.#held = held
  }

  /** What is behind a handle; undefined for anything else. */
  static heldBy(value: object): HeldLease<unknown> | undefined {
    return #held in value ? value.#held : undefined
  }

  /** Whether somebody may still give it up: it is there, and was not released. */
  static isOpen(handle: Handle | undefined): boolean {
    return handle !== undefined && handle.#outcome === null
  }

  get name(): string {
    return this.#held.name
  }

  get owner(): Owner {
    return this.#held.owner
  }

  get signal(): AbortSignal {
    return this.#held.signal
  }

  get remainingMs(): number {
    return this.#outcome ? 0 : this.#held.remainingMs()
  }

  assertHeld(): void {
    this.#held.assertHeld()
    if (this.#outcome) throw new LockLostError(this.name, 'released')
  }

  async extend(ttl: Duration): Promise<void> {
    if (this.#outcome) throw new LockLostError(this.name, 'released')
    await this.#held.extend(ttl)
  }

  release(): Promise<'released' | 'lost'> {
    this.#outcome ??= this.#held.release()
    return this.#outcome
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.release().catch(() => {})
  }
}

/** The handle of a lease that nobody else shares. */
export function leaseOf<Demand>(held: HeldLease<Demand>): Lease {
  const handle: Handle & { fence?: number } = held.handle()
  handle.fence = held.fence
  return handle as Handle & Lease
}
