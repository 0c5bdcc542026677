import { describe, expect, it } from 'vitest'
import { type Asker, type Bench, TTL_MS } from './bench.contract.ts'

const METADATA = '{"value":"héllo % \\"x\\""}'

/** What a holder is shown with may change while it holds. */
export function describeContract(bench: Bench): void {
  const tell = ({ owner }: Asker, metadata: string, client = bench.first) =>
    client.lock.describe({ name: 'a', owner, metadata })

  describe('what is shown of a holder', () => {
    it('L13 changes, and nothing else does', async () => {
      const [holder, waiter] = await bench.lineOf('a', 1)
      await bench.pass(1_000)
      const before = await bench.inspect('a')
      for (const metadata of [METADATA, '', '{"value":"short"}', METADATA.repeat(50)]) {
        expect(await tell(holder, metadata)).toBe('changed')
        const { holder: shown } = before
        expect(await bench.inspect('a')).toEqual({ ...before, holder: { ...shown, metadata } })
      }
      await bench.pass(TTL_MS - 1_001)
      expect(await bench.holderOf('a')).toBe(holder.owner)
      await waiter?.acquire('a')
      expect(await holder.release('a')).toBe('released')
      expect(await bench.inspect('a')).toMatchObject({ holder: { metadata: '' } })
    })

    it('L13 stays over a renewal', async () => {
      const holder = bench.asker()
      await holder.take('a')
      await tell(holder, METADATA, bench.second)
      expect(await holder.renew('a')).toBe('renewed')
      expect(await bench.inspect('a')).toMatchObject({ holder: { metadata: METADATA } })
    })

    it('L13 is for the holder to say, and for nobody else', async () => {
      const [holder, waiter] = await bench.lineOf('a', 1)
      const before = await bench.store.dump()
      for (const other of [waiter, bench.asker()]) {
        expect(await tell(other as Asker, METADATA)).toBe('lost')
      }
      expect(await bench.store.dump()).toEqual(before)
      await waiter?.leave('a')
      await bench.pass(TTL_MS)
      expect(await tell(holder, METADATA)).toBe('lost')
      expect(await holder.renew('a')).toBe('lost')
    })
  })
}
