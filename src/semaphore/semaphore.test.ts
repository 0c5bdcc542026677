// Logic above the contract: what callers see of taking permits, holding and losing them, on a clock
// that the test moves and an engine that fails when it says so.

import { randomUUID } from 'node:crypto'
import { describe, expect, inject, it } from 'vitest'
import { gone, refusal, silence, watched } from '../../test/faults.ts'
import {
  type Changes,
  gets,
  openFaultySemaphores,
  type Plan,
  permitEngines,
} from '../../test/faulty-permits.ts'
import {
  ArgumentError,
  ClosedError,
  EngineUnavailableError,
  LockLostError,
  LockTimeoutError,
} from '../errors.ts'
import { marginOf } from '../gate/terms.ts'
import { claimMsOf } from '../gate/waiting.ts'
import { createSluice } from '../sluice.ts'
import type { Semaphore, Semaphores } from './semaphore.ts'

const TTL_MS = 30_000
/** When a lease of 30 s is over for its holder, unless it is renewed. */
const VALID_MS = TTL_MS - marginOf(TTL_MS)
const CLAIM_MS = claimMsOf(TTL_MS)

/** Renewals that never arrive. */
const deafToRenewals: Plan = ({ method }) =>
  method === 'renew' ? { callAfter: silence } : undefined

