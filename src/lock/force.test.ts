// What holders, waiters and whoever forces them see of a lock that is taken away.
import { randomUUID } from 'node:crypto'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { wipeRedis } from '../../test/audit/redis.ts'
import { redisAdmin } from '../../test/engines.ts'
import { refusal, watched } from '../../test/faults.ts'
import { openFaultyLocks } from '../../test/faulty-locks.ts'
import { EngineUnavailableError, LockLostError } from '../errors.ts'
import { createSluice, insideOf } from '../sluice.ts'
import { testClock } from '../testing/clock.ts'

const TTL_MS = 30_000
const cleanUps: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

describe('a lock that is taken away', () => {
  it('tells its holder why at the next renewal, and is free at once', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    const working = watched(locks.lock('b').run(({ signal }) => waitFor(signal)))
    await clock.advance(0)
    expect(await others.lock('a').forceRelease({ reason: 'it hangs' })).toBe('released')
    expect(await others.lock('b').forceRelease({ reason: 'it hangs, too' })).toBe('released')
    expect((await others.lock('a').inspect()).holder).toBe(null)
    await clock.advance(TTL_MS / 3)
    expect(lease.signal.reason).toBeInstanceOf(LockLostError)
    expect(lease.signal.reason).toMatchObject({
      reason: 'forced',
      cause: { message: 'it hangs' },
      retryable: false,
    })
    expect(() => lease.assertHeld()).toThrow(lease.signal.reason)
    expect(lease.remainingMs).toBe(0)
    expect(await lease.release()).toBe('lost')
    expect(working.error).toMatchObject({ reason: 'forced', cause: { message: 'it hangs, too' } })
    expect(await others.lock('a').tryAcquire()).not.toBe(null)
  })

  it('goes to the next in line at once, and its former holder is told that another one has it', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    const next = watched(others.lock('a').acquire())
    await clock.advance(0)
    expect(await others.lock('a').forceRelease({ reason: 'it hangs' })).toBe('released')
    await clock.advance(0)
    expect(next.value?.fence).toBeGreaterThan(lease.fence)
    await clock.advance(TTL_MS / 3)
    expect(lease.signal.reason).toMatchObject({ reason: 'taken' })
    next.value?.assertHeld()
    expect(await lease.release()).toBe('lost')
    expect((await others.lock('a').inspect()).holder?.owner).toBe(next.value?.owner)
  })

  it('only from the holder that is expected, if one is', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const former = await locks.lock('a').acquire()
    await former.release()
    const lock = others.lock('a')
    const options = { reason: 'it hangs', expectFence: former.fence }
    expect(await lock.forceRelease(options)).toBe('free')
    const lease = await locks.lock('a').acquire()
    expect(await lock.forceRelease(options)).toBe('changed')
    await clock.advance('5m')
    lease.assertHeld()
    const { holder } = await lock.inspect()
    expect(await lock.forceRelease({ ...options, expectFence: holder?.fence ?? 0 })).toBe(
      'released',
    )
    await expect(lease.extend('1m')).rejects.toMatchObject({ reason: 'forced' })
  })

  it('may be one’s own', async () => {
    const { locks, clock } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    expect(await locks.lock('a').forceRelease({ reason: 'enough' })).toBe('released')
    await clock.advance(TTL_MS / 3)
    expect(lease.signal.reason).toMatchObject({ reason: 'forced' })
    expect(await locks.lock('a').tryAcquire()).not.toBe(null)
  })

  it('tells of an engine that does not answer', async () => {
    const { locks } = openFaultyLocks(({ method }) =>
      method === 'forceRelease' ? { refuseWith: refusal() } : undefined,
    )
    const forcing = locks.lock('a').forceRelease({ reason: 'it hangs' })
    await expect(forcing).rejects.toBeInstanceOf(EngineUnavailableError)
  })
})

describe('on Redis, a holder that another process takes its lock from', () => {
  /** Two Sluices on a clock that stands still: what is told is told by the server. */
  function openTwo() {
    const prefix = `force-${randomUUID()}`
    cleanUps.push(() => wipeRedis(redisAdmin(), prefix))
    const clock = testClock()
    const open = () => {
      const sluice = createSluice(inject('redisUrl'), { prefix, clock, commandTimeout: '10s' })
      cleanUps.push(() => sluice.close())
      clock.settleWith(() => insideOf(sluice).engine.idle())
      return sluice
    }
    return { clock, holding: open(), forcing: open() }
  }

  it('is told at once if it has waited before', async () => {
    const { holding, forcing } = openTwo()
    const blocker = await forcing.lock('a').acquire()
    const acquiring = holding.lock('a').acquire()
    await expect.poll(async () => (await forcing.lock('a').inspect()).waiters.length).toBe(1)
    await blocker.release()
    const [lease, other] = [await acquiring, await holding.lock('b').acquire()]
    const { signal } = lease
    const reason = 'it hangs: 100% "sure" \\'
    expect(await forcing.lock('a').forceRelease({ reason })).toBe('released')
    await expect.poll(() => signal.aborted).toBe(true)
    expect(signal.reason).toMatchObject({ reason: 'forced', cause: { message: reason } })
    other.assertHeld()
    expect(await lease.release()).toBe('lost')
  })

  it('is told at once although the next one has it by then', async () => {
    const { holding, forcing } = openTwo()
    const lease = await holding.lock('a').acquire()
    const next = forcing.lock('a').acquire()
    await expect.poll(async () => (await forcing.lock('a').inspect()).waiters.length).toBe(1)
    // By now its messages are read: it would be told of a grant, too.
    const early = await forcing.lock('early').acquire()
    const granted = holding.lock('early').acquire()
    await expect.poll(async () => (await forcing.lock('early').inspect()).waiters.length).toBe(1)
    await early.release()
    await granted
    const { signal } = lease
    await forcing.lock('a').forceRelease({ reason: 'it hangs' })
    await expect.poll(() => signal.aborted).toBe(true)
    expect(signal.reason).toMatchObject({ reason: 'forced', cause: { message: 'it hangs' } })
    expect((await next).fence).toBeGreaterThan(lease.fence)
  })

  it('is told by its next renewal if it never waited', async () => {
    const { holding, forcing, clock } = openTwo()
    const lease = await holding.lock('a').tryAcquire()
    expect(await forcing.lock('a').forceRelease({ reason: 'it hangs' })).toBe('released')
    expect((await holding.lock('a').inspect()).holder).toBe(null)
    lease?.assertHeld()
    await clock.advance(TTL_MS / 3)
    expect(lease?.signal.reason).toMatchObject({ reason: 'forced', cause: { message: 'it hangs' } })
  })
})

const waitFor = (signal: AbortSignal) =>
  new Promise((resolve) => signal.addEventListener('abort', resolve))
