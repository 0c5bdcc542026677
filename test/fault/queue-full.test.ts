// Queues on a server that has no memory left and drops nothing: what adds is refused, what drains it
// works, and when there is room again all goes on by itself.
import { afterEach, describe, expect, it } from 'vitest'
import { StoreFullError } from '../../src/errors.ts'
import { Consumer } from '../../src/queue/bench.contract.ts'
import type { Delivery } from '../../src/queue/delivery.ts'
import { redisQueueStore } from '../../src/queue/redis/store.ts'
import { createSluice, type Sluice } from '../../src/sluice.ts'
import { redisEngineAt } from '../redis-engine.ts'
import { startProxy } from './proxy.js'
import { startServer } from './server.js'

type Server = Awaited<ReturnType<typeof startServer>>

const PAYLOAD = 'x'.repeat(10_000)
const ROOM_BYTES = 4 << 20
const TIMEOUT_MS = 60_000
const silent = { info() {}, warn() {}, error() {} }

const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

interface Full {
  server: Server
  sluice: Sluice
  added: string[]
  limitBytes: number
}

async function openFull(): Promise<Full> {
  const server = await startServer({ args: ['--maxmemory-policy', 'noeviction'] })
  cleanUps.push(() => server.close())
  const sluice = createSluice(server.url, { logger: silent })
  cleanUps.push(() => sluice.close())
  const queue = sluice.queue('work')
  const added = [(await queue.add(PAYLOAD)).id]
  const used = /used_memory:(\d+)/.exec(String(await server.command('INFO', 'memory')))
  const limitBytes = Number(used?.[1]) + ROOM_BYTES
  await server.command('CONFIG', 'SET', 'maxmemory', limitBytes)
  const refusal = await fill(sluice, added)
  expect(refusal).toBeInstanceOf(StoreFullError)
  return { server, sluice, added, limitBytes }
}

/** The server gives back what its buffers took, and then there is room for one more, unless there is none for anything. */
const leaveNoRoom = (server: Server) => server.command('CONFIG', 'SET', 'maxmemory', 1)

/** Adds until it is refused. */
async function fill(sluice: Sluice, added: string[]): Promise<unknown> {
  const queue = sluice.queue('work')
  for (;;) {
    try {
      added.push((await queue.add(PAYLOAD)).id)
    } catch (error) {
      return error
    }
  }
}

