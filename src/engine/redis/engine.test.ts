import { afterEach, describe, expect, inject, it } from 'vitest'
import { ORDINARY } from '../../../test/lock-request.js'
import { type RedisProcess, startRedis } from '../../../test/redis.ts'
import { redisEngineAt } from '../../../test/redis-engine.ts'
import { timed } from '../../../test/stopwatch.ts'
import { EngineUnavailableError, StoreCorruptError, StoreFullError } from '../../errors.ts'
import * as scripts from '../../lock/redis/scripts.gen.ts'
import { redisLockStore } from '../../lock/redis/store.ts'
import type { RedisEngine } from './engine.ts'

const opened: { close(): Promise<void> }[] = []
let prefixes = 0

function open(url: string, options: { commandTimeoutMs?: number; connectTimeoutMs?: number } = {}) {
  const prefix = `engine-test-${process.pid}-${++prefixes}`
  const engine = redisEngineAt(url, { prefix, ...options })
  opened.push(engine)
  return engine
}

async function ownServer(args: string[] = []): Promise<RedisProcess> {
  const server = await startRedis({ args })
  opened.push({ close: () => server.stop() })
  return server
}

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

const lockRequest = (name: string, owner: string) => ({
  name,
  owner,
  ttlMs: 5_000,
  claimMs: 3_000,
  enqueue: false,
  heartbeat: false,
  ...ORDINARY,
})

async function scriptCalls(engine: RedisEngine): Promise<number> {
  const stats = String(await engine.command('INFO', 'commandstats'))
  const count = (name: string) =>
    Number(new RegExp(`cmdstat_${name}:calls=(\\d+)`).exec(stats)?.[1] ?? 0)
  return count('evalsha') + count('eval')
}

describe('scripts', () => {
  it('calls of one tick share one round trip, and each is answered for itself', async () => {
    const { url } = await ownServer()
    const engine = open(url)
    const store = redisLockStore(engine, 'lock')
    await store.acquire(lockRequest('warm', 'w'))
    const before = await scriptCalls(engine)
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, index) =>
        store.acquire(lockRequest(`name ${index % 15}`, `o${index}`)),
      ),
    )
    expect(answers.map((answer) => answer.tag)).toEqual(
      Array.from({ length: 30 }, (_, index) => (index < 15 ? 'acquired' : 'held')),
    )
    expect((await scriptCalls(engine)) - before).toBe(1)
  })

  it('survive SCRIPT FLUSH without the caller noticing', async () => {
    const { url } = await ownServer()
    const engine = open(url)
    const store = redisLockStore(engine, 'lock')
    for (let round = 0; round < 3; round++) {
      await engine.command('SCRIPT', 'FLUSH')
      expect((await store.acquire(lockRequest(`n${round}`, 'o'))).tag).toBe('acquired')
    }
  })

  it('a key of another type fails its own call, names the key, and nothing else of the tick', async () => {
    const engine = open(inject('redisUrl'))
    const store = redisLockStore(engine, 'lock')
    const broken = engine.keys.key('lock', 'broken')
    await engine.command('SET', broken, 'not a hash')
    const [bad, good] = await Promise.allSettled([
      store.acquire(lockRequest('broken', 'a')),
      store.acquire(lockRequest('whole', 'b')),
    ])
    expect(bad).toMatchObject({ status: 'rejected', reason: expect.any(StoreCorruptError) })
    expect(bad).toMatchObject({ reason: { key: expect.stringContaining(broken) } })
    expect(good).toMatchObject({ status: 'fulfilled', value: { tag: 'acquired' } })
    expect(await engine.command('GET', broken)).toBe('not a hash')
    await engine.command('DEL', broken, engine.keys.key('lock', 'whole'))
  })

  it('a full server refuses what adds and serves what drains', async () => {
    const { url } = await ownServer()
    const engine = open(url)
    const store = redisLockStore(engine, 'lock')
    expect((await store.acquire(lockRequest('held', 'me'))).tag).toBe('acquired')
    const waiter = { ...lockRequest('held', 'you'), enqueue: true }
    expect((await store.acquire(waiter)).tag).toBe('waiting')
    await engine.command('CONFIG', 'SET', 'maxmemory', '1')
    await expect(store.acquire(lockRequest('other', 'me'))).rejects.toBeInstanceOf(StoreFullError)
    expect((await store.acquire({ ...waiter, heartbeat: true })).tag).toBe('waiting')
    expect((await store.renew({ name: 'held', owner: 'me', ttlMs: 5_000, replicas: 0 })).tag).toBe(
      'renewed',
    )
    expect((await store.release({ name: 'held', owner: 'me', ...ORDINARY })).tag).toBe('released')
    expect((await store.acquire({ ...waiter, heartbeat: true })).tag).toBe('acquired')
  })
})

