// Short jobs that wait for one lock: several of them on one pass.
import { describe, expect, it } from 'vitest'
import { engines, type TestEngine } from '../../test/engines.ts'
import { openGatedClients } from '../../test/queue-clients.ts'
import type { QueueOptions } from './options.ts'
import type { Job } from './run.ts'
import { SeriesLength } from './series.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
const JOBS = 20
/** The first ones are let in alone, two and four at a time: then eight are. */
const UNTIL_EIGHT = 7
const FIRST_OF_EIGHT = UNTIL_EIGHT + 1

interface Begun {
  data: number
  fence: number
  signal: AbortSignal
  end: (error?: Error) => void
}

/** Jobs that need one lock, up to a series of eight of which the first has begun: from there each ends when it is told to. */
async function openSeries(open: TestEngine['open'], options: QueueOptions<number> = {}) {
  const clients = await openGatedClients(open)
  const { ours, theirs, locks } = clients
  const asked = { lock: 'door', ...options }
  const queue = ours.queue<number>('q', asked)
  const door = locks.lock('door')
  const begun: Begun[] = []
  const handle = ({ data, gates, signal }: Job<number>) =>
    new Promise<void>((resolve, reject) => {
      const end = (error?: Error) => (error ? reject(error) : resolve())
      if (begun.push({ data, fence: gates[0]?.fence ?? 0, signal, end }) <= UNTIL_EIGHT) resolve()
    })
  const linedUp = async () => (await door.inspect()).waiters.length
  const begins = async (count: number) => {
    await expect.poll(() => begun.length).toBe(count)
    return begun.at(-1) as Begun
  }
  const held = await door.acquire()
  const worker = queue.work(handle, { concurrency: 3 })
  await queue.addMany(
    Array.from({ length: JOBS }, (_, index) => index),
    (index) => ({ id: `${index}` }),
  )
  await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: JOBS })
  await expect.poll(linedUp).toBe(1)
  await held.release()
  await begins(FIRST_OF_EIGHT)
  await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, inFlight: 8, parked: 5 })
  const endAll = async (from: number) => {
    for (let count = from; count <= JOBS; count++) (await begins(count)).end()
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    await expect.poll(async () => (await door.inspect()).holder).toBe(null)
  }
  const theirQueue = theirs.queue<number>('q', asked)
  return { ...clients, door, queue, theirQueue, worker, handle, begun, begins, linedUp, endAll }
}

const inOrder = Array.from({ length: JOBS }, (_, index) => index)
const grows = (fences: number[]) => fences.every((fence, at) => fence > (fences[at - 1] ?? 0))

