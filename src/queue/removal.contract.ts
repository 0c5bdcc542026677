import { describe, expect, it } from 'vitest'
import { type Bench, HOUR_MS, LEASE_MS, numbered, type QueueClient } from './bench.contract.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }

/** The part of the suite of queues that is about removing what they have. */
export function removalContract(bench: Bench): void {
  async function drainAll(client: QueueClient): Promise<number> {
    for (let all = 0; ; ) {
      const count = await client.queue.drain(bench.queue, 100)
      expect(count).toBeLessThanOrEqual(100)
      all += count
      if (count === 0) return all
    }
  }

  /** Every step that it takes, and what they removed. */
  async function obliterateAll(client: QueueClient, force: boolean): Promise<number> {
    let epoch = ''
    for (let removed = 0; ; ) {
      const answer = await client.queue.obliterate(bench.queue, { epoch, force, limit: 100 })
      if (answer.tag === 'busy') throw new Error(`${answer.inFlight} are in flight`)
      removed += answer.count
      if (answer.tag === 'gone') return removed
      epoch = answer.epoch
    }
  }

  /** Something everywhere: 3 in flight for two epochs, 1 dead, 9,003 that wait. */
  async function fill() {
    const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
    await bench.add(['dead', 'a', 'b', 'c'])
    const [dead] = await worker.claim(3)
    await other.claim(1)
    await worker.say({ deaths: dead ? [{ job: dead, reason: 'x' }] : [] })
    for (let batch = 0; batch < 9; batch++) await bench.add(numbered(1_000))
    await bench.add(['timed'], { delayMs: HOUR_MS })
    await bench.add(['rank'], { priority: 2 })
    await bench.add(['first'], { lifo: true })
    expect(await bench.counts()).toEqual({ ready: 9_002, timed: 1, inFlight: 3, dead: 1 })
    return [worker, other] as const
  }

  describe('removing', { timeout: 60_000 }, () => {
    it('Q24 drain removes what waits, and nothing else', async () => {
      await fill()
      expect(await drainAll(bench.second)).toBe(9_003)
      expect(await bench.counts()).toEqual({ ...NOWHERE, inFlight: 3, dead: 1 })
      expect(await bench.first.queue.drain(bench.queue, 10)).toBe(0)
      await bench.add(['after'])
      expect(await bench.consumer(bench.second).claim(9)).toMatchObject([{ payload: 'after' }])
    })

    it('Q24 suspects wait as well', async () => {
      const [victim, heir] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a', 'b'])
      await victim.claim(2)
      await heir.say()
      await bench.passWith(heir, LEASE_MS + 1)
      expect(await bench.first.queue.drain(bench.queue, 1)).toBe(1)
      expect(await drainAll(bench.first)).toBe(1)
      expect(await bench.counts()).toEqual(NOWHERE)
    })

    it('Q25 obliterate refuses while deliveries are in flight, and changes nothing', async () => {
      await bench.add(['a', 'b'])
      const worker = bench.consumer()
      const jobs = await worker.claim(1)
      const before = await bench.store.dump()
      const step = { epoch: '', force: false, limit: 100 }
      expect(await bench.second.queue.obliterate(bench.queue, step)).toEqual({
        ...{ tag: 'busy', inFlight: 1 },
      })
      expect(await bench.store.dump()).toEqual(before)
      await worker.say({ acks: jobs })
      expect(await obliterateAll(bench.second, false)).toBe(1)
      expect(await bench.counts()).toEqual(NOWHERE)
    })

    it('Q25 until it is done nothing is claimed, and then the queue is as new', async () => {
      await bench.add(numbered(250))
      const worker = bench.consumer()
      await bench.first.queue.obliterate(bench.queue, { epoch: '', force: false, limit: 100 })
      expect(await worker.claim(5)).toEqual([])
      expect(await bench.counts()).toMatchObject({ paused: true })
      await obliterateAll(bench.second, false)
      expect(await bench.first.queue.list(10)).toEqual([])
      await bench.add(['new'])
      expect(await worker.claim(5)).toMatchObject([{ payload: 'new' }])
    })

    it('Q25 forced, everything goes, and deliveries are lost', async () => {
      const [worker, other] = await fill()
      expect(await obliterateAll(bench.second, true)).toBe(9_007)
      expect(await bench.counts()).toEqual(NOWHERE)
      expect(await bench.first.queue.list(10)).toEqual([])
      expect(await worker.exchange()).toMatchObject({ tag: 'lost' })
      expect(await other.exchange({ want: 1 })).toMatchObject({ tag: 'lost' })
    })

    it('Q24 Q25 of a queue that nobody knows there is nothing to remove', async () => {
      expect(await bench.first.queue.drain(bench.queue, 10)).toBe(0)
      expect(await obliterateAll(bench.first, true)).toBe(0)
      expect(await bench.store.dump()).toEqual([])
    })
  })
}
