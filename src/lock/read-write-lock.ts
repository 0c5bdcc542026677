import type { Clock } from '../clock.ts'
import { ArgumentError, LockLostError, LockTimeoutError } from '../errors.ts'
import { type Hold, type Lease, leaseOf } from '../gate/handle.ts'
import { type Holdable, Taker, takingShapes } from '../gate/holdable.ts'
import { Holds } from '../gate/holds.ts'
import type { HeldLease } from '../gate/lease.ts'
import {
  type AcquireOptions,
  acquireOptions,
  type HoldOptions,
  holdOptions,
} from '../gate/options.ts'
import type { AcquireAnswer, Holder } from '../gate/store.ts'
import { type Person, personOf, type Waiter, waiterOf } from '../gate/view.ts'
import { acquiredOf, claimMsOf } from '../gate/waiting.ts'
import { readName, readOptions } from '../options.ts'
import type {
  ReweighAnswer,
  SemaphoreDemand,
  SemaphoreStore,
  StoredSemaphore,
} from '../semaphore/open.ts'
import { type ReadWriteGates, readWriteGates } from './gate.ts'

/**
 * Many readers or one writer. All stand in one line: a reader gets in with other readers unless a
 * writer waits, and when a writer is done the readers that wait in front get in together. So neither
 * starves the other (phase-fair, after Brandenburg and Anderson, 2010, with first come first served
 * between the phases). Readers that crash free what they held when their lease is over.
 */
export interface ReadWriteLock {
  readonly name: string
  /** Shared with other readers. */
  read(): Holdable<Hold>
  /** Shared with nobody. */
  write(): Holdable<WriteLease>
  /** Shared with readers, and of its kind alone: it may become a writer without giving up first. */
  upgradable(): Holdable<UpgradableLease>
  /** Who reads, writes and waits, as of now. Changes nothing. */
  inspect(): Promise<ReadWriteView>
}

export interface WriteLease extends Lease {
  /**
   * Becomes a reader without letting another writer in between, and lets readers in that wait in
   * front. This lease is over with the call; if it rejects, nothing is held any more.
   * @throws {LockLostError}, {@link EngineUnavailableError}
   */
  downgrade(): Promise<Hold>
}

export interface UpgradableLease extends Hold {
  /**
   * Waits, in front of everyone, until the readers are done, and writes then. Releasing the lease that
   * it gives returns to being upgradable. Nothing is lost when it fails. One upgrade at a time.
   * @throws {LockTimeoutError}, {@link LockLostError}, {@link EngineUnavailableError}; the signal's reason
   */
  upgrade(options?: AcquireOptions): Promise<Lease>
}

export type ShareMode = 'read' | 'write' | 'upgradable'

export interface ReadWriteView {
  name: string
  /** By the time since when they hold, at most 100. */
  holders: (Person & Holder & { mode: ShareMode })[]
  /** In the order in which they will get in, at most 100. */
  waiters: (Waiter & { mode: ShareMode })[]
}

/** All read-write locks of one engine. */
export interface ReadWriteLocks {
  readWriteLock(name: string, options?: HoldOptions): ReadWriteLock
  list(limit: number): Promise<ReadWriteView[]>
  readonly gates: ReadWriteGates
  close(): Promise<void>
}

/** A reader takes one of these permits, a writer all of them. */
const ALL = 1_000_000
const READ: SemaphoreDemand = { weight: 1, permits: ALL, solo: false }
const UPGRADABLE: SemaphoreDemand = { weight: 1, permits: ALL, solo: true }
const WRITE: SemaphoreDemand = { weight: ALL, permits: ALL, solo: false }
/** While it waits it is the upgradable one still. */
const UPGRADED: SemaphoreDemand = { weight: ALL, permits: ALL, solo: true }

const ONE_UPGRADE = 'called when no other upgrade of this lease waits or is held'

type Held = HeldLease<SemaphoreDemand>
type Changed = Exclude<ReweighAnswer, { tag: 'lost' }>
type Reweigh = (demand: SemaphoreDemand, heartbeat: boolean) => Promise<Changed>
const shapes = takingShapes<object>({})

