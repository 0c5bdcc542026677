// Several locks as one, on a clock that the test moves and an engine that fails when it says so.
import { randomUUID } from 'node:crypto'
import { describe, expect, inject, it } from 'vitest'
import { gone, refusal, silence, watched } from '../../test/faults.ts'
import { openFaultyLocks } from '../../test/faulty-locks.ts'
import { HOSTILE_NAMES } from '../../test/hostile-names.ts'
import { seededNumbers } from '../../test/seeded.ts'
import { ClosedError, EngineUnavailableError, LockLostError, LockTimeoutError } from '../errors.ts'
import { createSluice } from '../sluice.ts'
import type { LockView } from './view.ts'

const TTL_MS = 30_000
const ownersOf = (views: LockView[]) => views.map(({ holder }) => holder?.owner ?? null)

it('several locks may be in several slots of a cluster', async () => {
  const prefix = `many-${randomUUID()}`
  const options = { prefix, commandTimeout: '10s' } as const
  await using sluice = createSluice(inject('clusterUrl'), options)
  const lock = sluice.lock(['a', 'b', 'c', 'd', 'e', 'f'])
  const leases = await lock.acquire()
  expect(new Set(ownersOf(await lock.inspect())).size).toBe(6)
  expect(await lock.tryAcquire()).toBe(null)
  expect(await leases.release()).toBe('released')
  expect(await lock.run(({ names }) => names.length)).toBe(6)
})

