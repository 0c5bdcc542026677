// Waiting for a lock while messages and answers get lost: nobody may be forgotten, and nothing may
// be held by nobody.
import { describe, expect, it } from 'vitest'
import { gate, gone, refusal, silence, watched } from '../../test/faults.ts'
import { openFaultyLocks } from '../../test/faulty-locks.ts'
import { ClosedError, EngineUnavailableError } from '../errors.ts'
import { claimMsOf } from '../gate/waiting.ts'
import type { LockStore } from './store.ts'

const TTL_MS = 30_000
const CLAIM_MS = claimMsOf(TTL_MS)
/** A grant of which nobody is told. */
const deaf = (store: LockStore): LockStore => ({ ...store, onGrant: () => () => {} })

describe('an acquire without an answer', () => {
  it('is withdrawn, so that what it got is nobody’s', async () => {
    const { locks, others, clock, calls } = openFaultyLocks(({ method }) =>
      method === 'acquire' ? { loseReplyWith: gone() } : undefined,
    )
    await expect(locks.lock('a').acquire()).rejects.toMatchObject({ outcome: 'unknown' })
    await clock.advance(0)
    expect(calls.map(({ method }) => method)).toEqual(['acquire', 'leave'])
    expect(calls[1]?.args).toMatchObject(calls[0]?.args.map(() => ({ name: 'a' })) ?? [])
    expect(await others.lock('a').tryAcquire()).not.toBe(null)
  })

  it('is refused when it reaches the engine after it was withdrawn', async () => {
    const late = gate()
    const { locks, others, clock } = openFaultyLocks(({ method, count }) =>
      method === 'acquire' && count === 1
        ? { callAfter: late.opened, loseReplyWith: gone() }
        : undefined,
    )
    const acquiring = watched(locks.lock('a').acquire())
    await clock.advance(0)
    expect(acquiring.isPending).toBe(true)
    late.open()
    await clock.advance(0)
    expect(acquiring.error).toBeInstanceOf(EngineUnavailableError)
    expect((await others.lock('a').inspect()).holder).toBe(null)
  })

  it('of which the withdrawal fails too leaves the lock for one lease at most', async () => {
    const { locks, others, clock } = openFaultyLocks(() => ({ loseReplyWith: gone() }))
    await expect(locks.lock('a').acquire()).rejects.toBeInstanceOf(EngineUnavailableError)
    await clock.advance(TTL_MS)
    expect(await others.lock('a').tryAcquire()).not.toBe(null)
  })

  it('that took longer than the lease is asked again', async () => {
    const slow = gate()
    const { locks, others, clock } = openFaultyLocks(({ method, count }) =>
      method === 'acquire' && count === 1 ? { replyAfter: slow.opened } : undefined,
    )
    const acquiring = watched(locks.lock('a', { ttl: '1s' }).acquire({ wait: '1m' }))
    await clock.advance('5s')
    slow.open()
    await clock.advance(0)
    expect(acquiring.value?.remainingMs).toBeGreaterThan(900)
    expect((await others.lock('a').inspect()).holder?.owner).toBe(acquiring.value?.owner)
  })

  it('that took longer than the lease and the wait is no lease', async () => {
    const slow = gate()
    const { locks, others, clock } = openFaultyLocks(({ method }) =>
      method === 'acquire' ? { replyAfter: slow.opened } : undefined,
    )
    const acquiring = watched(locks.lock('a', { ttl: '1s' }).tryAcquire())
    await clock.advance('2s')
    slow.open()
    await clock.advance(0)
    expect(acquiring).toEqual({ value: null, isPending: false })
    expect((await others.lock('a').inspect()).holder).toBe(null)
  })
})