describe('connections', () => {
  it('a server that stands still: the call ends by its deadline as unknown, work resumes by itself', async () => {
    const server = await ownServer()
    const engine = open(server.url, { commandTimeoutMs: 400 })
    const store = redisLockStore(engine, 'lock')
    await untilWorks(() => store.acquire(lockRequest('a', 'o')))
    server.pause()
    const { result: failure, tookMs } = await timed(() =>
      store.acquire(lockRequest('b', 'o')).catch((error: unknown) => error),
    )
    server.resume()
    expect(failure).toBeInstanceOf(EngineUnavailableError)
    expect(failure).toMatchObject({
      outcome: 'unknown',
      retryable: true,
      code: 'SLUICE_ENGINE_UNAVAILABLE',
    })
    expect(tookMs).toBeLessThan(400 + 250)
    const resumedMs = await untilWorks(() => store.acquire(lockRequest('c', 'o')))
    expect(resumedMs).toBeLessThan(5_000)
  })

  it('a server that is not there: not-applied by the deadline, and it works once it is', async () => {
    const server = await ownServer()
    const { port } = server
    await server.stop()
    const engine = open(server.url, { commandTimeoutMs: 300 })
    const store = redisLockStore(engine, 'lock')
    const failure = await store.acquire(lockRequest('a', 'o')).catch((error: unknown) => error)
    expect(failure).toMatchObject({ outcome: 'not-applied', code: 'SLUICE_ENGINE_UNAVAILABLE' })
    expect(String(failure)).toContain(`127.0.0.1:${port}`)
    const again = await startRedis({ port })
    opened.push({ close: () => again.stop() })
    expect(await untilWorks(() => store.acquire(lockRequest('b', 'o')))).toBeLessThan(5_000)
  })

  it('killed connections: calls that may be repeated are, and none acts twice', async () => {
    const { url } = await ownServer()
    const engine = open(url)
    const admin = open(url)
    const store = redisLockStore(engine, 'lock')
    const fences: number[] = []
    let killing = true
    const killer = (async () => {
      while (killing) {
        await admin.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
        await new Promise((resolve) => setTimeout(resolve, 30))
      }
    })()
    for (let round = 0; round < 100; round++) {
      const owner = `o${round}`
      const answer = await store.acquire(lockRequest('hot', owner))
      if (answer.tag !== 'acquired') throw new Error(`round ${round}: ${answer.tag}`)
      fences.push(answer.fence)
      const times = { heldSinceMs: answer.sentAtMs, validUntilMs: answer.sentAtMs + 5_000 }
      const released = store.release({ name: 'hot', owner, ...ORDINARY, ...times })
      expect((await released).tag).toBe('released')
    }
    killing = false
    await killer
    expect(fences).toEqual([...fences].sort((a, b) => a - b))
    expect(new Set(fences).size).toBe(fences.length)
  })

  it('a wrong password is told without the password, and asks nothing of anyone', async () => {
    const { port } = await ownServer(['--requirepass', 'right-one'])
    const engine = open(`redis://:wrong-secret@127.0.0.1:${port}`, { commandTimeoutMs: 300 })
    const failure = await engine.command('PING').catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(EngineUnavailableError)
    expect(String(failure)).toMatch(/password/)
    expect(String(failure) + JSON.stringify(failure)).not.toContain('wrong-secret')
  })

  it('close settles what waits, and leaves no socket', async () => {
    const server = await ownServer()
    const engine = open(server.url)
    await engine.command('PING')
    server.pause()
    const waiting = engine.command('PING').catch((error: unknown) => error)
    await engine.close()
    server.resume()
    expect(await waiting).toMatchObject({ code: 'SLUICE_CLOSED', outcome: 'unknown' })
    await expect(
      engine.call(scripts.renew, { lock: 'l' }, { owner: 'o', ttlUs: 1 }),
    ).rejects.toMatchObject({
      code: 'SLUICE_CLOSED',
    })
  })
})

