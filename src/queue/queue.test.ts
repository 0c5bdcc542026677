// Logic above the contract: what workers and consumers by hand do with what the store answers.
import { describe, expect, it } from 'vitest'
import { EngineUnavailableError, JobTimeoutError, StaleDeliveryError } from '../errors.ts'
import { insideOf } from '../sluice.ts'
import { faulty } from '../testing/faulty.ts'
import { createTestSluice, type TestClock } from '../testing/index.ts'
import { openQueueStore } from './open.ts'
import { createQueues } from './queue.ts'

function open() {
  const { sluice, clock } = createTestSluice()
  return { sluice, clock, settle: () => clock.advance(0) }
}

/** Stores resolve microseconds, so timers may be one late. */
const elapsedMs = (clock: TestClock) => Math.floor(clock.monotonicMs() * 100 + 1e-6) / 100

const unavailable = () => new EngineUnavailableError('gone', { outcome: 'unknown' })

describe('a worker', () => {
  it('runs jobs first in, first out, and leaves nothing behind', async () => {
    const { sluice, settle } = open()
    const queue = sluice.queue<number>('q')
    await queue.addMany([1, 2, 3])
    const seen: number[] = []
    const worker = queue.work((job) => void seen.push(job.data), { concurrency: 1 })
    await expect.poll(() => seen).toEqual([1, 2, 3])
    await settle()
    expect(await queue.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
    await queue.add(4)
    await expect.poll(() => seen).toEqual([1, 2, 3, 4])
    await worker.close()
    await sluice.close()
  })

  it('never runs more than its concurrency', async () => {
    const { sluice } = open()
    const queue = sluice.queue<number>('q')
    let running = 0
    let most = 0
    let ended = 0
    await queue.addMany(Array.from({ length: 50 }, (_, index) => index))
    queue.work(
      async () => {
        most = Math.max(most, ++running)
        await new Promise((resolve) => setImmediate(resolve))
        running--
        ended++
      },
      { concurrency: 7 },
    )
    await expect.poll(() => ended).toBe(50)
    expect(most).toBe(7)
    await sluice.close()
  })

  it('starts a delayed job when it is due, and an earlier one that was added later before it', async () => {
    const { sluice, clock, settle } = open()
    const queue = sluice.queue<string>('q')
    const startedAtMs = new Map<string, number>()
    queue.work((job) => void startedAtMs.set(job.data, elapsedMs(clock)))
    await settle()
    await queue.add('late', { delay: '1h' })
    await queue.add('soon', { delay: '10s' })
    await queue.add('at', { at: new Date(clock.wallMs() + 20_000) })
    await clock.advance('2h')
    expect(startedAtMs).toEqual(
      new Map([
        ['soon', 10_000],
        ['at', 20_000],
        ['late', 3_600_000],
      ]),
    )
    await sluice.close()
  })

  it('tries a failed job again after its backoff, then buries it with the reason', async () => {
    const { sluice, clock, settle } = open()
    const queue = sluice.queue<string>('q', {
      attempts: 4,
      backoff: { type: 'exponential', base: '1s', max: '3s' },
    })
    const tries: [attempt: number, atMs: number][] = []
    queue.work((job) => {
      tries.push([job.attempt, elapsedMs(clock)])
      throw new TypeError(`no ${job.data}`)
    })
    await queue.add('luck')
    await settle()
    await clock.advance('1m')
    expect(tries).toEqual([
      [1, 0],
      [2, 1_000],
      [3, 3_000],
      [4, 6_000],
    ])
    expect(await queue.dead.list()).toMatchObject([
      {
        data: 'luck',
        attempts: 4,
        reason: 'TypeError: no luck',
        diedAt: new Date(clock.wallMs() - 54_000),
      },
    ])
    await sluice.close()
  })

  it('fails what throws in any way: not an Error, before the first await, or never settling', async () => {
    const { sluice, clock } = open()
    const queue = sluice.queue<string>('q', { attempts: 1, timeout: '30s' })
    const signals: unknown[] = []
    queue.work((job) => {
      if (job.data === 'throws text') throw 'just text'
      if (job.data === 'rejects undefined') return Promise.reject(undefined)
      const { signal } = job
      signal.addEventListener('abort', () => signals.push(signal.reason))
      return new Promise(() => {})
    })
    await queue.addMany(['throws text', 'rejects undefined', 'hangs'])
    await clock.advance('31s')
    const reasons = (await queue.dead.list()).map(({ data, reason }) => [data, reason])
    expect(reasons).toEqual([
      ['throws text', 'just text'],
      ['rejects undefined', 'undefined'],
      ['hangs', expect.stringContaining('did not finish within 30000 ms')],
    ])
    expect(signals).toEqual([expect.any(JobTimeoutError)])
    await sluice.close()
  })

  it('gives each delivery a higher fence', async () => {
    const { sluice, clock, settle } = open()
    const queue = sluice.queue('q', { attempts: 3, backoff: { type: 'fixed', base: 1 } })
    const fences: number[] = []
    queue.work((job) => {
      fences.push(job.fence)
      throw new Error('again')
    })
    await queue.add(1)
    await settle()
    await clock.advance('1s')
    expect(fences).toHaveLength(3)
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
    await sluice.close()
  })

  it('resumes by itself when the engine fails, and runs nothing twice', async () => {
    const { sluice, clock } = open()
    const { engine } = insideOf(sluice)
    let failing = false
    const store = faulty(openQueueStore(engine), ({ method, count }) => {
      if (method !== 'exchange' || !failing) return undefined
      return count % 2 === 0 ? { refuseWith: unavailable() } : { loseReplyWith: unavailable() }
    })
    const queues = createQueues(store, clock, 'host:1:x', 2_000)
    const queue = queues.queue<number>('q')
    const seen: number[] = []
    queue.work((job) => void seen.push(job.data), { concurrency: 3 })
    await queue.addMany([1, 2, 3])
    await clock.advance(10)
    failing = true
    await queue.addMany([4, 5, 6, 7])
    await clock.advance('3s')
    failing = false
    await clock.advance('3s')
    expect([...seen].sort()).toEqual([1, 2, 3, 4, 5, 6, 7])
    await queues.close()
    await sluice.close()
  })

  it('keeps its lease while a handler runs for long', async () => {
    const { sluice, clock } = open()
    const queue = sluice.queue('q', { timeout: '1h' })
    let finish: () => void = () => {}
    const starts: number[] = []
    const handler = async () => {
      starts.push(clock.monotonicMs())
      await new Promise<void>((resolve) => {
        finish = resolve
      })
    }
    queue.work(handler, { lease: '10s' })
    queue.work(handler, { lease: '10s' })
    await queue.add(1)
    await clock.advance('10m')
    expect(starts).toHaveLength(1)
    finish()
    await clock.advance(1)
    expect((await queue.counts()).inFlight).toBe(0)
    await sluice.close()
  })

  it('close waits for handlers, then hands back at once what they did not finish', async () => {
    const { sluice, clock } = open()
    const queue = sluice.queue<string>('q')
    const aborted: string[] = []
    const worker = queue.work(async (job) => {
      if (job.data === 'quick') return
      const { signal } = job
      await new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted.push(job.data)
          reject(signal.reason)
        })
      })
    })
    await queue.addMany(['quick', 'stuck', 'stuck too'])
    await clock.advance(1)
    expect(worker.runningCount).toBe(2)
    const closed = worker.close({ timeout: '5s' })
    await clock.advance('4s')
    expect(aborted).toEqual([])
    await clock.advance('2s')
    await closed
    expect(aborted).toEqual(['stuck', 'stuck too'])
    expect(await queue.counts()).toEqual({ ready: 2, timed: 0, inFlight: 0, dead: 0 })
    const again = await queue.take({ max: 5 })
    expect(again.map(({ data, attempt }) => [data, attempt])).toEqual([
      ['stuck', 1],
      ['stuck too', 1],
    ])
    await sluice.close()
  })
})

