// What becomes of a job whose attempt failed: when it is tried again, and when it is not.
import { describe, expect, it, onTestFinished } from 'vitest'
import { unchecked } from '../../test/bad-input.ts'
import { UnrecoverableError } from '../errors.ts'
import { insideOf } from '../sluice.ts'
import { createTestSluice } from '../testing/index.ts'
import { Defer } from './defer.ts'
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

describe('a Defer', () => {
  it('puts a job off, however often, and spends no attempt', async () => {
    const { sluice, clock } = createTestSluice()
    onTestFinished(() => sluice.close())
    const queue = sluice.queue<string>('q', { attempts: 1, history: 5 })
    const seen: { atMs: number; attempt: number; fence: number }[] = []
    queue.work(({ attempt, fence }) => {
      seen.push({ atMs: clock.monotonicMs(), attempt, fence })
      if (seen.length < 4) throw new Defer({ until: '5s' })
    })
    await queue.add('a')
    await clock.advance('1m')
    const gapsMs = seen.slice(1).map(({ atMs }, index) => atMs - (seen[index]?.atMs ?? 0))
    expect(gapsMs).toEqual([aboutMs(5_000), aboutMs(5_000), aboutMs(5_000)])
    expect(seen.map(({ attempt }) => attempt)).toEqual([1, 1, 1, 1])
    expect(seen.map(({ fence }) => fence)).toEqual([...seen].map(({ fence }) => fence).sort())
    expect(await queue.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
  })

  it('is heeded for one of a batch, for a job with an id, and keeps those of a key in order', async () => {
    const { sluice, clock } = createTestSluice()
    onTestFinished(() => sluice.close())
    const queue = sluice.queue<string>('q', { attempts: 1 })
    const done: string[] = []
    const put = new Set<string>()
    const handler = (data: string) => {
      if (data !== 'second' && !put.has(data)) {
        put.add(data)
        return { ok: false, error: new Defer({ until: 100 }) } as const
      }
      done.push(data)
      return { ok: true } as const
    }
    queue.work((jobs) => jobs.map(({ data }) => handler(data)), { batch: 3 })
    const [named] = [await queue.add('named', { id: 'n' })]
    await queue.addMany(['first', 'second'], { key: 'k' })
    await clock.advance('50ms')
    expect(await queue.get('n')).toMatchObject({ state: 'waiting', attempts: 0 })
    await clock.advance('1s')
    expect(done.filter((data) => data !== 'named')).toEqual(['first', 'second'])
    expect(await queue.get(named.id)).toMatchObject({ state: 'done', attempts: 0 })
  })

  it('by hand is the same', async () => {
    const { sluice, clock } = createTestSluice()
    onTestFinished(() => sluice.close())
    const queue = sluice.queue<string>('q', { attempts: 1 })
    await queue.add('a')
    const [delivery] = await queue.take()
    await delivery?.defer({ until: '1s' })
    expect(await queue.counts()).toMatchObject({ timed: 1, dead: 0 })
    await expect(delivery?.ack()).rejects.toMatchObject({ code: 'SLUICE_STALE_DELIVERY' })
    await clock.advance('1s')
    const [again] = await queue.take()
    expect(again).toMatchObject({ id: delivery?.id, attempt: 1 })
    await again?.ack()
  })

  it.each([0, -1, Number.NaN, '5 s', '', null, undefined, new Date()])(
    'of %s is refused, and nothing is settled',
    async (until) => {
      expect(() => new Defer(unchecked({ until }))).toThrow(/Defer\.until/)
      const { sluice } = createTestSluice()
      onTestFinished(() => sluice.close())
      const queue = sluice.queue<string>('q')
      await queue.add('a')
      const [delivery] = await queue.take()
      await expect(delivery?.defer(unchecked({ until }))).rejects.toThrow(/defer\.until/)
      await delivery?.ack()
    },
  )

  it('of no options, or of others, is refused', () => {
    for (const options of [undefined, null, 5, { until: '1s', utnil: 1 }]) {
      expect(() => new Defer(unchecked(options))).toThrow(/Defer/)
    }
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
