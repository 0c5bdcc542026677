import { describe, expect, it } from 'vitest'
import { HOSTILE_NAMES } from '../../test/hostile-names.ts'
import {
  Bench,
  DAY_MS,
  MICROSECOND_MS,
  type OpenedSemaphoreStore,
  PERMITS,
  TTL_MS,
} from './bench.contract.ts'
import { handOverContract } from './hand-over.contract.ts'
import { lineContract } from './line.contract.ts'
import { lookingContract } from './looking.contract.ts'
import { ownershipContract } from './ownership.contract.ts'
import { permitsContract } from './permits.contract.ts'
import { reweighContract } from './reweigh.contract.ts'
import { rivalsContract } from './rivals.contract.ts'
import { walk } from './walk.contract.ts'

/** The suite that every engine must pass; its titles carry the promises of `store.ts`. */
export function semaphoreContract(open: () => Promise<OpenedSemaphoreStore>): void {
  const bench = new Bench(open)
  lineContract(bench)
  handOverContract(bench)
  ownershipContract(bench)
  permitsContract(bench)
  reweighContract(bench)
  rivalsContract(bench)
  lookingContract(bench)

  it.each([1, 2, 3, 4, 5, 6])('S1 S2 S4 S11 S12 hold on random walk %i', async (seed) => {
    await walk(bench, seed, 200)
  })

  describe('permits that are taken', () => {
    it('S1 are held together until none is left, and refused to everyone else', async () => {
      const [light, heavy] = bench.askers([1, 2])
      await light.take('a')
      await heavy.take('a')
      const sinceMs = bench.store.clock.wallMs()
      for (const [waiterCount, other] of bench.askers([1, 1, 2, PERMITS]).entries()) {
        const holder = {
          owner: expect.toBeOneOf([light.owner, heavy.owner]),
          sinceMs,
          remainingMs: TTL_MS,
        }
        expect(await other.tryAcquire('a')).toMatchObject({ tag: 'held', waiterCount, holder })
        expect(await other.acquire('a')).toMatchObject({
          tag: 'waiting',
          position: waiterCount,
          holder,
        })
      }
      expect(await bench.inspect('a')).toMatchObject({ permits: PERMITS, used: 3 })
    })

    it('S1 are given out whole, never in part', async () => {
      const [first, heavy, light] = bench.askers([2, 2, 1])
      await first.take('a')
      expect(await heavy.tryAcquire('a')).toMatchObject({ tag: 'held', waiterCount: 0 })
      expect((await bench.inspect('a')).used).toBe(2)
      expect(await light.tryAcquire('a')).toMatchObject({ tag: 'acquired' })
      await bench.expectOf('a', [first, light])
    })

    it('S1 S4 go to as many of one tick as they suffice for, and the line keeps the order', async () => {
      const many = Array.from({ length: 40 }, () => bench.asker({}, bench.first))
      const answers = await Promise.all(many.map((one) => one.acquire('a')))
      expect(answers.map(({ tag }) => tag)).toEqual([
        ...new Array<string>(PERMITS).fill('acquired'),
        ...new Array<string>(40 - PERMITS).fill('waiting'),
      ])
      await bench.expectOf('a', many.slice(0, PERMITS), many.slice(PERMITS))
    })

    it('S1 S4 in one tick, too, go past nobody who needs more than is left', async () => {
      const one = (weight: number) => bench.asker({ weight }, bench.first)
      const [first, heavy, light] = [one(2), one(2), one(1)] as const
      const answers = await Promise.all([first, heavy, light].map((asker) => asker.acquire('a')))
      expect(answers.map(({ tag }) => tag)).toEqual(['acquired', 'waiting', 'waiting'])
      await bench.expectOf('a', [first], [heavy, light])
    })

    it('S1 of two clients that ask at the same time suffice for one', async () => {
      for (let round = 0; round < 10; round++) {
        const both = [bench.asker({ weight: 2 }), bench.asker({ weight: 2 })]
        const answers = await Promise.all(both.map((one) => one.acquire(`a${round}`)))
        expect(answers.map(({ tag }) => tag).sort()).toEqual(['acquired', 'waiting'])
        expect((await bench.inspect(`a${round}`)).used).toBe(2)
      }
    })

    it('S1 are back after the last microsecond of their own lease, and no others', async () => {
      const [early, late, other, another] = bench.askers([1, 2, 1, 1])
      await early.take('a')
      await bench.pass(1_000)
      await late.take('a')
      await bench.pass(TTL_MS - 1_000 - MICROSECOND_MS)
      expect((await bench.holdOf('a', early)).remainingMs).toBe(MICROSECOND_MS)
      expect(await other.tryAcquire('a')).toMatchObject({ tag: 'held' })
      await bench.pass(MICROSECOND_MS)
      await bench.expectOf('a', [late])
      expect(await other.tryAcquire('a')).toMatchObject({ tag: 'acquired' })
      expect(await another.tryAcquire('a')).toMatchObject({ tag: 'held' })
      await bench.pass(1_000 - MICROSECOND_MS)
      expect(await another.tryAcquire('a')).toMatchObject({ tag: 'held' })
      await bench.pass(MICROSECOND_MS)
      expect(await another.tryAcquire('a')).toMatchObject({ tag: 'acquired' })
      await bench.expectOf('a', [other, another])
    })

    it('S1 stay taken when the clock steps back, and whoever holds goes on', async () => {
      const [holder, forgotten, other] = bench.askers([2, 1, 1])
      await holder.take('a')
      await forgotten.take('a')
      bench.store.clock.stepWall(-DAY_MS)
      expect(await other.tryAcquire('a')).toMatchObject({ tag: 'held' })
      expect(await holder.renew('a')).toBe('renewed')
      expect(await forgotten.renew('a')).toBe('renewed')
      await bench.pass(TTL_MS - 1)
      expect(await other.tryAcquire('a')).toMatchObject({ tag: 'held' })
      expect(await holder.renew('a')).toBe('renewed')
      await bench.pass(1)
      expect(await other.tryAcquire('a')).toMatchObject({ tag: 'acquired' })
      await bench.expectOf('a', [holder, other])
    })

    it('S1 can be one, and a thousand million: a writer gets all of them, or none', async () => {
      const permits = 1_000_000_000
      const only = bench.asker({ permits: 1 })
      await only.take('one')
      expect(await bench.asker({ permits: 1 }).tryAcquire('one')).toMatchObject({ tag: 'held' })
      const readers = bench.askers([1, 1, 1], { permits })
      for (const reader of readers) await reader.take('many')
      const writer = bench.asker({ permits, weight: permits })
      const late = bench.asker({ permits })
      expect(await writer.join('many')).toBe(0)
      expect(await late.join('many')).toBe(1)
      for (const reader of readers) await reader.release('many')
      await writer.granted()
      expect(await bench.inspect('many')).toMatchObject({ permits, used: permits })
      await bench.expectOf('many', [writer], [late])
      await writer.release('many')
      await late.granted()
      expect((await bench.inspect('many')).used).toBe(1)
    })

    it('S1 of hostile names are kept apart, and listed as they are', async () => {
      const holders = HOSTILE_NAMES.map((name) => ({ name, holder: bench.asker({ weight: 3 }) }))
      await Promise.all(holders.map(({ name, holder }) => holder.take(name)))
      const listed = await bench.second.semaphore.list(1_000)
      expect(listed.map(({ name }) => name).sort()).toEqual([...HOSTILE_NAMES].sort())
      for (const { name, holder } of holders) {
        const waiter = bench.asker()
        expect(await waiter.join(name), name).toBe(0)
        await bench.expectOf(name, [holder], [waiter])
        expect(await holder.release(name), name).toBe('released')
        await waiter.granted()
        expect(await waiter.release(name), name).toBe('released')
        await bench.expectOf(name, [])
      }
      expect(await bench.second.semaphore.list(1_000)).toEqual([])
    })

    it('S1 of a semaphore and of a read-write lock of one name are two things', async () => {
      const { first, second } = bench
      const [holder, waiter] = await bench.lineOf('a', [1])
      const writer = bench.asker({ weight: 7, permits: 7 }, second, 'readWriteLock')
      const reader = bench.asker({ permits: 7 }, first, 'readWriteLock')
      await writer.take('a')
      await reader.join('a')
      expect(await writer.release('a')).toBe('released')
      await reader.granted()
      await reader.leave('a')
      expect(waiter.grants).toEqual([])
      await bench.expectOf('a', [holder], [waiter])
      const { permits, ...left } = await first.readWriteLock.inspect('a')
      expect(left).toEqual({ name: 'a', used: 0, holders: [], waiters: [] })
      expect(await first.readWriteLock.list(10)).toEqual([])
      expect(await first.semaphore.list(10)).toHaveLength(1)
    })
  })
}
