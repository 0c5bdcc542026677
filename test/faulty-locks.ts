// Locks on a real engine in memory, whose calls go wrong as a test plans, on a clock that it moves.
import { afterEach } from 'vitest'
import type { Clock } from '../src/clock.ts'
import { createLocks, type Locks } from '../src/lock/lock.ts'
import { openLockStore } from '../src/lock/open.ts'
import type { LockStore } from '../src/lock/store.ts'
import { insideOf } from '../src/sluice.ts'
import { type FaultPlan, faulty } from '../src/testing/faulty.ts'
import { createTestSluice, type TestClock } from '../src/testing/index.ts'

export interface FaultyLocks {
  clock: TestClock
  /** Locks whose store fails as planned. */
  locks: Locks
  /** The calls that they made. */
  calls: { method: string; args: unknown[] }[]
  /** Locks of another client, whose store always works. */
  others: Locks
  store: LockStore
}

interface Changes {
  /** What the locks under test take for the clock. */
  clock?: (clock: Clock) => Clock
  /** What they take for the store, below the plan. */
  store?: (store: LockStore) => LockStore
}

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0)) await cleanUp()
})

export function openFaultyLocks(
  plan: FaultPlan<LockStore> = () => undefined,
  changes: Changes = {},
): FaultyLocks {
  const { sluice, clock } = createTestSluice()
  cleanUps.push(() => sluice.close())
  const { engine } = insideOf(sluice)
  const store = openLockStore(engine)
  const calls: FaultyLocks['calls'] = []
  const planned = faulty(changes.store?.(store) ?? store, (call) => {
    calls.push(call)
    return plan(call)
  })
  return {
    clock,
    store,
    calls,
    locks: createLocks(planned, changes.clock?.(clock) ?? clock, `${engine.clientId}a`),
    others: createLocks(store, clock, `${engine.clientId}b`),
  }
}
