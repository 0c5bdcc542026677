import { describe, expect, it } from 'vitest'
import { type Asker, type Bench, CLAIM_MS, DAY_MS, TTL_MS } from './bench.contract.ts'

/** The part of the suite of semaphores that is about fences, and about what only an owner may do. */
export function ownershipContract(bench: Bench): void {
  describe('fences', () => {
    it('S2 grow over release, expiry, hand-over and leaving, on one client and the next', async () => {
      const fences: number[] = []
      for (let round = 0; round < 3; round++) {
        const [a, b, c, d, e] = bench.askers([3, 2, 2, 3, 1])
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
      expectGrowing(fences)
      for (const fence of fences) expect(Number.isSafeInteger(fence)).toBe(true)
    })

    it('S2 differ among those who hold together, and among those granted at once', async () => {
      const [a, b, c] = bench.askers([1, 1, 1])
      const together = [await a.take('a'), await b.take('a'), await c.take('a')]
      expectGrowing(together)
      const [holder, ...waiters] = await bench.lineOf('b', [1, 1, 1])
      await holder.release('b')
      expectGrowing(await fencesOf(waiters))
      for (const [index, asker] of [a, b, c].entries()) {
        expect((await bench.holdOf('a', asker)).fence).toBe(together[index])
      }
    })

    it('S2 grow with each new weight, and for whoever comes after', async () => {
      const [holder, other] = bench.askers([1, 1])
      const fences = [await holder.take('a')]
      fences.push(await holder.change('a', 3), await holder.change('a', 2))
      expect((await bench.holdOf('a', holder)).fence).toBe(fences.at(-1))
      fences.push(await other.take('a'))
      await holder.grow('a', 3)
      await other.release('a')
      fences.push((await holder.granted()).fence)
      expect((await bench.holdOf('a', holder)).fence).toBe(fences.at(-1))
      expectGrowing(fences)
    })

    it('S2 grow though the clock stepped back by a day', async () => {
      const [a, b, c] = bench.askers([3, 3, 1])
      const fences = [await a.take('a')]
      await b.join('a')
      bench.store.clock.stepWall(-DAY_MS)
      await b.join('a')
      await a.release('a')
      fences.push((await b.granted()).fence)
      fences.push(await b.change('a', 1), await c.take('a'))
      expectGrowing(fences)
    })

    it('S2 grow though all data was lost and the clock stepped back, if the client lives on', async () => {
      const [a, b, c] = [
        bench.asker({}, bench.first),
        bench.asker({}, bench.first),
        bench.asker({}, bench.first),
      ]
      const fences = [await a.take('a')]
      await bench.store.wipe()
      bench.store.clock.stepWall(-DAY_MS)
      expect(await a.renew('a')).toBe('lost')
      fences.push(await b.take('a'))
      await bench.store.wipe()
      fences.push(await c.take('another'))
      expectGrowing(fences)
    })

    it('S2 grow though the client has only seen the fence in a grant, or with a new weight', async () => {
      const holder = bench.asker({ weight: 3 }, bench.first)
      const [waiter, other, last] = [
        bench.asker({ weight: 2 }, bench.second),
        bench.asker({}, bench.second),
        bench.asker({}, bench.second),
      ]
      await holder.take('a')
      await waiter.join('a')
      await holder.release('a')
      const fences = [(await waiter.granted()).fence]
      await bench.store.wipe()
      bench.store.clock.stepWall(-DAY_MS)
      fences.push(await other.take('a'))
      fences.push(await other.change('a', 2))
      await bench.store.wipe()
      fences.push(await last.take('a'))
      expectGrowing(fences)
    })
  })

  describe('ownership', () => {
    it('S3 nobody else renews, reweighs or releases, and trying changes nothing', async () => {
      const [holder, ...waiters] = await bench.lineOf('a', [1, 2])
      const before = await bench.store.dump()
      for (const stranger of [...waiters, ...bench.askers([1, 3])]) {
        expect(await stranger.renew('a')).toBe('lost')
        expect(await stranger.release('a')).toBe('lost')
        expect(await stranger.reweigh('a', 1)).toMatchObject({ tag: 'lost' })
      }
      expect(await bench.store.dump()).toEqual(before)
      expect(await holder.renew('a')).toBe('renewed')
    })

    it('S3 who only waits and tries is told of its grant all the same', async () => {
      const [holder, one, two] = await bench.lineOf('a', [1, 1])
      for (const waiter of [one, two]) {
        expect(await waiter.renew('a')).toBe('lost')
        expect(await waiter.release('a')).toBe('lost')
        expect(await waiter.reweigh('a', 2)).toMatchObject({ tag: 'lost' })
      }
      await holder.release('a')
      await Promise.all([one.granted(), two.granted()])
    })

    it('S3 what nobody ever had is nobody’s', async () => {
      const before = await bench.store.dump()
      const stranger = bench.asker()
      expect(await stranger.renew('a')).toBe('lost')
      expect(await stranger.release('a')).toBe('lost')
      expect(await stranger.reweigh('a', 2)).toMatchObject({ tag: 'lost' })
      expect(await bench.store.dump()).toEqual(before)
    })

    it('S3 a lease that is over can be neither renewed, reweighed nor released', async () => {
      const [late, other, neighbour] = bench.askers([1, 2, 1])
      await late.take('a')
      await bench.pass(TTL_MS / 2)
      await neighbour.take('a')
      await bench.pass(TTL_MS / 2)
      const expectLost = async () => {
        expect(await late.renew('a')).toBe('lost')
        expect(await late.reweigh('a', 1)).toMatchObject({ tag: 'lost' })
        expect(await late.release('a')).toBe('lost')
      }
      await expectLost()
      await other.take('a')
      await expectLost()
      await bench.expectOf('a', [neighbour, other])
    })

    it('S3 a renewal is a full lease from now, and the renewer’s alone', async () => {
      const [holder, neighbour] = bench.askers([1, 1])
      await neighbour.take('a', 60_000)
      await holder.take('a')
      for (const ttlMs of [TTL_MS, 500, 50_000]) {
        await bench.pass(400)
        expect(await holder.renew('a', ttlMs)).toBe('renewed')
        expect((await bench.holdOf('a', holder)).remainingMs).toBe(ttlMs)
      }
      expect((await bench.holdOf('a', neighbour)).remainingMs).toBe(60_000 - 3 * 400)
      await bench.pass(50_000)
      expect(await holder.renew('a')).toBe('lost')
      expect(await neighbour.renew('a')).toBe('renewed')
    })

    it('S3 a release that is repeated takes nothing from anybody, now or later', async () => {
      const [holder, neighbour, next] = bench.askers([2, 1, 2])
      await neighbour.take('a')
      await holder.take('a')
      expect(await holder.release('a')).toBe('released')
      expect(await holder.release('a')).toBe('released')
      await bench.expectOf('a', [neighbour])
      await next.take('a')
      await holder.release('a')
      expect((await bench.inspect('a')).used).toBe(3)
      expect(await next.renew('a')).toBe('renewed')
      expect(await neighbour.release('a')).toBe('released')
      await holder.release('a')
      await bench.expectOf('a', [next])
    })
  })
}

function expectGrowing(fences: number[]): void {
  for (const [index, fence] of fences.entries()) {
    expect(fence, `fence ${index} of ${fences}`).toBeGreaterThan(fences[index - 1] ?? 0)
  }
}

async function fencesOf(waiters: Asker[]): Promise<number[]> {
  const fences: number[] = []
  for (const waiter of waiters) fences.push((await waiter.granted()).fence)
  return fences
}
