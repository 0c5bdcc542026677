import type { Clock } from '../clock.ts'
import { ClosedError, InternalError, LockTimeoutError } from '../errors.ts'
import { callback, readName, readOptions } from '../options.ts'
import { HeldLease, type Lease, leaseOf } from './lease.ts'
import { type AcquireOptions, acquireOptions, type LockOptions, lockOptions } from './options.ts'
import { Rhythm } from './rhythm.ts'
import type { AcquireAnswer, LockStore, LockView } from './store.ts'
import {
  type Acquired,
  acquiredOf,
  conflictOf,
  requestOf,
  standInLine,
  WaitingRoom,
  type WaitTerms,
} from './waiting.ts'

/** A mutual exclusion by name, shared by every process on the same engine and prefix. */
export interface Lock {
  readonly name: string
  /**
   * Takes the lock, standing in line first come first served for up to `wait`.
   * @throws {LockTimeoutError} with who holds it, since when, how many wait in front and when to
   *   come back; {@link EngineUnavailableError}; the signal's reason
   */
  acquire(options?: AcquireOptions): Promise<Lease>
  /** Takes the lock if it is free now, else null. @throws {EngineUnavailableError} */
  tryAcquire(): Promise<Lease | null>
  /**
   * Runs `work` while holding the lock and releases it afterwards. Rejects with what `work` throws;
   * if `work` succeeds but the lease was lost meanwhile, with {@link LockLostError}.
   */
  run<T>(work: (lease: Lease) => T | Promise<T>, options?: AcquireOptions): Promise<T>
  /** Who holds it and who waits, as of now. Changes nothing. */
  inspect(): Promise<LockView>
}

/** All locks of one engine. */
export interface Locks {
  lock(name: string, options?: LockOptions): Lock
  list(limit: number): Promise<LockView[]>
  /** Ends every wait, and every lease that is held here with reason `closed`. */
  close(): Promise<void>
}

interface Terms {
  name: string
  ttlMs: number
  maxHoldMs: number | null
}

export function createLocks(store: LockStore, clock: Clock, clientId: string): Locks {
  const room = new WaitingRoom(store)
  const rhythm = new Rhythm(clock)
  const leases = new Set<HeldLease>()
  /** What they get after `close` is given back before that resolves. */
  const firstCalls = new Set<Promise<unknown>>()
  let ownerCount = 0
  let closed = false
  store.onDoubt(() => {
    for (const lease of leases) lease.confirm()
  })

  function hold(terms: Terms, owner: string, acquired: Acquired): Lease {
    const { name, ttlMs, maxHoldMs } = terms
    const { fence, validUntilMs } = acquired
    const leaseTerms = { name, owner, fence, ttlMs, maxHoldMs, validUntilMs }
    const held = new HeldLease(store, clock, rhythm, leaseTerms, () => leases.delete(held))
    leases.add(held)
    if (acquired.claimed) held.confirmSoon()
    return leaseOf(held)
  }

  /** One call, then the line. A call whose outcome is unknown is withdrawn before it is reported. */
  async function acquire(
    terms: Terms,
    waitMs: number,
    signal?: AbortSignal,
  ): Promise<Lease | LockTimeoutError> {
    if (closed) throw new ClosedError('This Sluice')
    signal?.throwIfAborted()
    const startedMs = clock.monotonicMs()
    const owner = `${clientId}.${++ownerCount}`
    const { name, ttlMs } = terms
    const waitTerms: WaitTerms = { name, owner, ttlMs, waitMs, signal }
    room.expect(owner)
    const firstCall = askForLock(waitTerms, startedMs)
    firstCalls.add(firstCall)
    const answer = await firstCall.finally(() => firstCalls.delete(firstCall))
    if (answer.tag !== 'waiting') room.remove(owner)
    switch (answer.tag) {
      case 'acquired':
        return hold(terms, owner, acquiredOf(answer, ttlMs))
      case 'held':
        return new LockTimeoutError(name, clock.monotonicMs() - startedMs, conflictOf(answer))
      case 'waiting': {
        const context = { store, clock, room, rhythm }
        return hold(terms, owner, await standInLine(context, waitTerms, startedMs, answer))
      }
      case 'refused':
        throw new InternalError(`Lock ${JSON.stringify(name)} refused a new owner.`)
    }
  }

  /**
   * The first call of an acquisition. An answer that took longer than the lease is no lease any
   * more: it is asked for again while there is time. A call whose outcome is unknown, or wanted no
   * more, is withdrawn.
   */
  async function askForLock(terms: WaitTerms, startedMs: number): Promise<AcquireAnswer> {
    try {
      for (;;) {
        const answer = await store.acquire(
          requestOf(terms, { enqueue: terms.waitMs > 0, heartbeat: false }),
        )
        terms.signal?.throwIfAborted()
        if (closed) throw new ClosedError('This Sluice')
        if (answer.tag !== 'acquired') return answer
        const now = clock.monotonicMs()
        if (acquiredOf(answer, terms.ttlMs).validUntilMs > now) return answer
        if (now - startedMs >= terms.waitMs) {
          store.leave(terms).catch(() => {})
          return { tag: 'held', waiterCount: 0, holder: null }
        }
      }
    } catch (error) {
      room.remove(terms.owner)
      const left = store.leave(terms).catch(() => {})
      if (closed) await left
      terms.signal?.throwIfAborted()
      throw error
    }
  }

  return {
    lock(name, options) {
      const { ttl, maxHold } = readOptions('lock', options, lockOptions)
      return lockOf(acquire, store, {
        name: readName(name, 'lock.name'),
        ttlMs: ttl,
        maxHoldMs: maxHold,
      })
    },
    list: (limit) => store.list(limit),
    async close() {
      closed = true
      room.close(new ClosedError('This Sluice'))
      await Promise.allSettled([...[...leases].map((lease) => lease.close()), ...firstCalls])
    },
  }
}

type Acquire = (
  terms: Terms,
  waitMs: number,
  signal?: AbortSignal,
) => Promise<Lease | LockTimeoutError>

function lockOf(acquireLease: Acquire, store: LockStore, terms: Terms): Lock {
  async function acquire(options?: AcquireOptions): Promise<Lease> {
    const { wait, signal } = readOptions('acquire', options, acquireOptions)
    const lease = await acquireLease(terms, wait, signal)
    if (lease instanceof LockTimeoutError) throw lease
    return lease
  }

  return {
    name: terms.name,
    acquire,
    async tryAcquire() {
      const lease = await acquireLease(terms, 0)
      return lease instanceof LockTimeoutError ? null : lease
    },
    async run(work, options) {
      callback(work, 'run.work')
      const lease = await acquire(options)
      try {
        const result = await work(lease)
        lease.assertHeld()
        return result
      } finally {
        await lease.release().catch(() => {})
      }
    },
    inspect: () => store.inspect(terms.name),
  }
}
