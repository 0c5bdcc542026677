import { describe, expect, it } from 'vitest'
import { type Asker, type Bench, TTL_MS } from './bench.contract.ts'

/** Who holds a lock that nobody waits for may have the next fences as well. */
export function reserveFencesContract(bench: Bench): void {
  const reserve = ({ owner }: Asker, fence: number, name = 'a') =>
    bench.first.lock.reserveFences?.({ name, owner, fence })

  describe('fences that were reserved', () => {
    it('L17 are below those of all who come later, on the long way and on the short one', async () => {
      for (const name of ['a', 'b']) {
        const [holder, next] = [bench.asker(), bench.asker(bench.second)]
        const last = (await holder.take(name)) + 3_600_000_000
        expect(await reserve(holder, last, name)).toBe('reserved')
        expect(await reserve(holder, last, name)).toBe('reserved')
        expect(await holder.renew(name)).toBe('renewed')
        if (name === 'a') await next.join(name)
        expect(await holder.release(name)).toBe('released')
        const { fence } = name === 'a' ? await next.granted() : { fence: await next.take(name) }
        // The number after them is its process's, to hand the lock to the next one.
        expect(fence).toBeGreaterThan(last)
      }
    })

    it('L17 stay when the lease runs out', async () => {
      const [holder, next] = [bench.asker(), bench.asker(bench.second)]
      const last = (await holder.take('a')) + 7_200_000_000
      expect(await reserve(holder, last)).toBe('reserved')
      await bench.pass(TTL_MS)
      expect(await next.take('a')).toBeGreaterThan(last)
    })

    it('L17 are not to be had while somebody stands in line, caller or job', async () => {
      for (const waiter of [bench.asker(bench.second), bench.job(bench.second)]) {
        const holder = bench.asker()
        const fence = await holder.take('a')
        await waiter.join('a')
        const before = await bench.store.dump()
        expect(await reserve(holder, fence + 3_600_000_000)).toBe('awaited')
        expect(await bench.store.dump()).toEqual(before)
        await waiter.leave('a')
        expect(await reserve(holder, fence + 10)).toBe('reserved')
        await holder.release('a')
      }
    })

    it('L17 are for the holder, and for nobody else', async () => {
      const [holder, other] = [bench.asker(), bench.asker(bench.second)]
      const fence = await holder.take('a')
      const before = await bench.store.dump()
      expect(await reserve(other, fence + 10)).toBe('lost')
      expect(await reserve(holder, fence + 10, 'b')).toBe('lost')
      expect(await bench.store.dump()).toEqual(before)
      await bench.pass(TTL_MS)
      expect(await reserve(holder, fence + 10)).toBe('lost')
    })
  })
}
