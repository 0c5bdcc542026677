// Races that the tests of other queues name: who adds, settles, fails and closes at the same time.
import { describe, expect, it } from 'vitest'
import { type QueueCounts, type Sluice, StaleDeliveryError } from '../../src/index.ts'
import { places } from './places.ts'

const NOWHERE: QueueCounts = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1)
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

describe.each(places)('a queue on $name', ({ open }) => {
  const empty = (sluice: Sluice) =>
    expect.poll(() => sluice.queue('work').counts(), { timeout: 10_000 }).toEqual(NOWHERE)

  it('gives each of hundreds that are added at once to many queues an id, and loses none', async () => {
    const { sluice, other } = open()
    const clientOf = (data: number) => (data % 2 === 0 ? sluice : other)
    const names = numbers(8).map((number) => `work-${number}`)
    const added = await Promise.all(
      numbers(40).flatMap((data) =>
        names.map(async (name) => {
          const { id } = await clientOf(data).queue<number>(name).add(data)
          return `${name} ${id}`
        }),
      ),
    )
    expect(new Set(added).size).toBe(320)
    for (const name of names) {
      const queue = other.queue<number>(name)
      expect(await queue.counts()).toEqual({ ...NOWHERE, ready: 40 })
      const taken = await queue.take({ max: 50 })
      expect(taken.map(({ data }) => data).toSorted((a, b) => a - b)).toEqual(numbers(40))
    }
  })

  it('lets one of many settle a delivery, who do so at once and in different ways', async () => {
    const { sluice } = open()
    const queue = sluice.queue<number>('work')
    await queue.addMany(numbers(12))
    for (const delivery of await queue.take({ max: 12 })) {
      const ways = [
        () => delivery.ack(),
        () => delivery.fail('on purpose'),
        () => delivery.retry({ delay: '1h' }),
        () => delivery.ack(),
      ]
      const first = delivery.data % ways.length
      const turned = [...ways.slice(first), ...ways.slice(0, first)]
      const ends = await Promise.allSettled(turned.map((settle) => settle()))
      expect(ends.map(({ status }) => status)).toEqual(['fulfilled', ...Array(3).fill('rejected')])
      for (const end of ends.slice(1))
        expect(end).toHaveProperty('reason.name', 'StaleDeliveryError')
      await expect(delivery.extend('1m')).rejects.toThrow(StaleDeliveryError)
    }
    expect(await queue.counts()).toEqual({ ...NOWHERE, timed: 3, dead: 3 })
  })

  it('buries each job after just its attempts, whoever of several workers had them', async () => {
    const { sluice, other } = open()
    const options = { attempts: 2, backoff: { type: 'fixed', base: 20 } } as const
    const queue = sluice.queue<number>('work', options)
    const tried = new Map<number, number[]>()
    for (const one of [sluice, other, other]) {
      one.queue<number>('work', options).work(
        ({ data, attempt }) => {
          tried.set(data, [...(tried.get(data) ?? []), attempt])
          throw new Error('on purpose')
        },
        { concurrency: 4 },
      )
    }
    await queue.addMany(numbers(60))
    await expect.poll(() => queue.counts()).toEqual({ ...NOWHERE, dead: 60 })
    expect([...tried.keys()].toSorted((a, b) => a - b)).toEqual(numbers(60))
    for (const attempts of tried.values()) expect(attempts).toEqual([1, 2])
    const letters = await queue.dead.list()
    expect(new Set(letters.map(({ data }) => data)).size).toBe(60)
    for (const { attempts } of letters) expect(attempts).toBe(2)
  })

  it('tries a job that paused its queue and failed once it is resumed, and not before', async () => {
    const { sluice, other } = open()
    const queue = sluice.queue<string>('work', { backoff: { type: 'fixed', base: 1 } })
    const attempts: number[] = []
    queue.work(async ({ attempt }) => {
      attempts.push(attempt)
      if (attempt > 1) return
      await queue.pause()
      throw new Error('on purpose')
    })
    await queue.add('a')
    const waits = () => queue.counts().then(({ ready, timed, paused }) => [ready + timed, paused])
    await expect.poll(waits).toEqual([1, true])
    await pause(100)
    expect(attempts).toEqual([1])
    await other.queue('work').resume()
    await empty(other)
    expect(attempts).toEqual([1, 2])
  })

  it('runs each job of a key once and in order, while workers come and go', async () => {
    const { sluice, other } = open()
    const ran = new Map<string, number[]>()
    const running = new Set<string>()
    const beside: string[] = []
    const start = (one: Sluice) =>
      one.queue<{ key: string; data: number }>('work').work(
        async ({ data: { key, data } }) => {
          if (running.has(key)) beside.push(`${key} ${data}`)
          running.add(key)
          await pause(data % 4)
          running.delete(key)
          ran.set(key, [...(ran.get(key) ?? []), data])
        },
        { concurrency: 5 },
      )
    const keys = ['a', 'b', 'c']
    const workers = [start(sluice), start(other), start(other)]
    for (const data of numbers(60)) {
      const one = data % 2 === 0 ? sluice : other
      const queue = one.queue('work')
      await Promise.all(keys.map((key) => queue.add({ key, data }, { key })))
      if (data % 5 > 0) continue
      await workers.shift()?.close()
      workers.push(start(one))
    }
    await empty(sluice)
    expect(beside).toEqual([])
    for (const key of keys) expect(ran.get(key), key).toEqual(numbers(60))
  })
})
