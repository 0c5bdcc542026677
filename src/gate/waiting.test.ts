// What a waiter makes of the messages that reach it, on a clock that the test moves.
import { expect, it } from 'vitest'
import { EngineUnavailableError, SettingsMismatchError } from '../errors.ts'
import { testClock } from '../testing/clock.ts'
import { type AcquireAnswer, JOB_COUNTS_MS } from './store.ts'
import type { Acquired } from './terms.ts'
import { LineWaiter } from './waiting.ts'

const TTL_MS = 30_000

function openWaiter(answers: (AcquireAnswer | Error)[], kind?: 'job') {
  const clock = testClock()
  const settled: (Acquired | Error)[] = []
  let asked = 0
  const asker = {
    async ask() {
      asked++
      const answer = answers.shift() ?? waiting(0)
      if (answer instanceof Error) throw answer
      return answer
    },
    gaveUp: () => new Error('gave up'),
  }
  const waiting = (lastFence: number): AcquireAnswer & { tag: 'waiting' } => {
    const sentAtMs = clock.monotonicMs()
    return { tag: 'waiting', position: 1, lastFence, holder: null, sentAtMs }
  }
  const terms = { owner: 'me', ttlMs: TTL_MS, metadata: '', replicas: 0, kind }
  const first = waiting(7)
  const waiter = new LineWaiter(clock, asker, terms, 0, first, (result) => settled.push(result))
  return { waiter, settled, clock, waiting, count: () => asked }
}

it('takes a grant that was made after its last answer', () => {
  const { waiter, settled } = openWaiter([])
  waiter.granted({ owner: 'me', fence: 8 })
  expect(settled).toMatchObject([{ fence: 8, claimed: true }])
})

it('asks again after a grant that was over before its last answer, however fresh that is', async () => {
  const { waiter, settled, count } = openWaiter([])
  waiter.granted({ owner: 'me', fence: 7 })
  await Promise.resolve()
  expect(settled).toEqual([])
  expect(count()).toBe(1)
})

it('knows by each answer which grants are over', async () => {
  const answers: (AcquireAnswer | Error)[] = []
  const { waiter, settled, waiting } = openWaiter(answers)
  answers.push(waiting(20))
  waiter.check()
  await new Promise((resolve) => setImmediate(resolve))
  waiter.granted({ owner: 'me', fence: 12 })
  expect(settled).toEqual([])
  waiter.granted({ owner: 'me', fence: 21 })
  expect(settled).toMatchObject([{ fence: 21 }])
})

const nextTurn = () => new Promise((resolve) => setImmediate(resolve))

it('calls again three times while its entry counts, and as a job once within a claim lease', () => {
  expect(openWaiter([]).waiter.dueMs).toBe(1_000)
  const { waiter, clock } = openWaiter([], 'job')
  expect(waiter.dueMs).toBe(3_000)
  expect(waiter.dueMs).toBeLessThanOrEqual(JOB_COUNTS_MS / 3)
  waiter.beat(clock.monotonicMs() + 7)
  expect(waiter.dueMs).toBe(3_007)
})

it('as a job claims at once what it was granted long after its last call', async () => {
  const answers: (AcquireAnswer | Error)[] = []
  const { waiter, settled, clock } = openWaiter(answers, 'job')
  await clock.advance(4_000)
  answers.push({ tag: 'acquired', fence: 8, sentAtMs: clock.monotonicMs() })
  waiter.granted({ owner: 'me', fence: 8 })
  await nextTurn()
  expect(settled).toMatchObject([{ fence: 8, claimed: false }])
})

it.each([
  ['waits on through what passes, caller or job', 'passing', undefined, 0],
  ['waits on through what passes, caller or job', 'passing', 'job', 0],
  ['as a caller is told of what does not pass when its time is over', 'lasting', undefined, 0],
  ['as a job is told of what does not pass at once', 'lasting', 'job', 1],
] as const)('%s: %s, %s', async (_, trouble, kind, told) => {
  const error =
    trouble === 'passing'
      ? new EngineUnavailableError('away', { outcome: 'not-applied' })
      : new SettingsMismatchError('Semaphore', 'a', 2, 3)
  const { waiter, settled } = openWaiter([error], kind)
  waiter.check()
  await nextTurn()
  expect(settled).toEqual(told ? [error] : [])
})
