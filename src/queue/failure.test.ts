// What becomes of a job whose attempt failed: when it is tried again, and when it is not.
import { describe, expect, it, onTestFinished } from 'vitest'
import { unchecked } from '../../test/bad-input.ts'
import { UnrecoverableError } from '../errors.ts'
import { insideOf } from '../sluice.ts'
import { createTestSluice } from '../testing/index.ts'
import { openQueueStore } from './open.ts'
import type { QueueOptions } from './options.ts'
import { createQueues } from './queue.ts'

/** Runs a job that always fails, and tells when each attempt began. */
async function attemptsOf(options: QueueOptions, error: unknown = new RangeError('no')) {
  const { sluice, clock } = createTestSluice()
  onTestFinished(() => sluice.close())
  const logged: unknown[] = []
  const logger = { info() {}, warn() {}, error: (_: string, one: unknown) => logged.push(one) }
  const store = openQueueStore(insideOf(sluice).engine)
  const queue = createQueues(store, clock, 'here:1:a', 2_000, logger).queue<string>('q', options)
  const startedMs: number[] = []
  const worker = queue.work(() => {
    startedMs.push(clock.monotonicMs())
    throw error
  })
  await queue.add('a')
  await clock.advance('2h')
  await worker.close()
  const gapsMs = startedMs.slice(1).map((ms, index) => ms - (startedMs[index] ?? 0))
  return { gapsMs, logged, dead: await queue.dead.list() }
}

/** Timers look at whole milliseconds. */
const aboutMs = (ms: number) => expect.closeTo(ms, -0.5)

describe('a backoff', () => {
  it('by a function is told how often it failed, and by what', async () => {
    const told: unknown[] = []
    const { gapsMs, dead } = await attemptsOf({
      attempts: 4,
      backoff: (failures, error) => {
        told.push([failures, error])
        return failures === 1 ? 0 : failures === 2 ? '5s' : 70
      },
    })
    expect(gapsMs).toEqual([aboutMs(0), aboutMs(5_000), aboutMs(70)])
    expect(told).toEqual([1, 2, 3].map((failures) => [failures, new RangeError('no')]))
    expect(dead).toMatchObject([{ attempts: 4, reason: 'RangeError: no' }])
  })

  it.for<[does: string, backoff: () => unknown]>([
    ['throws', () => JSON.parse('{')],
    ['answers nothing', () => undefined],
    ['answers text that is no duration', () => '5 s'],
    ['answers NaN', () => Number.NaN],
    ['answers less than nothing', () => -1],
    ['answers a promise', async () => 5],
  ])('by a function that %s is logged, and the default one taken', async ([, backoff]) => {
    const { gapsMs, logged } = await attemptsOf({ attempts: 4, backoff: unchecked(backoff) })
    expect(gapsMs).toEqual([aboutMs(1_000), aboutMs(2_000), aboutMs(4_000)])
    expect(logged).toEqual([expect.any(Error), expect.any(Error), expect.any(Error)])
  })

  it('with jitter takes up to that fraction off, differently each time', async () => {
    const { gapsMs } = await attemptsOf({
      attempts: 100,
      backoff: { type: 'fixed', base: '10s', jitter: 0.4 },
    })
    expect(gapsMs).toHaveLength(99)
    for (const gapMs of gapsMs) {
      expect(gapMs).toBeGreaterThanOrEqual(6_000 - 1)
      expect(gapMs).toBeLessThanOrEqual(10_000 + 1)
    }
    expect(Math.max(...gapsMs) - Math.min(...gapsMs)).toBeGreaterThan(2_000)
  })
})

describe('an UnrecoverableError', () => {
  it('makes a job dead at once, with what it says as the reason', async () => {
    class Bounced extends UnrecoverableError {}
    for (const error of [new UnrecoverableError('no such user'), new Bounced('no such user')]) {
      const { gapsMs, dead } = await attemptsOf({ attempts: 5 }, error)
      expect(gapsMs).toEqual([])
      expect(dead).toMatchObject([{ data: 'a', attempts: 1, reason: 'no such user' }])
    }
  })

  it('given to fail by hand is the reason as well', async () => {
    const { sluice } = createTestSluice()
    onTestFinished(() => sluice.close())
    const queue = sluice.queue<string>('q')
    await queue.add('a')
    const [delivery] = await queue.take()
    await delivery?.fail(new UnrecoverableError('no such user'))
    expect(await queue.dead.list()).toMatchObject([{ attempts: 1, reason: 'no such user' }])
  })
})
