// What jobs that are done are on Redis: how big, for how long, and what else may lie where they are.
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { redisEngineAt } from '../../../test/redis-engine.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { StoreCorruptError } from '../../errors.ts'
import { Consumer, type QueueClient } from '../bench.contract.ts'
import { DONE, named } from '../desk.contract.ts'
import type { QueueStore } from '../store.ts'
import { redisQueueStore } from './store.ts'

const MOST_BYTES = 4_000_000
const DAY_MS = 86_400_000

describe('jobs that are done on Redis', () => {
  const prefix = `test-${randomUUID()}`
  const done = `${prefix}:queue:{q}:done`
  let engine: RedisEngine
  let store: QueueStore
  let client: QueueClient
  let sequence = 0

  beforeEach(() => {
    engine = redisEngineAt(inject('redisUrl'), { prefix })
    store = redisQueueStore(engine).retaining({ count: 100_000, ageMs: DAY_MS })
    client = { clientId: 'c', queue: store }
  })

  afterEach(async () => {
    for (const key of await engine.scan(`${prefix}:*`, 100_000)) await engine.command('UNLINK', key)
    await engine.close()
  })

  const request = () => ({ queue: 'q', producer: 'p', sequence: ++sequence })
  const consumer = () => new Consumer(client, 'q', `epoch-${++sequence}`)
  const add = (payloads: string[]) =>
    store.add({
      ...request(),
      jobs: payloads.map((payload) => ({ payload, maxAttempts: 1, delayMs: 0 })),
    })
  const list = (limit = 1_000) => store.listJobs('q', { state: 'done', limit, cursor: null })
  const usedBytes = async () =>
    Number(await engine.command('MEMORY', 'USAGE', done, 'SAMPLES', '0'))

  async function finish(payloads: string[]): Promise<void> {
    await add(payloads)
    const worker = consumer()
    await worker.say({ acks: await worker.claim(payloads.length) })
  }

  it.each([
    ['small', 0, 400, 100],
    ['big', 100_000, 40, 3],
    ['huge', 1_000_000, 5, 3],
  ])('never take more than 4 MB: %s ones', async (_, length, batch, batches) => {
    const payload = JSON.stringify('x'.repeat(length))
    for (let round = 0; round < batches; round++) {
      await finish(Array.from({ length: batch }, () => payload))
    }
    expect(await usedBytes()).toBeLessThan(MOST_BYTES)
    expect(await usedBytes()).toBeGreaterThan(MOST_BYTES / 2)
    const pages = []
    for (let cursor: string | null = null; ; ) {
      const page = await store.listJobs('q', { state: 'done', limit: 1_000, cursor })
      pages.push(...page.jobs)
      cursor = page.cursor
      if (cursor === null) break
    }
    expect(pages.length).toBe(Number(await engine.command('LLEN', done)))
    expect(pages.every((job) => job.payload === payload)).toBe(true)
    expect(Number(await engine.command('PTTL', done))).toBeGreaterThan(DAY_MS - 60_000)
    // One that is small pushes out no more than it needs.
    const before = Number(await engine.command('LLEN', done))
    await finish(['1'])
    expect(Number(await engine.command('LLEN', done))).toBeGreaterThanOrEqual(before - 1)
    const { jobs } = await list()
    expect(jobs.length).toBeGreaterThan(0)
  })

  it('with the longest names and results as well', async () => {
    const result = JSON.stringify('r'.repeat(60_000))
    let last = ''
    for (let round = 0; round < 2; round++) {
      const names = Array.from({ length: 50 }, (_, at) => `${round}.${at}${'限'.repeat(120)}`)
      last = names.at(-1) ?? ''
      await store.addNamed({ ...request(), jobs: names.map((name) => named(name)) })
      const { jobs, fence } = await consumer().say({ want: 50 })
      const tickets = jobs.map(({ id, name, attempt, crashes }) => {
        return { number: id, name: name ?? '', attempt, crashes }
      })
      await store.openRecords({ queue: 'q', fence, tickets })
      const outcome = { ...DONE, result } as typeof DONE
      const closings = jobs.map(({ name }) => ({ name: name ?? '', fence, outcome }))
      await store.closeRecords({ queue: 'q', rememberMs: 1_000, closings })
    }
    expect(await usedBytes()).toBeLessThan(MOST_BYTES)
    const { jobs } = await list()
    expect(jobs.length).toBeGreaterThan(30)
    expect(jobs.at(-1)).toMatchObject({ name: last, result })
  })

  it.each(['a string', 'a list of something', 'a list of numbers'])(
    '%s there is refused before anything is written',
    async (what) => {
      await add(['1'])
      const worker = consumer()
      const jobs = await worker.claim(1)
      const text = what === 'a list of numbers' ? '1'.repeat(60) : 'mine'
      await engine.command(what === 'a string' ? 'SET' : 'RPUSH', done, text)
      await expect(worker.exchange({ acks: jobs })).rejects.toBeInstanceOf(StoreCorruptError)
      await expect(list()).rejects.toBeInstanceOf(StoreCorruptError)
      expect((await store.counts('q')).inFlight).toBe(1)
      await engine.command('DEL', done)
      await worker.repeat()
      expect((await list()).jobs).toHaveLength(1)
    },
  )

  it('are kept for as long as the one that may stay longest, whoever wrote last', async () => {
    await finish(['1'])
    store = redisQueueStore(engine).retaining({ count: 10, ageMs: 1_000 })
    client = { clientId: 'c', queue: store }
    await finish(['2'])
    expect(Number(await engine.command('PTTL', done))).toBeGreaterThan(DAY_MS - 60_000)
    expect((await list()).jobs.map(({ payload }) => payload)).toEqual(['1', '2'])
  })
})
