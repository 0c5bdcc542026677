// What a waiter makes of the messages that reach it, on a clock that the test moves.
import { expect, it } from 'vitest'
import { testClock } from '../testing/clock.ts'
import type { AcquireAnswer } from './store.ts'
import type { Acquired } from './terms.ts'
import { LineWaiter } from './waiting.ts'

const TTL_MS = 30_000

function openWaiter(answers: AcquireAnswer[]) {
  const clock = testClock()
  const settled: (Acquired | Error)[] = []
  let asked = 0
  const asker = {
    async ask() {
      asked++
      return answers.shift() ?? waiting(0)
    },
    gaveUp: () => new Error('gave up'),
  }
  const waiting = (lastFence: number): AcquireAnswer & { tag: 'waiting' } => {
    const sentAtMs = clock.monotonicMs()
    return { tag: 'waiting', position: 1, lastFence, holder: null, sentAtMs }
  }
  const terms = { owner: 'me', ttlMs: TTL_MS, metadata: '', replicas: 0 }
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
  const answers: AcquireAnswer[] = []
  const { waiter, settled, waiting } = openWaiter(answers)
  answers.push(waiting(20))
  waiter.check()
  await new Promise((resolve) => setImmediate(resolve))
  waiter.granted({ owner: 'me', fence: 12 })
  expect(settled).toEqual([])
  waiter.granted({ owner: 'me', fence: 21 })
  expect(settled).toMatchObject([{ fence: 21 }])
})
