// How a worker claims ahead of its handlers, and what it does when they turn slow.
import { describe, expect, it, onTestFinished } from 'vitest'
import { gate } from '../../test/faults.ts'
import { insideOf } from '../sluice.ts'
import { faulty } from '../testing/faulty.ts'
import { createTestSluice } from '../testing/index.ts'
import { openQueueStore } from './open.ts'
import { partitionName } from './partitions.ts'
import { createQueues } from './queue.ts'
import type { QueueStore } from './store.ts'

/** Queues, and how many jobs each call of a consumer asked for. */
function open() {
  const { sluice, clock } = createTestSluice()
  onTestFinished(() => sluice.close())
  const wanted: number[] = []
  const store = faulty(openQueueStore(insideOf(sluice).engine), (call) => {
    if (call.method === 'exchange') wanted.push(call.args[0].want)
    return undefined
  })
  const queues = createQueues(store, clock, 'here:1:a', 2_000)
  onTestFinished(() => queues.close({ timeout: 0 }))
  return { clock, queues, wanted }
}

describe('claiming ahead', () => {
  it('asks for more than can start when jobs are short, and starts no more than its concurrency', async () => {
    const { clock, queues, wanted } = open()
    const queue = queues.queue<number>('q')
    await queue.addMany(Array.from({ length: 300 }, (_, index) => index))
    let [running, most] = [0, 0]
    const seen: number[] = []
    queue.work(
      async ({ data }) => {
        most = Math.max(most, ++running)
        await null
        running--
        seen.push(data)
      },
      { concurrency: 2 },
    )
    await expect.poll(() => seen.length).toBe(300)
    await clock.advance(1)
    expect(seen).toEqual(Array.from({ length: 300 }, (_, index) => index))
    expect(most).toBe(2)
    expect(Math.max(...wanted)).toBeGreaterThan(50)
    expect(await queue.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
  })

  it('gives back what has not begun when jobs turn slow, and asks for no more than it can start', async () => {
    const { clock, queues, wanted } = open()
    const queue = queues.queue<number>('q')
    const slow = gate()
    const seen: number[] = []
    await queue.addMany(Array.from({ length: 50 }, (_, index) => index))
    queue.work(
      async ({ data }) => {
        seen.push(data)
        if (data >= 10) await slow.opened
      },
      { concurrency: 1 },
    )
    await expect.poll(() => seen.length).toBe(11)
    await clock.advance('1s')
    expect(await queue.counts()).toEqual({ ready: 39, timed: 0, inFlight: 1, dead: 0 })
    const calls = wanted.length
    const [eleven] = await queue.take()
    expect(eleven).toMatchObject({ data: 11, attempt: 1 })
    await eleven?.ack()
    await clock.advance('1m')
    expect(Math.max(0, ...wanted.slice(calls + 1))).toBeLessThanOrEqual(1)
    slow.open()
    await expect.poll(() => seen.length).toBe(49)
    expect(seen).toEqual(Array.from({ length: 50 }, (_, index) => index).filter((n) => n !== 11))
  })

  it('where jobs take their time asks for no more than can start', async () => {
    const { clock, queues, wanted } = open()
    const queue = queues.queue<number>('q')
    await queue.addMany(Array.from({ length: 30 }, (_, index) => index))
    let ended = 0
    queue.work(
      () =>
        new Promise<void>((resolve) => {
          clock.after(50, () => {
            ended++
            resolve()
          })
        }),
      { concurrency: 5 },
    )
    await clock.advance('1s')
    expect(ended).toBe(30)
    expect(Math.max(...wanted)).toBeLessThanOrEqual(5)
  })

  it('a worker that closes gives back at once what it claimed ahead', async () => {
    const { clock, queues } = open()
    const queue = queues.queue<number>('q')
    const slow = gate()
    let started = 0
    await queue.addMany(Array.from({ length: 20 }, (_, index) => index))
    const worker = queue.work(
      async () => {
        if (++started > 5) await slow.opened
      },
      { concurrency: 1 },
    )
    await expect.poll(() => started).toBe(6)
    const closed = worker.close({ timeout: '1m' })
    await clock.advance(1)
    expect(await queue.counts()).toEqual({ ready: 14, timed: 0, inFlight: 1, dead: 0 })
    slow.open()
    await closed
    expect(await queue.counts()).toEqual({ ready: 14, timed: 0, inFlight: 0, dead: 0 })
  })
})

describe('a worker that stood still', () => {
  /** Two clients: the answer to the first claim of ours that brings a job arrives only when it is let in. */
  async function claimAndStandStill() {
    const { sluice, clock } = createTestSluice()
    onTestFinished(() => sluice.close())
    const store = openQueueStore(insideOf(sluice).engine)
    const late = gate()
    const slow = faulty(store, (call) =>
      call.method === 'exchange' && call.count === 1 ? { replyAfter: late.opened } : undefined,
    )
    const ours = createQueues(slow, clock, 'here:1:a', 60_000)
    const theirs = createQueues(store, clock, 'there:1:b', 60_000)
    onTestFinished(async () => {
      late.open()
      await Promise.all([ours.close({ timeout: 0 }), theirs.close({ timeout: 0 })])
    })
    await theirs.queue<string>('q').addMany(['a', 'b'])
    const began: string[] = []
    ours.queue<string>('q').work(({ data, attempt }) => void began.push(`${data} ${attempt}`))
    await expect.poll(async () => (await theirs.queue('q').counts()).inFlight).toBe(2)
    await clock.advance('20s')
    return { clock, began, late, theirs }
  }

  it('begins nothing that others have by now', async () => {
    const { clock, began, late, theirs } = await claimAndStandStill()
    const taking = theirs.queue<string>('q').take({ wait: '1m' })
    // After a silence every lease gets one fresh period.
    await clock.advance('30s')
    expect(await taking).toMatchObject([{ data: 'a' }])
    late.open()
    await clock.advance(1)
    expect(began).toEqual(['b 1'])
  })

  it('begins what is still its own, once and in order', async () => {
    const { clock, began, late, theirs } = await claimAndStandStill()
    late.open()
    await clock.advance(1)
    expect(began).toEqual(['a 1', 'b 1'])
    expect(await theirs.queue('q').counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
  })

  it('is not who was idle for long when it is handed a job that waited for a lock', async () => {
    const { sluice, clock } = createTestSluice()
    onTestFinished(() => sluice.close())
    const { engine, gates } = insideOf(sluice)
    let backCount = 0
    const store = faulty(openQueueStore(engine), (call) => {
      if (call.method === 'exchange') backCount += call.args[0].retries.length
      return undefined
    })
    const queues = createQueues(store, clock, 'here:1:a', 2_000, undefined, null, gates)
    onTestFinished(() => queues.close({ timeout: 0 }))
    const held = await sluice.lock('one').acquire()
    const queue = queues.queue<string>('q', { lock: 'one' })
    const began: string[] = []
    queue.work(({ data }) => void began.push(data), { lease: '1s' })
    await queue.add('a')
    await expect.poll(async () => (await queue.counts()).parked).toBe(1)
    // It looks for jobs every 5 s, and its last look covers it for one.
    await clock.advance('17s')
    await held.release()
    await clock.advance(1)
    await expect.poll(() => began).toEqual(['a'])
    expect(backCount).toBe(0)
  })

  it('a worker that has lost the claims of one partition goes on with those of the others', async () => {
    const { sluice, clock } = createTestSluice()
    onTestFinished(() => sluice.close())
    const store = openQueueStore(insideOf(sluice).engine)
    let [losing, wasLost] = ['', '']
    const losingOnce: QueueStore = {
      ...store,
      async exchange(request) {
        if (request.queue !== losing) return store.exchange(request)
        wasLost = losing
        losing = ''
        return { tag: 'lost' }
      },
    }
    const queues = createQueues(losingOnce, clock, 'here:1:a', 2_000)
    onTestFinished(() => queues.close({ timeout: 0 }))
    const queue = queues.queue<number>('q', { partitions: 2 })
    for (let batch = 0; batch < 2; batch++) {
      await queue.addMany(Array.from({ length: 50 }, (_, index) => index))
    }
    const second = partitionName('q', 1)

    const slow = gate()
    onTestFinished(() => slow.open())
    let started = 0
    queue.work(
      async ({ id }) => {
        if (++started > 30) await slow.opened
        // What it says of this one is what the store has lost.
        else if (started === 30) losing = id.endsWith('.1') ? second : 'q'
      },
      { concurrency: 1 },
    )
    await expect.poll(() => started).toBe(31)
    await clock.advance('1s')
    expect(losing).toBe('')
    const kept = await store.counts(wasLost === 'q' ? second : 'q')
    expect(kept.inFlight).toBeLessThanOrEqual(1)
  })
})
