import { describe, expect, it } from 'vitest'
import { type Bench, idsOf, numbered, payloadsOf } from './bench.contract.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }

/** The part of the suite of queues that is about what becomes of dead letters. */
export function deadContract(bench: Bench): void {
  /** Kills one job for each payload, and answers their ids. */
  async function kill(payloads: string[]): Promise<string[]> {
    const worker = bench.consumer()
    const ids = await bench.add(payloads)
    const jobs = await worker.claim(payloads.length)
    await worker.say({ deaths: jobs.map((job) => ({ job, reason: `“${job.payload}” 限` })) })
    expect(idsOf(jobs)).toEqual(ids)
    return ids
  }

  describe('dead letters', () => {
    it('Q12 are ready again behind what is, the oldest first, as if never tried', async () => {
      const ids = await kill(['a', '{"b":"限"}', 'c'])
      const [other] = await bench.add(['ready'])
      expect(await bench.second.queue.redrive(bench.queue, 2)).toBe(2)
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 3, dead: 1 })
      expect(await bench.dead()).toMatchObject([{ id: ids[2], reason: '“c” 限' }])
      const worker = bench.consumer(bench.second)
      const jobs = await worker.claim(10)
      expect(idsOf(jobs)).toEqual([other, ids[0], ids[1]])
      expect(payloadsOf(jobs)).toEqual(['ready', 'a', '{"b":"限"}'])
      for (const job of jobs) expect(job).toMatchObject({ attempt: 0, crashes: 0, maxAttempts: 3 })
      await worker.say({ acks: jobs })
      expect(await bench.first.queue.redrive(bench.queue, 100)).toBe(1)
      expect(await bench.first.queue.redrive(bench.queue, 100)).toBe(0)
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 1 })
    })

    it('Q12 two who redrive at once make each ready once', async () => {
      const ids = await kill(numbered(150))
      const calls = [bench.first, bench.second].map((client) =>
        client.queue.redrive(bench.queue, 100),
      )
      const counts = await Promise.all(calls)
      expect(counts.reduce((sum, count) => sum + count, 0)).toBe(150)
      expect(idsOf(await bench.consumer().claim(500)).sort()).toEqual(ids)
    })

    it('Q10 are removed for good, the oldest first', async () => {
      const ids = await kill(['a', 'b', 'c'])
      await bench.add(['ready'])
      expect(await bench.second.queue.purge(bench.queue, 2)).toBe(2)
      expect(idsOf(await bench.dead())).toEqual(ids.slice(2))
      expect(await bench.first.queue.purge(bench.queue, 2)).toBe(1)
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 1 })
    })

    it('Q12 of a queue that nobody knows are none, and that creates nothing', async () => {
      expect(await bench.first.queue.redrive('nothing', 10)).toBe(0)
      expect(await bench.first.queue.purge('nothing', 10)).toBe(0)
      expect(await bench.store.dump()).toEqual([])
    })
  })
}
