import { describe, expect, it } from 'vitest'
import { type Asker, type Bench, CLAIM_MS, MICROSECOND_MS, TTL_MS } from './bench.contract.ts'

/** Longer than any engine remembers a withdrawal, or that somebody may be waiting. */
const QUIET_MS = 61_000
const METADATA = ['{"label":"a b"}', '{"label":"100% \\"x\\" \\n"}', '{"label":"café 🔒"}', '']

/**
 * The part of the suite of locks that is about the ways to get and to give one. What nobody waits for
 * goes a shorter way on some engines: nobody may notice, least of all where one way ends.
 */
export function quietContract(bench: Bench): void {
  describe('whether somebody waits or not', () => {
    it('L4 L6 a waiter counts to its last microsecond against one that knew of nobody', async () => {
      const [holder, waiter] = [bench.asker(bench.second), bench.asker()]
      await holder.take('a', CLAIM_MS)
      await waiter.join('a')
      await bench.pass(CLAIM_MS)
      const [early, late] = [bench.asker(bench.second), bench.asker(bench.second)]
      expect(await early.acquire('a', { enqueue: false })).toMatchObject({
        tag: 'held',
        waiterCount: 1,
        holder: null,
      })
      await bench.pass(MICROSECOND_MS)
      expect(await late.acquire('a', { enqueue: false })).toMatchObject({ tag: 'acquired' })
    })

    it.each([
      [0, 'is handed over to'],
      [MICROSECOND_MS, 'passes over'],
    ])('L4 L6 a release %f ms after its last one %s a waiter', async (pastMs) => {
      const [holder, waiter] = [bench.asker(bench.second), bench.asker()]
      await holder.take('a')
      await waiter.join('a')
      await bench.pass(CLAIM_MS + pastMs)
      expect(await holder.release('a')).toBe('released')
      expect(await bench.holderOf('a')).toBe(pastMs === 0 ? waiter.owner : null)
      if (pastMs === 0) await waiter.granted()
      else expect(await bench.asker().acquire('a')).toMatchObject({ tag: 'acquired' })
    })

    it('L2 L3 L7 what was waited for and left is afterwards as ever', async () => {
      const fences: number[] = []
      for (const leave of ['leave', 'release'] as const) {
        const [holder, head, tail] = (await bench.lineOf('a', 2)) as [Asker, Asker, Asker]
        await holder.release('a')
        fences.push((await head.granted()).fence)
        await head[leave]('a')
        fences.push((await tail.granted()).fence)
        await tail[leave]('a')
        await bench.pass(QUIET_MS)
        for (const client of [bench.first, bench.second, bench.first]) {
          const [one, other] = [bench.asker(client), bench.asker(bench.second)]
          const fence = await one.take('a')
          fences.push(fence)
          expect(await one.take('a')).toBe(fence)
          expect(await other.acquire('a', { enqueue: false })).toMatchObject({ tag: 'held' })
          expect([await other.release('a'), await other.renew('a')]).toEqual(['lost', 'lost'])
          expect(await one.renew('a')).toBe('renewed')
          expect([await one.release('a'), await one.release('a')]).toEqual(['released', 'released'])
        }
        const [next, waiter] = [bench.asker(), bench.asker(bench.second)]
        fences.push(await next.take('a'))
        await waiter.join('a')
        await next.release('a')
        fences.push((await waiter.granted()).fence)
        await waiter.release('a')
        await bench.pass(QUIET_MS)
      }
      expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
    })

    it('L3 a release to one that waited is remembered when nobody waits any more', async () => {
      const [holder, waiter] = [bench.asker(), bench.asker(bench.second)]
      await holder.take('a')
      await waiter.join('a')
      await holder.release('a')
      await waiter.granted()
      expect(await holder.release('a')).toBe('released')
      await bench.pass(2 * CLAIM_MS)
      const next = bench.asker(bench.second)
      await next.take('a')
      expect([await holder.release('a'), await waiter.release('a')]).toEqual(['released', 'lost'])
      expect(await bench.holderOf('a')).toBe(next.owner)
    })

    it.each(METADATA)(
      'L9 holders and waiters are shown with their metadata: %s',
      async (metadata) => {
        const other = '{"label":"other"}'
        const [quiet, head, tail] = [bench.asker(), bench.asker(bench.second), bench.asker()]
        await quiet.acquire('a', { metadata })
        expect((await bench.inspect('a')).holder?.metadata).toBe(metadata)
        await head.acquire('a', { metadata: other })
        await tail.acquire('a', { metadata })
        const { waiters } = await bench.inspect('a')
        expect(waiters.map((waiter) => waiter.metadata)).toEqual([other, metadata])
        await quiet.release('a')
        await head.granted()
        expect((await bench.inspect('a')).holder?.metadata).toBe(other)
        expect(await head.renew('a')).toBe('renewed')
        await head.acquire('a', { metadata: other })
        expect((await bench.inspect('a')).holder).toMatchObject({
          owner: head.owner,
          metadata: other,
        })
        await head.leave('a')
        await tail.granted()
        expect((await bench.second.lock.list(5))[0]?.holder?.metadata).toBe(metadata)
        await bench.second.lock.forceRelease({ name: 'a', reason: 'enough', expectFence: null })
        const busy = bench.asker()
        await busy.acquire('a', { metadata })
        expect((await bench.inspect('a')).holder).toMatchObject({ owner: busy.owner, metadata })
        await bench.pass(TTL_MS)
        await bench.asker().take('a')
        expect((await bench.inspect('a')).holder?.metadata).toBe('')
      },
    )
  })
}
