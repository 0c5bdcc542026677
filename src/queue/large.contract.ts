import { describe, expect, it } from 'vitest'
import {
  type Bench,
  type Consumer,
  idsOf,
  inOrder,
  numbered,
  payloadsOf,
} from './bench.contract.ts'

/** More than any one list or set of an engine holds. */
const BATCHES = 10
const IN_BATCH = 1_000

/** The part of the suite of queues that is about more jobs than fit in one place. */
export function largeContract(bench: Bench): void {
  async function claimAll(consumers: Consumer[], want: number): Promise<string[]> {
    const claimed: string[] = []
    for (let idle = 0; idle < consumers.length * 2; ) {
      const consumer = consumers[claimed.length % consumers.length] as Consumer
      const { jobs } = await consumer.say({ want })
      if (jobs.length === 0) consumers.push(consumers.shift() as Consumer)
      idle = jobs.length === 0 ? idle + 1 : 0
      claimed.push(...idsOf(jobs))
      await consumer.say({ acks: jobs })
    }
    return claimed
  }

  describe('many jobs', { timeout: 60_000 }, () => {
    it('Q1 Q2 keep their order, whoever adds and claims them', async () => {
      const clients = [bench.first, bench.second]
      const ids: string[] = []
      const workers = clients.map((client) => bench.consumer(client))
      const claimed: string[] = []
      for (let batch = 0; batch < BATCHES; batch++) {
        ids.push(...(await bench.add(numbered(IN_BATCH), {}, clients[batch % 2])))
        const worker = workers[batch % 2] as Consumer
        const { jobs } = await worker.say({ want: 300 })
        const [kept, back] = [jobs.slice(0, 200), jobs.slice(200)]
        claimed.push(...idsOf(kept))
        const retries = back.map((job) => ({ job, delayMs: 0, failed: false }))
        await worker.say({ acks: kept, retries })
      }
      expect((await bench.counts()).ready).toBe(ids.length - claimed.length)
      claimed.push(...(await claimAll(workers, 499)))
      expect(claimed).toEqual(ids)
      expect(await bench.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
    })

    it('Q1 Q3 become due in the order of their times, and are claimed in it', async () => {
      const dues = new Map<string, number>()
      for (let batch = 0; batch < BATCHES; batch++) {
        const delayMs = 1_000 * (1 + ((batch * 7) % BATCHES))
        const client = batch % 2 === 0 ? bench.first : bench.second
        for (const id of await bench.add(numbered(IN_BATCH), { delayMs }, client)) {
          dues.set(id, delayMs)
        }
      }
      expect(await bench.counts()).toMatchObject({ ready: 0, timed: BATCHES * IN_BATCH })
      const worker = bench.consumer(bench.second)
      expect(await worker.say({ want: 500 })).toMatchObject({ jobs: [], nextDueMs: 1_000 })
      await bench.pass(3_000)
      const claimed = await claimAll([worker], 500)
      await bench.pass(BATCHES * 1_000)
      claimed.push(...(await claimAll([worker, bench.consumer()], 500)))
      const inTime = [...dues.keys()].sort((a, b) => Number(a) - Number(b))
      expect(inOrder(claimed)).toEqual(inTime)
      const order = claimed.map((id) => dues.get(id))
      expect(order).toEqual([...order].sort((a, b) => Number(a) - Number(b)))
    })

    it('Q1 wait in places of bounded size, ready or timed', async () => {
      for (let batch = 0; batch < BATCHES; batch++) {
        await bench.add(numbered(IN_BATCH))
        await bench.add(numbered(IN_BATCH), { delayMs: 60_000 })
      }
      const worker = bench.consumer()
      const jobs = await worker.claim(500)
      expect(payloadsOf(jobs)).toEqual(numbered(500))
      await worker.say({ retries: jobs.map((job) => ({ job, delayMs: 1_000, failed: true })) })
      // What is left behind is audited when the store is closed.
      const count = BATCHES * IN_BATCH
      expect(await bench.counts()).toMatchObject({ ready: count - 500, timed: count + 500 })
    })
  })
}
