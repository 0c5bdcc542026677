// Locks on a real engine in memory, whose calls go wrong as a test plans, on a clock that it moves.
import { afterEach } from 'vitest'
import type { Clock } from '../src/clock.ts'
import { EngineUnavailableError } from '../src/errors.ts'
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

/** The engine did not answer: who knows what it did. */
export const gone = () => new EngineUnavailableError('gone', { outcome: 'unknown' })
/** The engine could not be reached. */
export const refusal = () => new EngineUnavailableError('not there', { outcome: 'not-applied' })
export const silence = new Promise<never>(() => {})

/** What became of a promise so far. */
export function watched<T>(promise: Promise<T>): {
  value?: T
  error?: unknown
  isPending: boolean
} {
  const state: { value?: T; error?: unknown; isPending: boolean } = { isPending: true }
  promise.then(
    (value) => Object.assign(state, { value, isPending: false }),
    (error) => Object.assign(state, { error, isPending: false }),
  )
  return state
}

/** A promise, and what resolves it. */
export function gate(): { opened: Promise<void>; open: () => void } {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { opened, open }
}
