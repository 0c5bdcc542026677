// On Redis a lock that nobody waits for goes a short way, on one key. Its state says when that is so.
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { wipeRedis } from '../../test/audit/redis.ts'
import { redisAdmin } from '../../test/engines.ts'
import { ORDINARY } from '../../test/lock-request.js'
import { redisEngineAt } from '../../test/redis-engine.ts'
import type { RedisEngine } from '../engine/redis/engine.ts'
import type { AcquireAnswer } from '../gate/store.ts'
import { type TestClock, testClock } from '../testing/clock.ts'
import * as scripts from './redis/scripts.gen.ts'
import { redisLockStore } from './redis/store.ts'
import type { LockStore } from './store.ts'

const TTL_MS = 600_000
const CLAIM_MS = 3_000
const GONE_MS = 30_000
const MICROSECOND_MS = 0.001
const DAY_MS = 86_400_000

let clock: TestClock
let engine: RedisEngine
let store: LockStore
let prefix: string

beforeEach(() => {
  prefix = `ways-${randomUUID()}`
  clock = testClock()
  engine = redisEngineAt(inject('redisUrl'), { prefix, clock })
  store = redisLockStore(engine, 'lock')
})
afterEach(async () => {
  await engine.close()
  await wipeRedis(redisAdmin(), prefix)
})

const ownerOf = (number: number) => `${engine.clientId}.${number}`
function acquire(number: number, more: { heartbeat?: boolean; enqueue?: boolean } = {}) {
  const { heartbeat = false, enqueue = true } = more
  const times = { ttlMs: TTL_MS, claimMs: CLAIM_MS }
  const request = { name: 'a', owner: ownerOf(number), enqueue, heartbeat, ...times, ...ORDINARY }
  return store.acquire(request)
}
const request = (number: number) => ({ name: 'a', owner: ownerOf(number), ...ORDINARY })

/** Which way whoever asks next goes; asking on it takes nothing. */
async function wayOf(): Promise<'short' | 'long'> {
  const keys = { lock: engine.keys.key('lock', 'a') }
  const args = { owner: 'elsewhere:1:0.1', leaseUs: '0000000000001000', leaseMs: '1', metadata: '' }
  const { tag } = await engine.call(scripts.take, keys, args)
  if (tag === 'acquired') await engine.call(scripts.give, keys, args)
  return tag === 'busy' ? 'long' : 'short'
}

/** What a lock begins with: whether it is worth remembering. */
async function letterOf(): Promise<string | undefined> {
  const state = await redisAdmin().get(`${prefix}:lock:{a}`)
  return state?.[0]
}

async function keysOf(): Promise<string[]> {
  const keys = (await redisAdmin().keys(`${prefix}:lock:*`)) as string[]
  return keys.map((key) => key.slice(`${prefix}:lock:`.length)).sort()
}

describe('the way to a lock', () => {
  it('is short while nobody waits, and leaves no key but the fence of all', async () => {
    expect(await wayOf()).toBe('short')
    expect(await acquire(1)).toMatchObject({ tag: 'acquired' })
    expect(await wayOf()).toBe('short')
    await acquire(2, { enqueue: false })
    expect(await wayOf()).toBe('short')
    await store.release(request(1))
    expect(await wayOf()).toBe('short')
    await acquire(3)
    expect(await keysOf()).toEqual(['{a}'])
    await store.release(request(3))
    expect(await keysOf()).toEqual([])
    expect(await redisAdmin().keys(`${prefix}:fence:*`)).toEqual([`${prefix}:fence:{}`])
  })

  it('is remembered as soon as somebody waits, and for a day', async () => {
    await acquire(1)
    expect(await letterOf()).toBe('N')
    await acquire(2)
    expect(await letterOf()).toBe('H')
    expect(await redisAdmin().pttl(`${prefix}:lock:{a}`)).toBeGreaterThan(DAY_MS)
    await store.release(request(1))
    await store.release(request(2))
    expect(await letterOf()).toBe('F')
    await clock.advance(2 * CLAIM_MS)
    await acquire(3)
    expect(await letterOf()).toBe('N')
    expect(await store.release(request(3))).toEqual({ tag: 'released' })
    expect(await keysOf()).toEqual([])
  })

  it('is long while somebody may wait: at least until the deadline of the last one who did', async () => {
    await acquire(1)
    expect(await acquire(2)).toMatchObject({ tag: 'waiting' })
    await clock.advance(CLAIM_MS - 1)
    expect(await acquire(2, { heartbeat: true })).toMatchObject({ tag: 'waiting' })
    await clock.advance(CLAIM_MS)
    expect(await wayOf()).toBe('long')
    await clock.advance(CLAIM_MS / 3 + MICROSECOND_MS)
    expect(await wayOf()).toBe('short')
  })

  it('is long while one who withdrew may call late, and short again after that', async () => {
    await acquire(1)
    await store.leave(request(2))
    await clock.advance(GONE_MS)
    expect(await wayOf()).toBe('long')
    await clock.advance(MICROSECOND_MS)
    expect(await wayOf()).toBe('short')
    expect(await store.release(request(1))).toEqual({ tag: 'released' })
  })

  it('stays as it is over a hand-over, a forced release and an expiry', async () => {
    await acquire(1)
    await acquire(2)
    await acquire(3)
    await store.release(request(1))
    expect(await wayOf()).toBe('long')
    await store.forceRelease({ name: 'a', reason: 'enough', expectFence: null })
    expect(await wayOf()).toBe('long')
    await clock.advance(GONE_MS)
    expect(await wayOf()).toBe('long')
    await clock.advance(MICROSECOND_MS)
    expect(await wayOf()).toBe('short')
  })

  it('is long after it was taken away, until the former holder is heard no more', async () => {
    await acquire(1)
    await store.forceRelease({ name: 'a', reason: 'enough', expectFence: null })
    await clock.advance(GONE_MS)
    expect(await wayOf()).toBe('long')
    expect(await acquire(2)).toMatchObject({ tag: 'acquired' })
    expect(await store.release(request(1))).toEqual({ tag: 'lost' })
    expect(await store.release(request(2))).toEqual({ tag: 'released' })
    await clock.advance(MICROSECOND_MS)
    expect(await wayOf()).toBe('short')
  })
})

