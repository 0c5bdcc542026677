import { describe, expect, it } from 'vitest'
import { seededNumbers } from '../../test/seeded.ts'
import {
  type Bench,
  type Consumer,
  idsOf,
  LEASE_MS,
  numbered,
  payloadsOf,
} from './bench.contract.ts'
import type { NewJob } from './store.ts'

const MOST_PRIORITY = 1_000_000_000

/** The part of the suite of queues that is about jobs that do not wait in line. */
export function ranksContract(bench: Bench): void {
  /** Claims one call after the other, until none comes; at most so many a call. */
  async function claimAll(consumer: Consumer, want: number): Promise<string[]> {
    const claimed: string[] = []
    for (let idle = 0; idle < 3; ) {
      const { jobs } = await consumer.say({ want })
      idle = jobs.length === 0 ? idle + 1 : 0
      claimed.push(...payloadsOf(jobs))
      await consumer.say({ acks: jobs })
    }
    return claimed
  }

  describe('ranks', () => {
    it('Q20 lower priorities go first, with those in line between below and above 0', async () => {
      await bench.add(['later'], { priority: MOST_PRIORITY })
      await bench.add(['line 1', 'line 2'])
      await bench.add(['soon 1', 'soon 2'], { priority: -1 }, bench.second)
      await bench.add(['first'], { priority: -MOST_PRIORITY })
      await bench.add(['behind'], { priority: 1 })
      await bench.add(['soon 3'], { priority: -1 })
      await bench.add(['line 3'], { priority: 0 })
      expect(await bench.counts()).toMatchObject({ ready: 9, timed: 0 })
      const expected = ['first', 'soon 1', 'soon 2', 'soon 3', 'line 1', 'line 2', 'line 3']
      expect(await claimAll(bench.consumer(bench.second), 2)).toEqual([
        ...expected,
        ...['behind', 'later'],
      ])
    })

    it('Q20 one claim goes through all ranks', async () => {
      await bench.add(['c'], { priority: 5 })
      await bench.add(['b'])
      await bench.add(['a'], { priority: -5 })
      const worker = bench.consumer()
      const jobs = await worker.claim(1)
      jobs.push(...(await worker.claim(9)))
      expect(payloadsOf(jobs)).toEqual(['a', 'b', 'c'])
      expect(await worker.repeat()).toMatchObject({ jobs: jobs.slice(1) })
    })

    it('Q20 lifo goes before all priorities, the newest first', async () => {
      await bench.add(['priority'], { priority: -MOST_PRIORITY })
      await bench.add(['line'])
      await bench.add(['old', 'newer'], { lifo: true })
      await bench.add(['newest'], { lifo: true }, bench.second)
      const expected = ['newest', 'newer', 'old', 'priority', 'line']
      expect(await claimAll(bench.consumer(), 3)).toEqual(expected)
    })

    it('Q3 Q20 a timed job has its rank when it is due, also after a failure', async () => {
      await bench.add(['line'])
      await bench.add(['later'], { priority: 1, delayMs: 100 })
      await bench.add(['soon'], { priority: -1, delayMs: 100 })
      await bench.add(['now'], { lifo: true, delayMs: 100 })
      expect(await bench.counts()).toMatchObject({ ready: 1, timed: 3 })
      await bench.pass(100)
      const worker = bench.consumer(bench.second)
      const jobs = await worker.claim(2)
      expect(payloadsOf(jobs)).toEqual(['now', 'soon'])
      await worker.say({ retries: jobs.map((job) => ({ job, delayMs: 50, failed: true })) })
      await bench.pass(50)
      expect(await worker.claim(1)).toMatchObject([{ payload: 'now', attempt: 1 }])
      expect(payloadsOf(await worker.claim(9))).toEqual(['soon', 'line', 'later'])
    })

    it('Q4 Q20 what is handed back has its rank again', async () => {
      await bench.add(['b1', 'b2'], { priority: 2 })
      await bench.add(['a1', 'a2'], { priority: 1 })
      const worker = bench.consumer()
      const jobs = await worker.claim(3)
      expect(payloadsOf(jobs)).toEqual(['a1', 'a2', 'b1'])
      await worker.say({ retries: jobs.map((job) => ({ job, delayMs: 0, failed: false })) })
      await bench.add(['line'])
      expect(await bench.counts()).toMatchObject({ ready: 5, inFlight: 0 })
      expect(await claimAll(bench.consumer(bench.second), 2)).toEqual([
        ...['line', 'a1', 'a2', 'b1', 'b2'],
      ])
    })

    it('Q7 Q20 what was in flight in a crash comes back, whatever its rank', async () => {
      const [victim, heir] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a', 'b'], { priority: 9 })
      await victim.claim(1)
      await heir.say()
      await bench.passWith(heir, LEASE_MS + 1)
      expect(await bench.counts()).toMatchObject({ ready: 2 })
      const jobs = await heir.claim(2)
      expect(payloadsOf(jobs)).toEqual(['a', 'b'])
      await heir.say({ retries: jobs.map((job) => ({ job, delayMs: 0, failed: true })) })
      expect(payloadsOf(await heir.claim(2))).toEqual(['a', 'b'])
    })

    it('Q12 Q20 what is redriven has its rank again', async () => {
      await bench.add(['rank'], { priority: -3 })
      const worker = bench.consumer()
      const jobs = await worker.claim(1)
      await worker.say({ deaths: jobs.map((job) => ({ job, reason: 'x' })) })
      await bench.add(['line'])
      expect(await bench.second.queue.redrive(bench.queue, 10)).toBe(1)
      const [first] = await worker.claim(1)
      expect(first).toMatchObject({ ...jobs[0], attempt: 0 })
    })

    it('Q5 Q20 a batch with ranks that is added again adds nothing', async () => {
      const jobs: NewJob[] = [
        { payload: 'a', maxAttempts: 1, delayMs: 0, priority: 1 },
        { payload: 'b', maxAttempts: 1, delayMs: 9, lifo: true },
      ]
      const request = { queue: bench.queue, producer: 'p', sequence: 1, jobs }
      const ids = await bench.first.queue.add(request)
      expect(await bench.second.queue.add(request)).toEqual(ids)
      expect(await bench.counts()).toMatchObject({ ready: 1, timed: 1 })
    })

    it('Q20 more than fit in one place come by rank, and by age of one rank', {
      timeout: 60_000,
    }, async () => {
      const random = seededNumbers(20)
      const added: { id: string; rank: number }[] = []
      for (let batch = 0; batch < 13; batch++) {
        const rank = Math.floor(random() * 5) - 2
        const client = batch % 2 === 0 ? bench.first : bench.second
        const ids = await bench.add(numbered(1_000), { priority: rank }, client)
        added.push(...ids.map((id) => ({ id, rank })))
      }
      expect((await bench.counts()).ready).toBe(13_000)
      added.sort((a, b) => a.rank - b.rank || Number(a.id) - Number(b.id))
      const claimed: string[] = []
      const workers = [bench.consumer(), bench.consumer(bench.second)]
      for (let call = 0; call < 100 && claimed.length < 13_000; call++) {
        const worker = workers[call % 2] as Consumer
        const jobs = await worker.claim(499)
        claimed.push(...idsOf(jobs))
        await worker.say({ acks: jobs })
      }
      expect(claimed).toEqual(added.map(({ id }) => id))
      expect(await bench.counts()).toMatchObject({ ready: 0, inFlight: 0 })
    })
  })
}
