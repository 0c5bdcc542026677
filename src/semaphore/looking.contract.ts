import { describe, expect, it } from 'vitest'
import { type Bench, CLAIM_MS, DAY_MS, PERMITS, TTL_MS } from './bench.contract.ts'

const METADATA = [
  '{"host":"a","pid":1}',
  '"caller 1 2 3"',
  JSON.stringify({ label: 'a\n%s %\u0000 🔒 "\\ }{' }),
  `"${'x'.repeat(2_000)}"`,
]

/** The part of the suite of semaphores that is about what is seen of them, and what is left. */
export function lookingContract(bench: Bench): void {
  describe('looking', () => {
    it('S13 shows who holds and who waits', async () => {
      const [holder, alone] = [bench.asker({ weight: 2 }), bench.asker({ solo: true })]
      const fence = await holder.take('a')
      await bench.pass(1_000)
      const later = await alone.take('a')
      const waiters = [bench.asker({ weight: 2 }), bench.asker({ solo: true }), bench.asker()]
      for (const waiter of waiters) await waiter.join('a')
      const nowMs = bench.store.clock.wallMs()
      expect(await bench.inspect('a')).toEqual({
        name: 'a',
        permits: PERMITS,
        used: 3,
        holders: [
          {
            owner: holder.owner,
            fence,
            weight: 2,
            solo: false,
            metadata: '',
            sinceMs: nowMs - 1_000,
            remainingMs: TTL_MS - 1_000,
          },
          {
            owner: alone.owner,
            fence: later,
            weight: 1,
            solo: true,
            metadata: '',
            sinceMs: nowMs,
            remainingMs: TTL_MS,
          },
        ],
        waiters: waiters.map(({ owner, demand: { weight, solo } }) => ({
          owner,
          kind: 'caller',
          metadata: '',
          weight,
          solo,
        })),
      })
    })

    it('S13 shows nothing of what nobody uses', async () => {
      expect(await bench.inspect('a')).toEqual({
        name: 'a',
        permits: 0,
        used: 0,
        holders: [],
        waiters: [],
      })
      await bench.lineOf('a', [1])
      await bench.pass(TTL_MS)
      const { permits, ...rest } = await bench.inspect('a')
      expect(rest).toEqual({ name: 'a', used: 0, holders: [], waiters: [] })
    })

    it('S13 shows metadata as it was given, of holders, waiters and those granted', async () => {
      const askers = METADATA.map((metadata) => bench.asker({ metadata, weight: 2 }))
      const [holder, ...waiters] = askers
      await holder?.take('a')
      for (const waiter of waiters) await waiter.join('a')
      const view = await bench.inspect('a')
      expect([...view.holders, ...view.waiters].map(({ metadata }) => metadata)).toEqual(METADATA)
      for (const [index, asker] of askers.entries()) {
        expect(await bench.holdOf('a', asker)).toMatchObject({ metadata: METADATA[index] })
        await asker.change('a', 1)
        expect(await bench.holdOf('a', asker)).toMatchObject({ metadata: METADATA[index] })
        if (index + 1 < askers.length) await askers[index + 1]?.granted()
        await asker.release('a')
      }
    })

    it('S13 shows a hundred of each, and sums up all', async () => {
      const permits = 150
      const holders = Array.from({ length: 75 }, () => bench.asker({ permits, weight: 2 }))
      const waiters = Array.from({ length: 120 }, () => bench.asker({ permits }))
      const ones = Array.from({ length: 30 }, () => bench.asker({ permits }))
      const fill = bench.asker({ permits, weight: 120 })
      await Promise.all(ones.map((one) => one.take('a')))
      await fill.take('a')
      for (const one of waiters) await one.join('a')
      expect(await bench.inspect('a')).toMatchObject({ permits, used: 150 })
      expect((await bench.inspect('a')).waiters.map(({ owner }) => owner)).toEqual(
        waiters.slice(0, 100).map(({ owner }) => owner),
      )
      await bench.first.semaphore.resize({ name: 'a', permits: 420 })
      await Promise.all(holders.map((one) => one.take('a')))
      const view = await bench.inspect('a')
      expect([view.used, view.holders.length, view.waiters.length]).toEqual([420, 100, 0])
    })

    it('S13 shows those in front who have held longest', async () => {
      const askers = bench.askers([1, 1, 1])
      for (const asker of askers) {
        await asker.take('a')
        await bench.pass(1_000)
      }
      await askers[0].renew('a')
      const { holders } = await bench.inspect('a')
      expect(holders.map(({ owner }) => owner)).toEqual(askers.map(({ owner }) => owner))
    })

    it('S13 lists what is held or waited for, and no more than was asked for', async () => {
      for (const name of ['held', 'over', 'b', 'c']) await bench.asker().take(name)
      const [releaser] = await bench.lineOf('d', [1])
      await bench.pass(TTL_MS - 1)
      for (const name of ['e', 'f']) await bench.asker().take(name)
      const done = bench.asker()
      await done.take('g')
      await done.release('g')
      await releaser.release('d')
      const waitedFor = await bench.lineOf('h', [1])
      await waitedFor[0].renew('h', 1)
      await bench.pass(1)
      for (let idle = 0; idle < 30; idle++) {
        const briefly = bench.asker()
        await briefly.take(`idle-${idle}`)
        await briefly.release(`idle-${idle}`)
      }
      const { semaphore } = bench.second
      const names = (await semaphore.list(100)).map(({ name }) => name)
      expect(names.sort()).toEqual(['e', 'f', 'h'])
      for (const name of names) {
        expect(await semaphore.list(100)).toContainEqual(await semaphore.inspect(name))
      }
      expect(await semaphore.list(1)).toHaveLength(1)
      expect(await semaphore.list(2)).toHaveLength(2)
    })

    it('S13 changes nothing, also where leases and deadlines are over', async () => {
      await bench.lineOf('a', [1, 2, 3])
      await bench.pass(CLAIM_MS + 1)
      const [grower] = bench.askers([1])
      const neighbour = bench.asker({ weight: 2 })
      await grower.take('b')
      await neighbour.take('b')
      await bench.asker().join('b')
      await grower.grow('b', 3)
      for (const ms of [0, CLAIM_MS + 1, TTL_MS, DAY_MS]) {
        await bench.pass(ms)
        const before = await bench.store.dump()
        for (const name of ['a', 'b', 'unknown']) await bench.inspect(name)
        for (const limit of [1, 100]) await bench.first.semaphore.list(limit)
        expect(await bench.store.dump()).toEqual(before)
      }
    })
  })

  describe('what is left', () => {
    it('S14 of one that is idle is nothing but its fence', async () => {
      const [holder, head, tail] = await bench.lineOf('a', [2, 2])
      await holder.release('a')
      await head.granted()
      await head.release('a')
      await tail.granted()
      await tail.release('a')
      expect(await bench.store.dump()).toHaveLength(1)
      expect((await bench.store.dump())[0]).toContain('a')
    })

    it('S14 of one that was resized and grown in is nothing but its fence, too', async () => {
      const [holder, neighbour] = bench.askers([1, 2])
      await holder.take('a')
      await neighbour.take('a')
      await bench.first.semaphore.resize({ name: 'a', permits: 5 })
      await holder.grow('a', 5)
      await neighbour.release('a')
      await holder.granted()
      await holder.release('a')
      expect(await bench.store.dump()).toHaveLength(1)
    })

    it('S14 of those who died is gone when the next one has used it', async () => {
      const [holder] = bench.askers([3])
      await holder.take('a')
      await bench.crowd('a', 12)
      await bench.pass(TTL_MS)
      const next = bench.asker({ weight: 2 })
      await next.take('a')
      await next.release('a')
      expect(await bench.store.dump()).toHaveLength(1)
    })
  })
}
