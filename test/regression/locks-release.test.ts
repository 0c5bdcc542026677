// Giving up what is lost, and giving up twice or while something fails. As in locks.test.ts beside it,
// each group names the libraries that have the defect.
import { describe, expect, it } from 'vitest'
import { EngineUnavailableError } from '../../src/index.ts'
import { failureOf } from '../fault/connect.ts'
import { timed } from '../stopwatch.ts'
import { engines, hogFile, lossOf, openFile, openRedis } from './ground.ts'

const TTL_MS = 600
/** What needs no answer of anybody takes no time. */
const AT_ONCE_MS = 100

/** Losses of a lease whose store is fine, and of one whose store is not there. */
const losses: {
  how: string
  lose(): Promise<{ lease: Awaited<ReturnType<typeof acquire>> }>
}[] = [
  ...engines.map(({ name, open }) => ({
    how: `on ${name}, that somebody took away`,
    async lose() {
      const { sluice, other } = await open()
      const lease = await acquire(sluice)
      await other.lock('a').forceRelease({ reason: 'it is stuck' })
      await other.lock('a', { ttl: '1m' }).acquire({ wait: 0 })
      await lossOf(lease)
      return { lease }
    },
  })),
  {
    how: 'on a server that was stopped',
    async lose() {
      const { redis, sluice } = await openRedis()
      const lease = await acquire(sluice)
      redis.pause()
      await lossOf(lease)
      return { lease }
    },
  },
  {
    how: 'in a file that another program keeps locked',
    async lose() {
      const { file, sluice } = await openFile()
      const lease = await acquire(sluice)
      await hogFile(file)
      await lossOf(lease)
      return { lease }
    },
  },
]

type Sluice = Awaited<ReturnType<typeof openRedis>>['sluice']
const acquire = (sluice: Sluice) => sluice.lock('a', { ttl: TTL_MS }).acquire()

// node-redlock #168, #65, #131, #309 and redis-py #3532: the release of a lock whose time is over throws,
// and takes the place of the error that the work had. node-redlock #313: it is tried again like an
// acquisition, and with an unlimited count it never comes back.
describe('releasing what is lost says so', () => {
  it.each(losses)('at once, and as often as asked: $how', async ({ lose }) => {
    const { lease } = await lose()
    const { result, tookMs } = await timed(() =>
      Promise.all([lease.release(), lease.release(), lease[Symbol.asyncDispose]()]),
    )
    expect(result).toEqual(['lost', 'lost', undefined])
    expect(tookMs).toBeLessThan(AT_ONCE_MS)
    expect(await lease.release()).toBe('lost')
  })

  it.each(engines)('also before the holder knew: $name', async ({ open }) => {
    const { sluice, other } = await open()
    const lease = await sluice.lock('a', { ttl: '1m' }).acquire()
    await other.lock('a').forceRelease({ reason: 'it is stuck' })
    const next = await other.lock('a', { ttl: '1m' }).acquire({ wait: 0 })
    expect(await lease.release()).toBe('lost')
    next.assertHeld()
    expect((await other.lock('a').inspect()).holder?.owner).toBe(next.owner)
  })

  it('and the error of the work is what run rejects with, as soon as it is there', async () => {
    const { redis, sluice } = await openRedis()
    const own = new Error('own')
    let thrownMs = 0
    const failure = await failureOf(
      sluice.lock('a', { ttl: TTL_MS }).run(async (lease) => {
        redis.pause()
        await lossOf(lease)
        thrownMs = performance.now()
        throw own
      }),
    )
    expect(failure).toBe(own)
    expect(performance.now() - thrownMs).toBeLessThan(AT_ONCE_MS)
    redis.resume()
  })

  it('and it is so, by the deadline of one call, where the lease was not lost yet', async () => {
    const { redis, sluice } = await openRedis({ commandTimeout: 500 })
    const own = new Error('own')
    const { result, tookMs } = await timed(() =>
      failureOf(
        sluice.lock('a', { ttl: '1m' }).run(() => {
          redis.pause()
          throw own
        }),
      ),
    )
    expect(result).toBe(own)
    expect(tookMs).toBeLessThan(500 + 250)
    redis.resume()
  })

  it.each(engines)('and `await using` passes the error of the block on: $name', async (one) => {
    const { sluice, other } = await one.open()
    const own = new Error('own')
    const failure = await failureOf(
      (async () => {
        await using lease = await sluice.lock('a', { ttl: TTL_MS }).acquire()
        await other.lock('a').forceRelease({ reason: 'it is stuck' })
        await lossOf(lease)
        throw own
      })(),
    )
    expect(failure).toBe(own)
  })
})

