// The opening that all tools share, on real servers and over both libraries.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { startSentinel } from '../../test/fault/servers.js'
import { type RedisProcess, startRedis } from '../../test/redis.ts'
import { redisTargets } from '../../test/redis-targets.ts'
import { createSluice } from '../index.ts'
import { openRedis, type RedisTarget, withRedis } from './client.ts'
import { CommandError } from './errors.ts'

let server: RedisProcess
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

describe.each(redisTargets(() => server))('%s', (_, target) => {
  test('is opened for one call, with keys in full, and closed after it', async () => {
    await withRedis(target(), 'redis', async (redis) => {
      await redis.callFor('', 'FLUSHALL', [])
      await redis.callFor('key', 'SET', ['key', 'value'])
      expect(await redis.callFor('key', 'GET', ['key'])).toBe('value')
      await redis.callFor('hash', 'HSET', ['hash', '__proto__', '1', 'b', '2'])
      const hash = await redis.callFor('hash', 'HGETALL', ['hash'])
      expect(Object.entries(hash as object)).toEqual([
        ['__proto__', '1'],
        ['b', '2'],
      ])
      const [node, ...others] = await redis.primaries()
      expect([node?.place, others]).toEqual([`127.0.0.1:${server.port}`, []])
      expect(await node?.call('DBSIZE', [])).toBe(2)
      expect(await redis.replicas()).toEqual([])
    })
  })

  test('tells an answer that is an error by its name', async () => {
    await using redis = openRedis(target())
    const failure = await withRedis(redis, 'redis', async ({ callFor }) => {
      await callFor('text', 'SET', ['text', 'value'])
      return callFor('text', 'LPUSH', ['text', 'a']).catch((error: unknown) => error)
    })
    expect(failure).toBeInstanceOf(CommandError)
    expect(failure).toMatchObject({ reply: 'WRONGTYPE', outcome: 'not-applied', retryable: false })
  })
})

test('a user may run commands whose answers look unlike those of our own', async () => {
  await withRedis(server.url, 'redis', async ({ callFor }) => {
    expect(await callFor('z', 'ZADD', ['z', 'INCR', '1.5', 'm'])).toBe('1.5')
    expect(await callFor('z', 'EVAL', ['return KEYS[1]', '1', 'z'])).toBe('z')
  })
})

test('what is closed is used no more', async () => {
  const redis = openRedis(server.url)
  await redis.close()
  await redis.close()
  await expect(withRedis(redis, 'redis', async () => {})).rejects.toThrow(
    /^This Redis is closed. Create a new one with openRedis\(\)\.$/,
  )
})

test('what is no Redis is refused, and told what to use instead', async () => {
  const refusal = (target: unknown) => {
    try {
      openRedis(target as RedisTarget)
      return 'none'
    } catch (error) {
      return (error as Error).message
    }
  }
  for (const url of ['sqlite:./app.db', 'memory:', 'SQLITE:x', new URL('sqlite:/x')]) {
    expect(refusal(url)).toMatch(/a Redis.*embedded engine.*sluice\.lock\(name\).*sluice\/inspect/)
  }
  await using sluice = createSluice('memory:')
  expect(refusal(sluice)).toMatch(/a Sluice. Pass what createSluice\(\) was given/)
  expect(refusal(openRedis(server.url))).toMatch(/what openRedis\(\) returned/)
  expect(refusal('redis://user:hunter2@h:0')).toMatch(/openRedis.target must be/)
  expect(refusal('redis://user:hunter2@h:0')).not.toMatch(/hunter2/)
  for (const target of [undefined, null, 6379, [], {}, () => server.url, '']) {
    expect(refusal(target)).toMatch(/^openRedis.target must be a /)
  }
  expect(() => openRedis(server.url, { timeout: 1 } as object)).toThrow(/commandTimeout/)
  expect(() => openRedis(server.url, { commandTimeout: 0 })).toThrow(/a duration from 50ms/)
})

test('replicas are found through their master, with sentinels', async () => {
  const sentinel = await startSentinel({ replicas: 2, sentinels: 1 })
  try {
    await withRedis(sentinel.url, 'redis', async (redis) => {
      await redis.callFor('key', 'SET', ['key', 'value'])
      const replicas = await redis.replicas()
      expect(replicas).toHaveLength(2)
      for (const replica of replicas) {
        expect((await replica.call('ROLE', [])) as unknown[]).toContain('slave')
        await expect.poll(() => replica.call('GET', ['key']), { interval: 5 }).toBe('value')
      }
    })
  } finally {
    await sentinel.close()
  }
})