describe.each(engines)('jobs that wait for one lock, on $name', ({ open }) => {
  it('begin one after the other, each with a fence above the one before', async () => {
    const { begun, endAll } = await openSeries(open)
    expect(begun.length).toBe(FIRST_OF_EIGHT)
    await endAll(FIRST_OF_EIGHT)
    expect(begun.map(({ data }) => data)).toEqual(inOrder)
    expect(grows(begun.map(({ fence }) => fence))).toBe(true)
  })

  it('let in those who stand in line: after the series that had begun, and after one job from then on', async () => {
    const { door, queue, begun, begins, linedUp, endAll } = await openSeries(open)
    const first = door.acquire()
    await expect.poll(linedUp).toBe(1)
    for (let count = FIRST_OF_EIGHT; count < UNTIL_EIGHT + 8; count++) (await begins(count)).end()
    const last = await begins(UNTIL_EIGHT + 8)
    await expect.poll(linedUp).toBe(2)
    last.end()
    const ofFirst = await first

    const second = door.acquire()
    await expect.poll(linedUp).toBe(2)
    await ofFirst.release()
    const next = await begins(UNTIL_EIGHT + 9)
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, inFlight: 1, parked: 4 })
    await expect.poll(linedUp).toBe(2)
    next.end()
    const ofSecond = await second
    const fences = [last.fence, ofFirst.fence, next.fence, ofSecond.fence]
    expect(grows(fences)).toBe(true)
    await ofSecond.release()

    await endAll(UNTIL_EIGHT + 10)
    expect(begun.map(({ data }) => data)).toEqual(inOrder)
  })

  it('are parked again when the first one takes longer: who came meanwhile is next', async () => {
    const { clock, door, queue, begun, endAll } = await openSeries(open)
    const caller = door.acquire()
    await clock.advance('30ms')
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, inFlight: 1, parked: 12 })
    begun.at(-1)?.end()
    const lease = await caller
    expect(begun.length).toBe(FIRST_OF_EIGHT)
    await lease.release()
    await endAll(FIRST_OF_EIGHT + 1)
    expect(begun.map(({ data }) => data)).toEqual(inOrder)
    expect(grows(begun.map(({ fence }) => fence))).toBe(true)
  })

  it('do not begin on a lock that is lost', async () => {
    const { clock, door, begun, endAll } = await openSeries(open)
    const running = begun.at(-1) as Begun
    await door.forceRelease({ reason: 'it hangs' })
    await clock.advance('11s')
    await expect.poll(() => running.signal.aborted).toBe(true)
    running.end()
    await endAll(FIRST_OF_EIGHT + 1)
    expect(begun.map(({ data }) => data)).toEqual(inOrder)
    expect(grows(begun.map(({ fence }) => fence))).toBe(true)
  })

  it('are parked at once when their worker closes, and run elsewhere', async () => {
    const { queue, theirQueue, worker, handle, begun, endAll } = await openSeries(open)
    const closed = worker.close()
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, inFlight: 1, parked: 12 })
    theirQueue.work(handle)
    begun.at(-1)?.end()
    await closed
    await endAll(FIRST_OF_EIGHT + 1)
    expect(begun.map(({ data }) => data)).toEqual(inOrder)
  })

  it('are parked again where one keeps the lock until it is tried again', async () => {
    const { clock, queue, begun, begins, endAll } = await openSeries(open, {
      ...{ onRetry: 'keep', backoff: { type: 'fixed', base: '10s' } },
    })
    begun.at(-1)?.end(new Error('not yet'))
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, inFlight: 1, parked: 12 })
    await clock.advance('13s')
    const again = await begins(FIRST_OF_EIGHT + 1)
    expect(again.data).toBe(UNTIL_EIGHT)
    begun.splice(UNTIL_EIGHT, 1)
    await endAll(FIRST_OF_EIGHT)
    expect(begun.map(({ data }) => data)).toEqual(inOrder)
  })

  it('are claimed anew without giving up the lock, while nobody comes to the line', async () => {
    const { door, begun, begins, endAll } = await openSeries(open)
    const { holder: before } = await door.inspect()
    for (let count = FIRST_OF_EIGHT; count < JOBS; count++) (await begins(count)).end()
    await begins(JOBS)
    expect((await door.inspect()).holder?.owner).toBe(before?.owner)
    await endAll(JOBS)
    expect(begun.map(({ data }) => data)).toEqual(inOrder)
    expect(grows(begun.map(({ fence }) => fence))).toBe(true)
  })

  it.each([
    { kind: 'short', took: '2ms' },
    { kind: 'long', took: '40ms' },
  ] as const)('leave the only slot to others now and then, when they are $kind', async (one) => {
    const { clock, ours, locks } = await openGatedClients(open)
    const lock = (data: number | null) => (data === null ? [] : ['door'])
    const queue = ours.queue<number | null>('q', { lock })
    const held = await locks.lock('door').acquire()
    const begun: (number | null)[] = []
    const handle = async ({ data }: Job<number | null>) => {
      begun.push(data)
      if (begun.length === 10) await queue.add(null)
      await clock.advance(one.took)
    }
    queue.work(handle, { concurrency: 1 })
    await queue.addMany(Array.from({ length: 50 }, (_, index) => index))
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, parked: 50 })
    await held.release()
    await expect.poll(() => begun.length).toBe(51)
    expect(begun.indexOf(null)).toBeLessThan(30)
  })

  it('do not run where they were cancelled meanwhile', async () => {
    const { queue, begun, begins } = await openSeries(open)
    const cancelled = [FIRST_OF_EIGHT + 1, FIRST_OF_EIGHT + 2]
    for (const data of cancelled) await queue.cancel(`${data}`)
    const left = inOrder.filter((data) => !cancelled.includes(data))
    for (let count = FIRST_OF_EIGHT; count <= left.length; count++) (await begins(count)).end()
    await expect.poll(() => queue.counts()).toEqual(NOWHERE)
    expect(begun.map(({ data }) => data)).toEqual(left)
  })
})

describe('how many are let in on one pass', () => {
  it('doubles while they are quick, and never exceeds sixteen', () => {
    const length = new SeriesLength()
    const counts = Array.from({ length: 6 }, () => {
      const { count } = length
      length.wentWell(count, count)
      return count
    })
    expect(counts).toEqual([1, 2, 4, 8, 16, 16])
  })

  it('is what ends within 25 ms', () => {
    const length = new SeriesLength()
    for (let at = 0; at < 5; at++) length.wentWell(length.count, length.count * 6)
    expect(length.count).toBe(4)
    length.wentWell(1, 20)
    expect(length.count).toBe(1)
  })

  it('is one for some turns after others stood in line', () => {
    const length = new SeriesLength()
    for (let at = 0; at < 4; at++) length.wentWell(length.count, 1)
    length.wasCut()
    length.wasCut()
    const counts = Array.from({ length: 4 }, () => {
      const { count } = length
      length.wentWell(count, 1)
      return count
    })
    expect(counts).toEqual([1, 1, 1, 2])
  })
})
