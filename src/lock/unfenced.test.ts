// A lock whose fence nobody reads is taken by one plain command on Redis, without the server's time.
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { wipeRedis } from '../../test/audit/redis.ts'
import { redisAdmin } from '../../test/engines.ts'
import { ORDINARY } from '../../test/lock-request.js'
import { redisEngineAt } from '../../test/redis-engine.ts'
import type { RedisEngine } from '../engine/redis/engine.ts'
import { redisLockStore } from './redis/store.ts'
import type { LockStore } from './store.ts'

const TTL_MS = 600_000
const SHORT_TTL_MS = 100
const DAY_MS = 86_400_000
const YEAR_2020_US = 1_577_836_800_000_000

let engine: RedisEngine
let store: LockStore
let prefix: string

beforeEach(() => {
  prefix = `unfenced-${randomUUID()}`
  engine = redisEngineAt(inject('redisUrl'), { prefix })
  store = redisLockStore(engine, 'lock')
})
afterEach(async () => {
  await engine.close()
  await wipeRedis(redisAdmin(), prefix)
})

const ownerOf = (number: number) => `${engine.clientId}.${number}`
const lease = (number: number) => ({ name: 'a', owner: ownerOf(number), ...ORDINARY })
function ask(number: number, more: { enqueue?: boolean; ttlMs?: number; name?: string } = {}) {
  const { enqueue = false, ttlMs = TTL_MS, name = 'a' } = more
  const times = { ttlMs, claimMs: 3_000, heartbeat: false }
  return store.acquire({ ...lease(number), name, enqueue, ...times })
}
function claim(number: number, { name = 'a', ttlMs = TTL_MS } = {}) {
  const demand = { fair: true, fenced: false }
  const once = { enqueue: false, heartbeat: false, replicas: 0, metadata: '"who"' }
  return store.acquire({ name, owner: ownerOf(number), ttlMs, claimMs: ttlMs, ...once, demand })
}
const give = (number: number, name = 'a') =>
  store.release({ name, owner: ownerOf(number), demand: { fair: true, fenced: false } })
const sharedFences = () => redisAdmin().keys(`${prefix}:fence:*`)

