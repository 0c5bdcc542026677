// Logic above the contract: what callers see of acquiring, holding and losing, on a clock that the
// test moves and an engine that fails when it says so.

import { describe, expect, it } from 'vitest'
import { gone, refusal, silence, watched } from '../../test/faults.ts'
import { openFaultyLocks } from '../../test/faulty-locks.ts'
import { ORDINARY } from '../../test/lock-request.js'
import {
  ArgumentError,
  EngineUnavailableError,
  LockLostError,
  LockTimeoutError,
} from '../errors.ts'
import { marginOf } from '../gate/terms.ts'

const TTL_MS = 30_000
/** When a lease of 30 s is over for its holder, unless it is renewed. */
const VALID_MS = TTL_MS - marginOf(TTL_MS)

describe('acquiring', () => {
  it('gives a lease with all that there is to know of it', async () => {
    const { locks, others } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    expect(lease.name).toBe('a')
    expect(lease.remainingMs).toBe(VALID_MS)
    expect(lease.signal.aborted).toBe(false)
    lease.assertHeld()
    const { holder } = await others.lock('a').inspect()
    expect(holder).toMatchObject({ owner: lease.owner, fence: lease.fence, remainingMs: TTL_MS })
    expect(await lease.release()).toBe('released')
    expect((await others.lock('a').inspect()).holder).toBe(null)
  })

  it('answers null to tryAcquire when it is taken, and leaves no waiter behind', async () => {
    const { locks, others } = openFaultyLocks()
    const lease = await locks.lock('a').tryAcquire()
    expect(await others.lock('a').tryAcquire()).toBe(null)
    expect((await others.lock('a').inspect()).waiters).toEqual([])
    await lease?.release()
    expect(await others.lock('a').tryAcquire()).not.toBe(null)
  })

  it('serves those who wait in their order, at once, each with a higher fence', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const order: string[] = []
    const fences: number[] = []
    const holder = await locks.lock('a').acquire()
    const waiting = ['1', '2', '3', '4'].map((name, index) =>
      (index % 2 === 0 ? locks : others).lock('a').run(({ fence }) => {
        order.push(name)
        fences.push(fence)
      }),
    )
    await clock.advance(100)
    expect(order).toEqual([])
    await holder.release()
    await Promise.all(waiting)
    expect(order).toEqual(['1', '2', '3', '4'])
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
    expect(clock.monotonicMs()).toBe(100)
  })

  it('gets what a holder let expire without a word', async () => {
    const { locks, others, clock } = openFaultyLocks(({ method }) =>
      method === 'acquire' ? undefined : { callAfter: silence },
    )
    await locks.lock('a', { ttl: '1500ms' }).acquire()
    const next = watched(others.lock('a').acquire())
    await clock.advance(1_499)
    expect(next.isPending).toBe(true)
    await clock.advance(10)
    expect(next.value?.name).toBe('a')
  })

  it('gives up exactly when wait is over, and says all that it knows', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const startMs = clock.wallMs()
    const holder = await others.lock('a').acquire()
    await clock.advance(500)
    const first = watched(locks.lock('a').acquire({ wait: '1h' }))
    const second = watched(locks.lock('a').acquire({ wait: '5s' }))
    await clock.advance(4_999)
    expect(second.isPending).toBe(true)
    await clock.advance(1)
    const error = second.error as LockTimeoutError
    expect(error).toBeInstanceOf(LockTimeoutError)
    expect(error).toMatchObject({
      code: 'SLUICE_LOCK_TIMEOUT',
      retryable: true,
      outcome: 'not-applied',
      holder: holder.owner,
      since: new Date(startMs),
      position: 1,
    })
    expect(error.retryAfterMs).toBeGreaterThan(0)
    expect(error.retryAfterMs).toBeLessThanOrEqual(TTL_MS)
    expect(error.message).toBe(
      `Lock "a" was not acquired within 5000 ms: held by ${holder.owner} ` +
        `since ${new Date(startMs).toISOString()}, 1 waiting in front. ` +
        `Retry after ${Math.ceil(error.retryAfterMs)} ms, wait longer, or move the work to a queue.`,
    )
    expect((await others.lock('a').inspect()).waiters).toHaveLength(1)
    expect(first.isPending).toBe(true)
  })

  it('with wait 0 refuses at once and says when to come back', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const holder = await others.lock('a').acquire()
    await clock.advance(1_000)
    await expect(locks.lock('a').acquire({ wait: 0 })).rejects.toMatchObject({
      code: 'SLUICE_LOCK_TIMEOUT',
      holder: holder.owner,
      position: 0,
      retryAfterMs: TTL_MS - 1_000,
    })
    expect((await others.lock('a').inspect()).waiters).toEqual([])
  })

  it('says of no holder where nobody holds it but others wait in front', async () => {
    const { locks, others, clock } = openFaultyLocks(({ method }) =>
      method === 'acquire' ? undefined : { callAfter: silence },
    )
    await locks.lock('a', { ttl: '1500ms' }).acquire()
    const next = watched(others.lock('a').acquire())
    await clock.advance(1_500)
    expect(next.isPending).toBe(true)
    await expect(locks.lock('a').acquire({ wait: 0 })).rejects.toMatchObject({
      message:
        'Lock "a" was not acquired within 0 ms: 1 waiting in front. ' +
        'Retry after 0 ms, wait longer, or move the work to a queue.',
      ...{ holder: null, since: null },
    })
  })

  it('waits 10 s by default', async () => {
    const { locks, others, clock } = openFaultyLocks()
    await others.lock('a').acquire()
    const waiting = watched(locks.lock('a').acquire())
    await clock.advance(9_999)
    expect(waiting.isPending).toBe(true)
    await clock.advance(1)
    expect(waiting.error).toBeInstanceOf(LockTimeoutError)
  })
})

