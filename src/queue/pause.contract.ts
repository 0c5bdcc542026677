import { describe, expect, it } from 'vitest'
import { type Bench, LEASE_MS, payloadsOf } from './bench.contract.ts'

/** The part of the suite of queues that is about those that stand still. */
export function pauseContract(bench: Bench): void {
  describe('pausing', () => {
    it('Q22 nothing is claimed until it is resumed, and all of it then', async () => {
      const worker = bench.consumer()
      await bench.add(['a'])
      await bench.second.queue.pause(bench.queue)
      await bench.second.queue.pause(bench.queue)
      await bench.add(['b', 'c'])
      await bench.add(['rank'], { priority: -1 })
      const answer = await worker.say({ want: 5 })
      expect(answer).toMatchObject({ jobs: [], more: false, nextDueMs: null })
      const nowhere = { timed: 0, inFlight: 0, dead: 0 }
      expect(await bench.counts()).toEqual({ ...nowhere, ready: 4, paused: true })
      await bench.first.queue.resume(bench.queue)
      await bench.first.queue.resume(bench.queue)
      expect(await bench.counts()).toEqual({ ...nowhere, ready: 4 })
      expect(payloadsOf(await worker.claim(5))).toEqual(['rank', 'a', 'b', 'c'])
    })

    it('Q22 what is in flight is settled, and keeps its lease', async () => {
      const worker = bench.consumer()
      await bench.add(['a', 'b', 'c', 'd'])
      const [a, b, c, d] = await worker.claim(4)
      if (!a || !b || !c || !d) throw new Error('not all were claimed')
      await bench.second.queue.pause(bench.queue)
      await bench.passWith(worker, 2 * LEASE_MS)
      const answer = await worker.say({
        acks: [a],
        retries: [
          { job: b, delayMs: 100, failed: true },
          { job: c, delayMs: 0, failed: false },
        ],
        deaths: [{ job: d, reason: 'x' }],
        want: 4,
      })
      expect(answer).toMatchObject({ jobs: [], staleIds: [], more: false, nextDueMs: null })
      expect(await bench.counts()).toEqual({
        ...{ ready: 1, timed: 1, inFlight: 0, dead: 1 },
        paused: true,
      })
    })

    it('Q3 Q22 timed jobs stay where they are while it lasts', async () => {
      const worker = bench.consumer()
      await bench.add(['a'], { delayMs: 100 })
      await bench.first.queue.pause(bench.queue)
      await bench.pass(200)
      expect(await worker.say({ want: 1 })).toMatchObject({ jobs: [], nextDueMs: null })
      expect(await bench.counts()).toMatchObject({ ready: 0, timed: 1 })
      await bench.second.queue.resume(bench.queue)
      expect(payloadsOf(await worker.claim(1))).toEqual(['a'])
    })

    it('Q7 Q22 those who crashed meanwhile are recovered, and theirs are claimed later', async () => {
      const [victim, heir] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a'])
      await victim.claim(1)
      await heir.say()
      await bench.first.queue.pause(bench.queue)
      await bench.passWith(heir, LEASE_MS + 1)
      expect(await heir.claim(1)).toEqual([])
      expect(await bench.counts()).toMatchObject({ ready: 1, inFlight: 0 })
      await bench.first.queue.resume(bench.queue)
      expect(payloadsOf(await heir.claim(1))).toEqual(['a'])
    })

    it('Q1 Q22 a paused queue is listed, though it holds nothing', async () => {
      await bench.first.queue.pause('still')
      expect(await bench.second.queue.list(10)).toEqual(['still'])
      await bench.second.queue.resume('still')
      expect(await bench.first.queue.list(10)).toEqual([])
    })

    it('Q22 resuming what was never paused creates nothing', async () => {
      await bench.first.queue.resume('nothing')
      expect(await bench.store.dump()).toEqual([])
    })
  })
}
