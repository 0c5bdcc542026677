// Semaphores and read-write locks on real engines, whose calls go wrong as a test plans, on a clock
// that it moves.
import { afterEach, expect } from 'vitest'
import { createReadWriteLocks, type ReadWriteLocks } from '../src/lock/read-write-lock.ts'
import { createSemaphores, type Semaphores } from '../src/semaphore/semaphore.ts'
import type { SemaphoreStore } from '../src/semaphore/store.ts'
import { type FaultPlan, faulty } from '../src/testing/faulty.ts'
import type { TestClock } from '../src/testing/index.ts'
import { type Client, chooseEngines, type OpenedEngine, type TestEngine } from './engines.ts'

/** One of each kind: what differs between topologies is below the logic that is tested here. */
export const permitEngines = chooseEngines('memory,redis')

interface Faulty<Things> {
  clock: TestClock
  /** Those whose store fails as planned. */
  things: Things
  /** The calls that they made. */
  calls: { method: string; args: unknown[] }[]
  /** Those of another client, whose store always works. */
  others: Things
  store: SemaphoreStore
}

export interface Changes {
  /** What is taken for the store, below the plan. */
  store?: (store: SemaphoreStore) => SemaphoreStore
}

export type Plan = FaultPlan<SemaphoreStore>

const opened: OpenedEngine[] = []
afterEach(async () => {
  for (const engine of opened.splice(0)) await engine.close()
})

async function open<Things>(
  engine: TestEngine,
  kind: 'semaphore' | 'readWriteLock',
  create: (store: SemaphoreStore, clock: TestClock, clientId: string) => Things,
  plan: Plan = () => undefined,
  changes: Changes = {},
): Promise<Faulty<Things>> {
  const here = await engine.open()
  opened.push(here)
  const { clock, first } = here
  const second = await here.second()
  clock.settleWith(() => here.idle())
  // In memory both are the same client, whose owners must differ all the same.
  const idOf = ({ clientId }: Client, letter: string) =>
    first.clientId === second.clientId ? `${clientId}${letter}` : clientId
  const store = first[kind]
  const calls: Faulty<Things>['calls'] = []
  const planned = faulty(changes.store?.(store) ?? store, (call) => {
    calls.push(call)
    return plan(call)
  })
  return {
    clock,
    store,
    calls,
    things: create(planned, clock, idOf(first, 'a')),
    others: create(second[kind], clock, idOf(second, 'b')),
  }
}

export interface FaultySemaphores extends Omit<Faulty<Semaphores>, 'things'> {
  semaphores: Semaphores
}

export async function openFaultySemaphores(
  engine: TestEngine,
  plan?: Plan,
  changes?: Changes,
): Promise<FaultySemaphores> {
  const { things, ...rest } = await open(engine, 'semaphore', createSemaphores, plan, changes)
  return { semaphores: things, ...rest }
}

export interface FaultyReadWriteLocks extends Omit<Faulty<ReadWriteLocks>, 'things'> {
  locks: ReadWriteLocks
}

export async function openFaultyReadWriteLocks(
  engine: TestEngine,
  plan?: Plan,
  changes?: Changes,
): Promise<FaultyReadWriteLocks> {
  const { things, ...rest } = await open(
    engine,
    'readWriteLock',
    createReadWriteLocks,
    plan,
    changes,
  )
  return { locks: things, ...rest }
}

/** Waits for what another client lets in: on Redis its message takes a moment of real time. */
export async function gets<T>(state: {
  value?: T
  error?: unknown
  isPending: boolean
}): Promise<T> {
  await expect.poll(() => state.isPending, { timeout: 5_000, interval: 1 }).toBe(false)
  if (state.value === undefined) throw state.error
  return state.value
}
