import { describe, expect, it } from 'vitest'
import { type Asker, type Bench, CLAIM_MS, DAY_MS, PERMITS, TTL_MS } from './bench.contract.ts'

/** The part of the suite of semaphores that is about how many permits there are. */
export function permitsContract(bench: Bench): void {
  const resize = (permits: number, name = 'a') => bench.first.semaphore.resize({ name, permits })

  async function expectMismatch(asker: Asker, said: number, permits: number): Promise<void> {
    for (const enqueue of [true, false]) {
      await expect(
        asker.acquire('a', { demand: { permits: said }, enqueue }),
      ).rejects.toMatchObject({
        code: 'SLUICE_SETTINGS_MISMATCH',
        stored: permits,
        said,
      })
    }
  }

  describe('how many there are', () => {
    it.each([1, 2, 4, 1_000])('S9 is not %i, when those who hold say three', async (said) => {
      const [holder, waiter] = bench.askers([2, 2])
      await holder.take('a')
      await waiter.join('a')
      const before = await bench.store.dump()
      for (const other of bench.askers([1, 1])) await expectMismatch(other, said, PERMITS)
      for (const known of [waiter, holder]) await expectMismatch(known, said, PERMITS)
      expect(await bench.store.dump()).toEqual(before)
      await bench.expectOf('a', [holder], [waiter])
      expect((await bench.inspect('a')).permits).toBe(PERMITS)
    })

    it('S9 is agreed on by a waiter, too, when nobody holds any more', async () => {
      const [holder, waiter] = await bench.lineOf('a', [1])
      await holder.renew('a', CLAIM_MS)
      await bench.pass(CLAIM_MS)
      await expectMismatch(bench.asker({ weight: 2 }), 2, PERMITS)
      await bench.expectOf('a', [], [waiter])
      expect(await waiter.acquire('a')).toMatchObject({ tag: 'acquired' })
    })

    it('S9 is agreed on for each name apart', async () => {
      await bench.asker().take('a')
      const other = bench.asker({ permits: 7, weight: 7 })
      await other.take('b')
      expect(await bench.inspect('b')).toMatchObject({ permits: 7, used: 7 })
    })

    it.each(['released', 'left', 'over'] as const)(
      'S9 is said anew when all is %s',
      async (how) => {
        const [holder, waiter] = await bench.lineOf('a', [1])
        if (how === 'over') await bench.pass(TTL_MS)
        for (const one of [waiter, holder]) {
          if (how !== 'over') await one.leave('a')
        }
        if (how === 'released') {
          const again = bench.asker({ weight: 3 })
          await again.take('a')
          await again.release('a')
        }
        for (const permits of [2, 5]) {
          const other = bench.asker({ permits, weight: permits })
          await other.take('a')
          expect(await bench.inspect('a')).toMatchObject({ permits, used: permits })
          await expectMismatch(bench.asker(), PERMITS, permits)
          await other.release('a')
        }
      },
    )

    it('S9 is said by one of many in one tick, and the others agree or are told', async () => {
      const { first } = bench
      const said = [3, 3, 5, 3, 5]
      const results = await Promise.allSettled(
        said.map((permits) => bench.asker({ permits }, first).acquire('a')),
      )
      expect(results.map(({ status }) => status)).toEqual(
        said.map((permits) => (permits === 3 ? 'fulfilled' : 'rejected')),
      )
      expect(await bench.inspect('a')).toMatchObject({ permits: 3, used: 3 })
    })
  })

  describe('another number', () => {
    it('S10 is answered with the number before, and none before the first', async () => {
      expect(await resize(2, 'unknown')).toBe(0)
      await bench.asker().take('a')
      expect(await resize(5)).toBe(PERMITS)
      expect(await resize(5)).toBe(5)
      expect(await bench.second.semaphore.resize({ name: 'a', permits: 4 })).toBe(5)
      expect((await bench.inspect('a')).permits).toBe(4)
    })

    it('S10 that is higher grants what fits then, in order', async () => {
      const [holder, one, heavy, light] = await bench.lineOf('a', [1, 3, 1])
      await resize(5)
      await one.granted()
      await bench.expectOf('a', [holder, one], [heavy, light])
      expect(await bench.inspect('a')).toMatchObject({ permits: 5, used: 4 })
      await resize(8)
      await Promise.all([heavy.granted(), light.granted()])
      expect(await bench.inspect('a')).toMatchObject({ permits: 8, used: 8 })
      expect(await bench.asker({ permits: 8 }).tryAcquire('a')).toMatchObject({ tag: 'held' })
    })

    it('S10 that is higher leaves what is free to newcomers', async () => {
      const [holder, other] = bench.askers([3, 2])
      await holder.take('a')
      await resize(5)
      await other.take('a')
      await bench.expectOf('a', [holder, other])
    })

    it('S10 that is lower takes nothing away, and counts from then on', async () => {
      const [heavy, light, waiter] = bench.askers([2, 1, 1])
      await heavy.take('a')
      await light.take('a')
      await waiter.join('a')
      await resize(2)
      expect(await bench.inspect('a')).toMatchObject({ permits: 2, used: 3 })
      expect(await heavy.renew('a')).toBe('renewed')
      const fence = await light.take('a')
      expect((await bench.holdOf('a', light)).fence).toBe(fence)
      await light.release('a')
      await bench.expectOf('a', [heavy], [waiter])
      expect(await waiter.acquire('a')).toMatchObject({ tag: 'waiting', position: 0 })
      await heavy.release('a')
      await waiter.granted()
      const [last, beyond] = bench.askers([1, 1])
      await last.take('a')
      expect(await beyond.tryAcquire('a')).toMatchObject({ tag: 'held' })
      await bench.expectOf('a', [waiter, last])
    })

    it('S10 that is less than a waiter needs makes it wait until there are more', async () => {
      const [holder, heavy, light] = await bench.lineOf('a', [3, 1])
      await resize(2)
      await holder.release('a')
      await bench.expectOf('a', [], [heavy, light])
      await resize(4)
      await Promise.all([heavy.granted(), light.granted()])
      await bench.expectOf('a', [heavy, light])
    })

    it('S10 that is less than a waiter needs holds up nobody once that one leaves', async () => {
      const [holder, heavy, light] = await bench.lineOf('a', [3, 1])
      await resize(1)
      await holder.release('a')
      await heavy.leave('a')
      await light.granted()
      await bench.expectOf('a', [light])
    })

    it('S10 is agreed on as the one before is, and no other', async () => {
      await bench.asker().take('a')
      await resize(5)
      const [old, fresh] = [bench.asker(), bench.asker({ permits: 5 })]
      await old.take('a')
      await fresh.take('a')
      for (const said of [1, 2, 4, 6]) await expectMismatch(bench.asker(), said, 5)
      expect(await bench.inspect('a')).toMatchObject({ permits: 5, used: 3 })
    })

    it('S10 that is changed again is agreed on, beside the one that was said at first', async () => {
      const holder = bench.asker()
      await holder.take('a')
      await resize(5)
      await resize(9)
      await bench.asker({ permits: 9 }).take('a')
      await bench.asker().take('a')
      await expectMismatch(bench.asker(), 4, 9)
      expect(await holder.take('a')).toBeGreaterThan(0)
      expect(await bench.inspect('a')).toMatchObject({ permits: 9, used: 3 })
    })

    it('S10 grants the growing first', async () => {
      const [grower, neighbour, waiter] = bench.askers([1, 2, 1])
      await grower.take('a')
      await neighbour.take('a')
      await waiter.join('a')
      await grower.grow('a', 2)
      await resize(4)
      await grower.granted()
      await bench.expectOf('a', [grower, neighbour], [waiter])
      await resize(5)
      await waiter.granted()
    })

    it('S10 counts in the run of a later hand-over, and outlives a clock that steps back', async () => {
      const [holder, ...waiters] = await bench.lineOf('a', [1, 1, 1, 1])
      await resize(2)
      bench.store.clock.stepWall(-DAY_MS)
      await holder.release('a')
      const [one, two, ...rest] = waiters
      await bench.expectOf('a', [one, two], rest)
      expect((await bench.inspect('a')).permits).toBe(2)
    })
  })
}