describe('a signal', () => {
  it('that is aborted already sends nothing', async () => {
    const { locks, calls } = openFaultyLocks()
    const signal = AbortSignal.abort()
    await expect(locks.lock('a').acquire({ signal })).rejects.toMatchObject({ name: 'AbortError' })
    expect(calls).toEqual([])
  })

  it.each([new Error('enough'), 'enough', 0, { fence: 5, validUntilMs: 1e9 }])(
    'ends a wait at once with its reason, %s',
    async (reason) => {
      const { locks, others, clock } = openFaultyLocks()
      const holder = await others.lock('a').acquire()
      const stop = new AbortController()
      const waiting = watched(locks.lock('a').acquire({ signal: stop.signal }))
      await clock.advance(100)
      stop.abort(reason)
      await clock.advance(0)
      expect(waiting).toEqual({ error: reason, isPending: false })
      expect((await others.lock('a').inspect()).waiters).toEqual([])
      await holder.release()
      expect((await others.lock('a').inspect()).holder).toBe(null)
    },
  )

  it('that aborts as the lock is handed over loses nobody the lock', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const holder = await others.lock('a').acquire()
    const stop = new AbortController()
    const aborted = watched(locks.lock('a').acquire({ signal: stop.signal }))
    const next = watched(others.lock('a').acquire())
    await clock.advance(100)
    const released = holder.release()
    stop.abort()
    await released
    await clock.advance(0)
    if (aborted.value) await aborted.value.release()
    await clock.advance(0)
    expect(next.value?.name).toBe('a')
  })

  it('that aborts while the first call is under way takes no lock along', async () => {
    let answer = () => {}
    const replyAfter = new Promise<void>((resolve) => {
      answer = resolve
    })
    const { locks, others, clock } = openFaultyLocks(({ method }) =>
      method === 'acquire' ? { replyAfter } : undefined,
    )
    const stop = new AbortController()
    const acquiring = watched(locks.lock('a').acquire({ signal: stop.signal }))
    await clock.advance(0)
    stop.abort('enough')
    answer()
    await clock.advance(0)
    expect(acquiring).toEqual({ error: 'enough', isPending: false })
    expect(await others.lock('a').tryAcquire()).not.toBe(null)
  })
})

