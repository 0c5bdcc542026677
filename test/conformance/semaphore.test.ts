import { describe, expect, it } from 'vitest'
import type { RedisEngine } from '../../src/engine/redis/engine.ts'
import { semaphoreContract } from '../../src/semaphore/semaphore.contract.ts'
import { type Client, engines, type OpenedEngine } from '../engines.ts'
import { ORDINARY } from '../lock-request.js'

describe.each(engines)('semaphores on $name', ({ open }) => {
  semaphoreContract(open)

  it.each(['semaphore', 'readWriteLock'] as const)(
    'S14 nothing of a %s that nobody uses is kept for longer than a day',
    async (kind) => {
      const opened = await open()
      await forget(opened.first[kind], opened.first.clientId)
      await use(opened, kind, 'released', 5)
      if (opened.engine.kind === 'redis') await expectTtls(opened.engine)
      else await expectSweepAfterADay(opened, kind)
      await opened.close()
    },
  )

  it('S1 a lock, a semaphore and a read-write lock of one name are three things', async () => {
    const opened = await open()
    const { first } = opened
    const owner = `${first.clientId}.1`
    const lockOwner = { name: 'a', owner, ...ORDINARY }
    expect(await first.lock.acquire({ ...HOW, ...lockOwner })).toMatchObject({ tag: 'acquired' })
    for (const kind of ['semaphore', 'readWriteLock'] as const) {
      await use(opened, kind, 'a', 1)
      await first[kind].leave({ name: 'a', owner, demand: ALL })
    }
    expect((await first.lock.inspect('a')).holder).toMatchObject({ owner })
    expect(await first.lock.acquire({ ...HOW, ...lockOwner })).toMatchObject({ tag: 'acquired' })
    expect(await first.lock.release(lockOwner)).toEqual({ tag: 'released' })
    await opened.close()
  })
})

const TTL_MS = 10_000
const CLAIM_MS = 3_000
const DAY_MS = 86_400_000
const ALL = { weight: 3, permits: 3, solo: false }
const HOW = { ttlMs: TTL_MS, claimMs: CLAIM_MS, enqueue: false, heartbeat: false }

type Kind = 'semaphore' | 'readWriteLock'

async function use({ first }: OpenedEngine, kind: Kind, name: string, number: number) {
  const request = { name, owner: `${first.clientId}.${number}`, demand: ALL }
  const answer = await first[kind].acquire({ ...HOW, ...request, metadata: '', replicas: 0 })
  expect(answer).toMatchObject({ tag: 'acquired' })
  expect(await first[kind].release(request)).toEqual({ tag: 'released' })
}

/** A holder, one that waits to grow, one that waits, and one that left: none is heard of again. */
async function forget(store: Client[Kind], clientId: string): Promise<void> {
  const name = 'forgotten'
  const owner = (number: number) => `${clientId}.${number}`
  const demand = (weight: number) => ({ ...ALL, weight })
  for (const [number, weight] of [1, 2, 2].entries()) {
    const request = { name, owner: owner(number + 1), demand: demand(weight) }
    await store.acquire({ ...HOW, ...request, enqueue: true, metadata: '', replicas: 0 })
  }
  const growing = { name, owner: owner(1), weight: 3, solo: false }
  const how = { ttlMs: TTL_MS, claimMs: CLAIM_MS, heartbeat: true, replicas: 0 }
  expect(await store.reweigh({ ...growing, ...how })).toMatchObject({ tag: 'waiting' })
  await store.resize({ name, permits: 4 })
  await store.leave({ name, owner: owner(4), demand: demand(1) })
  expect(await store.inspect(name)).toMatchObject({ used: 3, waiters: [{}, {}] })
}

/** The server removes keys by its own clock, which the test cannot move. */
async function expectTtls(engine: RedisEngine): Promise<void> {
  for (const name of ['forgotten', 'released']) {
    const keys = await engine.scan(`${engine.keys.prefix}:*{${name}}*`, 100)
    const ttls = await Promise.all(keys.map((key) => engine.command('PTTL', key)))
    expect(Math.max(...ttls.map(Number)), name).toBeGreaterThan(DAY_MS - TTL_MS)
    expect(Math.max(...ttls.map(Number)), name).toBeLessThanOrEqual(DAY_MS + TTL_MS)
    expect(Math.min(...ttls.map(Number)), name).toBeGreaterThan(0)
  }
}

/** Some of what is over is removed now and then, by whoever acquires anything. */
async function expectSweepAfterADay(opened: OpenedEngine, kind: Kind): Promise<void> {
  const isKept = async (name: string) => (await opened.dump()).some((line) => line.includes(name))
  await opened.clock.advance(DAY_MS - 1)
  await use(opened, kind, 'b', 6)
  expect(await isKept('released')).toBe(true)
  await opened.clock.advance(TTL_MS + 2_000)
  await use(opened, kind, 'b', 7)
  for (const name of ['released', 'forgotten']) expect(await isKept(name), name).toBe(false)
}
