// A lease whose handle was dropped without a release. Garbage is really collected.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describe, expect, it } from 'vitest'
import { watched } from '../../test/faults.ts'
import { type FaultyLocks, openFaultyLocks } from '../../test/faulty-locks.ts'
import type { Lease } from '../gate/handle.ts'
import { createTestSluice } from '../testing/index.ts'

const TTL_MS = 30_000

setFlagsFromString('--expose-gc')
const collectGarbage: () => void = runInNewContext('gc')

/** What was in use in this turn of the event loop is collected in a later one. */
async function collect(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) {
    await new Promise((resolve) => setImmediate(resolve))
    collectGarbage()
  }
}

/** The first renewal lets the handles go, so that a later one can find that they are no more. */
async function renewTwice({ clock }: Pick<FaultyLocks, 'clock'>): Promise<void> {
  await clock.advance(TTL_MS / 3)
  await collect()
  await clock.advance(TTL_MS / 3)
}

const renewalsIn = ({ calls }: FaultyLocks) =>
  calls.filter(({ method }) => method === 'renew').length

describe('a lease that was forgotten', () => {
  it('is renewed no more, its signal says why, and the lock is free when its time is over', async () => {
    const opened = openFaultyLocks()
    const { locks, others, clock } = opened
    const signal = await acquireAndDrop()
    await renewTwice(opened)
    expect(signal.aborted).toBe(true)
    expect(signal.reason).toMatchObject({ code: 'SLUICE_LOCK_LOST', reason: 'forgotten' })
    const renewals = renewalsIn(opened)
    expect(renewals).toBe(1)
    const next = watched(others.lock('a').acquire({ wait: '1h' }))
    await clock.advance((TTL_MS * 2) / 3 - 1)
    expect(next.isPending).toBe(true)
    await clock.advance(10)
    expect(next.value?.name).toBe('a')
    expect(renewalsIn(opened)).toBe(renewals)

    async function acquireAndDrop(): Promise<AbortSignal> {
      return (await locks.lock('a').acquire()).signal
    }
  })

  it('is so when all of its handles are, and not before', async () => {
    const opened = openFaultyLocks()
    const { locks } = opened
    const kept: Lease[] = []
    const signal = await holdTwice()
    await renewTwice(opened)
    await renewTwice(opened)
    expect(signal.aborted).toBe(false)
    kept.pop()?.assertHeld()
    await renewTwice(opened)
    expect(signal.reason).toMatchObject({ reason: 'forgotten' })

    async function holdTwice(): Promise<AbortSignal> {
      const lease = await locks.lock('a').acquire()
      kept.push(await locks.lock('a').acquire({ within: lease }))
      return lease.signal
    }
  })

  it('is so although a handle is kept that was released', async () => {
    const opened = openFaultyLocks()
    const { locks, others, clock } = opened
    const released = await releaseOneOfTwo()
    await renewTwice(opened)
    expect(released.signal.reason).toMatchObject({ reason: 'forgotten' })
    await clock.advance(TTL_MS)
    expect(await others.lock('a').tryAcquire()).not.toBe(null)

    async function releaseOneOfTwo(): Promise<Lease> {
      const lease = await locks.lock('a').acquire()
      const again = await locks.lock('a').acquire({ within: lease })
      expect(await again.release()).toBe('released')
      return again
    }
  })

  it('may be one of several names, all of them together', async () => {
    const opened = openFaultyLocks()
    const { locks, others, clock } = opened
    await acquireAndDrop()
    await renewTwice(opened)
    await clock.advance(TTL_MS)
    expect(await others.lock(['a', 'b']).tryAcquire()).not.toBe(null)

    async function acquireAndDrop(): Promise<void> {
      await locks.lock(['a', 'b']).acquire()
    }
  })

  it('may be a permit, or a share of a read-write lock', async () => {
    const { sluice, clock } = createTestSluice()
    const signals = await acquireAndDrop()
    await renewTwice({ clock })
    for (const signal of signals) expect(signal.reason).toMatchObject({ reason: 'forgotten' })
    await clock.advance(TTL_MS)
    expect(await sluice.semaphore('a', { permits: 1 }).tryAcquire()).not.toBe(null)
    expect(await sluice.readWriteLock('a').write().tryAcquire()).not.toBe(null)
    await sluice.close()

    async function acquireAndDrop(): Promise<AbortSignal[]> {
      const permit = await sluice.semaphore('a', { permits: 1 }).acquire()
      const reader = await sluice.readWriteLock('a').read().acquire()
      return [permit.signal, reader.signal]
    }
  })
})

describe('a lease is not forgotten', () => {
  it('while its handle is kept, whatever is collected', async () => {
    const opened = openFaultyLocks()
    const { locks, others } = opened
    const lease = await locks.lock('a').acquire()
    for (let round = 0; round < 5; round++) await renewTwice(opened)
    lease.assertHeld()
    expect(renewalsIn(opened)).toBe(10)
    expect(await others.lock('a').tryAcquire()).toBe(null)
    expect(await lease.release()).toBe('released')
  })

  it('while those of several names are kept as one', async () => {
    const opened = openFaultyLocks()
    const leases = await opened.locks.lock(['a', 'b']).acquire()
    for (let round = 0; round < 3; round++) await renewTwice(opened)
    leases.assertHeld()
    expect(await leases.release()).toBe('released')
  })

  it('while run works, though the work does not look at it', async () => {
    const opened = openFaultyLocks()
    let finish = () => {}
    const working = new Promise<string>((resolve) => {
      finish = () => resolve('done')
    })
    const running = opened.locks.lock('a').run(() => working)
    for (let round = 0; round < 3; round++) await renewTwice(opened)
    expect(await opened.others.lock('a').tryAcquire()).toBe(null)
    finish()
    expect(await running).toBe('done')
    expect(await opened.others.lock('a').tryAcquire()).not.toBe(null)
  })

  it('while it waits for the next of several names', async () => {
    const opened = openFaultyLocks()
    const { locks, others, clock } = opened
    const holder = await others.lock('b').acquire()
    const waiting = watched(locks.lock(['a', 'b']).acquire({ wait: '1h' }))
    await clock.advance(0)
    for (let round = 0; round < 3; round++) await renewTwice(opened)
    expect(await others.lock('a').tryAcquire()).toBe(null)
    await holder.release()
    await clock.advance(0)
    waiting.value?.assertHeld()
    expect(await waiting.value?.release()).toBe('released')
  })
})