describe('holding', () => {
  it('is renewed at a third for as long as it takes', async () => {
    const { locks, others, clock, calls } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    const { signal } = lease
    const next = watched(others.lock('a').acquire({ wait: '2h' }))
    await clock.advance('1h')
    lease.assertHeld()
    expect(signal.aborted).toBe(false)
    expect(next.isPending).toBe(true)
    const renewals = calls.filter(({ method }) => method === 'renew').length
    expect(renewals).toBeGreaterThanOrEqual(355)
    expect(renewals).toBeLessThanOrEqual(361)
  })

  it('survives renewals that fail, as long as one gets through in time', async () => {
    const { locks, clock } = openFaultyLocks(({ method, count }) => {
      if (method !== 'renew' || count % 50 === 0) return undefined
      return count % 2 === 0 ? { refuseWith: refusal() } : { loseReplyWith: gone() }
    })
    const lease = await locks.lock('a', { ttl: '10s' }).acquire()
    await clock.advance('5m')
    lease.assertHeld()
  })

  it.each([
    ['is refused', { refuseWith: refusal() }],
    ['gets no answer', { callAfter: silence }],
  ])('ends by the local clock alone when every renewal %s', async (_, fault) => {
    const { locks, others, clock } = openFaultyLocks(({ method }) =>
      method === 'renew' ? fault : undefined,
    )
    const lease = await locks.lock('a').acquire()
    let lostAtMs = 0
    lease.signal.addEventListener('abort', () => {
      lostAtMs = clock.monotonicMs()
    })
    await clock.advance(VALID_MS - 1)
    lease.assertHeld()
    expect(lease.remainingMs).toBe(1)
    await clock.advance(1)
    expect(lostAtMs).toBe(VALID_MS)
    expect(lease.signal.reason).toBeInstanceOf(LockLostError)
    expect(lease.signal.reason).toMatchObject({ code: 'SLUICE_LOCK_LOST', reason: 'expired' })
    expect(lease.signal.reason.message).toMatch(/^The lease on "a" is lost: its validity ran out /)
    expect(() => lease.assertHeld()).toThrow(lease.signal.reason)
    expect(lease.remainingMs).toBe(0)
    expect(await lease.release()).toBe('lost')
    expect(await others.lock('a').acquire()).toBeDefined()
  })

  it('ends for its holder before anyone else can have it', async () => {
    const { locks, others, clock } = openFaultyLocks(({ method }) =>
      method === 'renew' || method === 'release' ? { callAfter: silence } : undefined,
    )
    const lease = await locks.lock('a').acquire()
    const next = watched(others.lock('a').acquire({ wait: '1m' }))
    let wasHeld = true
    for (let ms = 0; ms < TTL_MS + 100; ms += 50) {
      await clock.advance(50)
      const isHeld = lease.remainingMs > 0
      expect(isHeld && !next.isPending).toBe(false)
      wasHeld &&= isHeld
    }
    expect([wasHeld, next.isPending]).toEqual([false, false])
  })

  it('is told at the next renewal that the lock was taken or removed', async () => {
    const { locks, clock, store } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    await store.release({ name: 'a', owner: lease.owner, ...ORDINARY })
    await clock.advance(TTL_MS / 3)
    expect(lease.signal.reason).toMatchObject({ reason: 'taken' })
    expect(await lease.release()).toBe('lost')
  })

  it('lasts no longer than maxHold, and is given up then', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const lease = await locks.lock('a', { maxHold: '1m' }).acquire()
    const next = watched(others.lock('a').acquire({ wait: '10m' }))
    await clock.advance(59_999)
    lease.assertHeld()
    expect(next.isPending).toBe(true)
    await clock.advance(1)
    expect(lease.signal.reason).toMatchObject({ reason: 'max-hold' })
    expect(next.value?.name).toBe('a')
  })

  it('notices at once that the process or the machine stood still', async () => {
    let pausedMs = 0
    const slept = openFaultyLocks(undefined, {
      clock: (clock) => ({ ...clock, monotonicMs: () => clock.monotonicMs() + pausedMs }),
    })
    const lease = await slept.locks.lock('a').acquire()
    pausedMs = VALID_MS + 1
    expect(() => lease.assertHeld()).toThrow(LockLostError)
    expect([lease.remainingMs, lease.signal.aborted]).toEqual([0, true])

    const suspended = openFaultyLocks()
    const other = await suspended.locks.lock('a').acquire()
    suspended.clock.stepWall(VALID_MS + 1)
    expect(other.remainingMs).toBe(0)
    expect(() => other.assertHeld()).toThrow(LockLostError)
  })

  it('does not mind a wall clock that steps back', async () => {
    const { locks, clock } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    clock.stepWall(-3_600_000)
    lease.assertHeld()
    await clock.advance('5m')
    lease.assertHeld()
  })

  it('learns of its loss although it never asked for the signal before', async () => {
    const { locks, clock } = openFaultyLocks(({ method }) =>
      method === 'renew' ? { callAfter: silence } : undefined,
    )
    const lease = await locks.lock('a').acquire()
    await clock.advance(VALID_MS)
    expect(lease.signal.aborted).toBe(true)
    expect(lease.signal.reason).toMatchObject({ reason: 'expired' })
  })
})

describe('extending', () => {
  it('by less than is left counts from the call on, though its answer never comes', async () => {
    let isCut = false
    const { locks, clock } = openFaultyLocks((call) =>
      isCut && call.method === 'renew' ? { callAfter: silence } : undefined,
    )
    const lease = await locks.lock('a', { ttl: '30s' }).acquire()
    isCut = true
    lease.extend('300ms').catch(() => {})
    expect(lease.remainingMs).toBeLessThanOrEqual(300)
    await clock.advance(300)
    expect(lease.signal.aborted).toBe(true)
  })

  it('counts from now, and is what later renewals ask for', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    await lease.extend('2m')
    expect(lease.remainingMs).toBe(120_000 - marginOf(120_000))
    expect((await others.lock('a').inspect()).holder?.remainingMs).toBe(120_000)
    await clock.advance('10m')
    lease.assertHeld()
    expect(lease.remainingMs).toBeGreaterThan(70_000)
    await lease.extend('1s')
    expect(lease.remainingMs).toBe(1_000 - marginOf(1_000))
    await clock.advance('1m')
    lease.assertHeld()
  })

  it('refuses what is no duration, and what was lost', async () => {
    const { locks, clock } = openFaultyLocks()
    const lease = await locks.lock('a', { maxHold: '1m' }).acquire()
    await expect(lease.extend('99ms')).rejects.toBeInstanceOf(ArgumentError)
    await expect(lease.extend(Number.NaN)).rejects.toBeInstanceOf(ArgumentError)
    await clock.advance('1m')
    await expect(lease.extend('1m')).rejects.toMatchObject({ reason: 'max-hold' })
  })

  it('tells of an engine that does not answer, and loses nothing by it', async () => {
    let isFailing = true
    const { locks, clock } = openFaultyLocks(({ method }) =>
      method === 'renew' && isFailing ? { refuseWith: refusal() } : undefined,
    )
    const lease = await locks.lock('a').acquire()
    await expect(lease.extend('1m')).rejects.toBeInstanceOf(EngineUnavailableError)
    lease.assertHeld()
    isFailing = false
    await clock.advance('10m')
    lease.assertHeld()
  })
})

