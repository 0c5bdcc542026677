// On Redis a lock that nobody waits for goes a short way, on one key. Its state says when that is so.
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { wipeRedis } from '../../test/audit/redis.ts'
import { redisAdmin } from '../../test/engines.ts'
import { ORDINARY } from '../../test/lock-request.js'
import { redisEngineAt } from '../../test/redis-engine.ts'
import type { RedisEngine } from '../engine/redis/engine.ts'
import { type TestClock, testClock } from '../testing/clock.ts'
import * as scripts from './redis/scripts.gen.ts'
import { redisLockStore } from './redis/store.ts'
import type { LockStore } from './store.ts'

const TTL_MS = 600_000
const CLAIM_MS = 3_000
const GONE_MS = 30_000
const MICROSECOND_MS = 0.001

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
  const args = { owner: 'elsewhere:1:0.1', ttlUs: 1_000, metadata: '' }
  const { tag } = await engine.call(scripts.take, keys, args)
  if (tag === 'acquired') await engine.call(scripts.give, keys, args)
  return tag === 'busy' ? 'long' : 'short'
}

async function keysOf(): Promise<string[]> {
  const keys = (await redisAdmin().keys(`${prefix}:lock:*`)) as string[]
  return keys.map((key) => key.slice(`${prefix}:lock:`.length)).sort()
}

describe('the way to a lock', () => {
  it('is short while nobody waits, and leaves one key', async () => {
    expect(await wayOf()).toBe('short')
    expect(await acquire(1)).toMatchObject({ tag: 'acquired' })
    expect(await wayOf()).toBe('short')
    await acquire(2, { enqueue: false })
    expect(await wayOf()).toBe('short')
    await store.release(request(1))
    expect(await wayOf()).toBe('short')
    expect(await keysOf()).toEqual(['{a}'])
  })

  it('is long while somebody may wait: until the deadline of the last one who did', async () => {
    await acquire(1)
    expect(await acquire(2)).toMatchObject({ tag: 'waiting' })
    await clock.advance(CLAIM_MS - 1)
    expect(await acquire(2, { heartbeat: true })).toMatchObject({ tag: 'waiting' })
    await clock.advance(CLAIM_MS)
    expect(await wayOf()).toBe('long')
    await clock.advance(MICROSECOND_MS)
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
    await clock.advance(CLAIM_MS)
    expect(await wayOf()).toBe('long')
    await clock.advance(MICROSECOND_MS)
    expect(await wayOf()).toBe('short')
  })

  it('is cut short for a lock that was taken away while nobody waited', async () => {
    await acquire(1)
    await store.forceRelease({ name: 'a', reason: 'enough', expectFence: null })
    expect(await wayOf()).toBe('short')
    expect(await acquire(2)).toMatchObject({ tag: 'acquired' })
  })
})