// redis-py #3847: a release that is cancelled forgets its token before the server has answered, and the
// lock can neither be released nor taken. Apache Curator #1193 is the same after an interruption.
describe('what interrupts a release leaves the lock in no state between', () => {
  it('an answer that is lost with the connection: it is released, and free', async () => {
    const { proxy, sluice, other } = await openRedis()
    const lease = await sluice.lock('a', { ttl: '1h' }).acquire()
    await proxy.fail('mute')
    const releasing = Promise.all([lease.release(), lease.release()])
    await expect.poll(async () => (await other.lock('a').inspect()).holder).toBe(null)
    await proxy.fail({ old: 'reset' })
    expect(await releasing).toEqual(['released', 'released'])
    const next = await other.lock('a').acquire({ wait: 0 })
    expect(next.fence).toBeGreaterThan(lease.fence)
  })

  it('an answer that is lost, and another one that takes it meanwhile: it was released', async () => {
    const { proxy, sluice, other } = await openRedis()
    const lease = await sluice.lock('a', { ttl: '1h' }).acquire()
    await proxy.fail('mute')
    const releasing = lease.release()
    await expect.poll(async () => (await other.lock('a').inspect()).holder).toBe(null)
    const next = await other.lock('a').acquire({ wait: 0 })
    await proxy.fail({ old: 'reset' })
    expect(await releasing).toBe('released')
    expect((await other.lock('a').inspect()).holder?.owner).toBe(next.owner)
  })

  it('an answer that is lost, and others that crowd in meanwhile: it is not known', async () => {
    const { proxy, sluice, other } = await openRedis()
    const lease = await sluice.lock('a', { ttl: '1h' }).acquire()
    await proxy.fail('mute')
    const releasing = failureOf(lease.release())
    await expect.poll(async () => (await other.lock('a').inspect()).holder).toBe(null)
    const next = await other.lock('a').acquire({ wait: 0 })
    const waiting = other.lock('a').acquire()
    await expect.poll(async () => (await other.lock('a').inspect()).waiters.length).toBe(1)
    await proxy.fail({ old: 'reset' })
    expect(await releasing).toMatchObject({ outcome: 'unknown' })
    await next.release()
    await (await waiting).release()
  })

  it('an answer that never comes: it rejects, the holder stops, and the lock is free', async () => {
    const { proxy, sluice, other } = await openRedis({ commandTimeout: 400 })
    const lease = await sluice.lock('a', { ttl: '1h' }).acquire()
    await proxy.fail('mute')
    const failures = await Promise.all([lease.release(), lease.release()].map(failureOf))
    for (const failure of failures) expect(failure).toBeInstanceOf(EngineUnavailableError)
    expect(failures[0]).toMatchObject({ outcome: 'unknown' })
    expect(lease.remainingMs).toBe(0)
    expect(() => lease.assertHeld()).toThrow()
    expect(await failureOf(lease.release())).toBe(failures[0])
    await (await other.lock('a').acquire({ wait: 0 })).release()
  })

  it('a request that never arrives: it rejects, and the lock is free when the lease is over', async () => {
    const { proxy, sluice, other } = await openRedis({ commandTimeout: 400 })
    const lease = await sluice.lock('a', { ttl: 1_000 }).acquire()
    await proxy.fail('deaf')
    expect(await failureOf(lease.release())).toBeInstanceOf(EngineUnavailableError)
    expect(lease.remainingMs).toBe(0)
    const { tookMs } = await timed(() => other.lock('a').acquire({ wait: '10s' }))
    expect(tookMs).toBeLessThan(1_000 + 250)
  })

  it.each(engines)('a wait that is cancelled as the lock comes: $name', async ({ open }) => {
    const { sluice, other } = await open()
    const lock = sluice.lock('a')
    for (let round = 0; round < 20; round++) {
      const holder = await other.lock('a').acquire()
      const stop = new AbortController()
      const waiting = failureOf(
        lock.acquire({ signal: stop.signal }).then((lease) => lease.release()),
      )
      await expect.poll(async () => (await lock.inspect()).waiters.length).toBe(1)
      const released = holder.release()
      if (round % 2 === 0) stop.abort('enough')
      else queueMicrotask(() => stop.abort('enough'))
      await Promise.all([released, waiting])
    }
    const { result: next, tookMs } = await timed(() => other.lock('a').acquire({ wait: '10s' }))
    expect(tookMs).toBeLessThan(1_000)
    await next.release()
    expect(await lock.inspect()).toMatchObject({ holder: null, waiters: [] })
  })

  it.each(engines)(
    'closing at the same time: no release lies, and nothing stays taken: $name',
    async (one) => {
      const { sluice, other } = await one.open()
      const names = Array.from({ length: 20 }, (_, index) => `a${index}`)
      const leases = await Promise.all(
        names.map((name) => sluice.lock(name, { ttl: TTL_MS }).acquire()),
      )
      const answers = Promise.all(
        leases.map((lease) => lease.release().catch((error: unknown) => error)),
      )
      await sluice.close()
      expect(await answers).toEqual(names.map(() => 'released'))
      if (sluice === other) return
      const next = await other.lock(names).tryAcquire()
      expect(next?.names).toEqual([...names].sort())
      await next?.release()
    },
  )
})