describe('fences', () => {
  const fenceOf = (answer: AcquireAnswer) => (answer.tag === 'acquired' ? answer.fence : 0)

  /** A client that has seen no fence, after the clock went back by a day. */
  async function strangerTakes(owner: string): Promise<number> {
    await clock.stepWall(-DAY_MS)
    const stranger = redisEngineAt(inject('redisUrl'), { prefix, clock })
    const times = { ttlMs: TTL_MS, claimMs: CLAIM_MS, enqueue: true, heartbeat: false }
    const asking = { name: 'a', owner, ...times, ...ORDINARY }
    const other = redisLockStore(stranger, 'lock')
    const fence = fenceOf(await other.acquire(asking))
    await other.release(asking)
    await stranger.close()
    return fence
  }

  it('grow by two at least though the lock has gone and the clock went back', async () => {
    let last = fenceOf(await acquire(1))
    await store.release(request(1))
    for (const owner of ['b', 'c', 'd']) {
      expect(await keysOf()).toEqual([])
      const fence = await strangerTakes(owner)
      expect(fence).toBeGreaterThan(last + 1)
      last = fence
    }
  })

  it('grow though the clock went back from those of hand-overs to those of nobody waiting', async () => {
    await acquire(3)
    await store.release(request(3))
    await clock.stepWall(-DAY_MS)
    await acquire(1)
    for (const number of [2, 5, 6]) await acquire(number)
    for (const number of [1, 2, 5]) await store.release(request(number))
    const granted = fenceOf(await acquire(6, { heartbeat: true }))
    await store.release(request(6))
    await clock.advance(GONE_MS)
    const first = fenceOf(await acquire(4))
    expect(await letterOf()).toBe('N')
    expect(first).toBeGreaterThan(granted + 1)
    await store.release(request(4))
    expect(await strangerTakes('c')).toBeGreaterThan(first + 1)
  })

  it('grow though several are taken at once after the clock went back', async () => {
    const names = ['a', 'b', 'c']
    const asking = (name: string, number: number) => ({
      ...{ name, owner: ownerOf(number), ttlMs: TTL_MS, claimMs: CLAIM_MS },
      ...{ enqueue: true, heartbeat: false, ...ORDINARY },
    })
    const last = new Map<string, number>()
    await acquire(9)
    await store.release(request(9))
    await clock.stepWall(-DAY_MS)
    for (const name of names) {
      await clock.advance(1)
      await store.acquire(asking(name, 1))
      await store.acquire(asking(name, 2))
      await store.release(asking(name, 1))
      const again = { ...asking(name, 2), heartbeat: true }
      last.set(name, fenceOf(await store.acquire(again)))
      await store.release(again)
    }
    await clock.advance(GONE_MS)
    for (const order of [names.toReversed(), names, names]) {
      const stranger = redisEngineAt(inject('redisUrl'), { prefix, clock })
      const other = redisLockStore(stranger, 'lock')
      const fences = await Promise.all(order.map((name) => other.acquire(asking(name, 3))))
      for (const [index, name] of order.entries()) {
        const fence = fenceOf(fences[index] as AcquireAnswer)
        expect(fence).toBeGreaterThan((last.get(name) ?? 0) + 1)
        last.set(name, fence)
        await other.release(asking(name, 3))
      }
      await stranger.close()
    }
  })

  it('grow though the clock went back and it is acquired the long way where nothing is left', async () => {
    const last = fenceOf(await acquire(1))
    await store.release(request(1))
    await clock.stepWall(-DAY_MS)
    await store.leave(request(2))
    expect(await strangerTakes('b')).toBeGreaterThan(last + 1)
  })

  it('of a lock that is held for days are its own', async () => {
    await acquire(1)
    await clock.advance(TTL_MS - 1)
    for (let day = 0; day < 2; day++) {
      expect(await letterOf()).toBe('N')
      await store.renew({ name: 'a', owner: ownerOf(1), ttlMs: DAY_MS, replicas: 0 })
      await clock.advance(DAY_MS - 1)
    }
    await store.renew({ name: 'a', owner: ownerOf(1), ttlMs: DAY_MS, replicas: 0 })
    expect(await letterOf()).toBe('H')
    expect(await store.release(request(1))).toEqual({ tag: 'released' })
    expect(await letterOf()).toBe('F')
  })
})