describe('several locks', () => {
  it('are held together, each with its own fence, and given up together', async () => {
    const { locks, others } = openFaultyLocks()
    const lock = locks.lock(['c', 'a', 'b'])
    expect(lock.names).toEqual(['a', 'b', 'c'])
    const leases = await lock.acquire()
    expect(leases.names).toEqual(['a', 'b', 'c'])
    leases.assertHeld()
    expect(leases.remainingMs).toBeGreaterThan(TTL_MS * 0.9)
    expect(leases.signal.aborted).toBe(false)
    const views = await others.lock(['b', 'a', 'c']).inspect()
    expect(views.map(({ name }) => name)).toEqual(['a', 'b', 'c'])
    const shown = views.map(({ name, holder }) => [name, holder?.fence])
    expect(leases.fences).toEqual(Object.fromEntries(shown))
    for (const name of lock.names) expect(await others.lock(name).tryAcquire()).toBe(null)
    expect([await leases.release(), await leases.release()]).toEqual(['released', 'released'])
    expect(() => leases.assertHeld()).toThrow(LockLostError)
    expect(leases.remainingMs).toBe(0)
    expect(ownersOf(await lock.inspect())).toEqual([null, null, null])
  })

  it('have fences by name, whatever the names are', async () => {
    const { locks } = openFaultyLocks()
    const leases = await locks.lock(HOSTILE_NAMES).acquire()
    expect(Object.keys(leases.fences).sort()).toEqual([...HOSTILE_NAMES].sort())
    for (const name of HOSTILE_NAMES) {
      expect(Object.hasOwn(leases.fences, name), name).toBe(true)
      expect(leases.fences[name], name).toBe((await locks.lock(name).inspect()).holder?.fence)
    }
    expect(await leases.release()).toBe('released')
  })

  it('of one name are a lock of that name', async () => {
    const { locks, others } = openFaultyLocks()
    const leases = await locks.lock(['a']).acquire()
    expect(await others.lock('a').tryAcquire()).toBe(null)
    await leases.release()
    const lease = await others.lock('a').acquire()
    expect(lease.fence).toBeGreaterThan(leases.fences.a ?? Number.POSITIVE_INFINITY)
    expect(await locks.lock(['a']).tryAcquire()).toBe(null)
  })

  it('are asked for in the order of their names, one after the other', async () => {
    const { locks, calls } = openFaultyLocks()
    const list = ['é', 'b', 'B', 'a:2', 'a:10', '限']
    await locks.lock(list).acquire()
    const asked = calls.map(({ args }) => (args[0] as { name: string }).name)
    expect(asked).toEqual([...list].sort())
  })

  it('are all given back when one is taken: tryAcquire answers null, acquire when wait is over', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const holder = await others.lock('b').acquire()
    const lock = locks.lock(['a', 'b', 'c'])
    expect(await lock.tryAcquire()).toBe(null)
    expect(ownersOf(await lock.inspect())).toEqual([null, holder.owner, null])
    const waiting = watched(lock.acquire({ wait: '5s' }))
    await clock.advance(4_999)
    expect(waiting.isPending).toBe(true)
    expect(await others.lock('a').tryAcquire()).toBe(null)
    expect(await others.lock('c').tryAcquire()).not.toBe(null)
    await clock.advance(1)
    expect(waiting.error).toBeInstanceOf(LockTimeoutError)
    expect(waiting.error).toMatchObject({ holder: holder.owner, outcome: 'not-applied' })
    await clock.advance(0)
    const [a, b] = await lock.inspect()
    expect([a?.holder, b?.waiters]).toEqual([null, []])
  })

  it('share one wait, however long each of them takes', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const [a, b] = [await others.lock('a').acquire(), await others.lock('b').acquire()]
    const waiting = watched(locks.lock(['a', 'b']).acquire({ wait: '10s' }))
    await clock.advance('6s')
    await a.release()
    await clock.advance(3_999)
    expect(waiting.isPending).toBe(true)
    await clock.advance(1)
    expect(waiting.error).toMatchObject({ code: 'SLUICE_LOCK_TIMEOUT', holder: b.owner })
    await clock.advance(0)
    expect(await others.lock('a').tryAcquire()).not.toBe(null)
  })

  it('that were got are renewed for as long as the next one takes', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const holder = await others.lock('b').acquire()
    const waiting = watched(locks.lock(['a', 'b']).acquire({ wait: '2h' }))
    await clock.advance('1h')
    expect(waiting.isPending).toBe(true)
    expect(await others.lock('a').tryAcquire()).toBe(null)
    await holder.release()
    await clock.advance(0)
    expect(waiting.value?.names).toEqual(['a', 'b'])
    await clock.advance('1h')
    waiting.value?.assertHeld()
  })

  it('are given back when the signal aborts, with its reason', async () => {
    const { locks, others, clock } = openFaultyLocks()
    await others.lock('b').acquire()
    const stop = new AbortController()
    const lock = locks.lock(['a', 'b'])
    const waiting = watched(lock.acquire({ wait: '1h', signal: stop.signal }))
    await clock.advance('1m')
    const enough = new Error('enough')
    stop.abort(enough)
    await clock.advance(0)
    expect(waiting).toEqual({ error: enough, isPending: false })
    const [a, b] = await lock.inspect()
    expect([a?.holder, b?.waiters]).toEqual([null, []])
  })

  it('are not asked for at all with a signal that is aborted already', async () => {
    const { locks, calls } = openFaultyLocks()
    const acquiring = locks.lock(['a', 'b']).acquire({ signal: AbortSignal.abort() })
    await expect(acquiring).rejects.toMatchObject({ name: 'AbortError' })
    expect(calls).toEqual([])
  })

  it('are given back when one of them is lost while waiting for the next', async () => {
    const { locks, others, clock } = openFaultyLocks()
    await others.lock('c').acquire()
    const waiting = watched(locks.lock(['a', 'b', 'c']).acquire({ wait: '1h' }))
    await clock.advance('1s')
    await others.lock('a').forceRelease({ reason: 'it hangs' })
    await clock.advance(TTL_MS / 3)
    expect(waiting.error).toBeInstanceOf(LockLostError)
    expect(waiting.error).toMatchObject({ reason: 'forced' })
    await clock.advance(0)
    const [a, b, c] = await others.lock(['a', 'b', 'c']).inspect()
    expect([a?.holder, b?.holder, c?.waiters]).toEqual([null, null, []])
  })

  it('are given back when the engine fails, and its error is told', async () => {
    const { locks, others, clock } = openFaultyLocks(({ method, count }) =>
      method === 'acquire' && count === 3 ? { loseReplyWith: gone() } : undefined,
    )
    const lock = locks.lock(['a', 'b', 'c'])
    await expect(lock.acquire()).rejects.toBeInstanceOf(EngineUnavailableError)
    await clock.advance(0)
    expect(ownersOf(await others.lock(['a', 'b', 'c']).inspect())).toEqual([null, null, null])
  })

  it('are given back when the Sluice closes', async () => {
    const { locks, others, clock } = openFaultyLocks()
    await others.lock('b').acquire()
    const waiting = watched(locks.lock(['a', 'b']).acquire({ wait: '1h' }))
    await clock.advance('1s')
    await locks.close()
    await clock.advance(0)
    // It is told that the first was lost, or that the wait for the second is over: both by closing.
    const { error } = waiting
    expect(error instanceof ClosedError || (error as LockLostError).reason === 'closed').toBe(true)
    const [a, b] = await others.lock(['a', 'b']).inspect()
    expect([a?.holder, b?.waiters]).toEqual([null, []])
  })

  it('wait for nobody in a circle, though two list them in opposite order', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const random = seededNumbers(3)
    let done = 0
    const work = async (own: typeof locks, names: string[]) => {
      for (let round = 0; round < 20; round++) {
        await own.lock(names).run(() => clock.advance(0), { wait: '1m' })
        done++
      }
    }
    const names = ['a', 'b', 'c', 'd']
    const shuffled = () => names.filter(() => random() < 0.7).sort(() => random() - 0.5)
    await Promise.all([
      work(locks, ['a', 'b']),
      work(others, ['b', 'a']),
      ...[locks, others, locks].map((own) =>
        work(own, ['c', ...shuffled().filter((n) => n !== 'c')]),
      ),
    ])
    expect(done).toBe(100)
    expect(clock.monotonicMs()).toBe(0)
  })

  it('are lost with the first of them', async () => {
    const { locks, others, clock } = openFaultyLocks()
    const leases = await locks.lock(['a', 'b']).acquire()
    await others.lock('b').forceRelease({ reason: 'it hangs' })
    await clock.advance(TTL_MS / 3)
    expect(leases.signal.reason).toMatchObject({ name: 'LockLostError', reason: 'forced' })
    expect(leases.remainingMs).toBe(0)
    expect(() => leases.assertHeld()).toThrow(leases.signal.reason)
    expect(await others.lock('a').tryAcquire()).toBe(null)
    expect(await leases.release()).toBe('lost')
    expect(await others.lock('a').tryAcquire()).not.toBe(null)
  })

  it('are lost when the machine slept, and say so at once', async () => {
    const { locks, clock } = openFaultyLocks()
    const leases = await locks.lock(['a', 'b']).acquire()
    clock.stepWall(TTL_MS)
    expect(() => leases.assertHeld()).toThrow(LockLostError)
    expect(leases.remainingMs).toBe(0)
  })

  it('are extended together', async () => {
    const { locks, others } = openFaultyLocks()
    const leases = await locks.lock(['a', 'b']).acquire()
    await leases.extend('5m')
    expect(leases.remainingMs).toBeGreaterThan(290_000)
    for (const { holder } of await others.lock(['a', 'b']).inspect()) {
      expect(holder?.remainingMs).toBe(300_000)
    }
    await leases.release()
    await expect(leases.extend('5m')).rejects.toBeInstanceOf(LockLostError)
  })

  it('tell of an engine that does not answer a release, and give up the others; disposing never does', async () => {
    const { locks, others, clock } = openFaultyLocks(({ method, args }) =>
      method === 'release' && (args[0] as { name: string }).name === 'a'
        ? { refuseWith: refusal() }
        : undefined,
    )
    const leases = await locks.lock(['a', 'b']).acquire()
    await expect(leases.release()).rejects.toBeInstanceOf(EngineUnavailableError)
    await leases[Symbol.asyncDispose]()
    expect(await others.lock('b').tryAcquire()).not.toBe(null)
    await clock.advance(TTL_MS)
    expect(await others.lock('a').tryAcquire()).not.toBe(null)
  })

  it('run work while all of them are held, and fail when one was lost', async () => {
    const { locks, others, clock } = openFaultyLocks(({ method, args }) =>
      method === 'renew' && (args[0] as { name: string }).name === 'b'
        ? { callAfter: silence }
        : undefined,
    )
    const answer = await locks.lock(['a', 'b']).run(async ({ fences }) => {
      expect(await others.lock('a').tryAcquire()).toBe(null)
      return Object.keys(fences)
    })
    expect(answer).toEqual(['a', 'b'])
    let finish = () => {}
    const working = new Promise<void>((resolve) => {
      finish = resolve
    })
    const running = watched(locks.lock(['a', 'b']).run(() => working))
    await clock.advance(TTL_MS)
    finish()
    await clock.advance(0)
    expect(running.error).toMatchObject({ code: 'SLUICE_LOCK_LOST', reason: 'expired' })
    expect(ownersOf(await others.lock(['a', 'b']).inspect())).toEqual([null, null])
  })
})
