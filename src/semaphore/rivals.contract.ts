import { describe, expect, it } from 'vitest'
import { type Asker, type Bench, CLAIM_MS, TTL_MS } from './bench.contract.ts'

/** The part of the suite of semaphores that is about those who cannot all have what they want. */
export function rivalsContract(bench: Bench): void {
  describe('holding alone', () => {
    it('S11 is for one at a time, beside others that fit', async () => {
      const [alone, reader] = [bench.asker({ solo: true }), bench.asker()]
      const next = bench.asker({ solo: true })
      await alone.take('a')
      await reader.take('a')
      expect(await next.tryAcquire('a')).toMatchObject({ tag: 'held' })
      expect(await next.join('a')).toBe(0)
      expect((await bench.inspect('a')).used).toBe(2)
      expect(await bench.holdOf('a', alone)).toMatchObject({ solo: true })
      expect(await bench.holdOf('a', reader)).toMatchObject({ solo: false })
      await reader.release('a')
      await bench.expectOf('a', [alone], [next])
      await alone.release('a')
      await next.granted()
      expect(await bench.holdOf('a', next)).toMatchObject({ solo: true, weight: 1 })
    })

    it('S11 is waited for in turn: nobody passes, and what is behind fits then', async () => {
      const alone = bench.asker({ solo: true })
      const [next, light] = [bench.asker({ solo: true }), bench.asker()]
      await alone.take('a')
      await next.join('a')
      expect(await light.tryAcquire('a')).toMatchObject({ tag: 'held', waiterCount: 1 })
      expect(await light.join('a')).toBe(1)
      await alone.release('a')
      await Promise.all([next.granted(), light.granted()])
      await bench.expectOf('a', [next, light])
    })

    it('S11 ends a run: two who ask for it are granted one after the other', async () => {
      const [holder] = await bench.lineOf('a', [])
      const [one, two] = [bench.asker({ solo: true }), bench.asker({ solo: true })]
      const last = bench.asker()
      for (const waiter of [one, two, last]) await waiter.join('a')
      await holder.release('a')
      await one.granted()
      await bench.expectOf('a', [one], [two, last])
      await one.release('a')
      await Promise.all([two.granted(), last.granted()])
      await bench.expectOf('a', [two, last])
    })

    it('S11 is over with the lease', async () => {
      const [alone, next] = [bench.asker({ solo: true }), bench.asker({ solo: true })]
      await alone.take('a')
      await bench.pass(TTL_MS)
      await next.take('a')
      await bench.expectOf('a', [next])
    })

    it('S11 of two who ask in one tick, or of two clients, is for one', async () => {
      const { first } = bench
      const same = [bench.asker({ solo: true }, first), bench.asker({ solo: true }, first)]
      const both = [bench.asker({ solo: true }), bench.asker({ solo: true })]
      for (const [index, askers] of [same, both].entries()) {
        const answers = await Promise.all(askers.map((asker) => asker.acquire(`a${index}`)))
        expect(answers.map(({ tag }) => tag).sort()).toEqual(['acquired', 'waiting'])
      }
    })
  })

  describe('two who want more than both can have', () => {
    const wayOut = {
      release: (one: Asker) => one.release('a'),
      leave: (one: Asker) => one.leave('a'),
      'a lower weight': async (one: Asker) => void (await one.change('a', 1)),
    }

    async function deadlock(): Promise<[one: Asker, other: Asker, waiter: Asker]> {
      const [one, other, waiter] = bench.askers([1, 2, 1])
      await one.take('a')
      await other.take('a')
      await waiter.join('a')
      await one.grow('a', 2)
      await other.grow('a', 3)
      return [one, other, waiter]
    }

    it('S12 wait, and both keep what they hold', async () => {
      const [one, other, waiter] = await deadlock()
      for (let heartbeat = 0; heartbeat < 3; heartbeat++) {
        await bench.pass(CLAIM_MS - 1)
        await one.grow('a', 2)
        await other.grow('a', 3)
        expect(await waiter.acquire('a')).toMatchObject({ tag: 'waiting' })
      }
      const { used, holders, waiters } = await bench.inspect('a')
      expect([used, holders.length, waiters.length]).toEqual([3, 2, 3])
      expect(waiters.at(-1)).toMatchObject({ owner: waiter.owner })
    })

    it.each(['release', 'leave'] as const)('S12 wait until one goes by %s', async (how) => {
      const [one, other, waiter] = await deadlock()
      await wayOut[how](other)
      expect((await one.granted()).fence).toBeGreaterThan(0)
      await waiter.granted()
      await bench.expectOf('a', [one, waiter])
      expect((await bench.inspect('a')).used).toBe(3)
    })

    it('S12 wait until one is content with less', async () => {
      const [one, other, waiter] = await deadlock()
      await wayOut['a lower weight'](other)
      await one.granted()
      await bench.expectOf('a', [one, other], [waiter])
    })

    it('S6 S12 wait until one is dead', async () => {
      const [one, other] = await deadlock()
      expect(await one.reweigh('a', 2, { ttlMs: 60_000 })).toMatchObject({ tag: 'waiting' })
      for (let passedMs = 0; passedMs < TTL_MS; passedMs += 1_000) {
        await bench.pass(1_000)
        if (passedMs < TTL_MS - 1_000) await one.grow('a', 2)
      }
      expect(await one.change('a', 2)).toBeGreaterThan(0)
      await bench.expectOf('a', [one])
      expect(await other.reweigh('a', 3)).toMatchObject({ tag: 'lost' })
    })
  })
}
