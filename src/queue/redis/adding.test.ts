// Many who add at once on Redis, so that two batches are under way: what goes wrong with one of them.
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { gate, gone, refusal } from '../../../test/faults.ts'
import { redisEngineAt } from '../../../test/redis-engine.ts'
import { systemClock } from '../../clock.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { type FaultPlan, faulty } from '../../testing/faulty.ts'
import { QueueFullError } from '../errors.ts'
import type { QueueOptions } from '../options.ts'
import { createQueues } from '../queue.ts'
import type { QueueStore } from '../store.ts'
import { redisQueueStore } from './store.ts'

const MANY = 100
const TIMEOUT_MS = 2_000

describe('many who add at once', () => {
  const prefix = `test-${randomUUID()}`
  let engine: RedisEngine
  let store: QueueStore

  beforeEach(() => {
    engine = redisEngineAt(inject('redisUrl'), { prefix })
    store = redisQueueStore(engine)
  })

  afterEach(async () => {
    for (const key of await engine.scan(`${prefix}:*`, 100_000)) await engine.command('UNLINK', key)
    await engine.close()
  })

  function open(plan: FaultPlan<QueueStore>, options: QueueOptions = {}) {
    const queues = createQueues(faulty(store, plan), systemClock, 'here:1:a', TIMEOUT_MS)
    return queues.queue<number>('q', options)
  }

  /** What became of each add, in the order of the calls, and in which order they were told. */
  async function addAll(queue: ReturnType<typeof open>) {
    const told: number[] = []
    const adds = Array.from({ length: MANY }, (_, index) =>
      queue.add(index).finally(() => told.push(index)),
    )
    const ends = await Promise.allSettled(adds)
    const ids = ends.map((end) => (end.status === 'fulfilled' ? end.value.id : null))
    const reasons = ends.flatMap((end) => (end.status === 'rejected' ? [end.reason] : []))
    return { ids, reasons, told }
  }

  const waiting = async () => {
    const { jobs } = await store.listJobs('q', { state: 'ready', limit: 1_000, cursor: null })
    return jobs.map(({ id, payload }) => ({ id, data: Number(payload) }))
  }
  const all = Array.from({ length: MANY }, (_, index) => index)

  it('have two batches under way, and one is on its way alone where few add', async () => {
    const underWay: string[] = []
    let most = 0
    const held = gate()
    const queue = open(({ method, args }) => {
      if (method !== 'add' && method !== 'addBehind') return undefined
      const [{ jobs }] = args
      underWay.push(`${method} ${jobs.length}`)
      most = Math.max(most, underWay.length)
      return method === 'add' ? { replyAfter: held.opened } : undefined
    })
    const added = addAll(queue)
    await expect.poll(() => underWay).toEqual(['add 50', 'addBehind 50'])
    held.open()
    const { ids, told } = await added
    expect(told).toEqual(all)
    expect(await waiting()).toEqual(all.map((data) => ({ data, id: ids[data] })))
    await Promise.all(Array.from({ length: 20 }, () => queue.add(0)))
    expect(underWay.slice(2)).toEqual(['add 20'])
  })

  it('are in line in their order, and told in it, where the first batch comes last', async () => {
    const held = gate()
    const queue = open(({ method }) => {
      if (method === 'addBehind') setTimeout(held.open, 50)
      return method === 'add' ? { callAfter: held.opened } : undefined
    })
    const { ids, told } = await addAll(queue)
    expect(told).toEqual(all)
    expect(await waiting()).toEqual(all.map((data) => ({ data, id: ids[data] })))
  })

  it('are told of a batch that never left, and those behind it are added', async () => {
    const queue = open(({ method, count }) =>
      method === 'add' && count === 1 ? { refuseWith: refusal() } : undefined,
    )
    const { ids, reasons } = await addAll(queue)
    expect(reasons).toHaveLength(MANY / 2)
    for (const reason of reasons) expect(reason).toMatchObject({ outcome: 'not-applied' })
    const rest = all.slice(MANY / 2)
    expect(await waiting()).toEqual(rest.map((data) => ({ data, id: ids[data] })))
    const { id } = await queue.add(MANY)
    expect((await waiting()).at(-1)).toEqual({ data: MANY, id })
  })

  it.each(['add', 'addBehind'])(
    'are told that nobody knows of a batch whose answer was lost: %s',
    async (lost) => {
      const queue = open(({ method, count }) =>
        method === lost && count === 1 ? { loseReplyWith: gone() } : undefined,
      )
      const { ids, reasons } = await addAll(queue)
      expect(reasons).toHaveLength(MANY / 2)
      for (const reason of reasons) expect(reason).toMatchObject({ outcome: 'unknown' })
      const there = await waiting()
      expect(there.map(({ data }) => data)).toEqual(all)
      for (const { id, data } of there) expect([id, null]).toContain(ids[data] ?? null)
    },
  )

  it.each([20, 50, 70])(
    'are added as far as there is room, the first ones first: %s',
    async (maxLength) => {
      const queue = open(() => undefined, { maxLength })
      const { ids, reasons } = await addAll(queue)
      for (const reason of reasons) expect(reason).toBeInstanceOf(QueueFullError)
      const fitting = all.slice(0, maxLength)
      expect(await waiting()).toEqual(fitting.map((data) => ({ data, id: ids[data] })))
      expect(ids.slice(maxLength)).toEqual(all.slice(maxLength).map(() => null))
    },
  )

  it('a small batch does not take the room that a big one before it has not', async () => {
    const queue = open(() => undefined, { maxBytes: 2_000 })
    const order: string[] = []
    const adds = all.map((index) =>
      queue.add((index < 50 ? 'x'.repeat(98) : 'y') as never).then(
        () => order.push(index < 50 ? 'big' : 'small'),
        () => {},
      ),
    )
    await Promise.all(adds)
    const { jobs } = await store.listJobs('q', { state: 'ready', limit: 1_000, cursor: null })
    expect(jobs.map(({ payload }) => (payload.length > 10 ? 'big' : 'small'))).toEqual(order)
    expect(order.slice(0, 20)).toEqual(Array.from({ length: 20 }, () => 'big'))
  })

  it('go on where the store forgot their last batch', async () => {
    const queue = open(({ method }) =>
      method === 'addBehind'
        ? { callAfter: engine.command('DEL', `${prefix}:queue:{q}:producer:here:1:a.1`) }
        : undefined,
    )
    const { ids, told } = await addAll(queue)
    expect(told).toEqual(all)
    expect(await waiting()).toEqual(all.map((data) => ({ data, id: ids[data] })))
  })

  it('by thousands are in line in the order of the calls, each of them as a whole', async () => {
    const calls: string[] = []
    const queue = open(({ method }) => void (method.startsWith('add') && calls.push(method)))
    const thousands = [0, 1, 2, 3].map((call) =>
      queue.addMany(Array.from({ length: 1_000 }, (_, index) => call * 1_000 + index)),
    )
    const added = (await Promise.all(thousands)).flat().map(({ id }) => id)
    expect(calls).toHaveLength(4)
    expect(calls.slice(0, 2)).toEqual(['add', 'addBehind'])
    expect(added).toEqual(added.toSorted((a, b) => Number(a) - Number(b)))
    expect(new Set(added).size).toBe(4_000)
    expect(await store.counts('q')).toMatchObject({ ready: 4_000 })
  })
})
