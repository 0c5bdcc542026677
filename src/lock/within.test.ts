// Holding a lease once more, which has to be said: nothing is ever inferred from where code runs.
import { afterEach, describe, expect, it } from 'vitest'
import { silence, watched } from '../../test/faults.ts'
import { openFaultyLocks } from '../../test/faulty-locks.ts'
import { ArgumentError, LockLostError, LockTimeoutError } from '../errors.ts'
import type { Hold } from '../gate/handle.ts'
import type { Sluice } from '../sluice.ts'
import { createTestSluice } from '../testing/index.ts'
import type { Lock } from './lock.ts'

const TTL_MS = 30_000

/** A lock, and a lease of it. */
async function openHeld() {
  const opened = openFaultyLocks()
  const lock = opened.locks.lock('a')
  const lease = await lock.acquire()
  const sent = opened.calls.length
  return { ...opened, lock, lease, sentSince: () => opened.calls.slice(sent) }
}

describe('a lease that is held once more', () => {
  it('is the same one, and the engine is not asked', async () => {
    const { lock, lease, sentSince } = await openHeld()
    const again = await lock.acquire({ within: lease })
    const third = await lock.tryAcquire({ within: again })
    for (const one of [again, third]) {
      expect(one).not.toBe(lease)
      expect(one).toMatchObject({ name: 'a', owner: lease.owner, fence: lease.fence })
      expect(one?.remainingMs).toBe(lease.remainingMs)
      expect(one?.signal).toBe(lease.signal)
    }
    expect(sentSince()).toEqual([])
  })

  it.each([
    ['first', [0, 1, 2]],
    ['last', [2, 1, 0]],
    ['in between', [1, 0, 2]],
  ])('is given up with the last handle, the first one being released %s', async (_, order) => {
    const { lock, lease, others, sentSince } = await openHeld()
    const handles = [lease, await lock.acquire({ within: lease })]
    handles.push(await lock.acquire({ within: handles[1] as Hold }))
    for (const [index, which] of order.entries()) {
      expect(sentSince()).toEqual([])
      expect(await others.lock('a').tryAcquire()).toBe(null)
      expect(await handles[which]?.release()).toBe('released')
      expect(sentSince()).toHaveLength(index === 2 ? 1 : 0)
    }
    expect(await others.lock('a').tryAcquire()).not.toBe(null)
  })

  it('counts once for each handle, however often that is released', async () => {
    const { lock, lease, others } = await openHeld()
    const again = await lock.acquire({ within: lease })
    expect([await again.release(), await again.release()]).toEqual(['released', 'released'])
    await again[Symbol.asyncDispose]()
    lease.assertHeld()
    expect(await others.lock('a').tryAcquire()).toBe(null)
    expect(await lease.release()).toBe('released')
    expect(await again.release()).toBe('released')
  })

  it('is over for a handle that was released, while another one goes on', async () => {
    const { lock, lease, sentSince } = await openHeld()
    const again = await lock.acquire({ within: lease })
    await again.release()
    expect(() => again.assertHeld()).toThrow(LockLostError)
    expect(again.remainingMs).toBe(0)
    await expect(again.extend('1h')).rejects.toMatchObject({ reason: 'released' })
    expect(sentSince()).toEqual([])
    lease.assertHeld()
    expect(lease.remainingMs).toBeGreaterThan(0)
    expect(lease.signal.aborted).toBe(false)
  })

  it('is extended for all handles', async () => {
    const { lock, lease } = await openHeld()
    const again = await lock.acquire({ within: lease })
    await again.extend('5m')
    expect(lease.remainingMs).toBeGreaterThan(290_000)
  })

  it('is renewed until the last handle is released', async () => {
    const { lock, lease, clock, others } = await openHeld()
    const again = await lock.acquire({ within: lease })
    await clock.advance('1h')
    await lease.release()
    await clock.advance('1h')
    again.assertHeld()
    expect(await others.lock('a').tryAcquire()).toBe(null)
    await again.release()
    expect(await others.lock('a').tryAcquire()).not.toBe(null)
  })

  it('is lost for all of them at once, with one reason', async () => {
    const { lock, lease, clock, others } = await openHeld()
    const again = await lock.acquire({ within: lease })
    await again.release()
    const third = await lock.acquire({ within: lease })
    await others.lock('a').forceRelease({ reason: 'it hangs' })
    await clock.advance(TTL_MS / 3)
    expect(third.signal.reason).toMatchObject({ reason: 'forced' })
    expect(() => third.assertHeld()).toThrow(third.signal.reason)
    expect(() => lease.assertHeld()).toThrow(third.signal.reason)
    expect([await third.release(), await lease.release(), await again.release()]).toEqual([
      'lost',
      'lost',
      'released',
    ])
  })

  it('ends with the work of run, and the outer one goes on', async () => {
    const { lock, lease } = await openHeld()
    let inner: Hold | undefined
    const answer = await lock.run(
      (held) => {
        inner = held
        held.assertHeld()
        return held.fence
      },
      { within: lease },
    )
    expect(answer).toBe(lease.fence)
    expect(() => inner?.assertHeld()).toThrow(LockLostError)
    lease.assertHeld()
  })

  it('ends no later than it was to be held', async () => {
    const { locks, clock } = openFaultyLocks()
    const lock = locks.lock('a', { maxHold: '1m' })
    const lease = await lock.acquire()
    await clock.advance('59s')
    const again = await lock.acquire({ within: lease })
    await clock.advance('1s')
    expect(again.signal.reason).toMatchObject({ reason: 'max-hold' })
  })
})

