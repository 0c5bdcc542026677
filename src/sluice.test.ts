// What createSluice() gives, on every engine: the same code, opened late and closed for good.
import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { createClient } from 'redis'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { ask, startRedis } from '../test/redis.ts'
import { ArgumentError, ClosedError, EngineUnavailableError, LockLostError } from './errors.ts'
import { funnel } from './limit/index.ts'
import { createSluice, type SluiceTarget } from './sluice.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'sluice-api-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const newFile = () => path.join(folder, `${randomUUID()}.db`)
const newPrefix = () => `api-${randomUUID()}`
const RULE = funnel({ capacity: 2, leak: 2, per: '1m' })

/** The arguments of `createSluice` for an engine of its own. */
const engines: { name: string; place(): [SluiceTarget, { prefix: string }?] }[] = [
  { name: 'memory', place: () => ['memory:'] },
  { name: 'file', place: () => [`sqlite:${newFile()}`] },
  { name: 'redis', place: () => [inject('redisUrl'), { prefix: newPrefix() }] },
  {
    name: 'redis by node-redis',
    place: () => [{ client: createClient({ url: inject('redisUrl') }) }, { prefix: newPrefix() }],
  },
  { name: 'redis cluster', place: () => [inject('clusterUrl'), { prefix: newPrefix() }] },
]

describe.each(engines)('on $name', ({ place }) => {
  it('locks, queues and limits work by the same code', async () => {
    await using sluice = createSluice(...place())
    const answer = await sluice.lock('a').run(async ({ fence }) => {
      expect(await sluice.lock('a').tryAcquire()).toBe(null)
      return fence > 0
    })
    expect(answer).toBe(true)

    const queue = sluice.queue<{ n: number }>('q')
    const done = new Promise<number>((resolve) => {
      queue.work((job) => resolve(job.data.n))
    })
    await queue.add({ n: 5 }, { delay: 10 })
    expect(await done).toBe(5)

    const limiter = sluice.limiter('l', RULE)
    const verdicts = [await limiter.take('k'), await limiter.take('k'), await limiter.take('k')]
    expect(verdicts.map(({ allowed }) => allowed)).toEqual([true, true, false])
  })

  it('a released lock goes to whoever waits in milliseconds', async () => {
    await using sluice = createSluice(...place())
    const lock = sluice.lock('a')
    const lease = await lock.acquire()
    const next = lock.acquire()
    while ((await lock.inspect()).waiters.length === 0) await pause(5)
    const startedMs = performance.now()
    await lease.release()
    await (await next).release()
    expect(performance.now() - startedMs).toBeLessThan(500)
  })

  it('close hands back, ends leases and is the same however often', async () => {
    const [url, options] = place()
    const sluice = createSluice(url, options)
    const lease = await sluice.lock('a').acquire()
    const queue = sluice.queue('q')
    await queue.addMany([1, 2])
    await queue.take({ max: 2 })
    const stuck = new Promise(() => {})
    queue.work(() => stuck)
    await queue.add(3)
    await expect.poll(async () => (await queue.counts()).inFlight).toBe(3)
    const other = url === 'memory:' ? null : createSluice(url, options)
    const first = sluice.close({ timeout: 50 })
    let isClosed = false
    const second = sluice.close().then(() => {
      expect(isClosed).toBe(true)
    })
    await first.then(() => {
      isClosed = true
    })
    await second
    await sluice[Symbol.asyncDispose]()
    expect(lease.signal.reason).toBeInstanceOf(LockLostError)
    expect(lease.signal.reason).toMatchObject({ reason: 'closed' })
    expect(await lease.release()).toBe('lost')
    if (!other) return
    expect(await other.queue('q').counts()).toEqual({ ready: 3, timed: 0, inFlight: 0, dead: 0 })
    expect((await other.lock('a').inspect()).holder).toBe(null)
    await other.close()
  })

  it('close while calls are under way settles all of them', async () => {
    const sluice = createSluice(...place())
    const calls = Array.from({ length: 50 }, (_, index) => [
      sluice.lock(`a${index % 5}`).acquire({ wait: '1m' }),
      sluice.queue('q').add(index),
      sluice.queue('q').take({ wait: '1m' }),
      sluice.limiter('l', RULE).take('k'),
    ]).flat()
    const settled = Promise.allSettled(calls)
    await sluice.close()
    for (const outcome of await settled) {
      if (outcome.status === 'fulfilled') continue
      expect([ClosedError, EngineUnavailableError]).toContain(outcome.reason.constructor)
    }
  })

  it('nothing works after close, and says so', async () => {
    const sluice = createSluice(...place())
    const [lock, queue] = [sluice.lock('a'), sluice.queue('q')]
    const limiter = sluice.limiter('l', RULE)
    await sluice.close()
    const attempts: (() => unknown)[] = [
      () => lock.acquire(),
      () => lock.tryAcquire(),
      () => lock.run(() => {}),
      () => lock.inspect(),
      () => sluice.lock('b').acquire(),
      () => queue.add(1),
      () => queue.addMany([1]),
      () => queue.take(),
      () => queue.work(() => {}),
      () => queue.counts(),
      () => queue.dead.list(),
      () => sluice.queue('r').add(1),
      () => limiter.take('k'),
      () => limiter.peek('k'),
    ]
    for (const attempt of attempts) {
      const error = await Promise.resolve()
        .then(attempt)
        .then(
          () => 'it worked',
          (reason: unknown) => reason,
        )
      expect(error, String(attempt)).toBeInstanceOf(ClosedError)
      expect(error).toMatchObject({ code: 'SLUICE_CLOSED', retryable: false })
    }
  })

  it('a wrong option of close is refused, and closes nothing', async () => {
    const sluice = createSluice(...place())
    await expect(sluice.close({ timeout: -1 })).rejects.toBeInstanceOf(ArgumentError)
    expect(await sluice.lock('a').tryAcquire()).not.toBe(null)
    await sluice.close()
  })

  it.each([
    { what: 'was never used', args: [] },
    { what: 'was used and closed', args: ['use', 'close'] },
    { what: 'was closed while it worked in every way', args: ['work', 'close'] },
    { what: 'was closed while it held a lock', args: ['hold', 'close'] },
  ])('a process ends by itself when its Sluice $what', { timeout: 20_000 }, async ({ args }) => {
    const [target, options] = place()
    // An address is all that another process can be told.
    const url = typeof target === 'string' ? target : inject('redisUrl')
    const { stdout } = await visit([url, options?.prefix ?? '', ...args])
    expect(stdout.trim().split('\n').at(-1)).toBe('end')
    if (args.includes('use')) expect(stdout).toContain('SLUICE_LOCK_TIMEOUT\nallowed true')
  })
})

