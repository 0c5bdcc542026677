// What parked jobs are on Redis: how big, where they are found, and what else may lie where they are.
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { redisEngineAt } from '../../../test/redis-engine.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { StoreCorruptError } from '../../errors.ts'
import { Consumer } from '../bench.contract.ts'
import { named } from '../desk.contract.ts'
import type { QueueStore, StoredJob } from '../store.ts'
import { redisQueueStore } from './store.ts'

const MINUTE_MS = 60_000
/** Of who takes no turns. */
const ROUND = '0'.repeat(16)
const DEMAND = 'up to 32 characters and no more:'

describe('parked jobs on Redis', () => {
  const prefix = `test-${randomUUID()}`
  const base = `${prefix}:queue:{q}`
  const gate = `${base}:gate:lock%3Aa`
  let engine: RedisEngine
  let store: QueueStore
  let other: QueueStore
  let sequence = 0

  beforeEach(() => {
    engine = redisEngineAt(inject('redisUrl'), { prefix })
    store = redisQueueStore(engine)
    // What one of them knows of buckets, the other does not.
    other = redisQueueStore(engine)
  })

  afterEach(async () => {
    for (const key of await keys()) await engine.command('UNLINK', key)
    await engine.close()
  })

  const keys = () => engine.scan(`${prefix}:*`, 100_000)
  const ask = (command: string, ...args: string[]) => engine.command(command, ...args)
  const consumer = (queue = store) =>
    new Consumer({ clientId: 'c', queue }, 'q', `epoch-${++sequence}`)
  const add = (payloads: string[]) =>
    store.add({
      ...{ queue: 'q', producer: 'p', sequence: ++sequence },
      jobs: payloads.map((payload) => ({ payload, maxAttempts: 1, delayMs: 0 })),
    })
  const behind = (jobs: StoredJob[]) =>
    jobs.map(({ id }) => ({ id, gate: 'lock:a', terms: '{}', demand: DEMAND, turnOf: null }))

  async function fill(payloads: string[], worker = consumer()): Promise<StoredJob[]> {
    await add(payloads)
    const jobs = await worker.claim(payloads.length)
    expect(jobs).toHaveLength(payloads.length)
    await worker.park(behind(jobs))
    return jobs
  }

  async function unpark(worker: Consumer, count = 1): Promise<(string | undefined)[]> {
    const answer = await worker.unpark(Array(count).fill('lock:a'))
    if (answer.tag !== 'ok') throw new Error(`unparking was answered ${answer.tag}`)
    return answer.jobs.map((job) => job?.id)
  }

  async function bucketsOf(): Promise<string[]> {
    return (await keys()).filter((key) => /:gate:[^:]+:\d{8}$/.test(key)).sort()
  }

  it('are in buckets of 4,096, and nothing of them is left', async () => {
    const ids: string[] = []
    for (let batch = 0; batch < 90; batch++) {
      const payloads = Array.from({ length: 100 }, (_, index) => `${batch}.${index}`)
      ids.push(...(await fill(payloads)).map(({ id }) => id))
    }
    const buckets = await bucketsOf()
    const lengths = await Promise.all(buckets.map((bucket) => ask('ZCARD', bucket)))
    expect(lengths.map(Number)).toEqual([4_100, 4_100, 800])
    expect(Number(await ask('ZCARD', `${gate}:heads`))).toBe(3)
    const heir = consumer(other)
    const found: (string | undefined)[] = []
    for (let call = 0; call < 90; call++) found.push(...(await unpark(heir, 100)))
    expect(found).toEqual(ids)
    expect((await keys()).filter((key) => key.includes(':gate:'))).toEqual([gate])
    const ttlMs = Number(await ask('PTTL', `${base}:unparked:${heir.epoch}`))
    expect(ttlMs).toBeGreaterThan(9 * MINUTE_MS)
    await store.keepGates('q', 'me', ['lock:a'])
    expect((await keys()).filter((key) => /gate/.test(key))).toEqual([])
  })

  it('are in buckets of a megabyte where they are big', async () => {
    const payload = JSON.stringify('x'.repeat(300_000))
    for (let batch = 0; batch < 3; batch++) await fill([payload, payload, payload, payload])
    const buckets = await bucketsOf()
    expect(buckets).toHaveLength(3)
    for (const bucket of buckets) {
      const bytes = Number(await ask('MEMORY', 'USAGE', bucket, 'SAMPLES', '0'))
      expect(bytes).toBeLessThan(2_500_000)
    }
    expect(new Set(await unpark(consumer(other), 12)).size).toBe(12)
  })

  it('are found by who has seen another first bucket, whoever changes it meanwhile', async () => {
    const big = JSON.stringify('x'.repeat(1 << 20))
    const [first, second] = [consumer(), consumer(other)]
    await add(['1', '2', '3', '4'])
    const [a, b, c, d] = await first.claim(4)
    if (!a || !b || !c || !d) throw new Error('not all were claimed')
    // Each in a bucket of its own: a big one ends it.
    const fillers: StoredJob[] = []
    for (const job of [d, c, b, a]) {
      await first.park(behind([job]))
      fillers.push(...(await fill([big], first)))
    }
    expect(await bucketsOf()).toHaveLength(4)
    expect(await unpark(second)).toEqual([a.id])
    expect(await unpark(first, 2)).toEqual([b.id, c.id])
    expect(await unpark(second, 9)).toEqual([
      ...[d.id, ...fillers.map(({ id }) => id)],
      ...Array(4).fill(undefined),
    ])
    await second.park(behind([a]))
    expect(await unpark(first)).toEqual([a.id])
  })

  it('are counted over many buckets, with and without a rank', async () => {
    const jobOf = (index: number) => {
      const id = String(1_700_000_000_000_000 + index)
      return { id, bucket: String(index).padStart(8, '0'), rank: String(index % 3) }
    }
    for (let index = 0; index < 250; index++) {
      const { id, bucket, rank } = jobOf(index)
      await ask('ZADD', `${gate}:${bucket}`, rank, `${ROUND}${id}100000300000${' '.repeat(32)}00`)
      await ask('ZADD', `${gate}:heads`, rank, `${ROUND}${id}${bucket}`)
    }
    const all = Array.from({ length: 250 }, (_, index) => jobOf(index))
    const order = all.toSorted((x, y) => Number(x.rank) - Number(y.rank)).map(({ id }) => id)
    for (const index of [0, 1, 2, 120, 248, 249]) {
      const { id } = jobOf(index)
      expect(await store.parkedBefore('q', 'lock:a', id)).toBe(order.indexOf(id))
    }
    expect(await store.parkedBefore('q', 'lock:a', '1600000000000000')).toBeNull()
  })

  it('wake one who waits when their look is before all that is due, and only then', async () => {
    const wakes = async () => Number(await ask('ZCARD', `${base}:wake`))
    const worker = consumer()
    await add(['1', '2', '3'])
    const [a, b, c] = await worker.claim(3)
    if (!a || !b || !c) throw new Error('not all were claimed')
    await ask('DEL', `${base}:wake`)
    await worker.park(behind([a]))
    expect(await wakes()).toBe(1)
    await ask('DEL', `${base}:wake`)
    await worker.park(behind([b]))
    await worker.park(behind([c]).map((park) => ({ ...park, gate: 'lock:b' })))
    expect(await wakes()).toBe(0)
    await store.pause('q')
    await store.yieldGates('q', worker.epoch, ['lock:a'])
    expect(await wakes()).toBe(0)
  })

  it('leave no look behind them when their queue is obliterated', async () => {
    const worker = consumer()
    const jobs = await fill(['1'])
    await unpark(worker)
    await worker.say({ acks: jobs })
    expect((await keys()).some((key) => key.includes(':timed:gates-'))).toBe(true)
    const step = { epoch: '', force: false, limit: 100 }
    while ((await store.obliterate('q', step)).tag !== 'gone') expect(step.limit).toBe(100)
    expect((await keys()).filter((key) => /gate|buckets|meta/.test(key))).toEqual([])
  })

  it('have looks among the timed jobs that are on no page of these', async () => {
    await fill(['1'])
    const timed = { payload: '2', maxAttempts: 1, delayMs: MINUTE_MS }
    await store.add({ queue: 'q', producer: 'timed', sequence: 1, jobs: [timed] })
    const page = await store.listJobs('q', { state: 'timed', limit: 10, cursor: null })
    expect(page.jobs.map(({ payload }) => payload)).toEqual(['2'])
    expect(await store.counts('q')).toMatchObject({ timed: 1, parked: 1 })
  })

  it('leave no room for jobs by name and of a key, either', async () => {
    await fill(['1', '2'])
    const terms = { queue: 'q', producer: 'p', maxLength: 2 }
    const full = { name: 'QueueFullError', length: 2 }
    const byName = { ...terms, sequence: ++sequence, jobs: [named('a')] }
    await expect(store.addNamed(byName)).rejects.toMatchObject(full)
    const job = { key: 'k', payload: '1', maxAttempts: 1, delayMs: 0 }
    const ofKey = { ...terms, sequence: ++sequence, jobs: [job] }
    await expect(store.addKeyed(ofKey)).rejects.toMatchObject(full)
  })

  it.each([
    ['gate:lock%3Aa', 'park', 'keepGates', 'yieldGates', 'unpark'],
    ['gate:lock%3Aa:heads', 'park', 'keepGates', 'unpark', 'parkedBefore'],
    ['gate:lock%3Aa:00000000', 'park', 'unpark', 'parkedBefore'],
    ['gate:lock%3Aa:turns', 'park', 'keepGates', 'yieldGates'],
    ['buckets', 'park', 'keepGates', 'yieldGates'],
    ['wake', 'park', 'yieldGates'],
    ['leases', 'park', 'unpark'],
    ['unparked', 'unpark'],
    ['dead', 'unpark'],
  ])('something else at %s is refused before anything is written', async (part, ...methods) => {
    const [worker, heir] = [consumer(), consumer()]
    const [parked] = await fill(['1'], worker)
    await add(['2'])
    const held = await worker.claim(1)
    const key = `${base}:${part}${part === 'unparked' ? `:${heir.epoch}` : ''}`
    const spare = `${prefix}:spare`
    if (Number(await ask('EXISTS', key)) === 1) await ask('RENAME', key, spare)
    // A key of strings is one of lists then.
    await ask(part === 'unparked' ? 'RPUSH' : 'SET', key, 'mine')
    const before = await counted()
    const calls: Record<string, () => Promise<unknown>> = {
      park: () => worker.park(behind(held)),
      unpark: () => heir.unpark(['lock:a']),
      keepGates: () => store.keepGates('q', worker.epoch, ['lock:a']),
      yieldGates: () => store.yieldGates('q', worker.epoch, ['lock:a']),
      parkedBefore: () => store.parkedBefore('q', 'lock:a', parked?.id ?? ''),
    }
    for (const method of methods) {
      await expect(calls[method]?.(), method).rejects.toBeInstanceOf(StoreCorruptError)
    }
    expect(await counted()).toEqual(before)
    await ask('DEL', key)
    if (Number(await ask('EXISTS', spare)) === 1) await ask('RENAME', spare, key)
    await worker.park(behind(held))
    expect(await unpark(heir, 2)).toEqual([parked?.id, held[0]?.id])
  })

  /** What a queue has, by fields that every write of parking touches. */
  async function counted(): Promise<unknown[]> {
    const meta = await ask('HMGET', `${base}:meta`, 'parked', 'bytes', 'last_fence')
    const sizes = (await keys()).sort().map(async (key) => [key, await ask('DUMP', key)])
    return [meta, await Promise.all(sizes)]
  }
})