describe('releasing', () => {
  it('twice answers as before, with one call', async () => {
    const { locks, calls } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    expect(await Promise.all([lease.release(), lease.release()])).toEqual(['released', 'released'])
    expect(await lease.release()).toBe('released')
    expect(calls.filter(({ method }) => method === 'release')).toHaveLength(1)
    expect(() => lease.assertHeld()).toThrow(LockLostError)
    expect(lease.remainingMs).toBe(0)
  })

  it('is no loss: the signal stays quiet, also with a renewal under way', async () => {
    let answer = () => {}
    const replyAfter = new Promise<void>((resolve) => {
      answer = resolve
    })
    const { locks, clock } = openFaultyLocks(({ method }) =>
      method === 'renew' ? { replyAfter, callAfter: replyAfter } : undefined,
    )
    const lease = await locks.lock('a').acquire()
    const { signal } = lease
    await clock.advance(TTL_MS / 3)
    expect(await lease.release()).toBe('released')
    answer()
    await clock.advance('1m')
    expect(signal.aborted).toBe(false)
  })

  it('tells of an engine that does not answer; disposing never does', async () => {
    const { locks, clock } = openFaultyLocks(({ method }) =>
      method === 'release' ? { refuseWith: refusal() } : undefined,
    )
    const lease = await locks.lock('a').acquire()
    await expect(lease.release()).rejects.toBeInstanceOf(EngineUnavailableError)
    await expect(lease.release()).rejects.toBeInstanceOf(EngineUnavailableError)
    await lease[Symbol.asyncDispose]()
    await clock.advance(TTL_MS)
    const again = await locks.lock('a').acquire({ wait: 0 })
    await again[Symbol.asyncDispose]()
  })
})

describe('run', () => {
  it('answers what the work answers, and holds the lock just as long', async () => {
    const { locks, others } = openFaultyLocks()
    const answer = await locks.lock('a').run(async (lease) => {
      lease.assertHeld()
      expect(await others.lock('a').tryAcquire()).toBe(null)
      return 42
    })
    expect(answer).toBe(42)
    expect(await others.lock('a').tryAcquire()).not.toBe(null)
  })

  it('never masks what the work throws, whatever fails after it', async () => {
    const { locks, clock } = openFaultyLocks(({ method }) =>
      method === 'release' || method === 'renew' ? { refuseWith: refusal() } : undefined,
    )
    const own = new Error('own')
    await expect(locks.lock('a').run(() => Promise.reject(own))).rejects.toBe(own)
    const lost = locks.lock('b').run(async ({ signal }) => {
      await new Promise((resolve) => signal.addEventListener('abort', resolve))
      throw own
    })
    const state = watched(lost)
    await clock.advance(VALID_MS)
    expect(state.error).toBe(own)
  })

  it('fails when the lease was lost while the work went on', async () => {
    const { locks, clock } = openFaultyLocks(({ method }) =>
      method === 'renew' ? { callAfter: silence } : undefined,
    )
    let finish = () => {}
    const running = watched(
      locks.lock('a').run(async () => {
        await new Promise<void>((resolve) => {
          finish = resolve
        })
        return 'done'
      }),
    )
    await clock.advance(VALID_MS)
    finish()
    await clock.advance(0)
    expect(running.error).toMatchObject({ code: 'SLUICE_LOCK_LOST', reason: 'expired' })
  })

  it('does not begin when the lock is not got', async () => {
    const { locks, others } = openFaultyLocks()
    await others.lock('a').acquire()
    let hasBegun = false
    const work = () => {
      hasBegun = true
    }
    await expect(locks.lock('a').run(work, { wait: 0 })).rejects.toBeInstanceOf(LockTimeoutError)
    expect(hasBegun).toBe(false)
  })
})
