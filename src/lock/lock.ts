import type { Clock } from '../clock.ts'
import { ArgumentError, LockLostError } from '../errors.ts'
import { Handle, type Hold, type Lease, leaseOf } from '../gate/handle.ts'
import { type Holdable, Taker, takingShapes } from '../gate/holdable.ts'
import { Holds } from '../gate/holds.ts'
import type { HeldLease } from '../gate/lease.ts'
import type { HoldTerms } from '../gate/terms.ts'
import { readName, readOptions } from '../options.ts'
import { describe } from '../text.ts'
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
  /** Ends every wait, and every lease that is held here with reason `closed`. */
  close(): Promise<void>
}

type Read = { within: Hold | undefined }
const shapes = takingShapes<Read>(reentryOptions)

export function createLocks(store: LockStore, clock: Clock, clientId: string): Locks {
  const holds = new Holds<LockDemand>('Lock', store, clock, clientId)

  function lockOf(terms: HoldTerms<LockDemand>): Lock {
    const { name } = terms
    const taker = new Taker<Lease, Read, ReentryOptions>(shapes, ({ wait, signal, within }) => {
      if (!within) return holds.acquire(terms, wait, signal, leaseOf)
      signal?.throwIfAborted()
      return leaseOf(heldWithin(within, name))
    })
    return Object.assign(taker, {
      name,
      inspect: async () => lockViewOf(await store.inspect(name)),
      async forceRelease(options: ForceReleaseOptions) {
        const read = readOptions('forceRelease', options, forceReleaseOptions)
        return store.forceRelease({ name, ...read })
      },
    })
  }

  /** The lease behind a handle that is to be held once more. @throws {LockLostError} */
  function heldWithin(within: Hold, name: string): HeldLease<LockDemand> {
    within.assertHeld()
    const behind = Handle.heldBy(within)
    if (behind && holds.has(behind) && behind.name === name) return behind
    throw new ArgumentError(
      'acquire.within',
      `a lease of lock ${JSON.stringify(name)} from the same Sluice`,
      `a lease of ${describe(within.name)}`,
    )
  }

  function lock(name: string, options?: LockOptions): Lock
  function lock(names: readonly string[], options?: LockOptions): ManyLocks
  function lock(names: string | readonly string[], options?: LockOptions): Lock | ManyLocks {
    const { ttl, maxHold, metadata, durability, fair } = readOptions('lock', options, lockOptions)
    const termsOf = (name: string): HoldTerms<LockDemand> => ({
      name,
      ttlMs: ttl,
      maxHoldMs: maxHold,
      metadata,
      replicas: durability,
      demand: { fair },
    })
    if (!Array.isArray(names)) return lockOf(termsOf(readName(names, 'lock.name')))
    return manyLocks(
      readNames(names).map((name) => lockOf(termsOf(name))),
      clock,
    )
  }

  const list = async (limit: number) => (await store.list(limit)).map(lockViewOf)
  return { lock, list, close: () => holds.close() }
}
