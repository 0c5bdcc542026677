import type { Engine } from '../engine/engine.ts'
import { refusingDurability } from '../gate/options.ts'
import { openSemaphoreStore } from '../semaphore/open.ts'
import { createElections, type Elections } from './election.ts'
import { createLatches, type Latches } from './latch.ts'
import type { LatchStore } from './latch-store.ts'
import type { LeaderStore } from './leader-store.ts'
import { createLocks, type Locks } from './lock.ts'
import { createReadWriteLocks, type ReadWriteLocks } from './read-write-lock.ts'
import { redisLatchStore } from './redis/latch-store.ts'
import { redisLeaderStore } from './redis/leader-store.ts'
import { redisLockStore } from './redis/store.ts'
import { sqliteLatchStore } from './sqlite/latch-store.ts'
import { sqliteLeaderStore } from './sqlite/leader-store.ts'
import { sqliteLockStore } from './sqlite/store.ts'
import type { LockStore } from './store.ts'

export type { LockGates, ReadWriteGates } from './gate.ts'
export type { Lock, LockOptions, LockView, ManyLocks } from './index.ts'
// What a Redlock is made of, and makes, which has its door here.
export { createLocks, type Locks } from './lock.ts'
export type { LockDemand, LockStore, StoredLock } from './store.ts'
export { lockViewOf } from './view.ts'

/** @param kind what the locks are for: a name means another lock to each */
export function openLockStore(engine: Engine, kind: 'lock' | 'election' = 'lock'): LockStore {
  return engine.kind === 'redis' ? redisLockStore(engine, kind) : sqliteLockStore(engine, kind)
}

export function openLocks(engine: Engine): Locks {
  const locks = createLocks(openLockStore(engine), engine.clock, engine.clientId)
  if (engine.kind === 'redis') return locks
  return { ...locks, lock: refusingDurability(locks.lock, 'lock') }
}

export function openReadWriteLocks(engine: Engine): ReadWriteLocks {
  const store = openSemaphoreStore(engine, 'read-write-lock')
  const locks = createReadWriteLocks(store, engine.clock, engine.clientId)
  if (engine.kind === 'redis') return locks
  return {
    ...locks,
    readWriteLock: refusingDurability(locks.readWriteLock, 'readWriteLock'),
  }
}

export function openLatchStore(engine: Engine): LatchStore {
  return engine.kind === 'redis' ? redisLatchStore(engine) : sqliteLatchStore(engine)
}

export function openLatches(engine: Engine): Latches {
  return createLatches(openLatchStore(engine), engine.clock, engine.clientId)
}

/** @param elections the store of locks of that kind */
export function openLeaderStore(engine: Engine, elections: LockStore): LeaderStore {
  return engine.kind === 'redis' ? redisLeaderStore(engine) : sqliteLeaderStore(engine, elections)
}

export function openElections(engine: Engine): Elections {
  const store = openLockStore(engine, 'election')
  const leaders = openLeaderStore(engine, store)
  const elections = createElections(store, leaders, engine.clock, engine.clientId)
  if (engine.kind === 'redis') return elections
  return { ...elections, election: refusingDurability(elections.election, 'election') }
}
