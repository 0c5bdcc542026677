import { describe, expect, it } from 'vitest'
import { HOSTILE_NAMES } from '../../test/hostile-names.ts'
import {
  type Asker,
  Bench,
  CLAIM_MS,
  DAY_MS,
  MICROSECOND_MS,
  type OpenedLockStore,
  TTL_MS,
} from './bench.contract.ts'
import { describeContract } from './describe.contract.ts'
import { forceContract } from './force.contract.ts'
import { lineContract } from './line.contract.ts'
import { quietContract } from './quiet.contract.ts'
import { raiseFenceContract } from './raise-fence.contract.ts'
import { reserveFencesContract } from './reserve-fences.contract.ts'
import { unfairContract } from './unfair.contract.ts'
import { walk } from './walk.contract.ts'

/** The suite that every engine must pass; its titles carry the promises of `store.ts`. */
export function lockContract(open: () => Promise<OpenedLockStore>): void {
  const bench = new Bench(open)
  lineContract(bench)
  describeContract(bench)
  raiseFenceContract(bench)
  reserveFencesContract(bench)
  forceContract(bench)
  unfairContract(bench)
  quietContract(bench)

  describe('one holder', () => {
    it('L1 a taken lock is refused to everyone else, of this client and of another', async () => {
      const holder = bench.asker()
      const fence = await holder.take('a')
      for (const [waiterCount, other] of [bench.asker(), bench.asker(bench.second)].entries()) {
        expect(await other.acquire('a', { enqueue: false })).toMatchObject({
          tag: 'held',
          waiterCount,
          holder: { owner: holder.owner, sinceMs: bench.store.clock.wallMs(), remainingMs: TTL_MS },
        })
        expect(await other.acquire('a')).toMatchObject({ tag: 'waiting' })
      }
      expect((await bench.inspect('a')).holder).toMatchObject({ owner: holder.owner, fence })
    })

    it('L1 of many that ask in the same tick one gets it, and the line keeps their order', async () => {
      const many = Array.from({ length: 40 }, () => bench.asker())
      const answers = await Promise.all(many.map((one) => one.acquire('a')))
      expect(answers.map(({ tag }) => tag)).toEqual([
        'acquired',
        ...new Array<string>(39).fill('waiting'),
      ])
      const { waiters } = await bench.inspect('a')
      expect(waiters.map(({ owner }) => owner)).toEqual(many.slice(1).map(({ owner }) => owner))
    })

    it('L1 of two clients that ask at the same time one gets it', async () => {
      for (let round = 0; round < 10; round++) {
        const both = [bench.asker(), bench.asker(bench.second)]
        const answers = await Promise.all(both.map((one) => one.acquire(`a${round}`)))
        expect(answers.map(({ tag }) => tag).sort()).toEqual(['acquired', 'waiting'])
      }
    })

    it('L1 a lease lasts to its last microsecond, and not one longer', async () => {
      const [holder, other] = [bench.asker(), bench.asker(bench.second)]
      await holder.take('a')
      await bench.pass(TTL_MS - MICROSECOND_MS)
      expect(await other.acquire('a', { enqueue: false })).toMatchObject({
        tag: 'held',
        holder: { owner: holder.owner, remainingMs: MICROSECOND_MS },
      })
      await bench.pass(MICROSECOND_MS)
      expect(await other.acquire('a', { enqueue: false })).toMatchObject({ tag: 'acquired' })
    })

    it('L1 a clock that stepped back ends no lease, and its holder goes on', async () => {
      const [holder, other] = [bench.asker(), bench.asker(bench.second)]
      await holder.take('a')
      bench.store.clock.stepWall(-DAY_MS)
      expect(await other.acquire('a', { enqueue: false })).toMatchObject({ tag: 'held' })
      expect(await holder.renew('a')).toBe('renewed')
      await bench.pass(TTL_MS - 1)
      expect(await other.acquire('a', { enqueue: false })).toMatchObject({ tag: 'held' })
      await bench.pass(1)
      expect(await other.acquire('a', { enqueue: false })).toMatchObject({ tag: 'acquired' })
    })

    it('L1 locks of hostile names are kept apart, and listed as they are', async () => {
      const holders = HOSTILE_NAMES.map((name) => ({ name, holder: bench.asker() }))
      await Promise.all(holders.map(({ name, holder }) => holder.take(name)))
      const listed = await bench.second.lock.list(1_000)
      expect(listed.map(({ name }) => name).sort()).toEqual([...HOSTILE_NAMES].sort())
      for (const { name, holder } of holders) {
        expect(await bench.holderOf(name), name).toBe(holder.owner)
        expect(await holder.release(name), name).toBe('released')
        expect(await bench.holderOf(name), name).toBe(null)
      }
      expect(await bench.second.lock.list(1_000)).toEqual([])
    })
  })

  it.each([1, 2, 3, 4, 5, 6])('L1 L2 L4 L11 hold on random walk %i', async (seed) => {
    await walk(bench, seed, 150, true)
  })

  it.each([7, 8])('L1 L2 hold where order does not matter, on random walk %i', async (seed) => {
    await walk(bench, seed, 150, false)
  })

  describe('fences', () => {
    it('L2 grow over release, expiry, hand-over and leaving, on one client and the next', async () => {
      const fences: number[] = []
      for (let round = 0; round < 3; round++) {
        const [a, b, c, d, e] = bench.askers(5) as [Asker, Asker, Asker, Asker, Asker]
        fences.push(await a.take('a'))
        await b.join('a')
        await c.join('a')
        await a.release('a')
        fences.push((await b.granted()).fence)
        await b.leave('a')
        fences.push((await c.granted()).fence)
        await bench.pass(CLAIM_MS)
        fences.push(await d.take('a'))
        await d.release('a')
        fences.push(await e.take('a'))
        await bench.pass(TTL_MS)
      }
      expect(fences).toEqual([...fences].sort((a, b) => a - b))
      expect(new Set(fences).size).toBe(fences.length)
      for (const fence of fences) expect(Number.isSafeInteger(fence)).toBe(true)
    })

    it('L2 grow though the clock stepped back by a day', async () => {
      const [a, b, c] = bench.askers(3) as [Asker, Asker, Asker]
      const fence = await a.take('a')
      await b.join('a')
      bench.store.clock.stepWall(-DAY_MS)
      await b.join('a')
      await a.release('a')
      const granted = (await b.granted()).fence
      expect(granted).toBeGreaterThan(fence)
      await b.release('a')
      expect(await c.take('a')).toBeGreaterThan(granted)
    })

    it('L2 grow though all data was lost and the clock stepped back, if the client lives on', async () => {
      const [a, b, c] = [bench.asker(), bench.asker(), bench.asker()]
      const fence = await a.take('a')
      await bench.store.wipe()
      bench.store.clock.stepWall(-DAY_MS)
      expect(await a.renew('a')).toBe('lost')
      const later = await b.take('a')
      expect(later).toBeGreaterThan(fence)
      await bench.store.wipe()
      expect(await c.take('another')).toBeGreaterThan(later)
    })

    it('L2 grow though the client has only seen the fence in a grant', async () => {
      const [holder, waiter, other] = [
        bench.asker(),
        bench.asker(bench.second),
        bench.asker(bench.second),
      ]
      await holder.take('a')
      await waiter.join('a')
      await holder.release('a')
      const { fence } = await waiter.granted()
      await bench.store.wipe()
      bench.store.clock.stepWall(-DAY_MS)
      expect(await other.take('a')).toBeGreaterThan(fence)
    })
  })

  describe('ownership', () => {
    it('L3 nobody else renews or releases, and trying changes nothing', async () => {
      const [holder, ...others] = await bench.lineOf('a', 2)
      const before = await bench.store.dump()
      for (const stranger of [...others, bench.asker(), bench.asker(bench.second)]) {
        expect(await stranger.renew('a')).toBe('lost')
        expect(await stranger.release('a')).toBe('lost')
      }
      expect(await bench.store.dump()).toEqual(before)
      expect(await holder.renew('a')).toBe('renewed')
    })

    it('L3 a lock that nobody ever had is nobody’s to renew or release', async () => {
      const before = await bench.store.dump()
      expect(await bench.asker().renew('a')).toBe('lost')
      expect(await bench.asker().release('a')).toBe('lost')
      expect(await bench.store.dump()).toEqual(before)
    })

    it('L3 a lease that is over can be neither renewed nor released', async () => {
      const [late, other] = [bench.asker(), bench.asker(bench.second)]
      await late.take('a')
      await bench.pass(TTL_MS)
      expect(await late.renew('a')).toBe('lost')
      expect(await late.release('a')).toBe('lost')
      await other.take('a')
      expect(await late.renew('a')).toBe('lost')
      expect(await late.release('a')).toBe('lost')
      expect(await bench.holderOf('a')).toBe(other.owner)
    })

    it('L3 a renewal is a full lease from now, shorter or longer than before', async () => {
      const [holder, other] = [bench.asker(), bench.asker(bench.second)]
      await holder.take('a')
      for (const ttlMs of [TTL_MS, 500, 60_000]) {
        await bench.pass(400)
        expect(await holder.renew('a', ttlMs)).toBe('renewed')
        expect((await other.acquire('a', { enqueue: false })) as object).toMatchObject({
          holder: { remainingMs: ttlMs },
        })
      }
      await bench.pass(60_000)
      expect(await holder.renew('a')).toBe('lost')
    })

    it('L3 a release that is repeated takes nothing from the next owner', async () => {
      const [holder, next] = [bench.asker(), bench.asker(bench.second)]
      await holder.take('a')
      expect(await holder.release('a')).toBe('released')
      await next.take('a')
      await holder.release('a')
      expect(await bench.holderOf('a')).toBe(next.owner)
      expect(await next.renew('a')).toBe('renewed')
    })
  })

  describe('looking', () => {
    it('L9 shows the holder, and who waits in which order', async () => {
      const [holder, ...waiters] = await bench.lineOf('a', 3)
      await bench.pass(1_000)
      const view = await bench.inspect('a')
      expect(view).toEqual({
        name: 'a',
        holder: {
          owner: holder.owner,
          fence: await holder.take('a'),
          sinceMs: bench.store.clock.wallMs() - 1_000,
          remainingMs: TTL_MS - 1_000,
          metadata: '',
        },
        waiters: waiters.map(({ owner }) => ({ owner, kind: 'caller', metadata: '' })),
      })
    })

    it('L9 lists what is held or waited for, and no more than was asked for', async () => {
      for (const name of ['held', 'released', 'over', 'b', 'c']) await bench.asker().take(name)
      const [releaser] = await bench.lineOf('d', 1)
      await bench.pass(TTL_MS - 1)
      for (const name of ['e', 'f']) await bench.asker().take(name)
      const done = bench.asker()
      await done.take('g')
      await done.release('g')
      await releaser.release('d')
      await bench.pass(1)
      for (let idle = 0; idle < 30; idle++) {
        const briefly = bench.asker()
        await briefly.take(`idle-${idle}`)
        await briefly.release(`idle-${idle}`)
      }
      const { lock } = bench.second
      expect((await lock.list(100)).map(({ name }) => name).sort()).toEqual(['e', 'f'])
      expect(await lock.list(100)).toContainEqual(await lock.inspect('e'))
      expect(await lock.list(1)).toHaveLength(1)
    })

    it('L9 changes nothing, also where leases and deadlines are over', async () => {
      await bench.lineOf('a', 3)
      await bench.pass(CLAIM_MS + 1)
      await bench.lineOf('b', 2)
      for (const ms of [0, TTL_MS, DAY_MS]) {
        await bench.pass(ms)
        const before = await bench.store.dump()
        for (const name of ['a', 'b', 'unknown']) await bench.inspect(name)
        await bench.first.lock.list(100)
        expect(await bench.store.dump()).toEqual(before)
      }
    })

    it('L10 a lock that is idle leaves nothing but its fence', async () => {
      const [holder, head, tail] = (await bench.lineOf('a', 2)) as [Asker, Asker, Asker]
      await holder.release('a')
      await head.granted()
      await head.release('a')
      await tail.granted()
      await tail.release('a')
      expect(await bench.store.dump()).toHaveLength(1)
      expect((await bench.store.dump())[0]).toContain('a')
    })
  })
}
