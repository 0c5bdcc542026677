import { describe, expect, it } from 'vitest'
import { type Bench, CLAIM_MS, PERMITS, TTL_MS } from './bench.contract.ts'

/** The part of the suite of semaphores that is about holders that want another weight. */
export function reweighContract(bench: Bench): void {
  describe('a lower weight', () => {
    it('S12 is had at once, and lets those in who fit then', async () => {
      const [holder, one, two, three] = await bench.lineOf('a', [1, 1, 1])
      const fence = await holder.take('a')
      await bench.pass(1_000)
      expect(await holder.change('a', 1)).toBeGreaterThan(fence)
      await Promise.all([one.granted(), two.granted()])
      await bench.expectOf('a', [holder, one, two], [three])
      expect(await bench.holdOf('a', holder)).toMatchObject({
        weight: 1,
        remainingMs: TTL_MS,
        sinceMs: bench.store.clock.wallMs() - 1_000,
      })
      expect(await bench.inspect('a')).toMatchObject({ used: 3 })
    })

    it('S12 that is still too much for the first in line lets nobody in', async () => {
      const [holder, heavy, light] = await bench.lineOf('a', [2, 1])
      await holder.change('a', 2)
      await bench.expectOf('a', [holder], [heavy, light])
      await holder.change('a', 1)
      await heavy.granted()
      await bench.expectOf('a', [holder, heavy], [light])
    })

    it('S12 is had at once, too, when a resize has left too few', async () => {
      const [holder, neighbour] = bench.askers([2, 1])
      await holder.take('a')
      await neighbour.take('a')
      await bench.first.semaphore.resize({ name: 'a', permits: 1 })
      await holder.change('a', 1)
      expect(await bench.inspect('a')).toMatchObject({ permits: 1, used: 2 })
    })

    it('S12 or not holding alone any more lets the next alone', async () => {
      const [alone, next] = [bench.asker({ solo: true }), bench.asker({ solo: true })]
      await alone.take('a')
      await next.join('a')
      await alone.change('a', 1, { solo: false })
      await next.granted()
      expect(await bench.holdOf('a', alone)).toMatchObject({ solo: false })
      expect(await bench.holdOf('a', next)).toMatchObject({ solo: true })
    })
  })

  describe('a higher weight', () => {
    it('S12 is had at once when it fits, whoever waits', async () => {
      const [holder, neighbour, heavy] = bench.askers([1, 1, 3])
      const fence = await holder.take('a')
      await neighbour.take('a')
      await heavy.join('a')
      expect(await holder.change('a', 2)).toBeGreaterThan(fence)
      expect(await bench.inspect('a')).toMatchObject({ used: 3 })
      await bench.expectOf('a', [holder, neighbour], [heavy])
    })

    it('S12 is waited for in front of everyone, with what is held', async () => {
      const [grower, neighbour, waiter] = bench.askers([1, 2, 1])
      const fence = await grower.take('a')
      await neighbour.take('a')
      await waiter.join('a')
      await bench.pass(1_000)
      await grower.grow('a', 3)
      expect(await bench.holdOf('a', grower)).toMatchObject({ weight: 1, fence })
      const { waiters, used } = await bench.inspect('a')
      expect(used).toBe(3)
      expect(waiters).toMatchObject([
        { owner: grower.owner, weight: 3 },
        { owner: waiter.owner, weight: 1 },
      ])
      expect(grower.grants).toEqual([])
      await neighbour.release('a')
      const granted = await grower.granted()
      expect(granted.fence).toBeGreaterThan(fence)
      expect(await bench.holdOf('a', grower)).toMatchObject({ weight: 3, fence: granted.fence })
      await bench.expectOf('a', [grower], [waiter])
      expect(await grower.renew('a')).toBe('renewed')
      expect((await bench.holdOf('a', grower)).remainingMs).toBe(TTL_MS)
    })

    it('S12 lets nobody new in meanwhile, though there is room', async () => {
      const [grower, neighbour, light, newcomer] = bench.askers([1, 1, 1, 1])
      await grower.take('a')
      await neighbour.take('a')
      await grower.grow('a', 3)
      expect(await light.acquire('a')).toMatchObject({ tag: 'waiting' })
      expect(await newcomer.tryAcquire('a')).toMatchObject({ tag: 'held' })
      expect(await light.acquire('a')).toMatchObject({ tag: 'waiting' })
      expect((await bench.inspect('a')).used).toBe(2)
      await neighbour.release('a')
      await grower.granted()
      await bench.expectOf('a', [grower], [light])
    })

    it('S12 is waited for as long as it is asked for again', async () => {
      const [grower, neighbour, waiter] = bench.askers([1, 2, 2])
      await grower.take('a')
      await neighbour.take('a', 60_000)
      await waiter.join('a')
      await grower.grow('a', 3)
      for (let heartbeat = 0; heartbeat < 3; heartbeat++) {
        await bench.pass(CLAIM_MS - 1)
        await grower.grow('a', 3)
        expect(await waiter.acquire('a')).toMatchObject({ tag: 'waiting' })
        await bench.expectOf('a', [grower, neighbour], [grower, waiter])
      }
      await neighbour.release('a')
      const { fence } = await grower.granted()
      expect(await grower.change('a', 3)).toBe(fence)
      expect((await bench.holdOf('a', grower)).remainingMs).toBe(TTL_MS)
    })

    it('S12 is found by asking again, when the lease of another was over', async () => {
      const [grower, neighbour, waiter] = bench.askers([1, 2, 1])
      const fence = await grower.take('a')
      await neighbour.take('a', CLAIM_MS)
      await waiter.join('a')
      await grower.grow('a', 2)
      await bench.pass(CLAIM_MS)
      expect(await grower.change('a', 2)).toBeGreaterThan(fence)
      await waiter.granted()
      await bench.expectOf('a', [grower, waiter])
    })

    it('S12 is given up with the old weight, and those behind who fit get in', async () => {
      const [grower, neighbour, waiter] = bench.askers([1, 1, 1])
      const fence = await grower.take('a')
      await neighbour.take('a')
      await grower.grow('a', 3)
      await waiter.join('a')
      expect(await grower.change('a', 1)).toBeGreaterThanOrEqual(fence)
      await waiter.granted()
      await bench.expectOf('a', [grower, neighbour, waiter])
      await neighbour.release('a')
      await bench.expectOf('a', [grower, waiter])
      expect(grower.grants).toEqual([])
    })

    it.each(['release', 'leave'] as const)('S12 is given up by %s, with all', async (how) => {
      const [grower, neighbour, waiter] = bench.askers([1, 1, 2])
      await grower.take('a')
      await neighbour.take('a')
      await waiter.join('a')
      await grower.grow('a', 3)
      await grower[how]('a')
      await waiter.granted()
      await bench.expectOf('a', [neighbour, waiter])
      expect(await grower.reweigh('a', 3)).toMatchObject({ tag: 'lost' })
    })

    it('S12 is over with the lease, however it waited', async () => {
      const [grower, neighbour, waiter] = bench.askers([1, 2, 3])
      await grower.take('a')
      await neighbour.take('a')
      await waiter.join('a')
      expect(await grower.reweigh('a', 3, { ttlMs: 1_000 })).toMatchObject({ tag: 'waiting' })
      await bench.pass(1_000)
      await neighbour.release('a')
      await waiter.granted()
      await bench.expectOf('a', [waiter])
      expect(grower.grants).toEqual([])
      expect(await grower.reweigh('a', 3)).toMatchObject({ tag: 'lost' })
    })

    it('S6 S12 is waited for by nobody who missed a heartbeat, and what it held stays', async () => {
      const [grower, neighbour, waiter] = bench.askers([1, 1, 1])
      await grower.take('a')
      await neighbour.take('a')
      await grower.grow('a', 3)
      await bench.pass(CLAIM_MS - 1)
      expect(await waiter.acquire('a')).toMatchObject({ tag: 'waiting' })
      await bench.pass(2)
      expect(await waiter.acquire('a')).toMatchObject({ tag: 'acquired' })
      await bench.expectOf('a', [grower, neighbour, waiter])
      await neighbour.release('a')
      expect((await bench.holdOf('a', grower)).weight).toBe(1)
    })

    it('S3 S7 S12 renewals and repeated acquisitions meanwhile are about what is held', async () => {
      const [grower, neighbour] = bench.askers([1, 2])
      const fence = await grower.take('a')
      await neighbour.take('a')
      await grower.grow('a', 2)
      await bench.pass(1_000)
      expect(await grower.renew('a')).toBe('renewed')
      expect(await grower.take('a')).toBe(fence)
      expect(await bench.holdOf('a', grower)).toMatchObject({ weight: 1, fence })
      await neighbour.release('a')
      expect((await grower.granted()).fence).toBeGreaterThan(fence)
      expect((await bench.holdOf('a', grower)).weight).toBe(2)
    })

    it('S12 asked for in one tick with the release that makes room is granted', async () => {
      const { first } = bench
      const [grower, neighbour] = [bench.asker({}, first), bench.asker({ weight: 2 }, first)]
      await grower.take('a')
      await neighbour.take('a')
      const [answer] = await Promise.all([grower.reweigh('a', 3), neighbour.release('a')])
      if (answer.tag === 'waiting') await grower.granted()
      await bench.expectOf('a', [grower])
      expect((await bench.inspect('a')).used).toBe(3)
    })

    it('S11 S12 of one alone becomes all of it when the readers are gone', async () => {
      const upgrading = bench.asker({ solo: true })
      const [reader, late] = bench.askers([1, 1])
      const rival = bench.asker({ solo: true })
      await upgrading.take('a')
      await reader.take('a')
      await rival.join('a')
      await upgrading.grow('a', PERMITS)
      expect(await late.acquire('a')).toMatchObject({ tag: 'waiting' })
      await reader.release('a')
      await upgrading.granted()
      await bench.expectOf('a', [upgrading], [rival, late])
      await upgrading.change('a', 1, { solo: false })
      await Promise.all([rival.granted(), late.granted()])
      await bench.expectOf('a', [upgrading, rival, late])
    })

    it('S11 S12 to hold alone is waited for, too', async () => {
      const [alone, grower] = [bench.asker({ solo: true }), bench.asker()]
      await alone.take('a')
      await grower.take('a')
      await grower.grow('a', 1, { solo: true })
      expect(await bench.holdOf('a', grower)).toMatchObject({ solo: false })
      await alone.release('a')
      await grower.granted()
      expect(await bench.holdOf('a', grower)).toMatchObject({ solo: true, weight: 1 })
    })
  })
}
