import { describe, expect, it } from 'vitest'
import { JOB_COUNTS_MS } from '../gate/store.ts'
import {
  type Asker,
  type Bench,
  CLAIM_MS,
  JOB_NOTE,
  MICROSECOND_MS,
  TTL_MS,
} from './bench.contract.ts'

/** The part of the suite of locks that is about waiting for one. */
export function lineContract(bench: Bench): void {
  /** It is let in one claim lease later at most, once so much time has passed. */
  async function getsIn(living: Asker, afterMs = 0): Promise<void> {
    for (const ms of [afterMs, CLAIM_MS, MICROSECOND_MS]) {
      await bench.pass(ms)
      if (living.grants.length === 0) await living.acquire('a')
      if ((await bench.holderOf('a')) === living.owner) return
    }
    throw new Error('the living one waited longer')
  }

  describe('the line', () => {
    it('L4 first come, first served, each told of its grant', async () => {
      let [holder, ...waiters] = await bench.lineOf('a', 6)
      while (waiters.length > 0) {
        await holder.release('a')
        const [next, ...rest] = waiters as [Asker, ...Asker[]]
        const { fence } = await next.granted()
        expect((await bench.inspect('a')).holder).toMatchObject({
          owner: next.owner,
          fence,
        })
        expect(await bench.waitersOf('a')).toEqual(rest.map(({ owner }) => owner))
        for (const waiter of rest) expect(waiter.grants).toEqual([])
        holder = next
        waiters = rest
      }
    })

    it('L4 nobody passes those who wait, when the lock is released or its lease is over', async () => {
      const [holder, head, tail] = (await bench.lineOf('a', 2)) as [Asker, Asker, Asker]
      await holder.renew('a', CLAIM_MS)
      await bench.pass(CLAIM_MS)
      const newcomer = bench.asker()
      expect(await newcomer.acquire('a', { enqueue: false })).toMatchObject({
        tag: 'held',
        waiterCount: 2,
        holder: null,
      })
      expect(await newcomer.acquire('a')).toMatchObject({ tag: 'waiting' })
      expect(await tail.acquire('a')).toMatchObject({ tag: 'waiting' })
      expect(await head.acquire('a')).toMatchObject({ tag: 'acquired' })
      expect(await bench.waitersOf('a')).toEqual([tail.owner, newcomer.owner])
    })

    it.each([0, 1, 2, 3])('L4 L6 a dead waiter at position %i is passed over', async (dead) => {
      const [holder, ...waiters] = await bench.lineOf('a', 4)
      await bench.pass(CLAIM_MS - 1)
      const living = waiters.filter((_, index) => index !== dead)
      for (const waiter of living) await waiter.acquire('a')
      await bench.pass(2)
      let releaser = holder
      for (const waiter of living) {
        expect(await releaser.release('a')).toBe('released')
        await waiter.granted()
        expect(await bench.holderOf('a')).toBe(waiter.owner)
        releaser = waiter
      }
      await releaser.release('a')
      expect(await bench.inspect('a')).toEqual({
        name: 'a',
        holder: null,
        waiters: [],
      })
    })

    it('L4 L6 a line of dead waiters holds nobody up, nor lets anyone pass the living one', async () => {
      const [holder] = await bench.lineOf('a', 40)
      await bench.pass(CLAIM_MS - 1)
      const living = bench.asker(bench.second)
      expect(await living.join('a')).toBe(40)
      await bench.pass(2)
      await holder.release('a')
      const newcomer = bench.asker()
      expect(await newcomer.acquire('a', { enqueue: false })).not.toMatchObject({
        tag: 'acquired',
      })
      if (living.grants.length === 0) {
        expect(await living.acquire('a')).toMatchObject({ tag: 'acquired' })
      }
      expect(await bench.holderOf('a')).toBe(living.owner)
    })

    it('L6 when all who wait are dead, the next who asks gets it', async () => {
      const [holder] = await bench.lineOf('a', 3)
      await bench.pass(CLAIM_MS + 1)
      await holder.release('a')
      expect(await bench.asker().take('a')).toBeGreaterThan(0)
    })

    it('L6 a waiter counts until its deadline, and each call moves it', async () => {
      const [holder, waiter] = (await bench.lineOf('a', 1)) as [Asker, Asker]
      for (let round = 0; round < 3; round++) {
        await bench.pass(CLAIM_MS - 1)
        expect(await waiter.join('a')).toBe(0)
        await holder.renew('a')
      }
      await bench.pass(CLAIM_MS - 1)
      expect(await bench.waitersOf('a')).toEqual([waiter.owner])
      await bench.pass(2)
      expect(await bench.waitersOf('a')).toEqual([])
      await holder.release('a')
      expect(await bench.asker().take('a')).toBeGreaterThan(0)
    })

    it('L6 a waiter whose process is gone delays the next by one claim lease at most', async () => {
      const [holder] = await bench.lineOf('a', 0)
      const ghost = bench.asker({ clientId: 'nowhere:1:000000000000', lock: bench.second.lock })
      const living = bench.asker()
      await ghost.join('a')
      await living.join('a')
      await holder.release('a')
      await getsIn(living)
    })
  })

  describe('jobs in the line', () => {
    it('L16 are shown as jobs, with what they say of themselves', async () => {
      const [, caller] = (await bench.lineOf('a', 1)) as [Asker, Asker]
      const job = bench.job()
      expect(await job.join('a')).toBe(1)
      expect(await job.join('a')).toBe(1)
      expect((await bench.inspect('a')).waiters).toEqual([
        { owner: caller.owner, kind: 'caller', metadata: '' },
        { owner: job.owner, kind: 'job', metadata: JOB_NOTE },
      ])
      const listed = (await bench.second.lock.list(10)).find(({ name }) => name === 'a')
      expect(listed?.waiters[1]?.kind).toBe('job')
    })

    it('L4 L16 are served in order among callers, by both, each told of its grant', async () => {
      const holder = bench.asker()
      await holder.take('a', 60_000)
      const { first, second } = bench
      const line = [bench.job(first), bench.asker(second), bench.job(second), bench.asker(first)]
      for (const [place, waiter] of line.entries()) expect(await waiter.join('a')).toBe(place)
      let last = holder
      for (const [served, next] of line.entries()) {
        expect(await last.release('a')).toBe('released')
        const { fence } = await next.granted()
        const { holder: now } = await bench.inspect('a')
        expect(now).toMatchObject({ owner: next.owner, fence, remainingMs: CLAIM_MS })
        expect(await bench.waitersOf('a')).toEqual(line.slice(served + 1).map((one) => one.owner))
        expect(await next.acquire('a')).toMatchObject({ tag: 'acquired', fence })
        last = next
      }
      expect((await bench.inspect('a')).holder).toMatchObject({ remainingMs: TTL_MS })
    })

    it('L16 count for 15 s after their last call, each of which moves it', async () => {
      const holder = bench.asker()
      await holder.take('a', 300_000)
      const [job, caller] = [bench.job(), bench.asker()]
      for (let round = 0; round < 2; round++) {
        expect(await job.join('a')).toBe(0)
        expect(await caller.join('a')).toBe(1)
        await bench.pass(JOB_COUNTS_MS)
        expect(await bench.waitersOf('a')).toEqual([job.owner])
      }
      await bench.pass(MICROSECOND_MS)
      expect(await bench.waitersOf('a')).toEqual([])
    })

    it('L16 are remembered for so long by who releases, and by who finds it free', async () => {
      for (const name of ['a', 'b']) {
        const [holder, job] = [bench.asker(), bench.job(bench.second)]
        await holder.take(name, name === 'a' ? 300_000 : JOB_COUNTS_MS)
        await job.join(name)
        await bench.pass(JOB_COUNTS_MS)
        if (name === 'a') {
          await holder.release(name)
          await job.granted()
        } else {
          expect(await bench.asker().acquire(name)).toMatchObject({ tag: 'waiting' })
          expect(await job.acquire(name)).toMatchObject({ tag: 'acquired' })
        }
        expect(await bench.holderOf(name)).toBe(job.owner)
      }
    })

    it('L5 L16 that do not come for what they were given lose it after a claim lease', async () => {
      const [holder] = await bench.lineOf('a', 0)
      const [job, next] = [bench.job(), bench.job(bench.second)]
      await job.join('a')
      await next.join('a')
      await holder.release('a')
      await job.granted()
      await bench.pass(CLAIM_MS)
      expect(await next.acquire('a')).toMatchObject({ tag: 'acquired' })
      expect(await job.renew('a')).toBe('lost')
    })

    it('L4 L16 are passed over when they are dead', async () => {
      const holder = bench.asker()
      await holder.take('a', 60_000)
      const [dead, living] = [bench.job(), bench.job(bench.second)]
      await dead.join('a')
      await bench.pass(1)
      await living.join('a')
      await bench.pass(JOB_COUNTS_MS)
      await holder.release('a')
      await living.granted()
      expect(await bench.waitersOf('a')).toEqual([])
      expect(dead.grants).toEqual([])
    })

    it('L6 L16 of a process that is gone delay the next by one claim lease at most', async () => {
      const [holder] = await bench.lineOf('a', 0)
      const ghost = bench.job({ clientId: 'nowhere:1:000000000000', lock: bench.second.lock })
      const living = bench.asker()
      await ghost.join('a')
      await living.join('a')
      await holder.release('a')
      await getsIn(living)
    })

    it('L6 L16 of a process that is gone delay one who comes after the release no longer', async () => {
      const [holder] = await bench.lineOf('a', 0)
      const ghost = bench.job({ clientId: 'nowhere:1:000000000000', lock: bench.second.lock })
      await ghost.join('a')
      await holder.release('a')
      const [living, next] = [bench.asker(), bench.job(bench.second)]
      for (const ms of [0, CLAIM_MS, MICROSECOND_MS]) {
        await bench.pass(ms)
        for (const one of [living, next]) if (one.grants.length === 0) await one.acquire('a')
        if ((await bench.holderOf('a')) !== living.owner) continue
        await living.release('a')
        expect((await next.granted()).fence).toBeGreaterThan(0)
        return
      }
      throw new Error('the living one waited longer')
    })

    it('L6 L16 of a process that is gone delay one who finds a lease that is over no longer', async () => {
      const holder = bench.asker()
      await holder.take('a', CLAIM_MS)
      const ghost = bench.job({ clientId: 'nowhere:1:000000000000', lock: bench.second.lock })
      await ghost.join('a')
      const living = bench.asker()
      await getsIn(living, CLAIM_MS)
    })

    it('L6 L16 of a process that is gone refuse nobody for longer who does not wait', async () => {
      for (const name of ['released', 'over']) {
        const holder = bench.asker()
        await holder.take(name, CLAIM_MS)
        const { clientId, lock } = { clientId: 'nowhere:1:000000000000', lock: bench.second.lock }
        await bench.job({ clientId, lock }).join(name)
        if (name === 'released') await holder.release(name)
        else await bench.pass(CLAIM_MS)
        const living = bench.asker()
        for (const ms of [0, CLAIM_MS, MICROSECOND_MS]) {
          await bench.pass(ms)
          if ((await living.tryAcquire(name)).tag === 'acquired') break
        }
        expect(await bench.holderOf(name)).toBe(living.owner)
      }
    })

    it('L4 L16 of a process that lives are let in by who does not wait', async () => {
      const holder = bench.asker()
      await holder.take('a', CLAIM_MS)
      const [job, caller] = [bench.job(bench.second), bench.asker()]
      await job.join('a')
      await caller.join('a')
      await bench.pass(CLAIM_MS)
      expect(await bench.asker().tryAcquire('a')).toMatchObject({ tag: 'held' })
      await job.granted()
      expect(await bench.holderOf('a')).toBe(job.owner)
      expect(await bench.waitersOf('a')).toEqual([caller.owner])
    })

    it('L8 L16 that leave are refused, and pass on what they were given', async () => {
      const [holder] = await bench.lineOf('a', 0)
      const [job, caller] = [bench.job(), bench.asker(bench.second)]
      await job.join('a')
      await caller.join('a')
      await holder.release('a')
      await job.granted()
      await job.leave('a')
      await caller.granted()
      expect(await job.acquire('a')).toMatchObject({ tag: 'refused' })
    })
  })

  describe('the hand-over', () => {
    it('L5 is for the claim lease only', async () => {
      const [holder, head, tail] = (await bench.lineOf('a', 2)) as [Asker, Asker, Asker]
      await holder.release('a')
      await head.granted()
      const { holder: granted } = await bench.inspect('a')
      expect(granted).toMatchObject({ owner: head.owner, remainingMs: CLAIM_MS })
      await bench.pass(CLAIM_MS - 1)
      expect(await tail.acquire('a')).toMatchObject({ tag: 'waiting', holder: { remainingMs: 1 } })
      await bench.pass(1)
      expect(await tail.acquire('a')).toMatchObject({ tag: 'acquired' })
      expect(await head.renew('a')).toBe('lost')
      expect(await head.acquire('a')).toMatchObject({ tag: 'waiting', position: 0 })
    })

    it.each(['acquire', 'renew'] as const)('L5 becomes a full lease by %s', async (how) => {
      const [holder, waiter] = (await bench.lineOf('a', 1)) as [Asker, Asker]
      await holder.release('a')
      const { fence } = await waiter.granted()
      await bench.pass(CLAIM_MS - 1)
      if (how === 'renew') expect(await waiter.renew('a')).toBe('renewed')
      else expect(await waiter.acquire('a')).toMatchObject({ tag: 'acquired', fence })
      expect((await bench.inspect('a')).holder).toMatchObject({
        owner: waiter.owner,
        fence,
        remainingMs: TTL_MS,
      })
    })

    it('L5 lasts as long as the claim lease of the waiter’s own last call', async () => {
      const [holder] = await bench.lineOf('a', 0)
      const waiter = bench.asker()
      await waiter.acquire('a', { claimMs: 2_000 })
      await waiter.acquire('a', { claimMs: 700 })
      await holder.release('a')
      await waiter.granted()
      expect((await bench.inspect('a')).holder?.remainingMs).toBe(700)
    })

    it('L7 asking again changes neither fence nor place, and gives a fresh lease', async () => {
      const [holder, head, tail] = (await bench.lineOf('a', 2)) as [Asker, Asker, Asker]
      const fence = await holder.take('a')
      await bench.pass(2_000)
      expect(await holder.take('a')).toBe(fence)
      expect((await bench.inspect('a')).holder).toMatchObject({
        owner: holder.owner,
        remainingMs: TTL_MS,
        sinceMs: bench.store.clock.wallMs() - 2_000,
      })
      expect(await head.join('a')).toBe(0)
      expect(await tail.join('a')).toBe(1)
      expect(await head.acquire('a', { enqueue: false })).toMatchObject({
        tag: expect.stringMatching(/waiting|held/),
      })
      expect(await bench.waitersOf('a')).toEqual([head.owner, tail.owner])
    })

    it('L7 calls of one owner in one tick are one ownership', async () => {
      const one = bench.asker()
      const answers = await Promise.all([one.acquire('a'), one.acquire('a'), one.acquire('a')])
      expect(new Set(answers.map((answer) => answer.tag === 'acquired' && answer.fence)).size).toBe(
        1,
      )
      expect(await bench.waitersOf('a')).toEqual([])
    })
  })

  describe('leaving', () => {
    it('L8 gives up a place, and those behind move up', async () => {
      const [holder, head, middle, tail] = (await bench.lineOf('a', 3)) as [
        Asker,
        Asker,
        Asker,
        Asker,
      ]
      await middle.leave('a')
      expect(await bench.waitersOf('a')).toEqual([head.owner, tail.owner])
      expect(await tail.join('a')).toBe(1)
      await head.leave('a')
      await holder.release('a')
      await tail.granted()
      expect(await bench.holderOf('a')).toBe(tail.owner)
    })

    it('L8 a late acquire of one who left is refused', async () => {
      const [, waiter] = (await bench.lineOf('a', 1)) as [Asker, Asker]
      const never = bench.asker(bench.second)
      for (const gone of [waiter, never]) {
        await gone.leave('a')
        expect(await gone.acquire('a')).toMatchObject({ tag: 'refused' })
        expect(await gone.acquire('a', { enqueue: false })).toMatchObject({ tag: 'refused' })
      }
      expect(await bench.waitersOf('a')).toEqual([])
    })

    it('L8 what was granted meanwhile is passed on at once, with a higher fence', async () => {
      const [holder, head, tail] = (await bench.lineOf('a', 2)) as [Asker, Asker, Asker]
      await holder.release('a')
      const granted = await head.granted()
      await head.leave('a')
      const passed = await tail.granted()
      expect(passed.fence).toBeGreaterThan(granted.fence)
      expect(await bench.holderOf('a')).toBe(tail.owner)
      expect(await head.renew('a')).toBe('lost')
    })

    it('L8 a lock that was acquired unnoticed is free again', async () => {
      const unlucky = bench.asker()
      await unlucky.take('a')
      await unlucky.leave('a')
      expect(await bench.asker(bench.second).acquire('a')).toMatchObject({ tag: 'acquired' })
      expect(await unlucky.acquire('a')).toMatchObject({ tag: 'refused' })
    })

    it('L8 takes nothing from anyone else, however often', async () => {
      const [holder, head] = (await bench.lineOf('a', 1)) as [Asker, Asker]
      await bench.pass(TTL_MS)
      await holder.leave('a')
      expect(await head.acquire('a')).toMatchObject({ tag: 'acquired' })
      for (const other of [holder, bench.asker(), holder]) await other.leave('a')
      expect(await bench.holderOf('a')).toBe(head.owner)
    })

    it('L8 keeps only the name that was left', async () => {
      const one = bench.asker()
      await one.leave('a')
      expect(await one.acquire('b')).toMatchObject({ tag: 'acquired' })
    })
  })
}
