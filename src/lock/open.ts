import type { Engine } from '../engine/engine.ts'
import { createLocks, type Locks } from './lock.ts'
import { redisLockStore } from './redis/store.ts'
import { sqliteLockStore } from './sqlite/store.ts'
import type { LockStore } from './store.ts'

export function openLockStore(engine: Engine): LockStore {
  return engine.kind === 'redis' ? redisLockStore(engine) : sqliteLockStore(engine)
}

export function openLocks(engine: Engine): Locks {
  return createLocks(openLockStore(engine), engine.clock, engine.clientId)
}
