import type { Clock } from '../clock.ts'
import { ArgumentError, LockLostError, type LockTimeoutError } from '../errors.ts'
import type { Gate } from '../gate/gate.ts'
import { Handle, type Hold, type Lease, leaseOf } from '../gate/handle.ts'
import {
  acquireBy,
  type Holdable,
  runBy,
  type Taking,
  takingShapes,
  tryAcquireBy,
} from '../gate/holdable.ts'
import { Holds } from '../gate/holds.ts'
import type { HeldLease } from '../gate/lease.ts'
import type { AcquireOptions } from '../gate/options.ts'
import type { HoldTerms } from '../gate/terms.ts'
import { readName, readOptions } from '../options.ts'
import { describe } from '../text.ts'
import { type LockGates, lockGates } from './gate.ts'
import { type ManyLocks, manyLocks, readNames } from './many.ts'
import {
  type ForceReleaseOptions,
  forceReleaseOptions,
  type LockOptions,
  lockOptions,
  type ReentryOptions,
  reentryOptions,
} from './options.ts'
import type { LockDemand, LockStore } from './store.ts'
import { type LockView, lockViewOf } from './view.ts'

/** A mutual exclusion by name, shared by every process on the same engine and prefix. */
export interface Lock extends Holdable<Lease, ReentryOptions> {
  readonly name: string
  /** Who holds it and who waits, as of now. Changes nothing. */
  inspect(): Promise<LockView>
  /**
   * Takes the lock from its holder, who is told with {@link LockLostError} and reason `forced`, at
   * once or at its next renewal, and gives it to the next in line. The holder may go on working
   * until then: guard what it writes by the fence. `free`: nobody held it. `changed`: whoever holds
   * it has another fence than the expected one, and keeps it.
   */
  forceRelease(options: ForceReleaseOptions): Promise<'released' | 'free' | 'changed'>
}

/** All locks of one engine. */
export interface Locks {
  lock(name: string, options?: LockOptions): Lock
  lock(names: readonly string[], options?: LockOptions): ManyLocks
  list(limit: number): Promise<LockView[]>
  readonly gates: LockGates
  /** The gate to one of these locks; null for anything else. */
  gateOf(handle: object, ttlMs: number): Gate | null
  /** Ends every wait, and every lease that is held here with reason `closed`. */
  close(): Promise<void>
}

type Read = { within: Hold | undefined }
const shapes = takingShapes<Read>(reentryOptions)
const FAIR: LockDemand = { fair: true }
const UNFAIR: LockDemand = { fair: false }

/** A class, because many are made for one use each: closures of each its own take seven times the memory. */
class NamedLock implements Lock {
  readonly name: string
  readonly #store: LockStore
  readonly #holds: Holds<LockDemand>
  readonly #terms: HoldTerms<LockDemand>

  constructor(store: LockStore, holds: Holds<LockDemand>, terms: HoldTerms<LockDemand>) {
    this.name = terms.name
    this.#store = store
    this.#holds = holds
    this.#terms = terms
  }

  /** Null for what is none of those locks. */
  static nameOf(handle: object, holds: Holds<LockDemand>): string | null {
    return #holds in handle && handle.#holds === holds ? handle.#terms.name : null
  }

  acquire(options?: AcquireOptions & ReentryOptions): Promise<Lease> {
    return acquireBy(shapes, options, (how) => this.#take(how))
  }

  tryAcquire(options?: ReentryOptions): Promise<Lease | null> {
    return tryAcquireBy(shapes, options, (how) => this.#take(how))
  }

  run<T>(
    work: (held: Lease) => T | Promise<T>,
    options?: AcquireOptions & ReentryOptions,
  ): Promise<T> {
    return runBy(work, () => this.acquire(options))
  }

  async inspect(): Promise<LockView> {
    return lockViewOf(await this.#store.inspect(this.name))
  }

  async forceRelease(options: ForceReleaseOptions): Promise<'released' | 'free' | 'changed'> {
    const read = readOptions('forceRelease', options, forceReleaseOptions)
    return this.#store.forceRelease({ name: this.name, ...read })
  }

  #take({ wait, signal, within }: Taking<Read>): Promise<Lease | LockTimeoutError> | Lease {
    if (!within) return this.#holds.acquire(this.#terms, wait, signal, leaseOf)
    signal?.throwIfAborted()
    return leaseOf(this.#heldWithin(within))
  }

  /** The lease behind a handle that is to be held once more. @throws {LockLostError} */
  #heldWithin(within: Hold): HeldLease<LockDemand> {
    within.assertHeld()
    const behind = Handle.heldBy(within)
    if (behind && this.#holds.has(behind) && behind.name === this.name) return behind
    throw new ArgumentError(
      'acquire.within',
      `a lease of lock ${JSON.stringify(this.name)} from the same Sluice`,
      `a lease of ${describe(within.name)}`,
    )
  }
}

export function createLocks(store: LockStore, clock: Clock, clientId: string): Locks {
  const holds = new Holds<LockDemand>('Lock', store, clock, clientId)

  function lock(name: string, options?: LockOptions): Lock
  function lock(names: readonly string[], options?: LockOptions): ManyLocks
  function lock(names: string | readonly string[], options?: LockOptions): Lock | ManyLocks {
    const { ttl, maxHold, metadata, durability, fair } = readOptions('lock', options, lockOptions)
    const lockOf = (name: string) =>
      new NamedLock(store, holds, {
        name,
        ttlMs: ttl,
        maxHoldMs: maxHold,
        metadata,
        replicas: durability,
        demand: fair ? FAIR : UNFAIR,
      })
    if (!Array.isArray(names)) return lockOf(readName(names, 'lock.name'))
    return manyLocks(
      readNames(names).map((name) => lockOf(name)),
      clock,
    )
  }

  const list = async (limit: number) => (await store.list(limit)).map(lockViewOf)
  const gates = lockGates(holds, store)
  return {
    ...{ lock, list, gates },
    gateOf(handle, ttlMs) {
      const name = NamedLock.nameOf(handle, holds)
      return name === null ? null : gates.of(name, ttlMs)
    },
    close: () => holds.close(),
  }
}
