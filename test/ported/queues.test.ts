// Behaviours of queues that the tests of other projects name, and that no test beside the sources
// holds. Which project, and which test of it: see test/ported.md.
import { describe, expect, it } from 'vitest'
import type { QueueCounts, Sluice } from '../../src/index.ts'
import { places } from './places.ts'

const NOWHERE: QueueCounts = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe.each(places)('a queue on $name', ({ open }) => {
  const empty = (sluice: Sluice) =>
    expect.poll(() => sluice.queue('work').counts(), { timeout: 10_000 }).toEqual(NOWHERE)

  it('runs each job once, whoever of several workers is there first', async () => {
    const { sluice, other } = open()
    const ran: number[] = []
    for (const one of [sluice, other, sluice, other]) {
      one.queue<number>('work').work(({ data }) => void ran.push(data), { concurrency: 3 })
    }
    await sluice.queue('work').addMany(numbers(200))
    await empty(other)
    expect(ran.toSorted((a, b) => a - b)).toEqual(numbers(200))
  })

  it('runs what is due at one instant in the order of adding', async () => {
    const { sluice, other } = open()
    const at = Date.now() + 600
    for (const data of numbers(10)) await sluice.queue('work').add(data, { at })
    const ran: number[] = []
    other.queue<number>('work').work(({ data }) => void ran.push(data), { concurrency: 1 })
    await empty(sluice)
    expect(ran).toEqual(numbers(10))
  })

  it('runs delayed jobs once and not early, though several workers wait for them', async () => {
    const { sluice, other } = open()
    const startedMs = new Map<number, number>()
    const ran: number[] = []
    for (const one of [sluice, other, other]) {
      one.queue<number>('work').work(({ data: delay }) => {
        expect(performance.now() - (startedMs.get(delay) ?? 0)).toBeGreaterThanOrEqual(delay - 2)
        ran.push(delay)
      })
    }
    // The longest first: each one is earlier than what they wait for already.
    const delays = [700, 500, 300, 200, 100, 50]
    for (const delay of delays) {
      startedMs.set(delay, performance.now())
      await sluice.queue('work').add(delay, { delay })
    }
    await empty(sluice)
    expect(ran.toSorted((a, b) => b - a)).toEqual(delays)
  })

  it('gets none of its slots stuck, by jobs that fail, hang or throw at once', async () => {
    const { sluice } = open()
    const queue = sluice.queue<number>('work', {
      attempts: 2,
      backoff: { type: 'fixed', base: 20 },
      timeout: 100,
    })
    const done: number[] = []
    const worker = queue.work(
      ({ data, attempt }) => {
        if (attempt === 1 && data % 3 === 0) return new Promise(() => {})
        if (attempt === 1 && data % 3 === 1) throw new Error('on purpose')
        done.push(data)
        return pause(data % 5)
      },
      { concurrency: 2 },
    )
    await queue.addMany(numbers(30))
    await empty(sluice)
    expect(done.toSorted((a, b) => a - b)).toEqual(numbers(30))
    expect(worker.runningCount).toBe(0)
    await queue.add(32)
    await expect.poll(() => done.at(-1)).toBe(32)
  })

  it('takes no more at once than its workers have slots, however much is there', async () => {
    const { sluice, other } = open()
    const queue = sluice.queue<number>('work')
    await queue.addMany(numbers(50))
    let openGate = () => {}
    const gate = new Promise<void>((resolve) => {
      openGate = resolve
    })
    const workers = [sluice, other].map((one) =>
      one.queue('work').work(() => gate, { concurrency: 3 }),
    )
    await expect.poll(() => workers.map(({ runningCount }) => runningCount)).toEqual([3, 3])
    expect(await queue.counts()).toEqual({ ...NOWHERE, ready: 44, inFlight: 6 })
    openGate()
    await empty(sluice)
  })

  it('wakes a worker that has been idle, each time anew', async () => {
    const { sluice, other } = open()
    const ran: number[] = []
    const worker = other.queue<number>('work').work(({ data }) => void ran.push(data))
    await expect.poll(() => worker.sinceAnswerMs).not.toBe(null)
    for (const round of numbers(8)) {
      await sluice.queue('work').add(round)
      await expect.poll(() => ran.at(-1), { timeout: 2_000 }).toBe(round)
    }
    expect(ran).toEqual(numbers(8))
  })

  it('moves a job by each verb from one place to one other, and nowhere else', async () => {
    const { sluice, other } = open()
    const queue = sluice.queue<string>('work')
    const took = async () => {
      const [delivery] = await queue.take({ wait: '5s' })
      if (!delivery) throw new Error('nothing was there')
      return delivery
    }
    const isNow = async (place: keyof QueueCounts | 'nowhere') =>
      expect(await queue.counts()).toEqual(
        place === 'nowhere' ? NOWHERE : { ...NOWHERE, [place]: 1 },
      )

    await isNow('nowhere')
    const { id } = await queue.add('a')
    await isNow('ready')
    const first = await took()
    await isNow('inFlight')
    await first.retry({ delay: 300 })
    await isNow('timed')
    const second = await took()
    expect(second).toMatchObject({ id, data: 'a', attempt: 2 })
    await isNow('inFlight')
    await second.fail('on purpose')
    await isNow('dead')
    expect(await queue.dead.redrive()).toBe(1)
    await isNow('ready')
    const worker = other.queue('work').work(() => new Promise(() => {}))
    await expect.poll(() => worker.runningCount).toBe(1)
    await isNow('inFlight')
    await worker.close({ timeout: 0 })
    await isNow('ready')
    const third = await took()
    expect(third).toMatchObject({ id, attempt: 1 })
    await third.ack()
    await isNow('nowhere')
    await queue.add('b', { delay: 50 })
    await isNow('timed')
    await (await took()).fail('on purpose')
    await isNow('dead')
    expect(await queue.dead.purge()).toBe(1)
    await isNow('nowhere')
  })
})