describe('opening', () => {
  it('happens with the first call: making one connects to nothing', async () => {
    const sluice = createSluice('redis://127.0.0.1:1', { connectTimeout: 50, commandTimeout: 50 })
    sluice.lock('a')
    sluice.queue('q')
    sluice.limiter('l', RULE)
    await pause(20)
    await expect(sluice.lock('a').acquire()).rejects.toMatchObject({
      code: 'SLUICE_ENGINE_UNAVAILABLE',
      outcome: 'not-applied',
    })
    await sluice.close()
  })

  it('closing leaves no connection behind', async () => {
    const redis = await startRedis()
    // The one that asks is in the list too.
    const connections = async () => (await ask(redis.port, 'CLIENT LIST')).match(/ addr=/g)?.length
    await expect.poll(connections).toBe(1)
    const sluice = createSluice(redis.url)
    expect(await connections()).toBe(1)
    sluice.queue('q').work(() => {})
    const waiting = sluice.lock('a').run(() => sluice.lock('a').acquire({ wait: 20 }))
    await expect(waiting).rejects.toMatchObject({ code: 'SLUICE_LOCK_TIMEOUT' })
    await expect.poll(connections).toBe(4)
    await sluice.close()
    await expect.poll(connections).toBe(1)
    await redis.stop()
  })
})

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

const visit = (args: string[]) =>
  promisify(execFile)(
    process.execPath,
    [path.resolve(import.meta.dirname, '../test/processes/visitor.js'), ...args],
    { timeout: 10_000, env: { ...process.env, NODE_ENV: 'test' } },
  )