describe('a queue on a full server', { timeout: TIMEOUT_MS }, () => {
  it('refuses every kind of add, told as not done', async () => {
    const { server, sluice, added } = await openFull()
    await leaveNoRoom(server)
    const queue = sluice.queue('work')
    const refusals = [
      queue.add(PAYLOAD),
      queue.add(PAYLOAD, { delay: '1h' }),
      queue.addMany([PAYLOAD, PAYLOAD]),
      sluice.queue('another').add('small'),
    ]
    for (const settled of await Promise.allSettled(refusals)) {
      expect(settled).toMatchObject({
        status: 'rejected',
        reason: { code: 'SLUICE_STORE_FULL', outcome: 'not-applied', retryable: true },
      })
    }
    expect(await queue.counts()).toMatchObject({ ready: added.length, timed: 0 })
  })

  it('claims, retries, buries, purges and acknowledges as ever', async () => {
    const { sluice, added } = await openFull()
    const queue = sluice.queue<string>('work')
    const taken = await queue.take({ max: 20 })
    expect(taken.map(({ id }) => id)).toEqual(added.slice(0, 20))
    const [retried, failed, ...rest] = taken as [Delivery<string>, Delivery<string>]
    await retried.retry({ delay: '1h' })
    await failed.fail('on purpose')
    await Promise.all((rest as Delivery<string>[]).map((delivery) => delivery.ack()))
    const left = { ready: added.length - 20, inFlight: 0 }
    expect(await queue.counts()).toEqual({ ...left, timed: 1, dead: 1 })
    expect(await queue.dead.list()).toMatchObject([{ id: failed.id, reason: 'on purpose' }])
    expect(await queue.dead.purge()).toBe(1)
    expect(await queue.counts()).toEqual({ ...left, timed: 1, dead: 0 })
  })

  it('does so in the middle of its fullness too: with one byte allowed', async () => {
    const { server, sluice, added } = await openFull()
    await leaveNoRoom(server)
    const queue = sluice.queue<string>('work', {
      attempts: 2,
      backoff: { type: 'fixed', base: 10 },
    })
    const done: string[] = []
    const failures = new Map<string, number>()
    queue.work(
      ({ id }) => {
        const count = failures.get(id) ?? 0
        const index = added.indexOf(id)
        failures.set(id, count + 1)
        // One of ten fails once, and one of ten for good.
        if (index % 10 === 0 || (index % 10 === 1 && count === 0)) throw new Error('on purpose')
        done.push(id)
      },
      { concurrency: 50 },
    )
    const dead = added.filter((_, index) => index % 10 === 0)
    await expect
      .poll(() => queue.counts(), { timeout: 30_000 })
      .toEqual({ ready: 0, timed: 0, inFlight: 0, dead: dead.length })
    expect(done.toSorted()).toEqual(added.filter((id) => !dead.includes(id)))
    const letters = await queue.dead.list({ limit: 1_000 })
    expect(letters.map(({ id }) => id).toSorted()).toEqual(dead)
    await expect(queue.add(PAYLOAD)).rejects.toBeInstanceOf(StoreFullError)
  })

  it('acknowledges and keeps nothing of it, until there is room again', async () => {
    const { server, sluice, added } = await openFull()
    await server.command('CONFIG', 'SET', 'maxmemory', 0)
    const queue = sluice.queue<string>('work', { retain: { count: 100 } })
    await queue.add(PAYLOAD, { id: 'named' })
    await queue.add(PAYLOAD, { key: 'keyed' })
    await leaveNoRoom(server)
    for (const delivery of await queue.take({ max: 2 })) await delivery.ack()
    const worker = queue.work(() => 'result', { concurrency: 50 })
    const nothing = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
    await expect.poll(() => queue.counts(), { timeout: 30_000 }).toEqual(nothing)
    await worker.close()
    expect(await queue.get('named')).toMatchObject({ state: 'done', result: 'result' })
    expect((await queue.list({ state: 'done' })).jobs).toEqual([])
    expect(added.length).toBeGreaterThan(100)
    await server.command('CONFIG', 'SET', 'maxmemory', 0)
    const later = await queue.add(PAYLOAD)
    for (const delivery of await queue.take()) await delivery.ack()
    expect((await queue.list({ state: 'done' })).jobs).toMatchObject([{ id: later.id }])
  })

  it('emits the slots of a schedule once there is room, and drains the line meanwhile', async () => {
    const { server, sluice, added, limitBytes } = await openFull()
    const queue = sluice.queue<string>('work')
    await leaveNoRoom(server)
    await expect(queue.schedule('another', { every: '1h' }, PAYLOAD)).rejects.toBeInstanceOf(
      StoreFullError,
    )
    await server.command('CONFIG', 'SET', 'maxmemory', limitBytes)
    const taken = await queue.take({ max: 100 })
    await Promise.all(taken.map((delivery) => delivery.ack()))
    const { nextAtMs } = await queue.schedule('due', { every: '100ms' }, PAYLOAD, {
      catchUp: 'all',
    })
    await fill(sluice, added)
    const done: string[] = []
    const slots: number[] = []
    queue.work(
      ({ id, schedule }) => void (schedule ? slots.push(schedule.slotAtMs) : done.push(id)),
      {
        concurrency: 1,
      },
    )
    await expect.poll(() => done.length, { timeout: 30_000 }).toBe(added.length - taken.length)
    await expect.poll(() => slots.length, { timeout: 30_000 }).toBeGreaterThan(20)
    expect(slots.slice(0, 20)).toEqual(Array.from({ length: 20 }, (_, n) => nextAtMs + n * 100))
    expect(await queue.schedules.remove('due')).toBe(true)
  })

  it('parks jobs, keeps their gates, tells of them and unparks them as ever', async () => {
    const { server, added } = await openFull()
    await leaveNoRoom(server)
    const engine = redisEngineAt(server.url, { prefix: 'sluice' })
    cleanUps.push(() => engine.close())
    const client = { clientId: 'c', queue: redisQueueStore(engine) }
    const [worker, heir] = [
      new Consumer(client, 'work', 'one'),
      new Consumer(client, 'work', 'two'),
    ]
    const jobs = await worker.claim(20)
    const parks = jobs.map(({ id }) => ({
      ...{ id, gate: 'g', terms: '{}', demand: '1', turnOf: 'somebody' },
    }))
    expect(await worker.park(parks)).toEqual(jobs.map(() => ({ tag: 'keeper' })))
    const view = { tag: 'keeper', count: 20 }
    expect(await client.queue.keepGates('work', 'one', ['g'])).toMatchObject([view])
    await client.queue.yieldGates('work', 'one', ['g'])
    const told = [await heir.say({ want: 1 }), await heir.say({ want: 1 })]
    expect(told.flatMap(({ gates }) => gates ?? [])).toEqual(['g'])
    expect(await client.queue.keepGates('work', 'two', ['g'])).toMatchObject([view])
    expect(await heir.unpark(['none'])).toMatchObject({ tag: 'ok', jobs: [null] })
    const answer = await heir.unpark(Array(20).fill('g'))
    expect(answer).toMatchObject({ tag: 'ok', jobs: added.slice(0, 20).map((id) => ({ id })) })
    await client.queue.keepGates('work', 'two', ['g'])
    expect(await engine.scan('sluice:*gate*', 100)).toEqual([])
    expect(await client.queue.counts('work')).toMatchObject({ inFlight: 22 })
  })

  it('gives back what a worker that died had, and takes adds again once there is room', async () => {
    const { sluice, server, added } = await openFull()
    const proxy = await startProxy({ to: server })
    const victim = createSluice(`redis://${proxy.host}:${proxy.port}`, { logger: silent })
    cleanUps.push(
      () => proxy.close(),
      () => victim.close({ timeout: 0 }),
    )
    const held: string[] = []
    const hold = ({ id }: { id: string }) => {
      held.push(id)
      return new Promise(() => {})
    }
    victim.queue('work').work(hold, { concurrency: 5, lease: '1s' })
    await expect.poll(() => held.length).toBe(5)
    // As a crash does: nothing more comes from it.
    await proxy.fail('blackhole')
    const queue = sluice.queue<string>('work')
    const done: string[] = []
    queue.work(({ id }) => void done.push(id), { concurrency: 20, lease: '1s' })
    await expect.poll(() => done.length, { timeout: 30_000 }).toBe(added.length)
    expect(done.toSorted()).toEqual(added)
    const { id } = await queue.add(PAYLOAD)
    await expect.poll(() => done.at(-1)).toBe(id)
  })
})
