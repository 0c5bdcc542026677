import { describe, expect, it } from 'vitest'
import { type Asker, type Bench, CLAIM_MS, DAY_MS, TTL_MS } from './bench.contract.ts'

/** Text that separators, patterns and columns could trip over. */
const REASONS = [
  'it hangs',
  ' two  spaces ',
  '100% "sure" \'-- \\ %s',
  'H0 F X [HFWX] 0000000000000001',
  'café 🔒 限',
  'x'.repeat(200),
]

/** The part of the suite of locks that is about taking one away from its holder. */
export function forceContract(bench: Bench): void {
  const force = (
    { expectFence, reason = 'it hangs' }: { expectFence?: number; reason?: string } = {},
    client = bench.second,
  ) => client.lock.forceRelease({ name: 'a', reason, expectFence: expectFence ?? null })
  const told = async ({ owner }: Asker): Promise<string> => {
    const request = { name: 'a', owner, ttlMs: TTL_MS, replicas: 0 }
    const answer = await bench.first.lock.renew(request)
    return answer.tag === 'forced' ? `forced: ${answer.reason}` : answer.tag
  }

  describe('taking it away', () => {
    it.each(REASONS)(
      'L11 tells the former holder why, until another one holds: %s',
      async (reason) => {
        const [holder, other] = [bench.asker(), bench.asker(bench.second)]
        const fence = await holder.take('a')
        expect(await force({ reason })).toBe('released')
        expect(await bench.inspect('a')).toEqual({ name: 'a', holder: null, waiters: [] })
        for (const _ of [1, 2]) expect(await told(holder)).toBe(`forced: ${reason}`)
        expect(await holder.release('a')).toBe('lost')
        expect(await told(holder)).toBe(`forced: ${reason}`)
        expect(await told(other)).toBe('lost')
        expect(await other.take('a')).toBeGreaterThan(fence)
        expect(await told(holder)).toBe('lost')
        expect(await holder.release('a')).toBe('lost')
        expect(await bench.holderOf('a')).toBe(other.owner)
        expect(await other.release('a')).toBe('released')
      },
    )

    it('L11 L4 hands it over to the head of the line, with a higher fence', async () => {
      const [holder, head, tail] = (await bench.lineOf('a', 2)) as [Asker, Asker, Asker]
      const fence = await holder.take('a')
      expect(await force()).toBe('released')
      const granted = await head.granted()
      expect(granted.fence).toBeGreaterThan(fence)
      expect((await bench.inspect('a')).holder).toMatchObject({
        owner: head.owner,
        fence: granted.fence,
        remainingMs: CLAIM_MS,
      })
      expect(await bench.waitersOf('a')).toEqual([tail.owner])
      expect(await told(holder)).toBe('lost')
      expect(await head.renew('a')).toBe('renewed')
    })

    it('L11 L5 takes a hand-over that was not claimed yet', async () => {
      const [holder, head, tail] = (await bench.lineOf('a', 2)) as [Asker, Asker, Asker]
      await holder.release('a')
      const { fence } = await head.granted()
      expect(await force({ expectFence: fence })).toBe('released')
      expect((await tail.granted()).fence).toBeGreaterThan(fence)
      expect(await head.renew('a')).toBe('lost')
      expect(await bench.holderOf('a')).toBe(tail.owner)
    })

    it('L11 takes it from the one with the expected fence only, and else changes nothing', async () => {
      const [former, holder, waiter] = bench.askers(3) as [Asker, Asker, Asker]
      const formerFence = await former.take('a')
      await former.release('a')
      const fence = await holder.take('a')
      await waiter.join('a')
      const before = await bench.store.dump()
      for (const expectFence of [formerFence, fence - 1, fence + 1, 1, Number.MAX_SAFE_INTEGER]) {
        expect(await force({ expectFence })).toBe('changed')
      }
      expect(await bench.store.dump()).toEqual(before)
      expect(await holder.renew('a')).toBe('renewed')
      expect(await force({ expectFence: fence })).toBe('released')
      await waiter.granted()
    })

    it('L11 of two that expect the same holder one takes it, and the next one keeps it', async () => {
      for (let round = 0; round < 5; round++) {
        const [holder, waiter] = bench.askers(2) as [Asker, Asker]
        const expectFence = await holder.take('a')
        await waiter.join('a')
        const answers = await Promise.all([
          force({ expectFence }, bench.first),
          force({ expectFence }, bench.second),
        ])
        expect(answers.sort()).toEqual(['changed', 'released'])
        await waiter.granted()
        expect(await waiter.release('a')).toBe('released')
      }
    })

    it('L11 finds nothing to take where nobody holds, and changes nothing', async () => {
      const [released, over] = bench.askers(2) as [Asker, Asker]
      expect(await force()).toBe('free')
      expect(await bench.store.dump()).toEqual([])
      const fence = await released.take('a')
      await released.release('a')
      const before = await bench.store.dump()
      expect(await force()).toBe('free')
      expect(await force({ expectFence: fence })).toBe('free')
      expect(await bench.store.dump()).toEqual(before)
      await over.take('a')
      await bench.pass(TTL_MS)
      expect(await force()).toBe('free')
      expect(await over.renew('a')).toBe('lost')
    })

    it('L11 once taken away it is free, and taking it again takes it from nobody', async () => {
      const holder = bench.asker()
      await holder.take('a')
      expect([await force(), await force(), await force()]).toEqual(['released', 'free', 'free'])
      expect(await told(holder)).toBe('forced: it hangs')
    })

    it('L11 who released it to one that waited is still told so', async () => {
      const [former, holder] = [bench.asker(), bench.asker(bench.second)]
      await former.take('a')
      await holder.join('a')
      await former.release('a')
      await holder.granted()
      await force()
      expect(await former.release('a')).toBe('released')
      expect(await holder.release('a')).toBe('lost')
    })

    it('L11 L2 fences grow though the clock stepped back by a day', async () => {
      const [holder, other] = [bench.asker(), bench.asker()]
      const fence = await holder.take('a')
      bench.store.clock.stepWall(-DAY_MS)
      expect(await force({ expectFence: fence })).toBe('released')
      expect(await other.take('a')).toBeGreaterThan(fence)
    })

    it('L11 L8 leaves withdrawn owners and dead waiters out', async () => {
      const [, dead, gone, living] = (await bench.lineOf('a', 3)) as [Asker, Asker, Asker, Asker]
      await bench.pass(CLAIM_MS)
      await living.join('a')
      await gone.leave('a')
      await bench.pass(1)
      expect(await force()).toBe('released')
      await living.granted()
      expect(dead.grants).toEqual([])
      expect(await gone.acquire('a')).toMatchObject({ tag: 'refused' })
    })

    it('L11 L10 leaves nothing but the fence', async () => {
      await bench.asker().take('a')
      await force()
      expect(await bench.store.dump()).toHaveLength(1)
      expect(await bench.second.lock.list(10)).toEqual([])
    })
  })
}
