// Queues of two clients on an engine of a test's own, closed after it.
import { afterEach } from 'vitest'
import { type AllKinds, openGates } from '../src/gates.ts'
import { openLimits } from '../src/limit/open.ts'
import { openLocks, openReadWriteLocks } from '../src/lock/open.ts'
import type { Queues } from '../src/queue/api.ts'
import { createQueues } from '../src/queue/queue.ts'
import type { QueueStore } from '../src/queue/store.ts'
import { openSemaphores } from '../src/semaphore/open.ts'
import type { TestClock } from '../src/testing/clock.ts'
import { type FaultPlan, faulty } from '../src/testing/faulty.ts'
import type { TestEngine } from './engines.ts'

const CALL_TIMEOUT_MS = 2_000

export interface QueueClients {
  clock: TestClock
  /** Queues whose store fails as planned. */
  ours: Queues
  /** Queues of another client, whose store fails as planned for it. */
  theirs: Queues
  /** The store of ours, without faults. */
  store: QueueStore
  /** What both logged as errors. */
  errors: { text: string; error: unknown }[]
}

/** Jobs of every kind that a queue has, by what they are added with: those of the last one go to one of three partitions. */
export const WAYS_TO_ADD = [
  ['plain', {}],
  ['with an id', { id: 'mine' }],
  ['with a key', { key: 'k' }],
  ['in one of several partitions', { id: 'b' }],
] as const

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

export async function openQueueClients(
  open: TestEngine['open'],
  plan: FaultPlan<QueueStore> = () => undefined,
  theirPlan: FaultPlan<QueueStore> = () => undefined,
): Promise<QueueClients> {
  const opened = await open()
  cleanUps.push(() => opened.close())
  const { clock, first } = opened
  // Else hours pass while one call is under way on a busy machine, and leases with them.
  clock.settleWith(() => opened.idle())
  const second = await opened.second()
  const errors: QueueClients['errors'] = []
  const log = (text: string, error: unknown) => void errors.push({ text, error })
  const logger = { info() {}, warn() {}, error: log }
  const queuesOf = (store: QueueStore, clientId: string) => {
    const queues = createQueues(store, clock, clientId, CALL_TIMEOUT_MS, logger)
    cleanUps.push(() => queues.close({ timeout: 0 }))
    return queues
  }
  const ours = queuesOf(faulty(first.queue, plan), 'here:1:a')
  const theirs = queuesOf(faulty(second.queue, theirPlan), 'there:1:b')
  return { clock, ours, theirs, store: first.queue, errors }
}

/** What a Sluice has, and the queues of another client whose jobs wait for the same locks. */
export async function openGatedClients(open: TestEngine['open']) {
  const opened = await open()
  cleanUps.push(() => opened.close())
  const { clock, engine, first } = opened
  clock.settleWith(() => opened.idle())
  const kinds = {
    locks: openLocks(engine),
    readWriteLocks: openReadWriteLocks(engine),
    semaphores: openSemaphores(engine),
    limits: openLimits(engine),
  } satisfies AllKinds
  for (const kind of Object.values(kinds)) cleanUps.push(() => kind.close())
  const gates = openGates(kinds)
  const second = await opened.second()
  const queuesOf = (store: QueueStore, clientId: string) => {
    const logger = { info() {}, warn() {}, error() {} }
    const queues = createQueues(store, clock, clientId, CALL_TIMEOUT_MS, logger, null, gates)
    cleanUps.push(() => queues.close({ timeout: 0 }))
    return queues
  }
  const ours = queuesOf(first.queue, 'here:1:a')
  const theirs = queuesOf(second.queue, 'there:1:b')
  return { clock, ours, theirs, store: first.queue, queuesOf, ...kinds }
}
