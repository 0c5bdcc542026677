import type { Engine } from '../engine/engine.ts'
import { refusingDurability } from '../gate/options.ts'
import { redisSemaphoreStore } from './redis/store.ts'
import { createSemaphores, type Semaphores } from './semaphore.ts'
import { sqliteSemaphoreStore } from './sqlite/store.ts'
import type { SemaphoreStore } from './store.ts'

export type { SemaphoreGates } from './gate.ts'
export type { ReweighAnswer, SemaphoreDemand, SemaphoreStore, StoredSemaphore } from './store.ts'

/** Permits of both kinds work alike, and do not know of each other. */
export function openSemaphoreStore(
  engine: Engine,
  kind: 'semaphore' | 'read-write-lock',
): SemaphoreStore {
  return engine.kind === 'redis'
    ? redisSemaphoreStore(engine, kind)
    : sqliteSemaphoreStore(engine, kind)
}

export function openSemaphores(engine: Engine): Semaphores {
  const store = openSemaphoreStore(engine, 'semaphore')
  const semaphores = createSemaphores(store, engine.clock, engine.clientId)
  if (engine.kind === 'redis') return semaphores
  return { ...semaphores, semaphore: refusingDurability(semaphores.semaphore, 'semaphore') }
}