describe.each(permitEngines)('semaphores on $name', (engine) => {
  const open = (plan?: Plan, changes?: Changes) => openFaultySemaphores(engine, plan, changes)

  const three = (semaphores: Semaphores) => semaphores.semaphore('a', { permits: 3 })
  const waiterCount = async (semaphore: Semaphore) => (await semaphore.inspect()).waiters.length

  /** Joins the line, so that who comes next stands behind. */
  async function join(semaphore: Semaphore, options: Parameters<Semaphore['acquire']>[0] = {}) {
    const before = await waiterCount(semaphore)
    const waiting = watched(semaphore.acquire({ wait: '1h', ...options }))
    await expect.poll(() => waiterCount(semaphore)).toBe(before + 1)
    return waiting
  }

  describe('acquiring', () => {
    it('gives a permit with all that there is to know of it, and no fence', async () => {
      const { semaphores, others, clock } = await open()
      const startMs = clock.wallMs()
      const given = { permits: 3, metadata: { label: 'nightly', part: 7 } }
      const permit = await semaphores.semaphore('a', given).acquire({ weight: 2 })
      expect(permit).toMatchObject({ name: 'a', weight: 2, remainingMs: VALID_MS })
      expect(permit.signal.aborted).toBe(false)
      expect('fence' in permit).toBe(false)
      permit.assertHeld()
      const [host, pid] = permit.owner.split(':')
      expect(await three(others).inspect()).toEqual({
        name: 'a',
        permits: 3,
        used: 2,
        holders: [
          {
            owner: permit.owner,
            host,
            pid: Number(pid),
            metadata: { label: 'nightly', part: 7 },
            sinceMs: startMs,
            remainingMs: TTL_MS,
            weight: 2,
          },
        ],
        waiters: [],
      })
      expect(await permit.release()).toBe('released')
      expect(await three(others).inspect()).toMatchObject({ used: 0, holders: [] })
    })

    it('shows who waits for how much, and lists what is in use', async () => {
      const { semaphores, others } = await open()
      await three(semaphores).acquire({ weight: 3 })
      const slow = others.semaphore('a', { permits: 3, metadata: { label: 'slow' } })
      await join(slow, { weight: 2 })
      const view = await three(others).inspect()
      expect(view.waiters).toEqual([
        {
          owner: expect.stringContaining(`:${process.pid}:`),
          host: expect.any(String),
          pid: process.pid,
          metadata: { label: 'slow' },
          kind: 'caller',
          weight: 2,
        },
      ])
      expect(await others.list(10)).toEqual([view])
    })

    it('lets in as many as there are permits, and answers null to tryAcquire after that', async () => {
      const { semaphores, others } = await open()
      const held = [await three(semaphores).acquire(), await three(others).acquire({ weight: 2 })]
      expect(await three(semaphores).tryAcquire()).toBe(null)
      expect(await waiterCount(three(others))).toBe(0)
      await held[0]?.release()
      expect(await three(others).tryAcquire({ weight: 2 })).toBe(null)
      expect(await three(others).tryAcquire()).toMatchObject({ weight: 1 })
    })

    it('lets nobody pass one who waits for more, though it would fit', async () => {
      const { semaphores, others } = await open()
      const [one, two] = [await three(semaphores).acquire(), await three(others).acquire()]
      const heavy = await join(three(semaphores), { weight: 3 })
      const light = await join(three(others))
      expect(await three(others).tryAcquire()).toBe(null)
      await one.release()
      expect(await three(others).inspect()).toMatchObject({ used: 1, waiters: [{}, {}] })
      await two.release()
      const all = await gets(heavy)
      expect(await three(others).inspect()).toMatchObject({ used: 3, waiters: [{ weight: 1 }] })
      await all.release()
      expect(await gets(light)).toMatchObject({ weight: 1 })
    })

    it('lets the whole run in front in at once that fits', async () => {
      const { semaphores, others, clock } = await open()
      const all = await three(semaphores).acquire({ weight: 3 })
      const first = await join(three(others), { weight: 2 })
      const second = await join(three(semaphores))
      const third = await join(three(others))
      await all.release()
      expect([(await gets(first)).weight, (await gets(second)).weight]).toEqual([2, 1])
      expect(third.isPending).toBe(true)
      expect(await three(others).inspect()).toMatchObject({ used: 3, waiters: [{ weight: 1 }] })
      expect(clock.monotonicMs()).toBe(0)
    })

    it('gives up exactly when wait is over, and says all that it knows', async () => {
      const { semaphores, others, clock } = await open()
      const startMs = clock.wallMs()
      const holder = await three(others).acquire({ weight: 3 })
      await clock.advance(500)
      const first = await join(three(semaphores))
      const second = await join(three(semaphores), { wait: '5s' })
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
        `Semaphore "a" was not acquired within 5000 ms: held by ${holder.owner} ` +
          `since ${new Date(startMs).toISOString()}, 1 waiting in front. ` +
          `Retry after ${Math.ceil(error.retryAfterMs)} ms, wait longer, or move the work to a queue.`,
      )
      expect(await waiterCount(three(others))).toBe(1)
      expect(first.isPending).toBe(true)
    })

    it('with wait 0 refuses at once, by default waits 10 s', async () => {
      const { semaphores, others, clock } = await open()
      const holder = await three(others).acquire({ weight: 2 })
      const refusal = three(semaphores).acquire({ weight: 2, wait: 0 })
      await expect(refusal).rejects.toMatchObject({
        holder: holder.owner,
        position: 0,
        retryAfterMs: TTL_MS,
      })
      expect(await waiterCount(three(others))).toBe(0)
      const waiting = watched(three(semaphores).acquire({ weight: 2 }))
      await clock.advance(9_999)
      expect(waiting.isPending).toBe(true)
      await clock.advance(1)
      expect(waiting.error).toBeInstanceOf(LockTimeoutError)
    })

    it('refuses a weight that there never is, and sends nothing', async () => {
      const { semaphores, calls } = await open()
      const tooHeavy = { argument: 'acquire.weight', received: '4' }
      await expect(three(semaphores).acquire({ weight: 4 })).rejects.toMatchObject(tooHeavy)
      await expect(three(semaphores).tryAcquire({ weight: 4 })).rejects.toBeInstanceOf(
        ArgumentError,
      )
      expect(calls).toEqual([])
    })

    it('without an answer is withdrawn, so that what it got is nobody’s', async () => {
      const { semaphores, others, clock, calls } = await open(({ method }) =>
        method === 'acquire' ? { loseReplyWith: gone() } : undefined,
      )
      await expect(three(semaphores).acquire()).rejects.toMatchObject({ outcome: 'unknown' })
      await clock.advance(0)
      expect(calls.map(({ method }) => method)).toEqual(['acquire', 'leave'])
      expect(await three(others).inspect()).toMatchObject({ used: 0, holders: [] })
    })

    it('finds out by its heartbeat where it is told of nothing', async () => {
      const { semaphores, others, clock } = await open(undefined, {
        store: (store) => ({ ...store, onGrant: () => () => {} }),
      })
      const holder = await three(others).acquire({ weight: 3 })
      const waiting = await join(three(semaphores))
      await holder.release()
      await clock.advance(CLAIM_MS / 3 - 1)
      expect(waiting.isPending).toBe(true)
      await clock.advance(1)
      expect((await gets(waiting)).remainingMs).toBeGreaterThan(CLAIM_MS)
    })
  })

  describe('a signal', () => {
    it('that is aborted already sends nothing', async () => {
      const { semaphores, calls } = await open()
      const acquiring = three(semaphores).acquire({ signal: AbortSignal.abort() })
      await expect(acquiring).rejects.toMatchObject({ name: 'AbortError' })
      expect(calls).toEqual([])
    })

    it('ends a wait at once with its reason, and lets those behind in', async () => {
      const { semaphores, others, clock } = await open()
      await three(others).acquire({ weight: 2 })
      const stop = new AbortController()
      const heavy = await join(three(semaphores), { weight: 2, signal: stop.signal })
      const behind = await join(three(others))
      stop.abort('enough')
      await clock.advance(0)
      expect(heavy).toEqual({ error: 'enough', isPending: false })
      expect(await gets(behind)).toMatchObject({ weight: 1 })
    })
  })

  describe('the number of permits', () => {
    it('is agreed on: who says another one is told, and changes nothing', async () => {
      const { semaphores, others, clock } = await open()
      const permit = await three(semaphores).acquire()
      const five = others.semaphore('a', { permits: 5 })
      const before = await three(others).inspect()
      const ways = [() => five.acquire(), () => five.tryAcquire(), () => five.run(() => {})]
      for (const acquire of ways) {
        await expect(acquire()).rejects.toMatchObject({
          code: 'SLUICE_SETTINGS_MISMATCH',
          retryable: false,
          outcome: 'not-applied',
          stored: 3,
          said: 5,
        })
      }
      await clock.advance(0)
      expect(await three(others).inspect()).toEqual(before)
      await permit.release()
      expect(await five.acquire({ weight: 5 })).toMatchObject({ weight: 5 })
    })

    it('that is made more lets waiters in at once, and who says the old one goes on', async () => {
      const { semaphores, others, clock } = await open()
      const mine = three(semaphores)
      await mine.acquire({ weight: 3 })
      const first = await join(three(others))
      const second = await join(three(semaphores))
      const third = await join(three(others))
      await mine.resize(5)
      await gets(first)
      await gets(second)
      expect(clock.monotonicMs()).toBe(0)
      expect(await mine.inspect()).toMatchObject({ permits: 5, used: 5, waiters: [{}] })
      expect(third.isPending).toBe(true)
      expect(await others.semaphore('a', { permits: 5 }).tryAcquire()).toBe(null)
      const six = others.semaphore('a', { permits: 6 }).acquire()
      await expect(six).rejects.toMatchObject({ stored: 5, said: 6 })
    })

    it('that was made more is what a weight may be up to, for who made it so', async () => {
      const { semaphores, others } = await open()
      const mine = three(semaphores)
      await mine.resize(5)
      expect(await mine.acquire({ weight: 5 })).toMatchObject({ weight: 5 })
      await expect(three(others).acquire({ weight: 4 })).rejects.toBeInstanceOf(ArgumentError)
    })

    it('that is made fewer takes nothing away, and counts as soon as enough is given back', async () => {
      const { semaphores, others, clock } = await open()
      const mine = three(semaphores)
      const held = [await mine.acquire(), await mine.acquire(), await three(others).acquire()]
      const waiting = await join(three(others))
      await mine.resize(1)
      await clock.advance('1m')
      for (const permit of held) permit.assertHeld()
      await held[0]?.release()
      await held[1]?.release()
      expect(await mine.inspect()).toMatchObject({ permits: 1, used: 1, waiters: [{}] })
      await held[2]?.release()
      await gets(waiting)
      await expect(mine.acquire({ weight: 2 })).rejects.toBeInstanceOf(ArgumentError)
    })
  })

  describe('holding', () => {
    it('is renewed for as long as it takes', async () => {
      const { semaphores, others, clock } = await open()
      const permit = await three(semaphores).acquire({ weight: 3 })
      const next = await join(three(others), { wait: '2h' })
      await clock.advance('2m')
      permit.assertHeld()
      expect(permit.signal.aborted).toBe(false)
      expect(next.isPending).toBe(true)
    })

    it('ends with its holder: others keep theirs, and the next gets what is free', async () => {
      const { semaphores, others, clock } = await open(deafToRenewals)
      const crashed = await three(semaphores).acquire({ weight: 2 })
      const healthy = await three(others).acquire()
      const next = await join(three(others), { weight: 2 })
      let wasHeld = true
      for (let ms = 0; ms < TTL_MS + 100; ms += 100) {
        await clock.advance(100)
        const isHeld = crashed.remainingMs > 0
        expect(isHeld && !next.isPending).toBe(false)
        wasHeld &&= isHeld
      }
      expect(wasHeld).toBe(false)
      await gets(next)
      healthy.assertHeld()
      expect(await three(others).inspect()).toMatchObject({ used: 3, holders: [{}, {}] })
    })

    it('tells its loss by the local clock alone, in signal and in assertHeld', async () => {
      const { semaphores, clock } = await open(deafToRenewals)
      const permit = await three(semaphores).acquire()
      let lostAtMs = 0
      permit.signal.addEventListener('abort', () => {
        lostAtMs = clock.monotonicMs()
      })
      await clock.advance(VALID_MS - 1)
      permit.assertHeld()
      await clock.advance(1)
      expect(lostAtMs).toBe(VALID_MS)
      expect(permit.signal.reason).toBeInstanceOf(LockLostError)
      expect(permit.signal.reason).toMatchObject({ reason: 'expired' })
      expect(() => permit.assertHeld()).toThrow(permit.signal.reason)
      expect(permit.remainingMs).toBe(0)
      expect(await permit.release()).toBe('lost')
    })

    it('is told at the next renewal that it was removed, and lasts no longer than maxHold', async () => {
      const { semaphores, clock, store } = await open()
      const permit = await three(semaphores).acquire()
      const demand = { weight: 1, permits: 3, solo: false }
      await store.release({ name: 'a', owner: permit.owner, demand })
      await clock.advance(TTL_MS / 3)
      expect(permit.signal.reason).toMatchObject({ reason: 'taken' })

      const short = await semaphores.semaphore('b', { permits: 3, maxHold: '1m' }).acquire()
      await clock.advance(59_999)
      short.assertHeld()
      await clock.advance(1)
      expect(short.signal.reason).toMatchObject({ reason: 'max-hold' })
      expect(await semaphores.semaphore('b', { permits: 3 }).inspect()).toMatchObject({ used: 0 })
    })

    it('can be extended', async () => {
      const { semaphores, others } = await open()
      const permit = await three(semaphores).acquire()
      await permit.extend('2m')
      expect(permit.remainingMs).toBe(120_000 - marginOf(120_000))
      expect(await three(others).inspect()).toMatchObject({ holders: [{ remainingMs: 120_000 }] })
    })
  })

  describe('releasing', () => {
    it('twice answers as before, with one call; the handle is over', async () => {
      const { semaphores, others, calls } = await open()
      const [permit, other] = [await three(semaphores).acquire(), await three(semaphores).acquire()]
      const releasing = permit.release()
      expect(() => permit.assertHeld()).toThrow(LockLostError)
      expect(permit.remainingMs).toBe(0)
      expect(await releasing).toBe('released')
      expect(await permit.release()).toBe('released')
      expect(calls.filter(({ method }) => method === 'release')).toHaveLength(1)
      await expect(permit.extend('1m')).rejects.toMatchObject({ reason: 'released' })
      expect(permit.signal.aborted).toBe(false)
      other.assertHeld()
      expect(await three(others).inspect()).toMatchObject({ used: 1 })
    })

    it('tells of an engine that does not answer; disposing never does', async () => {
      const { semaphores, others, clock } = await open(({ method }) =>
        method === 'release' ? { refuseWith: refusal() } : undefined,
      )
      const permit = await three(semaphores).acquire({ weight: 3 })
      await expect(permit.release()).rejects.toBeInstanceOf(EngineUnavailableError)
      await permit[Symbol.asyncDispose]()
      await clock.advance(TTL_MS)
      expect(await three(others).tryAcquire({ weight: 3 })).not.toBe(null)
    })
  })

  describe('run', () => {
    it('answers what the work answers, and holds its weight just as long', async () => {
      const { semaphores, others } = await open()
      const answer = await three(semaphores).run(
        async (permit) => {
          permit.assertHeld()
          expect(await three(others).inspect()).toMatchObject({ used: 2 })
          return permit.weight
        },
        { weight: 2 },
      )
      expect(answer).toBe(2)
      expect(await three(others).inspect()).toMatchObject({ used: 0 })
    })

    it('never has more at work than there are permits', async () => {
      const { semaphores, others } = await open()
      let [atWork, most] = [0, 0]
      await Promise.all(
        Array.from({ length: 30 }, (_, index) =>
          three(index % 2 === 0 ? semaphores : others).run(
            async ({ weight }) => {
              atWork += weight
              most = Math.max(most, atWork)
              await new Promise((resolve) => setImmediate(resolve))
              atWork -= weight
            },
            { weight: 1 + (index % 3), wait: '1m' },
          ),
        ),
      )
      expect([atWork, most]).toEqual([0, 3])
    })

    it('never masks what the work throws, and fails when the permit was lost meanwhile', async () => {
      const { semaphores, clock } = await open(deafToRenewals)
      const own = new Error('own')
      await expect(three(semaphores).run(() => Promise.reject(own))).rejects.toBe(own)
      let finish = () => {}
      const work = () =>
        new Promise<void>((resolve) => {
          finish = resolve
        })
      const running = watched(three(semaphores).run(work))
      await clock.advance(VALID_MS)
      finish()
      await clock.advance(0)
      expect(running.error).toMatchObject({ code: 'SLUICE_LOCK_LOST', reason: 'expired' })
    })
  })

  it('closing ends waits and permits, and hands over what was held', async () => {
    const { semaphores, others } = await open()
    const permit = await three(semaphores).acquire({ weight: 2 })
    const waiting = await join(three(semaphores), { weight: 2 })
    const next = await join(three(others), { weight: 3 })
    await semaphores.close()
    expect(waiting.error).toBeInstanceOf(ClosedError)
    expect(permit.signal.reason).toMatchObject({ reason: 'closed' })
    expect(() => permit.assertHeld()).toThrow(LockLostError)
    expect(await permit.release()).toBe('lost')
    expect(await gets(next)).toMatchObject({ weight: 3 })
    await expect(three(semaphores).acquire()).rejects.toBeInstanceOf(ClosedError)
  })
})

it('a permit that too few replicas confirm is given back', async () => {
  const prefix = `replicas-${randomUUID()}`
  const sluice = createSluice(inject('redisUrl'), { prefix, commandTimeout: '500ms' })
  const semaphore = sluice.semaphore('a', { permits: 3, durability: { replicas: 1 } })
  await expect(semaphore.acquire()).rejects.toBeInstanceOf(EngineUnavailableError)
  await expect.poll(async () => (await semaphore.inspect()).used).toBe(0)
  const lock = sluice.readWriteLock('a', { durability: { replicas: 1 } })
  await expect(lock.write().acquire()).rejects.toBeInstanceOf(EngineUnavailableError)
  await sluice.close()
})
