import { describe, expect, it } from 'vitest'
import { type Asker, type Bench, TTL_MS } from './bench.contract.ts'

/** A fence may be lifted by whoever holds the lock. */
export function raiseFenceContract(bench: Bench): void {
  const raise = ({ owner }: Asker, fence: number, name = 'a') =>
    bench.first.lock.raiseFence({ name, owner, fence })

  describe('a fence that was lifted', () => {
    it('L15 is below that of every later ownership', async () => {
      const [holder, next] = [bench.asker(), bench.asker(bench.second)]
      const lifted = (await holder.take('a')) + 3_600_000_000
      expect(await raise(holder, lifted)).toBe('raised')
      expect(await raise(holder, lifted)).toBe('raised')
      expect(await holder.renew('a')).toBe('renewed')
      expect(await holder.release('a')).toBe('released')
      expect(await next.take('a')).toBeGreaterThan(lifted)
      expect(await next.release('a')).toBe('released')
    })

    it('L15 stays when the lease runs out, and a lower one changes nothing', async () => {
      const [holder, next] = [bench.asker(), bench.asker(bench.second)]
      const fence = await holder.take('a')
      const lifted = fence + 7_200_000_000
      expect(await raise(holder, lifted)).toBe('raised')
      expect(await raise(holder, fence)).toBe('raised')
      await bench.pass(TTL_MS)
      expect(await next.take('a')).toBeGreaterThan(lifted)
    })

    it('L15 is for the holder to say, and for nobody else', async () => {
      const [holder, waiter] = await bench.lineOf('a', 1)
      const before = await bench.store.dump()
      expect(await raise(waiter as Asker, Number.MAX_SAFE_INTEGER)).toBe('lost')
      expect(await raise(holder, Number.MAX_SAFE_INTEGER, 'b')).toBe('lost')
      expect(await bench.store.dump()).toEqual(before)
      await waiter?.leave('a')
      await bench.pass(TTL_MS)
      expect(await raise(holder, Number.MAX_SAFE_INTEGER)).toBe('lost')
    })
  })
}