describe('a waiter', () => {
  it('that is told of nothing finds out by its heartbeat', async () => {
    const { locks, others, clock } = openFaultyLocks(undefined, { store: deaf })
    const holder = await others.lock('a').acquire()
    const waiting = watched(locks.lock('a').acquire())
    await clock.advance(0)
    await holder.release()
    await clock.advance(CLAIM_MS / 3 - 1)
    expect(waiting.isPending).toBe(true)
    await clock.advance(1)
    expect(waiting.value?.remainingMs).toBeGreaterThan(CLAIM_MS)
  })

  it('asks at once when messages may have been missed', async () => {
    const doubts: (() => void)[] = []
    const { locks, others, clock } = openFaultyLocks(undefined, {
      store: (store) => ({
        ...deaf(store),
        onDoubt(listener) {
          doubts.push(listener)
          return () => {}
        },
      }),
    })
    const holder = await others.lock('a').acquire()
    const waiting = watched(locks.lock('a').acquire())
    await clock.advance(0)
    await holder.release()
    for (const doubt of doubts) doubt()
    await clock.advance(0)
    expect(waiting.value?.name).toBe('a')
  })

  it('keeps its place while the engine fails for less than a claim lease', async () => {
    let isFailing = false
    const { locks, others, clock } = openFaultyLocks(({ method }) =>
      method === 'acquire' && isFailing ? { refuseWith: refusal() } : undefined,
    )
    const holder = await others.lock('a').acquire()
    const first = watched(locks.lock('a').acquire({ wait: '1m' }))
    await clock.advance(0)
    const second = watched(others.lock('a').acquire({ wait: '1m' }))
    await clock.advance('2s')
    isFailing = true
    await clock.advance('2s')
    isFailing = false
    await clock.advance('2s')
    await holder.release()
    await clock.advance(0)
    expect([first.isPending, second.isPending]).toEqual([false, true])
  })

  it('that never hears from the engine again is told so when its wait is over', async () => {
    const { locks, others, clock, calls } = openFaultyLocks(({ method, count }) =>
      method === 'acquire' && count > 1 ? { refuseWith: refusal() } : undefined,
    )
    await others.lock('a').acquire()
    const waiting = watched(locks.lock('a').acquire({ wait: '5s' }))
    await clock.advance('5s')
    expect(waiting.error).toBeInstanceOf(EngineUnavailableError)
    expect(calls.at(-1)?.method).toBe('leave')
  })

  it('confirms a grant that follows its last heartbeat by long before it relies on it', async () => {
    let isFailing = true
    const { locks, others, clock, calls } = openFaultyLocks(({ method, count }) =>
      method === 'acquire' && count > 1 && isFailing ? { refuseWith: refusal() } : undefined,
    )
    const holder = await others.lock('a').acquire()
    const waiting = watched(locks.lock('a').acquire())
    await clock.advance((CLAIM_MS * 2) / 3 + 1)
    const before = calls.length
    isFailing = false
    await holder.release()
    await clock.advance(1)
    expect(calls.slice(before)).toMatchObject([{ method: 'acquire' }])
    expect(waiting.value?.remainingMs).toBeGreaterThan(CLAIM_MS)
  })

  it('is renewed soon after the hand-over, since that was for the claim lease only', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const holder = await others.lock('a').acquire()
    const waiting = watched(locks.lock('a').acquire())
    await clock.advance(100)
    await holder.release()
    await clock.advance(0)
    expect(waiting.value?.remainingMs).toBeGreaterThan(CLAIM_MS / 2)
    expect(waiting.value?.remainingMs).toBeLessThan(CLAIM_MS)
    await clock.advance(CLAIM_MS / 2)
    expect(waiting.value?.remainingMs).toBeGreaterThan(CLAIM_MS)
    expect((await others.lock('a').inspect()).holder?.owner).toBe(waiting.value?.owner)
  })

  it('whose first renewal fails after the hand-over keeps the lock by the next', async () => {
    const { locks, others, clock } = openFaultyLocks(({ method, count }) =>
      method === 'renew' && count <= 5 ? { refuseWith: refusal() } : undefined,
    )
    const holder = await others.lock('a').acquire()
    const waiting = watched(locks.lock('a').acquire())
    await clock.advance(100)
    await holder.release()
    await clock.advance('1m')
    waiting.value?.assertHeld()
    expect(waiting.value?.remainingMs).toBeGreaterThan(0)
  })

  it('loses the hand-over in time when no renewal gets through', async () => {
    const { locks, others, clock } = openFaultyLocks(({ method }) =>
      method === 'renew' || method === 'release' ? { callAfter: silence } : undefined,
    )
    const holder = await others.lock('a').acquire()
    const waiting = watched(locks.lock('a').acquire())
    await clock.advance(100)
    await holder.release()
    const next = watched(others.lock('a').acquire())
    await clock.advance(0)
    const lease = waiting.value
    if (!lease) throw new Error('it was not handed over')
    while (next.isPending && clock.monotonicMs() < 2 * CLAIM_MS) {
      expect(lease.remainingMs >= 0).toBe(true)
      await clock.advance(20)
      if (!next.isPending) expect(lease.remainingMs).toBe(0)
    }
    expect(lease.signal.reason).toMatchObject({ reason: 'expired' })
    expect(next.value?.fence).toBeGreaterThan(lease.fence)
  })
})

describe('closing', () => {
  it('ends leases and waits, gives the locks up, and refuses what comes later', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    await others.lock('b').acquire()
    const waiting = watched(locks.lock('b').acquire())
    const next = watched(others.lock('a').acquire())
    await clock.advance(10)
    await locks.close()
    await clock.advance(0)
    expect(lease.signal.reason).toMatchObject({ code: 'SLUICE_LOCK_LOST', reason: 'closed' })
    expect(() => lease.assertHeld()).toThrow(lease.signal.reason)
    expect(await lease.release()).toBe('lost')
    expect(waiting.error).toBeInstanceOf(ClosedError)
    expect(next.value?.name).toBe('a')
    expect((await others.lock('b').inspect()).waiters).toEqual([])
    await expect(locks.lock('c').acquire()).rejects.toBeInstanceOf(ClosedError)
    await expect(locks.lock('c').tryAcquire()).rejects.toBeInstanceOf(ClosedError)
    await expect(locks.lock('c').run(() => {})).rejects.toBeInstanceOf(ClosedError)
  })

  it('while a call is under way leaves nothing held', async () => {
    const slow = gate()
    const { locks, others, clock } = openFaultyLocks(({ method }) =>
      method === 'acquire' ? { replyAfter: slow.opened } : undefined,
    )
    const acquiring = watched(locks.lock('a').acquire())
    await clock.advance(0)
    const closed = locks.close()
    slow.open()
    await closed
    await clock.advance(0)
    expect(acquiring.error).toBeInstanceOf(ClosedError)
    expect((await others.lock('a').inspect()).holder).toBe(null)
  })
})

describe('looking', () => {
  it('shows holder and waiters, and lists only what is in use', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    const briefly = await locks.lock('b').acquire()
    await briefly.release()
    const waiting = watched(others.lock('a').acquire())
    await clock.advance(500)
    const view = await locks.lock('a').inspect()
    expect(view).toMatchObject({ name: 'a', holder: { owner: lease.owner, fence: lease.fence } })
    expect(view.waiters).toMatchObject([{ kind: 'caller' }])
    expect(await others.list(10)).toEqual([view])
    expect(waiting.isPending).toBe(true)
  })
})