describe('deliveries by hand', () => {
  it('take answers at once with what there is, or waits for the first', async () => {
    const { sluice, clock } = open()
    const queue = sluice.queue<number>('q')
    expect(await queue.take({ max: 3 })).toEqual([])
    await queue.addMany([1, 2, 3, 4])
    const taken = await queue.take({ max: 3 })
    expect(taken.map(({ data }) => data)).toEqual([1, 2, 3])
    for (const delivery of taken) await delivery.ack()
    const [fourth] = await queue.take({ wait: '1m' })
    await fourth?.ack()
    const waiting = queue.take({ wait: '1m' })
    await clock.advance('30s')
    await queue.add(5)
    expect((await waiting).map(({ data }) => data)).toEqual([5])
    const nothing = queue.take({ wait: '1m' })
    await clock.advance('61s')
    expect(await nothing).toEqual([])
    await sluice.close()
  })

  it('take stops waiting when its signal aborts, and loses no job by that', async () => {
    const { sluice, clock } = open()
    const queue = sluice.queue<number>('q')
    const controller = new AbortController()
    const waiting = queue.take({ wait: '1m', signal: controller.signal })
    const refusal = expect(waiting).rejects.toThrow('enough')
    await clock.advance('1s')
    controller.abort(new Error('enough'))
    await refusal
    await queue.add(1)
    expect((await queue.take()).map(({ data }) => data)).toEqual([1])
    const aborted = AbortSignal.abort(new Error('before'))
    await expect(queue.take({ signal: aborted })).rejects.toThrow('before')
    await sluice.close()
  })

  it('ack, retry and fail each settle once; the second is told that it is stale', async () => {
    const { sluice, clock } = open()
    const queue = sluice.queue<string>('q', { attempts: 2 })
    await queue.addMany(['ack', 'retry', 'fail'])
    const [ack, retry, fail] = await queue.take({ max: 3 })
    await ack?.ack()
    await retry?.retry({ delay: '5s' })
    await fail?.fail(new RangeError('no use'))
    for (const delivery of [ack, retry, fail]) {
      await expect(delivery?.ack()).rejects.toBeInstanceOf(StaleDeliveryError)
    }
    expect(await queue.counts()).toEqual({ ready: 0, timed: 1, inFlight: 0, dead: 1 })
    await clock.advance('5s')
    const [again] = await queue.take()
    expect(again).toMatchObject({ data: 'retry', attempt: 2 })
    await again?.retry()
    expect((await queue.dead.list()).map(({ data, reason }) => [data, reason])).toEqual([
      ['fail', 'RangeError: no use'],
      ['retry', expect.stringContaining('until no attempt was left')],
    ])
    await sluice.close()
  })

  it('a delivery that nobody settles in time has failed, and its signal says so', async () => {
    const { sluice, clock } = open()
    const queue = sluice.queue('q', { timeout: '10s', backoff: { type: 'fixed', base: '1s' } })
    await queue.add(1)
    const [late] = await queue.take()
    await clock.advance('9s')
    expect(late?.signal.aborted).toBe(false)
    await clock.advance('1s')
    expect(late?.signal.reason).toBeInstanceOf(StaleDeliveryError)
    await expect(late?.ack()).rejects.toBeInstanceOf(StaleDeliveryError)
    await clock.advance('1s')
    const [again] = await queue.take()
    expect(again?.attempt).toBe(2)
    expect(again?.fence).toBeGreaterThan(late?.fence ?? Number.POSITIVE_INFINITY)
    await sluice.close()
  })
})