describe('messages and wake-ups', () => {
  it('a token wakes one of those who wait, and is found again after the connection was killed', async () => {
    const { url } = await ownServer()
    const engine = open(url)
    const other = open(url)
    const key = engine.keys.key('queue', 'q', 'wake')
    let woken = 0
    const wake = () => {
      woken++
    }
    engine.tokens.on(key, wake)
    engine.tokens.on(key, wake)
    await other.command('ZADD', key, '0', 'wake')
    await expect.poll(() => woken).toBe(1)
    await other.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await other.command('ZADD', key, '0', 'wake')
    // The token may have gone down with the socket, so both look once as well.
    await expect.poll(() => woken).toBeGreaterThanOrEqual(3)
  })

  it('a key that is added while the connection is blocked is waited for at once', async () => {
    const { url } = await ownServer()
    const engine = open(url)
    const first = engine.keys.key('queue', 'first', 'wake')
    const second = engine.keys.key('queue', 'second', 'wake')
    engine.tokens.on(first, () => {})
    await expect
      .poll(async () => String(await engine.command('CLIENT', 'LIST')))
      .toMatch(/cmd=bzpopmin/)
    const { tookMs } = await timed(async () => {
      const woken = new Promise<void>((resolve) => {
        engine.tokens.on(second, resolve)
      })
      await engine.command('ZADD', second, '0', 'wake')
      await woken
    })
    // Without the poke it would take until the blocked pop ends, after five seconds.
    expect(tookMs).toBeLessThan(2_000)
  })

  it('after a lost subscription everyone who relies on messages is told to look', async () => {
    const { url } = await ownServer()
    const engine = open(url)
    let doubts = 0
    engine.inbox.onDoubt(() => {
      doubts++
    })
    engine.inbox.start()
    await expect.poll(() => doubts).toBe(1)
    await engine.command('CLIENT', 'KILL', 'TYPE', 'pubsub')
    await expect.poll(() => doubts).toBe(2)
  })
})

/** Milliseconds until `attempt` succeeds; fails after ten seconds. */
async function untilWorks(attempt: () => Promise<unknown>): Promise<number> {
  const startedMs = performance.now()
  for (;;) {
    const worked = await attempt().then(
      () => true,
      () => false,
    )
    const tookMs = performance.now() - startedMs
    if (worked) return tookMs
    if (tookMs > 10_000) throw new Error('did not resume within 10 s')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

it('a server is never said to have begun earlier than it did', async () => {
  // Its clock of whole seconds turns right after, and by that it has run for a second.
  const intoSecondMs = Date.now() % 1_000
  const untilLateMs = (1_700 - intoSecondMs) % 1_000
  await new Promise((resolve) => setTimeout(resolve, untilLateMs))
  const beforeMs = performance.now()
  const { url } = await ownServer()
  const untilTurnMs = 1_010 - (Date.now() % 1_000)
  await new Promise((resolve) => setTimeout(resolve, untilTurnMs))
  const engine = open(url)
  await engine.command('PING')
  expect(engine.server()?.startedAtMs).toBeGreaterThanOrEqual(beforeMs)
})
