import { describe, expect, it } from 'vitest'
import {
  type Asker,
  type Bench,
  CLAIM_MS,
  type LockClient,
  MICROSECOND_MS,
} from './bench.contract.ts'

const MOST_PASSES = 15

/** The part of the suite of locks that is about those where order does not matter. */
export function unfairContract(bench: Bench): void {
  /** Memory has but one client: another one that waits there is made up. */
  function strange(): LockClient {
    const { first, second } = bench
    if (first.clientId !== second.clientId) return second
    return { clientId: 'elsewhere:1:000000000000', lock: second.lock }
  }

  /** A lock held by the first client, and those who wait for it: `+` are of that client, `-` strangers. */
  async function lineOf(signs: string): Promise<[Asker, Asker[]]> {
    const holder = bench.asker()
    await holder.take('a')
    const waiters = [...signs].map((sign) => bench.asker(sign === '+' ? bench.first : strange()))
    for (const waiter of waiters) await waiter.join('a')
    return [holder, waiters]
  }

  const ownersOf = (askers: Asker[]) => askers.map(({ owner }) => owner)

  describe('where order does not matter', () => {
    it('L12 a release prefers the first waiter of its own client, and the others keep their order', async () => {
      const [holder, waiters] = await lineOf('-+-+')
      const [strangerA, ownA, strangerB, ownB] = waiters as [Asker, Asker, Asker, Asker]
      expect(await holder.release('a', { fair: false })).toBe('released')
      await ownA.granted()
      expect(await bench.holderOf('a')).toBe(ownA.owner)
      expect(await bench.waitersOf('a')).toEqual(ownersOf([strangerA, strangerB, ownB]))
      expect(await ownA.release('a', { fair: false })).toBe('released')
      await ownB.granted()
      expect(await bench.waitersOf('a')).toEqual(ownersOf([strangerA, strangerB]))
      expect(await ownB.release('a', { fair: false })).toBe('released')
      expect(await bench.holderOf('a')).toBe(strangerA.owner)
    })

    it('L12 L4 a release of one to whom order matters goes to the head all the same', async () => {
      const [holder, [stranger]] = await lineOf('-+')
      await holder.release('a', { fair: true })
      expect(await bench.holderOf('a')).toBe(stranger?.owner)
    })

    it('L12 the head is passed over 15 times in a row at most, and then again', async () => {
      const [holder, waiters] = await lineOf(`-${'+'.repeat(MOST_PASSES + 1)}-+`)
      const strangers = [waiters[0], waiters[MOST_PASSES + 2]] as [Asker, Asker]
      const own = waiters.filter((waiter) => !strangers.includes(waiter))
      const served: Asker[] = []
      let releaser = holder
      for (const _ of waiters) {
        // A stranger would prefer those of its own client.
        expect(await releaser.release('a', { fair: strangers.includes(releaser) })).toBe('released')
        const owner = await bench.holderOf('a')
        releaser = waiters.find((waiter) => waiter.owner === owner) as Asker
        served.push(releaser)
      }
      expect(ownersOf(served)).toEqual(
        ownersOf([
          ...own.slice(0, MOST_PASSES),
          strangers[0],
          ...own.slice(MOST_PASSES),
          strangers[1],
        ]),
      )
    })

    it('L12 a waiter of its own client that missed its deadline is not preferred', async () => {
      const [holder, [stranger, dead]] = await lineOf('-+')
      await bench.pass(CLAIM_MS)
      await stranger?.join('a')
      await bench.pass(MICROSECOND_MS)
      expect(await holder.release('a', { fair: false })).toBe('released')
      expect(await bench.holderOf('a')).toBe(stranger?.owner)
      expect(dead?.grants).toEqual([])
    })

    it('L12 where nobody of its own client waits the head of the line gets it', async () => {
      const [holder, waiters] = await lineOf('--')
      await holder.release('a', { fair: false })
      expect(await bench.holderOf('a')).toBe(waiters[0]?.owner)
      expect(await bench.waitersOf('a')).toEqual([waiters[1]?.owner])
    })

    it('L12 a free lock is taken past those who wait, and they keep their places', async () => {
      const [holder, waiters] = await lineOf('-+')
      const [head, tail] = waiters as [Asker, Asker]
      await holder.renew('a', CLAIM_MS)
      await bench.pass(CLAIM_MS)
      const fair = bench.asker()
      expect(await fair.acquire('a', { enqueue: false })).toMatchObject({ tag: 'held' })
      const unfair = bench.asker(bench.second)
      expect(await unfair.acquire('a', { demand: { fair: false } })).toMatchObject({
        tag: 'acquired',
      })
      expect(await bench.waitersOf('a')).toEqual(ownersOf([head, tail]))
      expect(await head.join('a')).toBe(0)
      expect(await tail.join('a')).toBe(1)
    })

    it('L12 L1 a held lock is refused to them like to everyone', async () => {
      const [holder] = await lineOf('')
      const unfair = bench.asker()
      expect(await unfair.acquire('a', { enqueue: false, demand: { fair: false } })).toMatchObject({
        tag: 'held',
      })
      expect(await unfair.acquire('a', { demand: { fair: false } })).toMatchObject({
        tag: 'waiting',
      })
      expect(await bench.holderOf('a')).toBe(holder.owner)
    })
  })
}