describe('adding', () => {
  it('a batch whose answer was lost is not added twice by trying it again', async () => {
    const { sluice, clock } = open()
    const store = openQueueStore(insideOf(sluice).engine)
    const request = {
      queue: 'q',
      producer: 'p',
      sequence: 1,
      jobs: [{ payload: '1', maxAttempts: 1, delayMs: 0 }],
    }
    const first = await store.add(request)
    expect(await store.add(request)).toEqual(first)
    expect((await store.counts('q')).ready).toBe(1)
    await clock.advance(1)
    await sluice.close()
  })

  it('a failure rejects the adds of that batch alone, and the order of the others is kept', async () => {
    const { sluice, clock } = open()
    const { engine } = insideOf(sluice)
    const store = faulty(openQueueStore(engine), ({ method, count }) =>
      method === 'add' && count === 1 ? { refuseWith: unavailable() } : undefined,
    )
    const queue = createQueues(store, clock, 'host:1:y', 2_000).queue<number>('q')
    const first = queue.add(1)
    await expect(first).rejects.toBeInstanceOf(EngineUnavailableError)
    const ids = (await Promise.all([queue.add(2), queue.add(3)])).map(({ id }) => id)
    expect(ids).toEqual([...ids].sort())
    expect((await queue.take({ max: 5 })).map(({ data }) => data)).toEqual([2, 3])
    await sluice.close()
  })

  it('takes the payload as it is now, and gives back what JSON carries', async () => {
    const { sluice } = open()
    const queue = sluice.queue<unknown>('q')
    const data = { list: [1], text: 'ü\ud83d\ude00', __proto__x: 1 }
    const added = queue.add(data)
    data.list.push(2)
    await added
    await queue.add(JSON.parse('{"__proto__": {"polluted": true}, "constructor": 1}'))
    const [first, second] = await queue.take({ max: 2 })
    expect(first?.data).toEqual({ list: [1], text: 'ü\ud83d\ude00', __proto__x: 1 })
    expect(Object.keys(second?.data as object)).toEqual(['__proto__', 'constructor'])
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
    await sluice.close()
  })

  it('more than a thousand at once keep their order', async () => {
    const { sluice } = open()
    const queue = sluice.queue<number>('q')
    const ids = await queue.addMany(Array.from({ length: 2_500 }, (_, index) => index))
    expect(new Set(ids.map(({ id }) => id)).size).toBe(2_500)
    const taken = await queue.take({ max: 500 })
    expect(taken.map(({ data }) => data)).toEqual(Array.from({ length: 500 }, (_, index) => index))
    await sluice.close()
  })
})

describe('dead letters', () => {
  it('are run again once, all that were dead when it was asked, or removed', async () => {
    const { sluice, clock } = open()
    const queue = sluice.queue<number>('q', { attempts: 1 })
    const tries: number[] = []
    queue.work((job) => {
      tries.push(job.attempt)
      throw new Error('no')
    })
    await queue.addMany(Array.from({ length: 250 }, (_, index) => index))
    await clock.advance(10)
    expect((await queue.counts()).dead).toBe(250)
    expect(await queue.dead.redrive()).toBe(250)
    await clock.advance(10)
    expect(tries).toHaveLength(500)
    expect(new Set(tries)).toEqual(new Set([1]))
    expect(await queue.dead.purge({ limit: 120 })).toBe(120)
    expect((await queue.counts()).dead).toBe(130)
    expect(await queue.dead.purge()).toBe(130)
    expect(await queue.dead.redrive()).toBe(0)
    await expect(queue.dead.redrive({ limit: 0 })).rejects.toMatchObject({
      argument: 'dead.redrive.limit',
    })
    await sluice.close()
  })
})