export function createReadWriteLocks(
  store: SemaphoreStore,
  clock: Clock,
  clientId: string,
): ReadWriteLocks {
  const holds = new Holds<SemaphoreDemand>('Read-write lock', store, clock, clientId, 'r')

  /** @throws {LockLostError} */
  async function reweigh(
    held: Held,
    demand: SemaphoreDemand,
    heartbeat: boolean,
  ): Promise<Changed> {
    const { name, owner, ttlMs, replicas } = held
    const { weight, solo } = demand
    const claimMs = claimMsOf(ttlMs)
    const answer = await store.reweigh({
      ...{ name, owner, weight, solo, ttlMs, claimMs, heartbeat, replicas },
    })
    if (answer.tag !== 'lost') return answer
    held.lose('taken')
    held.assertHeld()
    throw new LockLostError(name, 'taken')
  }

  function writeLeaseOf(held: Held): WriteLease {
    const lease = leaseOf(held)
    return Object.assign(lease, {
      async downgrade(): Promise<Hold> {
        lease.assertHeld()
        const reader = held.handle()
        // Nobody writes from here on: readers may be in before the answer is here, or without one.
        await lease.release()
        try {
          const answer = await reweigh(held, READ, false)
          held.demand = READ
          if (answer.tag === 'changed') {
            held.regrant(acquiredOf({ ...answer, tag: 'acquired' }, held.ttlMs))
          }
          return reader
        } catch (error) {
          void reader.release().catch(() => {})
          throw error
        }
      },
    })
  }

  function upgradableLeaseOf(held: Held): UpgradableLease {
    const lease = held.handle()
    let isUpgrading = false
    let last: Promise<unknown> = Promise.resolve()
    /** One after the other: what withdraws an upgrade neither overtakes it nor meets the next one. */
    const reweighInTurn: Reweigh = (demand, heartbeat) => {
      const answer = last.then(() => reweigh(held, demand, heartbeat))
      last = answer.catch(() => {})
      return answer
    }
    return Object.assign(lease, {
      async upgrade(options?: AcquireOptions): Promise<Lease> {
        const { wait, signal } = readOptions('upgrade', options, acquireOptions)
        lease.assertHeld()
        signal?.throwIfAborted()
        // Both would hold the same permits, and the first release would end them for both.
        if (isUpgrading) throw new ArgumentError('upgrade', ONE_UPGRADE, 'one more call')
        isUpgrading = true
        try {
          await grow(held, reweighInTurn, wait, signal)
        } catch (error) {
          isUpgrading = false
          throw error
        }
        return upgradedLeaseOf(held, () => {
          isUpgrading = false
          return reweighInTurn(UPGRADABLE, false)
        })
      },
    })
  }

  /** Waits for all permits, and gives up what it may have got if it does not come to that. */
  async function grow(
    held: Held,
    reweighInTurn: Reweigh,
    waitMs: number,
    signal: AbortSignal | undefined,
  ): Promise<void> {
    const lost = new AbortController()
    const stop = AbortSignal.any([held.signal, lost.signal, ...(signal ? [signal] : [])])
    async function ask(heartbeat: boolean): Promise<AcquireAnswer> {
      const answer = await reweighInTurn(UPGRADED, heartbeat).catch((error: unknown) => {
        if (error instanceof LockLostError) lost.abort(error)
        throw error
      })
      if (answer.tag === 'waiting') return { ...answer, position: 0, holder: null }
      return { ...answer, tag: 'acquired' }
    }
    try {
      const acquired = await holds.waitAgain(held, waitMs, stop, { ask, leave() {} })
      if (acquired instanceof LockTimeoutError) throw acquired
      stop.throwIfAborted()
      held.demand = UPGRADED
      held.regrant(acquired)
    } catch (error) {
      void reweighInTurn(UPGRADABLE, true).catch(() => {})
      throw error
    }
  }

  /** Its release goes back to being upgradable. */
  function upgradedLeaseOf(held: Held, reweighBack: () => Promise<unknown>): Lease {
    const lease = leaseOf(held)
    const give = lease.release.bind(lease)
    let outcome: Promise<'released' | 'lost'> | null = null
    async function goBack(): Promise<'released' | 'lost'> {
      // Nobody writes from here on, whether or not the answer comes.
      const answer = give()
      const isHeld = held.remainingMs() > 0
      try {
        if (isHeld) await reweighBack()
        if (isHeld) held.demand = UPGRADABLE
        return await answer
      } catch (error) {
        if (error instanceof LockLostError) return 'lost'
        throw error
      }
    }
    return Object.assign(lease, {
      release() {
        outcome ??= goBack()
        return outcome
      },
    })
  }

  return {
    readWriteLock(givenName, options) {
      const name = readName(givenName, 'readWriteLock.name')
      const read = readOptions('readWriteLock', options, holdOptions)
      const { ttl: ttlMs, maxHold: maxHoldMs, metadata, durability: replicas } = read
      const part = <Given extends Hold>(demand: SemaphoreDemand, give: (held: Held) => Given) =>
        new Taker<Given, object, unknown>(shapes, ({ wait, signal }) => {
          const terms = { name, ttlMs, maxHoldMs, metadata, replicas, demand }
          return holds.acquire(terms, wait, signal, give)
        })
      return {
        name,
        read: () => part(READ, (held): Hold => held.handle()),
        write: () => part(WRITE, writeLeaseOf),
        upgradable: () => part(UPGRADABLE, upgradableLeaseOf),
        inspect: async () => viewOf(await store.inspect(name)),
      }
    },
    list: async (limit) => (await store.list(limit)).map(viewOf),
    gates: readWriteGates(holds, store, { read: READ, write: WRITE }),
    close: () => holds.close(),
  }
}

const modeOf = ({ weight, solo }: { weight: number; solo: boolean }): ShareMode => {
  if (weight === ALL) return 'write'
  return solo ? 'upgradable' : 'read'
}

const viewOf = ({ name, holders, waiters }: StoredSemaphore): ReadWriteView => ({
  name,
  holders: holders.map((holder) => ({
    ...personOf(holder),
    sinceMs: holder.sinceMs,
    remainingMs: holder.remainingMs,
    mode: modeOf(holder),
  })),
  waiters: waiters.map((waiter) => ({ ...waiterOf(waiter), mode: modeOf(waiter) })),
})
