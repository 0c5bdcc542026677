// How jobs come together to batches, and what becomes of each.
import { describe, expect, expectTypeOf, it, onTestFinished } from 'vitest'
import { gate } from '../../test/faults.ts'
import { createTestSluice } from '../testing/index.ts'
import type { BatchHandler, BatchResult } from './batch.ts'
import type { QueueOptions } from './options.ts'
import type { Job } from './run.ts'

function open(options?: QueueOptions) {
  const { sluice, clock } = createTestSluice()
  onTestFinished(() => sluice.close({ timeout: 0 }))
  return { clock, sluice, queue: sluice.queue<number>('q', options) }
}

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index)
const EMPTY = { ready: 0, timed: 0, inFlight: 0, dead: 0 }

describe('work in batches', () => {
  it('gives the handler what is there, in order, at most so many', async () => {
    const { queue, clock } = open()
    await queue.addMany(numbers(25))
    const batches: number[][] = []
    queue.work(
      async (jobs) => {
        expectTypeOf(jobs).toEqualTypeOf<Job<number>[]>()
        batches.push(jobs.map(({ data }) => data))
      },
      { batch: 10 },
    )
    await clock.advance(10)
    expect(batches.flat()).toEqual(numbers(25))
    expect(batches.map(({ length }) => length)).toEqual([10, 10, 5])
    expect(await queue.counts()).toEqual(EMPTY)
    await queue.add(25)
    await clock.advance(10)
    expect(batches.at(-1)).toEqual([25])
  })

  it('runs no more batches at one time than its concurrency, and claims no more than they take', async () => {
    const { queue, clock } = open()
    const slow = gate()
    let [running, most] = [0, 0]
    await queue.addMany(numbers(50))
    const worker = queue.work(
      async () => {
        most = Math.max(most, ++running)
        await slow.opened
        running--
      },
      { batch: 5, concurrency: 3 },
    )
    // Long enough for it to look for more.
    await clock.advance('30s')
    expect(running).toBe(3)
    expect(worker.runningCount).toBe(15)
    expect(await queue.counts()).toMatchObject({ ready: 35, inFlight: 15 })
    slow.open()
    await clock.advance('1s')
    expect(most).toBe(3)
    expect(await queue.counts()).toEqual(EMPTY)
  })

  it('waits up to batchWait for more, from the first job on', async () => {
    const { queue, clock } = open()
    const batches: [atMs: number, data: number[]][] = []
    queue.work(
      (jobs) => void batches.push([Math.round(clock.monotonicMs()), jobs.map(({ data }) => data)]),
      { batch: 3, batchWait: 100 },
    )
    await clock.advance(1_000)
    await queue.add(1)
    await clock.advance(60)
    await queue.add(2)
    await clock.advance(200)
    await queue.addMany([3, 4, 5, 6])
    await clock.advance(200)
    expect(batches).toEqual([
      [1_100, [1, 2]],
      [1_260, [3, 4, 5]],
      [1_360, [6]],
    ])
  })

  it.for<[name: string, answer: (jobs: Job<number>[]) => BatchResult[]]>([
    [
      'of its own shape',
      (jobs) =>
        jobs.map(({ data }) => (data % 2 ? { ok: false, error: `odd ${data}` } : { ok: true })),
    ],
    [
      'of Promise.allSettled',
      (jobs) =>
        jobs.map(({ data }) =>
          data % 2
            ? { status: 'rejected', reason: `odd ${data}` }
            : { status: 'fulfilled', value: data },
        ),
    ],
  ])('settles each job by its result %s', async ([, answer]) => {
    const { queue, clock } = open({ attempts: 1 })
    await queue.addMany(numbers(4))
    queue.work(async (jobs) => answer(jobs), { batch: 10 })
    await clock.advance(10)
    const dead = await queue.dead.list()
    expect(dead.map(({ data, reason }) => [data, reason])).toEqual([
      [1, 'odd 1'],
      [3, 'odd 3'],
    ])
    expect(await queue.counts()).toEqual({ ...EMPTY, dead: 2 })
  })

  it.for<[name: string, handler: () => unknown, reason: string]>([
    ['throws', () => Promise.reject(new RangeError('all')), 'RangeError: all'],
    ['answers a number', () => 3, 'an array of 3 results, one for each job; it returned a number'],
    ['answers too few', () => [{ ok: true }], 'it returned an array of 1.'],
    [
      'answers what is no result',
      () => [undefined, { ok: 'yes' }, { status: 'done' }],
      'The result of a job of a batch must be',
    ],
  ])('fails all when the handler %s', async ([, handler, reason]) => {
    const { queue, clock } = open({ attempts: 1 })
    await queue.addMany(numbers(3))
    queue.work(handler as BatchHandler<number>, { batch: 10 })
    await clock.advance(10)
    const reasons = (await queue.dead.list()).map((letter) => letter.reason)
    expect(reasons).toEqual(Array.from({ length: 3 }, () => expect.stringContaining(reason)))
  })

  it('spares the others what cannot be read', async () => {
    const { queue, clock, sluice } = open()
    const schema = {
      '~standard': {
        version: 1 as const,
        vendor: 'by hand',
        validate: (value: unknown) =>
          typeof value === 'number' ? { value } : { issues: [{ message: 'Expected a number' }] },
      },
    }
    await queue.addMany([1, 'two' as never, 3])
    const seen: number[] = []
    sluice
      .queue('q', { schema })
      .work((jobs) => void seen.push(...jobs.map(({ data }) => data as number)), { batch: 10 })
    await clock.advance(10)
    expect(seen).toEqual([1, 3])
    expect(await queue.dead.list()).toMatchObject([{ data: 'two', attempts: 1 }])
    expect(await queue.counts()).toEqual({ ...EMPTY, dead: 1 })
  })

  it('frees the place of a batch that hangs when the timeout is over, and aborts its signals', async () => {
    const { queue, clock } = open({ attempts: 1, timeout: '10s' })
    const batches: number[][] = []
    const aborted: number[] = []
    await queue.addMany(numbers(4))
    queue.work(
      async (jobs) => {
        batches.push(jobs.map(({ data }) => data))
        for (const { data, signal } of jobs) {
          signal.addEventListener('abort', () => aborted.push(data))
        }
        if (batches.length === 1) await new Promise(() => {})
      },
      { batch: 2 },
    )
    await clock.advance('9s')
    expect(batches).toEqual([[0, 1]])
    await clock.advance('2s')
    expect(batches).toEqual([
      [0, 1],
      [2, 3],
    ])
    expect(aborted).toEqual([0, 1])
    expect(await queue.counts()).toEqual({ ...EMPTY, dead: 2 })
  })

  it('a worker that closes runs what it has collected at once, and what hangs goes back', async () => {
    const { queue, clock } = open()
    const batches: number[][] = []
    const worker = queue.work(
      async (jobs) => {
        batches.push(jobs.map(({ data }) => data))
        await new Promise(() => {})
      },
      { batch: 10, batchWait: '1m' },
    )
    await queue.addMany([1, 2])
    await clock.advance('1s')
    expect(batches).toEqual([])
    const closed = worker.close({ timeout: '5s' })
    await clock.advance(10)
    expect(batches).toEqual([[1, 2]])
    await clock.advance('5s')
    await closed
    expect(await queue.counts()).toEqual({ ...EMPTY, ready: 2 })
  })
})