describe('a lock without a fence', () => {
  it('is taken without a script, and its release leaves nothing', async () => {
    expect(await claim(1)).toMatchObject({ tag: 'acquired', fence: 0 })
    expect(await sharedFences()).toEqual([])
    expect(await store.release(lease(1))).toEqual({ tag: 'released' })
    expect(await store.release(lease(1))).toEqual({ tag: 'lost' })
    expect(await redisAdmin().keys(`${prefix}:lock:*`)).toEqual([])
  })

  it('is taken by a script where several are wanted at once', async () => {
    const all = await Promise.all([1, 2, 3].map((one) => claim(one, { name: `a${one}` })))
    expect(all.map(({ tag }) => tag)).toEqual(['acquired', 'acquired', 'acquired'])
    expect(all.filter((answer) => answer.tag === 'acquired' && answer.fence === 0)).toHaveLength(1)
  })

  it('is seen by everybody as long as it is held: by whom, since when, until when', async () => {
    const beforeMs = Number((await redisAdmin().time())[0]) * 1000
    await claim(1)
    for (const answer of [await claim(2), await ask(2)]) {
      expect(answer).toMatchObject({ tag: 'held', holder: { owner: ownerOf(1) } })
    }
    const { holder } = await store.inspect('a')
    expect(holder).toMatchObject({ owner: ownerOf(1), metadata: '"who"' })
    expect(holder?.remainingMs).toBeLessThanOrEqual(TTL_MS)
    expect(holder?.remainingMs).toBeGreaterThan(TTL_MS / 2)
    expect(holder?.sinceMs).toBeGreaterThanOrEqual(beforeMs - 1)
    expect((await store.list(10)).map(({ name }) => name)).toEqual(['a'])
  })

  it('is asked for again by the same owner, who has it already', async () => {
    await claim(1)
    expect(await claim(1)).toMatchObject({ tag: 'acquired' })
    expect(await store.release(lease(1))).toEqual({ tag: 'released' })
  })

  it('is over with its lease, and the next one has a fence if it wants one', async () => {
    await claim(1, { ttlMs: SHORT_TTL_MS })
    await expect.poll(async () => (await store.inspect('a')).holder).toBe(null)
    expect(await store.renew({ ...lease(1), ttlMs: TTL_MS })).toMatchObject({ tag: 'lost' })
    const next = await ask(2)
    expect(next.tag === 'acquired' && next.fence).toBeGreaterThan(YEAR_2020_US)
  })

  it('is renewed by its owner, since when it has held stays, and nobody else renews it', async () => {
    await claim(1, { ttlMs: TTL_MS / 2 })
    const since = (await store.inspect('a')).holder?.sinceMs ?? 0
    expect(await store.renew({ ...lease(2), ttlMs: TTL_MS })).toMatchObject({ tag: 'lost' })
    expect(await store.renew({ ...lease(1), ttlMs: TTL_MS })).toMatchObject({ tag: 'renewed' })
    const { holder } = await store.inspect('a')
    expect(holder?.remainingMs).toBeGreaterThan(TTL_MS / 2)
    expect(Math.abs((holder?.sinceMs ?? 0) - since)).toBeLessThanOrEqual(2)
    expect(await redisAdmin().pttl(`${prefix}:lock:{a}`)).toBeLessThanOrEqual(TTL_MS)
    expect(await store.release(lease(1))).toEqual({ tag: 'released' })
    expect(await redisAdmin().keys(`${prefix}:lock:*`)).toEqual([])
  })

  it('is described anew, and ends when it would have', async () => {
    await claim(1)
    expect(await store.describe({ ...lease(1), metadata: '"else"' })).toBe('changed')
    expect((await store.inspect('a')).holder).toMatchObject({ metadata: '"else"' })
    expect(await redisAdmin().pttl(`${prefix}:lock:{a}`)).toBeLessThanOrEqual(TTL_MS)
  })

  it('goes to who waits for it, by a release or when its lease is over', async () => {
    await claim(1)
    expect(await ask(2, { enqueue: true })).toMatchObject({
      ...{ tag: 'waiting', position: 0, holder: { owner: ownerOf(1) } },
    })
    expect(await redisAdmin().pttl(`${prefix}:lock:{a}`)).toBeLessThanOrEqual(TTL_MS + DAY_MS)
    expect(await store.release(lease(1))).toEqual({ tag: 'released' })
    expect((await store.inspect('a')).holder).toMatchObject({ owner: ownerOf(2) })
  })

  it('is given up as it was written, also where more are held than are remembered', async () => {
    const names = Array.from({ length: 20 }, (_, index) => `a${index}`)
    for (const name of names) await claim(1, { name })
    for (const name of names) expect(await give(1, name)).toEqual({ tag: 'released' })
    expect(await give(1, 'a19')).toEqual({ tag: 'lost' })
    expect(await redisAdmin().keys(`${prefix}:lock:*`)).toEqual([])
  })

  it('is given up before it is known to have been taken, and by who never got it', async () => {
    await claim(2, { name: 'b' })
    const taken = [claim(1), claim(1, { name: 'b' })]
    const given = [give(1), give(1, 'b')]
    expect((await Promise.all(taken)).map(({ tag }) => tag)).toEqual(['acquired', 'held'])
    expect((await Promise.all(given)).map(({ tag }) => tag)).toEqual(['released', 'lost'])
    expect(await redisAdmin().keys(`${prefix}:lock:*`)).toEqual([`${prefix}:lock:{b}`])
  })

  it('is given up by a server that has forgotten its scripts', async () => {
    const admin = redisAdmin()
    for (const number of [1, 2, 3]) {
      expect(await claim(number)).toMatchObject({ tag: 'acquired' })
      if (number < 3) await admin.script('FLUSH')
      expect(await give(number)).toEqual({ tag: 'released' })
    }
  })

  it('is given up where it is not as it was written: renewed, described, or waited for', async () => {
    const owner = ownerOf(1)
    const changes = {
      renewed: () => store.renew({ ...lease(1), ttlMs: 2 * TTL_MS }),
      described: () => store.describe({ name: 'a', owner, metadata: '"else"' }),
      'waited for': () => ask(2, { enqueue: true }),
    }
    for (const change of Object.values(changes)) {
      await claim(1)
      await change()
      expect(await give(1)).toEqual({ tag: 'released' })
    }
    expect((await store.inspect('a')).holder).toMatchObject({ owner: ownerOf(2) })
  })

  it('is not given up by who had it before', async () => {
    await claim(1, { ttlMs: SHORT_TTL_MS })
    await expect.poll(async () => (await claim(2)).tag).toBe('acquired')
    expect(await give(1)).toEqual({ tag: 'lost' })
    expect((await store.inspect('a')).holder).toMatchObject({ owner: ownerOf(2) })
    expect(await give(2)).toEqual({ tag: 'released' })
  })

  it('is taken away by force from the one that was seen, and from no other', async () => {
    await claim(1)
    const { fence = 0 } = (await store.inspect('a')).holder ?? {}
    expect(fence).toBeGreaterThan(0)
    expect(fence).toBeLessThan(YEAR_2020_US)
    await store.release(lease(1))
    await claim(2)
    const force = { name: 'a', reason: 'for a test', expectFence: fence }
    expect(await store.forceRelease(force)).toBe('changed')
    const seen = (await store.inspect('a')).holder?.fence ?? 0
    expect(await store.forceRelease({ ...force, expectFence: seen })).toBe('released')
    expect(await store.renew({ ...lease(2), ttlMs: TTL_MS })).toMatchObject({ tag: 'forced' })
  })

  it('is not taken where something else is stored, and the failure says so', async () => {
    await redisAdmin().set(`${prefix}:lock:{a}`, 'foreign')
    await expect(claim(1)).rejects.toThrow(/lock/)
    expect(await redisAdmin().get(`${prefix}:lock:{a}`)).toBe('foreign')
  })
})
