import type { Sluice } from '../index.ts'
import type { LockRequest } from './lock-options.ts'

/** A lease on a lock, or a place among the slots, which has no fence. */
export interface Held {
  readonly owner: string
  readonly fence?: number
  readonly signal: AbortSignal
  release(): Promise<'released' | 'lost'>
}

/** What stands between us and the command: a lock, or a semaphore where there are slots. */
export interface Door {
  readonly name: string
  acquire(options: { wait: number; signal: AbortSignal }): Promise<Held>
  /** Who holds it, for the longest if several do, and how many wait. */
  inspect(): Promise<{ holder: { owner: string; sinceMs: number } | null; inLine: number }>
}

/** @throws {ArgumentError} */
export function openDoor(sluice: Sluice, request: LockRequest): Door {
  const { name, slots, label, ttlMs: ttl } = request
  const options = label === undefined ? { ttl } : { ttl, metadata: { label } }
  if (slots > 1) return openSlots(sluice.semaphore(name, { ...options, permits: slots }))
  const lock = sluice.lock(name, options)
  return {
    name,
    acquire: (how) => lock.acquire(how),
    async inspect() {
      const { holder, waiters } = await lock.inspect()
      return { holder, inLine: waiters.length }
    },
  }
}

function openSlots(semaphore: ReturnType<Sluice['semaphore']>): Door {
  return {
    name: semaphore.name,
    async acquire(how) {
      const permit = await semaphore.acquire(how)
      // Several hold at a time: no number could tell the resource whom to refuse.
      return { owner: permit.owner, signal: permit.signal, release: () => permit.release() }
    },
    async inspect() {
      const { holders, waiters } = await semaphore.inspect()
      return { holder: holders[0] ?? null, inLine: waiters.length }
    },
  }
}