describe('what cannot be held once more', () => {
  const strange: [string, (lock: Lock) => Promise<unknown>][] = [
    ['a lease of another name', async () => openedLease('b')],
    ['a lease of the same name from another Sluice', async () => openedOther()],
    ['a lease in its own words', async (lock) => ({ ...(await lock.acquire()), assertHeld() {} })],
    ['what assertHeld alone makes', async () => ({ assertHeld() {} })],
    ['what has a name that is no text', async () => ({ assertHeld() {}, name: 10n })],
    ['a lease that was written and read', async () => ({ ...readBack(), assertHeld() {} })],
    ['a permit of a semaphore of the same name', async () => openedPermit()],
    ['several leases', async () => openedMany()],
  ]
  let opened: ReturnType<typeof openFaultyLocks>
  const openedLease = (name: string) => opened.locks.lock(name).acquire()
  const openSluices: Sluice[] = []
  afterEach(async () => {
    for (const sluice of openSluices.splice(0)) await sluice.close()
  })
  function openSluice(): Sluice {
    const { sluice } = createTestSluice()
    openSluices.push(sluice)
    return sluice
  }
  const openedOther = () => openSluice().lock('a').acquire()
  const openedPermit = () => openSluice().semaphore('a', { permits: 1 }).acquire()
  const openedMany = () => opened.locks.lock(['a']).acquire()
  const readBack = () => JSON.parse(JSON.stringify({ name: 'a', fence: 1, owner: 'me' }))

  it.each(strange)('%s', async (_, make) => {
    opened = openFaultyLocks()
    const within = (await make(opened.locks.lock('a'))) as Hold
    const sent = opened.calls.length
    const refused = opened.locks.lock('a').acquire({ within })
    await expect(refused).rejects.toBeInstanceOf(ArgumentError)
    await expect(refused).rejects.toMatchObject({ argument: 'acquire.within' })
    await expect(opened.locks.lock('a').tryAcquire({ within })).rejects.toBeInstanceOf(
      ArgumentError,
    )
    await expect(opened.locks.lock('a').run(() => {}, { within })).rejects.toBeInstanceOf(
      ArgumentError,
    )
    expect(opened.calls.slice(sent)).toEqual([])
  })

  it('a handle that was released', async () => {
    const { lock, lease, sentSince } = await openHeld()
    const again = await lock.acquire({ within: lease })
    await again.release()
    await expect(lock.acquire({ within: again })).rejects.toMatchObject({ reason: 'released' })
    expect(sentSince()).toEqual([])
    await lock.acquire({ within: lease })
    await lease.release()
    await expect(lock.acquire({ within: lease })).rejects.toBeInstanceOf(LockLostError)
  })

  it('a lease that was lost, also where nobody has noticed yet', async () => {
    const { locks, clock } = openFaultyLocks(({ method }) =>
      method === 'renew' ? { callAfter: silence } : undefined,
    )
    const lock = locks.lock('a')
    const [lost, unnoticed] = [await lock.acquire(), await locks.lock('b').acquire()]
    clock.stepWall(TTL_MS)
    await expect(locks.lock('b').acquire({ within: unnoticed })).rejects.toMatchObject({
      code: 'SLUICE_LOCK_LOST',
      reason: 'expired',
    })
    await clock.advance(TTL_MS)
    await expect(lock.tryAcquire({ within: lost })).rejects.toBe(lost.signal.reason)
  })

  it('with a signal that is aborted already', async () => {
    const { lock, lease } = await openHeld()
    const signal = AbortSignal.abort()
    await expect(lock.acquire({ within: lease, signal })).rejects.toMatchObject({
      name: 'AbortError',
    })
    expect(await lease.release()).toBe('released')
  })

  it('anything, without saying so: who holds it waits for itself', async () => {
    const { lock, lease, clock } = await openHeld()
    const waiting = watched(lock.acquire({ wait: '1s' }))
    await clock.advance('1s')
    expect(waiting.error).toBeInstanceOf(LockTimeoutError)
    expect(waiting.error).toMatchObject({ holder: lease.owner })
    await lock.run(
      async () => {
        expect(await lock.tryAcquire()).toBe(null)
      },
      { within: lease },
    )
  })
})
