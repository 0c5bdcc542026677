import { describe, expect, it } from 'vitest'
import { JOB_COUNTS_MS } from '../gate/store.ts'
import {
  type Asker,
  type Bench,
  CLAIM_MS,
  DAY_MS,
  JOB_NOTE,
  MICROSECOND_MS,
  PERMITS,
  TTL_MS,
} from './bench.contract.ts'

/** The part of the suite of semaphores that is about waiting, and who is served when. */
export function lineContract(bench: Bench): void {
  /** It is let in one claim lease later at most. */
  async function getsIn(living: Asker): Promise<void> {
    for (const ms of [0, CLAIM_MS, MICROSECOND_MS]) {
      await bench.pass(ms)
      if (living.grants.length === 0) await living.acquire('a')
      const { holders } = await bench.inspect('a')
      if (holders.some(({ owner }) => owner === living.owner)) return
    }
    throw new Error('the living one waited longer')
  }

  describe('the line', () => {
    it('S4 is served in order, each told of its grant', async () => {
      const [first, ...all] = await bench.lineOf('a', [2, 2, 3, 2, 3, 2])
      let holder: Asker = first
      for (const [index, next] of all.entries()) {
        await holder.release('a')
        const { fence } = await next.granted()
        const rest = all.slice(index + 1)
        await bench.expectOf('a', [next], rest)
        expect((await bench.holdOf('a', next)).fence).toBe(fence)
        for (const waiter of rest) expect(waiter.grants).toEqual([])
        holder = next
      }
    })

    it('S4 a light newcomer waits behind a heavy waiter, though it would fit', async () => {
      const [holder, heavy, light, newcomer] = bench.askers([2, 2, 1, 1])
      await holder.take('a')
      expect(await heavy.join('a')).toBe(0)
      for (let round = 0; round < 2; round++) {
        expect(await newcomer.tryAcquire('a')).toMatchObject({
          tag: 'held',
          waiterCount: 1 + round,
          holder: { owner: holder.owner },
        })
        expect(await light.join('a')).toBe(1)
      }
      await holder.release('a')
      await heavy.granted()
      await light.granted()
      await bench.expectOf('a', [heavy, light])
    })

    it('S4 permits that do not suffice for the first are kept for it', async () => {
      const [one, two, heavy, light] = bench.askers([1, 2, 3, 1])
      await one.take('a')
      await two.take('a')
      await heavy.join('a')
      await light.join('a')
      await two.release('a')
      await bench.expectOf('a', [one], [heavy, light])
      expect(await light.acquire('a')).toMatchObject({ tag: 'waiting', position: 1 })
      expect(await bench.asker().tryAcquire('a')).toMatchObject({ tag: 'held' })
      await one.release('a')
      await heavy.granted()
      await bench.expectOf('a', [heavy], [light])
      expect(light.grants).toEqual([])
    })

    it('S4 the leading run that fits is granted at once: readers, up to the next writer', async () => {
      const [writer, r1, r2, next, r3] = await bench.lineOf('a', [1, 1, PERMITS, 1])
      await writer.release('a')
      await bench.expectOf('a', [r1, r2], [next, r3])
      const fences = [(await r1.granted()).fence, (await r2.granted()).fence]
      expect(fences[1]).toBeGreaterThan(fences[0] ?? 0)
      await r2.release('a')
      await bench.expectOf('a', [r1], [next, r3])
      await r1.release('a')
      await next.granted()
      await bench.expectOf('a', [next], [r3])
      await next.release('a')
      await r3.granted()
    })

    it('S4 a run of many is granted at once, each told in its own process', async () => {
      const permits = 150
      const writer = bench.asker({ permits, weight: permits })
      await writer.take('a')
      const readers = Array.from({ length: 120 }, () => bench.asker({ permits }))
      await Promise.all(readers.map((reader) => reader.join('a')))
      await writer.release('a')
      for (const reader of readers) await reader.granted()
      expect(await bench.inspect('a')).toMatchObject({ used: 120, waiters: [] })
    })

    it('S4 a run ends where one does not fit, however light those behind are', async () => {
      const [holder, light, heavy, last] = await bench.lineOf('a', [2, 2, 1])
      await holder.release('a')
      await light.granted()
      await bench.expectOf('a', [light], [heavy, last])
      expect(await last.acquire('a')).toMatchObject({ tag: 'waiting' })
      await heavy.leave('a')
      await last.granted()
      await bench.expectOf('a', [light, last])
    })

    it('S4 who leaves in front lets all who fit then in', async () => {
      const [holder, heavy, r1, r2, r3] = bench.askers([1, 3, 1, 1, 1])
      await holder.take('a')
      for (const waiter of [heavy, r1, r2, r3]) await waiter.join('a')
      await heavy.leave('a')
      await bench.expectOf('a', [holder, r1, r2], [r3])
      await Promise.all([r1.granted(), r2.granted()])
    })

    it('S4 nobody passes those who wait when a lease is over', async () => {
      const [holder, head, tail] = await bench.lineOf('a', [2, 2])
      await holder.renew('a', CLAIM_MS)
      await bench.pass(CLAIM_MS)
      const newcomer = bench.asker()
      expect(await newcomer.tryAcquire('a')).toMatchObject({ tag: 'held' })
      expect(await newcomer.acquire('a')).toMatchObject({ tag: 'waiting' })
      expect(await tail.acquire('a')).toMatchObject({ tag: 'waiting' })
      expect(await head.acquire('a')).toMatchObject({ tag: 'acquired' })
      await bench.expectOf('a', [head], [tail, newcomer])
    })

    it('S4 when the first finds a lease over, those behind who fit are granted, too', async () => {
      const [holder, head, second, third] = await bench.lineOf('a', [1, 1, 2])
      await holder.renew('a', CLAIM_MS)
      await bench.pass(CLAIM_MS)
      expect(await head.acquire('a')).toMatchObject({ tag: 'acquired' })
      await bench.expectOf('a', [head, second], [third])
      await second.granted()
    })

    it('S4 keeps its order while waiters call again, and though the clock steps back', async () => {
      const [holder, a, b] = await bench.lineOf('a', [2, 2])
      bench.store.clock.stepWall(-DAY_MS)
      const c = bench.asker({ weight: 2 })
      expect(await c.join('a')).toBe(2)
      for (const [position, waiter] of [a, b, c].entries()) {
        expect(await waiter.join('a')).toBe(position)
      }
      expect(await b.join('a')).toBe(1)
      await holder.release('a')
      for (const next of [a, b, c]) {
        await next.granted()
        expect(await next.release('a')).toBe('released')
      }
    })
  })

  describe('dead waiters', () => {
    it.each([0, 1, 2, 3])('S4 S6 at position %i are passed over', async (dead) => {
      const [holder, ...waiters] = await bench.lineOf('a', [2, 3, 2, 3])
      await bench.pass(CLAIM_MS - 1)
      const living = waiters.filter((_, index) => index !== dead)
      for (const waiter of living) await waiter.acquire('a')
      await bench.pass(2)
      let releaser = holder
      for (const waiter of living) {
        expect(await releaser.release('a')).toBe('released')
        await waiter.granted()
        await bench.expectOf('a', [waiter], living.slice(living.indexOf(waiter) + 1))
        releaser = waiter
      }
      await releaser.release('a')
      expect(await bench.inspect('a')).toMatchObject({ used: 0, holders: [], waiters: [] })
    })

    it('S6 among those who fit do not end the run', async () => {
      const [holder, r1, , r3] = await bench.lineOf('a', [1, 3, 1])
      await bench.pass(CLAIM_MS - 1)
      for (const waiter of [r1, r3]) await waiter.acquire('a')
      await bench.pass(2)
      await holder.release('a')
      await Promise.all([r1.granted(), r3.granted()])
      await bench.expectOf('a', [r1, r3])
    })

    it('S6 who needed much hold up nobody who needs little', async () => {
      const [holder, heavy, light] = bench.askers([1, 3, 1])
      await holder.take('a')
      await heavy.join('a')
      await bench.pass(CLAIM_MS - 1)
      expect(await light.join('a')).toBe(1)
      await bench.pass(2)
      expect(await light.acquire('a')).toMatchObject({ tag: 'acquired' })
      await bench.expectOf('a', [holder, light])
    })

    it.each([40, 1_500])('S6 are %i, and delay a living one by no claim lease', async (count) => {
      const holder = bench.asker({ weight: PERMITS })
      await holder.take('a', 60_000)
      await bench.crowd('a', count, 2)
      await bench.pass(CLAIM_MS - 1)
      const living = bench.asker({ weight: 2 })
      expect(await living.join('a')).toBe(count)
      await bench.pass(2)
      await holder.release('a')
      const newcomer = bench.asker({ weight: 2 })
      expect(await newcomer.tryAcquire('a')).not.toMatchObject({ tag: 'acquired' })
      for (let heartbeat = 0; heartbeat < 2; heartbeat++) {
        if ((await bench.inspect('a')).holders.some(({ owner }) => owner === living.owner)) break
        expect((await bench.inspect('a')).holders).toEqual([])
        await bench.pass(CLAIM_MS / 3)
        await living.acquire('a')
      }
      expect((await bench.holdOf('a', living)).weight).toBe(2)
      await living.release('a')
      expect(await bench.asker({ weight: 2 }).take('a')).toBeGreaterThan(0)
    })

    it('S6 are all who wait: the next who asks gets in', async () => {
      const [holder] = await bench.lineOf('a', [1, 2, 3])
      await bench.pass(CLAIM_MS + 1)
      await holder.release('a')
      const next = bench.asker({ weight: 3 })
      await next.take('a')
      await bench.expectOf('a', [next])
    })

    it('S6 are so from their deadline on, and each call moves it', async () => {
      const [holder, waiter] = await bench.lineOf('a', [1])
      for (let round = 0; round < 3; round++) {
        await bench.pass(CLAIM_MS - 1)
        expect(await waiter.join('a')).toBe(0)
        await holder.renew('a')
      }
      await bench.pass(CLAIM_MS - 1)
      await bench.expectOf('a', [holder], [waiter])
      await bench.pass(2)
      await bench.expectOf('a', [holder])
      await holder.release('a')
      expect(await bench.asker({ weight: PERMITS }).take('a')).toBeGreaterThan(0)
    })

    it('S6 whose process is gone delay the next by one claim lease at most', async () => {
      const [holder] = await bench.lineOf('a', [])
      const { second } = bench
      const ghost = bench.asker({ weight: 2 }, { ...second, clientId: 'nowhere:1:000000000000' })
      const living = bench.asker({ weight: 2 })
      await ghost.join('a')
      await living.join('a')
      await holder.release('a')
      await getsIn(living)
    })

    it('S6 who come back join again, and wait like everyone', async () => {
      const [holder, late] = await bench.lineOf('a', [2])
      await bench.pass(TTL_MS - 1)
      await holder.renew('a')
      expect(await late.acquire('a')).toMatchObject({ tag: 'waiting', position: 0 })
      await holder.release('a')
      await late.granted()
      await bench.expectOf('a', [late])
    })
  })

  describe('jobs in the line', () => {
    it('S15 are shown as jobs, with what they say of themselves', async () => {
      const [, caller] = await bench.lineOf('a', [1])
      const job = bench.job({ weight: 2 })
      expect(await job.join('a')).toBe(1)
      expect(await job.join('a')).toBe(1)
      expect((await bench.inspect('a')).waiters).toEqual([
        { owner: caller.owner, kind: 'caller', metadata: '', weight: 1, solo: false },
        { owner: job.owner, kind: 'job', metadata: JOB_NOTE, weight: 2, solo: false },
      ])
    })

    it('S4 S15 are served in order among callers, by both, each told of its grant', async () => {
      const holder = bench.asker({ weight: PERMITS })
      await holder.take('a', 60_000)
      const all = { weight: PERMITS }
      const line = [bench.job(all), bench.asker(all), bench.job(all), bench.asker(all)]
      for (const [place, waiter] of line.entries()) expect(await waiter.join('a')).toBe(place)
      let last = holder
      for (const [served, next] of line.entries()) {
        expect(await last.release('a')).toBe('released')
        const { fence } = await next.granted()
        await bench.expectOf('a', [next], line.slice(served + 1))
        expect(await bench.holdOf('a', next)).toMatchObject({ fence, remainingMs: CLAIM_MS })
        expect(await next.acquire('a')).toMatchObject({ tag: 'acquired', fence })
        last = next
      }
    })

    it('S4 S15 are let in together with callers, as far as they fit', async () => {
      const [holder] = await bench.lineOf('a', [])
      const [job, caller, heavy] = [bench.job(), bench.asker(), bench.job({ weight: 2 })]
      for (const waiter of [job, caller, heavy]) await waiter.join('a')
      await holder.release('a')
      await Promise.all([job.granted(), caller.granted()])
      await bench.expectOf('a', [job, caller], [heavy])
    })

    it('S15 count for 15 s after their last call, each of which moves it', async () => {
      const holder = bench.asker({ weight: PERMITS })
      await holder.take('a', 300_000)
      const [job, caller] = [bench.job(), bench.asker()]
      for (let round = 0; round < 2; round++) {
        expect(await job.join('a')).toBe(0)
        expect(await caller.join('a')).toBe(1)
        await bench.pass(JOB_COUNTS_MS)
        await bench.expectOf('a', [holder], [job])
      }
      await bench.pass(MICROSECOND_MS)
      await bench.expectOf('a', [holder])
    })

    it('S4 S15 are passed over when they are dead', async () => {
      const holder = bench.asker({ weight: PERMITS })
      await holder.take('a', 60_000)
      const [dead, living] = [bench.job({ weight: 2 }), bench.job({ weight: 2 })]
      await dead.join('a')
      await bench.pass(1)
      await living.join('a')
      await bench.pass(JOB_COUNTS_MS)
      await holder.release('a')
      await living.granted()
      await bench.expectOf('a', [living])
      expect(dead.grants).toEqual([])
    })

    it('S6 S15 of a process that is gone refuse nobody for longer who does not wait', async () => {
      for (const name of ['released', 'over']) {
        const holder = bench.asker({ weight: PERMITS })
        await holder.take(name, CLAIM_MS)
        const client = { ...bench.second, clientId: 'nowhere:1:000000000000' }
        await bench.job({ weight: 2 }, client).join(name)
        if (name === 'released') await holder.release(name)
        else await bench.pass(CLAIM_MS)
        const living = bench.asker({ weight: 2 })
        for (const ms of [0, CLAIM_MS, MICROSECOND_MS]) {
          await bench.pass(ms)
          if ((await living.tryAcquire(name)).tag === 'acquired') break
        }
        expect((await bench.holdOf(name, living)).weight).toBe(2)
      }
    })

    it('S6 S15 of a process that is gone delay the next by one claim lease at most', async () => {
      const [holder] = await bench.lineOf('a', [])
      const { second } = bench
      const ghost = bench.job({ weight: 2 }, { ...second, clientId: 'nowhere:1:000000000000' })
      const living = bench.asker({ weight: 2 })
      await ghost.join('a')
      await living.join('a')
      await holder.release('a')
      await getsIn(living)
    })
  })
}
