import { describe, expect, it } from 'vitest'
import type { Bench } from './bench.contract.ts'

const MISMATCH = { code: 'SLUICE_SETTINGS_MISMATCH', outcome: 'not-applied' }

/** The part of the suite of queues that is about how many partitions there are. */
export function partitionsContract(bench: Bench): void {
  const agree = (count: number | null, client = bench.first) =>
    client.queue.agreePartitions(bench.queue, count)

  describe('partitions', () => {
    it('Q55 the first to say a number decides, and all get the same names', async () => {
      const names = await agree(5)
      expect(names).toHaveLength(5)
      expect(new Set(names).size).toBe(5)
      expect(names[0]).toBe(bench.queue)
      expect(await agree(null, bench.second)).toEqual(names)
      expect(await agree(5, bench.second)).toEqual(names)
      for (const other of [1, 4, 64]) {
        await expect(agree(other, bench.second)).rejects.toMatchObject(MISMATCH)
      }
    })

    it('Q55 of many who ask at once, one decides', async () => {
      const clients = [bench.first, bench.second]
      const asked = Array.from({ length: 20 }, (_, n) => agree(2 + (n % 3), clients[n % 2]))
      const settled = await Promise.allSettled(asked)
      const names = await agree(null)
      for (const [n, one] of settled.entries()) {
        expect(one.status).toBe(2 + (n % 3) === names.length ? 'fulfilled' : 'rejected')
      }
    })

    it('Q55 who says nothing decides nothing, and one who adds has one', async () => {
      expect(await agree(null)).toEqual([bench.queue])
      expect(await agree(1)).toEqual([bench.queue])
      expect(await bench.store.dump()).toEqual([])
      await bench.add(['1'])
      await expect(agree(2, bench.second)).rejects.toMatchObject(MISMATCH)
    })

    it('Q55 obliterated, its number is free again', async () => {
      await agree(3)
      await bench.add(['1'])
      for (let tag = 'step'; tag !== 'gone'; ) {
        const step = { epoch: '', force: false, limit: 100 }
        tag = (await bench.second.queue.obliterate(bench.queue, step)).tag
      }
      expect(await agree(2, bench.second)).toHaveLength(2)
    })
  })
}
