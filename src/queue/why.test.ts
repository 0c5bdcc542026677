// Why a job does not run, in the words that people read.
import { describe, expect, it } from 'vitest'
import { fixedWindow } from '../limit/index.ts'
import { createTestSluice } from '../testing/index.ts'

const numbers = (count: number) => Array.from({ length: count }, (_, n) => n + 1)

describe('why a job is parked', () => {
  it('names the gate, who holds it since when, and the place among callers and jobs', async () => {
    const { sluice, clock } = createTestSluice()
    const held = await sluice.lock('user:42').acquire()
    const since = new Date(clock.wallMs()).toISOString()
    const line = () => sluice.lock('user:42').inspect()
    const early = sluice.lock('user:42').acquire({ wait: '1h' })
    await expect.poll(async () => (await line()).waiters.length).toBe(1)
    const queue = sluice.queue<number>('q', { lock: 'user:42' })
    queue.work(() => {})
    for (const n of [1, 2]) await queue.add(n, { id: `job ${n}` })
    await expect.poll(async () => (await line()).waiters.length).toBe(2)
    const late = sluice.lock('user:42').acquire({ wait: '1h' })
    await expect.poll(async () => (await line()).waiters.length).toBe(3)
    await expect.poll(async () => (await queue.counts()).parked).toBe(2)

    const { host, pid } = (await line()).holder ?? {}
    const inTheWay = `held by ${host} pid ${pid} since ${since}`
    const gate = 'lock:user:42'
    expect(await queue.why('job 1')).toEqual({
      state: 'parked',
      text: `parked on lock user:42, ${inTheWay}, second in line`,
      parked: { gate, inTheWay, inFront: 0, place: 2 },
    })
    // Both callers get in before it: the queue goes to the end of the line with each job.
    const second = await queue.why('job 2')
    expect(second?.text).toBe(`parked on lock user:42, ${inTheWay}, 4th in line`)
    expect(second?.parked).toEqual({ gate, inTheWay, inFront: 1, place: 4 })
    expect(await sluice.queue('q').why('job 2')).toEqual(second)
    expect(await queue.list({ state: 'parked' })).toMatchObject({
      jobs: numbers(2).map((n) => ({ id: `job ${n}`, data: n, gate })),
      cursor: null,
    })

    await held.release()
    await (await early).release()
    await (await late).release()
    await expect.poll(async () => (await queue.why('job 2'))?.text).toBe('done')
    await sluice.close()
  })

  it('counts those of the queue in front of it, and in words', async () => {
    const { sluice } = createTestSluice()
    const held = await sluice.lock('door').acquire()
    const queue = sluice.queue<number>('q', { lock: 'door' })
    const worker = queue.work(() => {})
    for (const n of numbers(22)) await queue.add(n, { id: `job ${n}` })
    await expect.poll(async () => (await queue.counts()).parked).toBe(22)
    const places = await Promise.all(
      numbers(22).map(
        async (n) => /, (\w+) in line$/.exec((await queue.why(`job ${n}`))?.text ?? '')?.[1],
      ),
    )
    expect(places.slice(0, 4)).toEqual(['first', 'second', 'third', '4th'])
    expect(places.slice(10, 13)).toEqual(['11th', '12th', '13th'])
    expect(places.slice(20)).toEqual(['21st', '22nd'])
    await worker.close()
    await held.release()
    await sluice.close()
  })

  it('says how much of a limit is left, and asks none of the functions of the queue', async () => {
    const { sluice } = createTestSluice()
    const limiter = sluice.limiter('smtp', fixedWindow({ limit: 1, per: '1m' }))
    const queue = sluice.queue<string>('q', { limit: { use: limiter, key: (data) => data } })
    queue.work(() => {})
    for (const id of ['one', 'two']) await queue.add('a', { id })
    await expect.poll(async () => (await queue.counts()).parked).toBe(1)
    const other = sluice.queue<string>('q', {
      lock: () => {
        throw new Error('no user')
      },
    })
    const parked = { gate: 'limit:smtp:a', inFront: 0, place: 1 }
    for (const one of [queue, other]) {
      const why = await one.why('two')
      expect(why?.text).toMatch(
        /^parked on limit smtp:a, 0 of 1 left, again in \d+ ms, first in line$/,
      )
      expect(why?.parked).toMatchObject(parked)
    }
    await sluice.close()
  })
})

describe('why any other job does not run', () => {
  it('is said as well', async () => {
    const { sluice, clock } = createTestSluice()
    const queue = sluice.queue<number>('q')
    await queue.add(1, { id: 'ready' })
    const dueAtMs = clock.wallMs() + 60_000
    await queue.add(2, { id: 'timed', at: dueAtMs })
    const due = `due at ${new Date(dueAtMs).toISOString()}`
    const text = async (id: string) => (await queue.why(id))?.text
    expect(await text('ready')).toBe('in line for a worker')
    expect(await text('timed')).toBe(due)
    await queue.pause()
    expect(await text('timed')).toBe(`${due}; the queue is paused`)
    await queue.resume()
    const [delivery] = await queue.take()
    expect(await queue.why('ready')).toEqual({ state: 'running', text: 'running', parked: null })
    await queue.cancel('ready')
    expect(await text('ready')).toBe('running, and to be cancelled')
    await delivery?.ack()
    expect(await text('ready')).toBe('cancelled')
    expect(await queue.why('nothing')).toBe(null)
    const { id } = await queue.add(3)
    await expect(queue.why(id)).rejects.toMatchObject({ code: 'SLUICE_NOT_ADDRESSABLE' })
    await sluice.close()
  })
})
