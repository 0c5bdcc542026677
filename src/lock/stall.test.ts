// Processes that stand still, machines that sleep, and processes that end while something is under way.
import { describe, expect, it } from 'vitest'
import { gate, refusal, watched } from '../../test/faults.ts'
import { openFaultyLocks } from '../../test/faulty-locks.ts'
import { ClosedError, LockLostError, LockTimeoutError } from '../errors.ts'
import { marginOf } from '../gate/terms.ts'
import { createSluice } from '../sluice.ts'

const TTL_MS = 30_000
/** When a lease of 30 s is over for its holder, unless it is renewed. */
const VALID_MS = TTL_MS - marginOf(TTL_MS)

describe('a process that stood still', () => {
  it('is told at once, before any timer has run', async () => {
    await using sluice = createSluice('memory:')
    const lease = await sluice.lock('a', { ttl: '100ms' }).acquire()
    let hasRun = false
    setTimeout(() => {
      hasRun = true
    }, 0)
    const untilMs = performance.now() + 120
    while (performance.now() < untilMs);
    expect(() => lease.assertHeld()).toThrow(LockLostError)
    expect([lease.remainingMs, lease.signal.aborted, hasRun]).toEqual([0, true, false])
    expect(lease.signal.reason).toMatchObject({ reason: 'expired' })
    expect(await lease.release()).toBe('lost')
  })

  it('has not lost what it stood still with for less than its lease', async () => {
    const { locks, clock } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    clock.stepWall(VALID_MS - 1)
    lease.assertHeld()
    expect(lease.signal.aborted).toBe(false)
    clock.stepWall(1)
    expect(() => lease.assertHeld()).toThrow(LockLostError)
  })
})

describe('a machine that slept', () => {
  // Its monotonic clock stood still meanwhile: the wall clock alone tells.
  it('has lost every lease, and finds out by whatever it asks first', async () => {
    const questions = {
      remainingMs: (lease: Held) => lease.remainingMs === 0,
      assertHeld: (lease: Held) => throws(() => lease.assertHeld()),
      extend: async (lease: Held) => (await failureOf(lease.extend('1m'))) instanceof LockLostError,
      release: async (lease: Held) => (await lease.release()) === 'lost',
    }
    for (const [name, asks] of Object.entries(questions)) {
      const { locks, clock, calls } = openFaultyLocks()
      const lease = await locks.lock('a').acquire()
      const { signal } = lease
      clock.stepWall(TTL_MS)
      const before = calls.filter(({ method }) => method === 'renew').length
      expect(await asks(lease), name).toBe(true)
      expect(signal.reason, name).toMatchObject({ reason: 'expired' })
      expect(calls.filter(({ method }) => method === 'renew').length, name).toBe(before)
    }
  })

  it('is told by its signal when its timers run again', async () => {
    const { locks, clock } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    let toldAtMs = 0
    lease.signal.addEventListener('abort', () => {
      toldAtMs = clock.monotonicMs()
    })
    clock.stepWall(TTL_MS)
    await clock.advance(TTL_MS / 3)
    expect(toldAtMs).toBeGreaterThan(0)
    expect(lease.signal.reason).toMatchObject({ reason: 'expired' })
  })

  it('frees nobody else’s lock when it goes on', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    clock.stepWall(TTL_MS)
    const next = await others.lock('a').acquire()
    expect(() => lease.assertHeld()).toThrow(LockLostError)
    expect(await lease.release()).toBe('lost')
    await clock.advance('1m')
    next.assertHeld()
    expect((await others.lock('a').inspect()).holder?.owner).toBe(next.owner)
    expect(next.fence).toBeGreaterThan(lease.fence)
  })

  it('holds what was renewed after it woke', async () => {
    const { locks, clock } = openFaultyLocks()
    const lease = await locks.lock('a').acquire()
    clock.stepWall(TTL_MS / 2)
    await clock.advance(TTL_MS / 3)
    clock.stepWall(TTL_MS / 2)
    lease.assertHeld()
  })
})

describe('closing right after giving up', () => {
  it('waits for the withdrawal, and leaves no dead waiter behind', async () => {
    const leaving = gate()
    const { locks, others, clock } = openFaultyLocks(({ method }) =>
      method === 'leave' ? { callAfter: leaving.opened } : undefined,
    )
    const holder = await others.lock('a').acquire()
    const waiting = watched(locks.lock('a').acquire({ wait: '1s' }))
    await clock.advance('1s')
    expect(waiting.error).toBeInstanceOf(LockTimeoutError)
    expect((await others.lock('a').inspect()).waiters).toHaveLength(1)
    const closing = watched(locks.close())
    await clock.advance(0)
    expect(closing.isPending).toBe(true)
    leaving.open()
    await clock.advance(0)
    expect(closing).toMatchObject({ isPending: false })
    expect((await others.lock('a').inspect()).waiters).toEqual([])
    const next = watched(others.lock('a').acquire())
    await clock.advance(0)
    await holder.release()
    await clock.advance(0)
    expect(next.isPending).toBe(false)
  })

  it('waits for the withdrawal of one that was still waiting, and of one whose signal aborted', async () => {
    const leaving = gate()
    const { locks, others, clock } = openFaultyLocks(({ method }) =>
      method === 'leave' ? { callAfter: leaving.opened } : undefined,
    )
    await others.lock('a').acquire()
    const stop = new AbortController()
    const [aborted, waiting] = [
      watched(locks.lock('a').acquire({ signal: stop.signal })),
      watched(locks.lock('a').acquire()),
    ]
    await clock.advance(100)
    stop.abort('enough')
    const closing = watched(locks.close())
    await clock.advance(0)
    expect([aborted.error, waiting.error]).toEqual(['enough', expect.any(ClosedError)])
    expect(closing.isPending).toBe(true)
    leaving.open()
    await clock.advance(0)
    expect(closing.isPending).toBe(false)
    expect((await others.lock('a').inspect()).waiters).toEqual([])
  })

  it('ends although the withdrawal fails', async () => {
    const { locks, others, clock } = openFaultyLocks(({ method }) =>
      method === 'leave' ? { refuseWith: refusal() } : undefined,
    )
    await others.lock('a').acquire()
    const waiting = watched(locks.lock('a').acquire({ wait: '1s' }))
    await clock.advance('1s')
    await locks.close()
    expect(waiting.error).toBeInstanceOf(LockTimeoutError)
  })
})

interface Held {
  readonly remainingMs: number
  assertHeld(): void
  extend(ttl: '1m'): Promise<void>
  release(): Promise<string>
}

function throws(work: () => void): boolean {
  try {
    work()
    return false
  } catch (error) {
    return error instanceof LockLostError
  }
}

const failureOf = (work: Promise<unknown>) =>
  work.then(
    () => null,
    (error: unknown) => error,
  )
