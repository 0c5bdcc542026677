// Leases that count only when replicas have them: on real servers whose replicas stand still or go.
import { randomUUID } from 'node:crypto'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { ArgumentError, EngineUnavailableError, LockLostError } from '../src/errors.ts'
import type { Hold } from '../src/gate/handle.ts'
import type { Holdable } from '../src/gate/holdable.ts'
import type { Sluice } from '../src/sluice.ts'
import { createTestSluice } from '../src/testing/index.ts'
import { waitUntil } from './fault/resp.js'
import { startSentinel } from './fault/servers.js'
import {
  COMMAND_TIMEOUT_MS,
  cleanUp,
  cleanUps,
  closePair,
  connect,
  failureOf,
  openPair,
  READY_MS,
  type Server,
  SLACK_MS,
  TEST_TIMEOUT_MS,
} from './replica-pair.ts'

const DURABILITY = { durability: { replicas: 1 } }

afterEach(cleanUp)

/** What can be asked for so that a replica must have it, and whether another one could get it now. */
const kinds: { name: string; get(sluice: Sluice, durable: boolean): Holdable<Hold> }[] = [
  { name: 'a lock', get: (sluice, durable) => sluice.lock('a', settingsOf(durable)) },
  {
    name: 'a permit',
    get: (sluice, durable) => sluice.semaphore('a', { permits: 1, ...settingsOf(durable) }),
  },
  {
    name: 'a share of a read-write lock',
    get: (sluice, durable) => sluice.readWriteLock('a', settingsOf(durable)).write(),
  },
]
const settingsOf = (durable: boolean) => ({ ttl: '3s', ...(durable && DURABILITY) }) as const

describe('a lease that one replica must have', { timeout: TEST_TIMEOUT_MS }, () => {
  beforeAll(() => closePair)

  describe.each(kinds)('$name', ({ get }) => {
    it('is given when the replica has it, and not before', async () => {
      const { sluice, replica, prefix } = await openPair({ commandTimeout: READY_MS })
      const lease = await get(sluice, true).acquire()
      lease.assertHeld()
      const keys = (await replica.command('KEYS', `${prefix}*`)) as string[]
      const stored = await Promise.all(keys.map((key) => contentOf(replica, key)))
      expect(stored.join('\n')).toContain(lease.owner)
      await lease.extend('10s')
      expect(lease.remainingMs).toBeGreaterThan(5_000)
      expect(await lease.release()).toBe('released')
    })

    it('is refused by the deadline while the replica stands still, and free for others soon', async () => {
      const { sluice, replica } = await openPair()
      const before = await get(sluice, true).acquire()
      await before.release()
      replica.pause()
      const startedMs = performance.now()
      const failure = await failureOf(get(sluice, true).acquire())
      expect(performance.now() - startedMs).toBeLessThan(COMMAND_TIMEOUT_MS + SLACK_MS)
      expect(failure).toBeInstanceOf(EngineUnavailableError)
      expect(failure).toMatchObject({ outcome: 'unknown', retryable: true })
      const others = await get(sluice, false).acquire({ wait: SLACK_MS })
      await others.release()
      replica.resume()
      const again = await get(sluice, true).acquire()
      expect(await again.release()).toBe('released')
    })

    it('is lost by its deadline when no renewal is confirmed, and kept when one is', async () => {
      const { sluice, replica } = await openPair()
      const lease = await get(sluice, true).acquire()
      const { signal } = lease
      await expect.poll(() => lease.remainingMs, { timeout: 5_000 }).toBeLessThan(2_000)
      await expect.poll(() => lease.remainingMs, { timeout: 5_000 }).toBeGreaterThan(2_500)
      replica.pause()
      const pausedMs = performance.now()
      await expect.poll(() => signal.aborted, { timeout: 10_000 }).toBe(true)
      expect(performance.now() - pausedMs).toBeLessThan(3_000 + SLACK_MS)
      expect(signal.reason).toMatchObject({ code: 'SLUICE_LOCK_LOST', reason: 'expired' })
      expect(() => lease.assertHeld()).toThrow(LockLostError)
      const others = await get(sluice, false).acquire({ wait: '5s' })
      await others.release()
      expect(await lease.release()).toBe('lost')
    })
  })

  it('goes on as if nothing had been when the replica stands still for less than the lease', async () => {
    const { sluice, replica } = await openPair()
    const lease = await sluice.lock('a', { ttl: '6s', ...DURABILITY }).acquire()
    replica.pause()
    await expect.poll(() => lease.remainingMs, { timeout: 10_000 }).toBeLessThan(3_000)
    replica.resume()
    await expect.poll(() => lease.remainingMs, { timeout: 10_000 }).toBeGreaterThan(4_000)
    lease.assertHeld()
    expect(await lease.release()).toBe('released')
  })

  it('is confirmed before one who waited in line has it', async () => {
    const { sluice, replica } = await openPair()
    const lock = sluice.lock('a', DURABILITY)
    const holder = await lock.acquire()
    const waiting = lock.acquire({ wait: '10s' })
    await expect.poll(async () => (await lock.inspect()).waiters.length).toBe(1)
    replica.pause()
    await holder.release()
    await expect.poll(async () => (await lock.inspect()).waiters.length).toBe(0)
    let isGiven = false
    void waiting.then(
      () => {
        isGiven = true
      },
      () => {},
    )
    // It was told of its turn by the answer to the release, and that was two answers ago.
    expect(await sluice.lock('b').run(() => isGiven)).toBe(false)
    replica.resume()
    const lease = await waiting
    expect(lease.remainingMs).toBeGreaterThan(20_000)
    await lease.release()
  })

  it('keeps nobody waiting who asks no replica', async () => {
    const { sluice, replica } = await openPair()
    replica.pause()
    const stuck = failureOf(sluice.lock('a', DURABILITY).acquire())
    const startedMs = performance.now()
    for (let round = 0; round < 10; round++) await sluice.lock('b').run(() => {})
    expect(performance.now() - startedMs).toBeLessThan(COMMAND_TIMEOUT_MS)
    expect(await stuck).toBeInstanceOf(EngineUnavailableError)
  })

  it('is refused to each of many by its own deadline, and works at once when the replica does', async () => {
    const { sluice, replica } = await openPair()
    replica.pause()
    const asked: Promise<void>[] = []
    for (let index = 0; index < 8; index++) {
      asked.push(
        (async () => {
          const startedMs = performance.now()
          const failure = await failureOf(sluice.lock(`a${index}`, DURABILITY).acquire())
          expect(failure).toBeInstanceOf(EngineUnavailableError)
          expect(performance.now() - startedMs).toBeLessThan(COMMAND_TIMEOUT_MS + SLACK_MS)
        })(),
      )
      await sluice.lock('b').run(() => {})
    }
    await Promise.all(asked)
    replica.resume()
    for (let index = 0; index < 8; index++) {
      const lease = await sluice.lock(`a${index}`, DURABILITY).acquire({ wait: '5s' })
      expect(await lease.release()).toBe('released')
    }
  })

  it('is refused where two are asked and one is attached', async () => {
    const { sluice } = await openPair()
    const lock = sluice.lock('a', { durability: { replicas: 2 } })
    const startedMs = performance.now()
    const failure = await failureOf(lock.acquire())
    expect(performance.now() - startedMs).toBeLessThan(COMMAND_TIMEOUT_MS + SLACK_MS)
    expect(failure).toBeInstanceOf(EngineUnavailableError)
    expect(failure).toMatchObject({ outcome: 'unknown' })
    const lease = await sluice.lock('a', DURABILITY).acquire({ wait: SLACK_MS })
    await lease.release()
  })

  it('is refused by the deadline when the replica is gone', async () => {
    const { sluice, replica } = await openPair()
    await replica.kill()
    const failure = await failureOf(sluice.lock('a', DURABILITY).acquire())
    expect(failure).toBeInstanceOf(EngineUnavailableError)
    await sluice.lock('a').run(() => {}, { wait: SLACK_MS })
    await replica.restart()
  })
})

