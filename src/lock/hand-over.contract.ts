import { describe, expect, it } from 'vitest'
import type { RenewAnswer } from '../gate/store.ts'
import type { OpenedLockStore } from './bench.contract.ts'
import { type Asker, Bench, TTL_MS } from './bench.contract.ts'

/** The part of the suite of locks that is about a hand-over which its client has begun already. */
export function handOverContract(open: () => Promise<OpenedLockStore>): void {
  const bench = new Bench(open)

  async function handOver(from: Asker, to: Asker, fence: number): Promise<RenewAnswer> {
    const [owner, successor] = [from.owner, to.owner]
    const request = { name: 'a', owner, successor, fence, ttlMs: TTL_MS, metadata: '{"a":1}' }
    const answer = await bench.first.lock.handOver?.(request)
    if (!answer) throw new Error('this store hands nothing over')
    return answer
  }
  /** A holder, and those who wait for it, all of the first client. */
  async function stand(waiters: number) {
    const holder = bench.asker()
    const fence = await holder.take('a')
    const line = Array.from({ length: waiters }, () => bench.asker())
    for (const waiter of line) await waiter.join('a')
    return { holder, fence, line }
  }

  describe('a hand-over within a client', () => {
    it('L14 makes a waiter the owner, with the next number, and again to the same', async () => {
      const { holder, fence, line } = await stand(1)
      const next = line[0] as Asker
      await bench.store.clock.advance(TTL_MS / 2)
      for (const _ of [1, 2]) {
        expect(await handOver(holder, next, fence + 1)).toMatchObject({ tag: 'renewed' })
        const { holder: found, waiters } = await bench.inspect('a')
        expect(found).toMatchObject({ owner: next.owner, fence: fence + 1, metadata: '{"a":1}' })
        expect(found?.remainingMs).toBe(TTL_MS)
        expect(waiters).toEqual([])
      }
      expect(await holder.renew('a')).toBe('lost')
      expect(await next.renew('a')).toBe('renewed')
      expect(await next.release('a')).toBe('released')
    })

    it('L14 is nobody else’s: it changes nothing', async () => {
      const { holder, fence, line } = await stand(1)
      const stranger = bench.asker()
      const before = await bench.store.dump()
      const next = line[0] as Asker
      expect(await handOver(stranger, next, fence + 1)).toMatchObject({ tag: 'lost' })
      expect(await bench.store.dump()).toEqual(before)
      expect(await holder.release('a')).toBe('released')
      expect(await next.granted()).toMatchObject({ owner: next.owner })
      expect(await handOver(holder, stranger, fence + 1)).toMatchObject({ tag: 'lost' })
      expect((await bench.inspect('a')).holder?.owner).toBe(next.owner)
    })

    it('L14 comes too late for a lease that is over, or was taken away', async () => {
      const { holder, fence } = await stand(0)
      const next = bench.asker()
      await bench.store.clock.advance(TTL_MS)
      expect(await handOver(holder, next, fence + 1)).toMatchObject({ tag: 'lost' })
      const forced = bench.asker()
      const forcedFence = await forced.take('a')
      const force = { name: 'a', reason: 'it hangs', expectFence: null }
      expect(await bench.second.lock.forceRelease(force)).toBe('released')
      const answer = await handOver(forced, next, forcedFence + 1)
      expect(answer).toMatchObject({ tag: 'forced', reason: 'it hangs' })
      expect((await bench.inspect('a')).holder).toBe(null)
    })

    it('L14 L2 gives no number that a grant gives, while the clock stands still', async () => {
      const { holder, fence, line } = await stand(1)
      await handOver(holder, line[0] as Asker, fence + 1)
      await line[0]?.release('a')
      const others = [bench.asker(bench.second), bench.asker()]
      let last = fence + 1
      for (const other of others) {
        const got = await other.take('a')
        expect(got).toBeGreaterThan(last)
        expect(await other.release('a')).toBe('released')
        last = got + 1
      }
    })

    it('L14 names who is next, where that is one of the same client', async () => {
      const { holder, fence, line } = await stand(3)
      const [first, second, third] = line as [Asker, Asker, Asker]
      const stranger = bench.asker(bench.second)
      await stranger.join('a')
      expect(await handOver(holder, first, fence + 1)).toMatchObject({ successor: second.owner })
      await first.release('a')
      expect(await second.granted()).toMatchObject({ successor: third.owner })
      await second.release('a')
      expect((await third.granted()).successor).toBe(undefined)
      await third.release('a')
      expect((await stranger.granted()).successor).toBe(undefined)
    })

    it('L14 names who is next in a grant to another client, too', async () => {
      const { holder } = await stand(0)
      const [first, second] = [bench.asker(bench.second), bench.asker(bench.second)]
      for (const waiter of [first, second]) await waiter.join('a')
      await holder.release('a')
      expect(await first.granted()).toMatchObject({ successor: second.owner })
    })
  })
}