describe('a failover', { timeout: 2 * TEST_TIMEOUT_MS }, () => {
  it('to the replica that confirmed it loses no lease', async () => {
    const sentinel = await startSentinel({ replicas: 1 })
    cleanUps.push(() => sentinel.close())
    const prefix = `durability-${randomUUID()}`
    const [sluice, other] = [connect(sentinel.url, { prefix }), connect(sentinel.url, { prefix })]
    const lock = sluice.lock('a', { ttl: '1m', ...DURABILITY })
    const leases: Hold[] = []
    for (let round = 0; round < 20; round++) {
      leases.push(await sluice.lock(`many-${round}`, { ttl: '1m', ...DURABILITY }).acquire())
    }
    const lease = await lock.acquire()
    const before = await sentinel.master()
    await before.kill()
    await waitUntil('the replica is in charge', READY_MS, async () => {
      return (await sentinel.master(0)) !== before
    })
    await expect
      .poll(() => failureOf(other.lock('z').run(() => {})), { timeout: READY_MS })
      .toBe(null)
    const { holder } = await other.lock('a').inspect()
    expect(holder).toMatchObject({ owner: lease.owner, fence: lease.fence })
    for (const one of leases) {
      expect(await other.lock(one.name).tryAcquire(), one.name).toBe(null)
      one.assertHeld()
    }
    expect(await lease.release()).toBe('released')
  })
})

describe('SQLite, which has no replicas', () => {
  it.each<[string, (sluice: Sluice) => unknown]>([
    ['lock', (sluice) => sluice.lock('a', DURABILITY)],
    ['lock', (sluice) => sluice.lock(['a', 'b'], DURABILITY)],
    ['readWriteLock', (sluice) => sluice.readWriteLock('a', DURABILITY)],
    ['semaphore', (sluice) => sluice.semaphore('a', { permits: 1, ...DURABILITY })],
    ['election', (sluice) => sluice.election('a', DURABILITY)],
  ])('refuses the promise to ask some: %s', async (subject, open) => {
    const { sluice } = createTestSluice()
    cleanUps.push(() => sluice.close())
    expect(() => open(sluice)).toThrow(ArgumentError)
    expect(() => open(sluice)).toThrow(
      expect.objectContaining({ argument: `${subject}.durability` }),
    )
  })

  it('takes no promise for none', async () => {
    const { sluice } = createTestSluice()
    cleanUps.push(() => sluice.close())
    await sluice.lock('a', { durability: undefined } as object).run(() => {})
    await sluice.semaphore('a', { permits: 1 }).run(() => {})
    await sluice
      .readWriteLock('a')
      .write()
      .run(() => {})
  })
})

/** What a key of any type holds, as text. */
async function contentOf(server: Server, key: string): Promise<string> {
  const type = await server.command('TYPE', key)
  if (type === 'string') return String(await server.command('GET', key))
  if (type === 'hash') return String(await server.command('HGETALL', key))
  return String(await server.command('ZRANGE', key, 0, -1))
}
