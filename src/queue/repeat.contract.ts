import { describe, expect, it } from 'vitest'
import { type Bench, HOUR_MS, inOrder, LEASE_MS, newJob, payloadsOf } from './bench.contract.ts'

/** The part of the suite of queues that is about calls that come again. */
export function repeatContract(bench: Bench): void {
  describe('repeating', () => {
    it('Q5 a batch that is added again adds nothing and answers the same ids', async () => {
      const request = {
        queue: bench.queue,
        producer: 'p',
        sequence: 7,
        jobs: [newJob('a'), newJob('b', { delayMs: 500 }), newJob('c')],
      }
      const ids = await bench.first.queue.add(request)
      expect(ids).toEqual(inOrder(ids))
      await bench.add(['other'])
      await bench.pass(1_000)
      expect(await bench.first.queue.add(request)).toEqual(ids)
      expect(await bench.second.queue.add(request)).toEqual(ids)
      const jobs = await bench.consumer().claim(10)
      expect(payloadsOf(jobs)).toEqual(['a', 'c', 'other', 'b'])
      expect(await bench.first.queue.add(request)).toEqual(ids)
      expect(await bench.counts()).toMatchObject({ ready: 0, timed: 0 })
    })

    it('Q5 an older batch adds nothing', async () => {
      const add = (sequence: number) =>
        bench.first.queue.add({
          queue: bench.queue,
          producer: 'p',
          sequence,
          jobs: [newJob(String(sequence))],
        })
      await add(1)
      await add(2)
      expect(await add(1)).toEqual([])
      expect(payloadsOf(await bench.consumer().claim(10))).toEqual(['1', '2'])
    })

    it('Q5 producers and queues have sequences of their own', async () => {
      const add = (queue: string, producer: string) =>
        bench.first.queue.add({ queue, producer, sequence: 1, jobs: [newJob(producer)] })
      for (const queue of ['a', 'b']) {
        const ids = [await add(queue, 'p'), await add(queue, 'q')].flat()
        expect(new Set(ids).size).toBe(2)
        expect(await bench.first.queue.counts(queue)).toMatchObject({ ready: 2 })
      }
    })

    it('Q6 a claim that is repeated answers the same jobs, and claims no more', async () => {
      const worker = bench.consumer()
      await bench.add(['a', 'b'])
      const answer = await worker.say({ want: 5 })
      await bench.add(['c'])
      const again = await worker.repeat()
      expect(again).toMatchObject({ tag: 'ok', jobs: answer.jobs, fence: answer.fence })
      expect(await bench.counts()).toMatchObject({ ready: 1, inFlight: 2 })
      expect(payloadsOf(await worker.claim(5))).toEqual(['c'])
    })

    it('Q6 what was settled by a repeated call is settled once, and answered as before', async () => {
      const worker = bench.consumer()
      await bench.add(['a', 'b', 'c', 'd', 'e'])
      const [a, b, c, d] = await worker.claim(4)
      if (!a || !b || !c || !d) throw new Error('not all were claimed')
      const said = {
        acks: [a, { ...a, id: '1' }],
        retries: [
          { job: b, delayMs: 100, failed: true },
          { job: c, delayMs: 0, failed: false },
        ],
        deaths: [{ job: d, reason: 'x' }],
        want: 1,
      }
      const answer = await worker.say(said)
      expect(answer).toMatchObject({ jobs: [{ payload: 'c' }], staleIds: ['1'] })
      const counts = await bench.counts()
      for (let round = 0; round < 2; round++) {
        const again = await worker.repeat()
        expect(again).toMatchObject({ jobs: answer.jobs, staleIds: ['1'], fence: answer.fence })
        expect(await bench.counts()).toEqual(counts)
      }
      await bench.pass(100)
      expect(await worker.claim(9)).toMatchObject([{ payload: 'e' }, { payload: 'b', attempt: 1 }])
    })

    it('Q6 a repeated call that found nothing claims nothing later', async () => {
      const worker = bench.consumer()
      expect(await worker.claim(5)).toEqual([])
      await bench.add(['a'])
      expect(await worker.repeat()).toMatchObject({ tag: 'ok', jobs: [] })
      expect(payloadsOf(await worker.claim(5))).toEqual(['a'])
    })

    it('Q6 an older call is refused and changes nothing', async () => {
      const worker = bench.consumer()
      await bench.add(['a', 'b', 'c'])
      const first = await worker.say({ want: 1 })
      await worker.say({ acks: first.jobs, want: 1 })
      const before = await bench.store.dump()
      expect(await worker.repeat(1)).toMatchObject({ tag: 'lost' })
      expect(await bench.store.dump()).toEqual(before)
      expect(payloadsOf(await worker.claim(1))).toEqual(['c'])
    })

    it('Q11 who holds nothing has no lease', async () => {
      const [idle, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      expect(await idle.say({ want: 5 })).toMatchObject({ jobs: [], watch: false })
      expect(await watcher.say({ want: 5 })).toMatchObject({ watch: false })
      await bench.add(['a', 'b'])
      const jobs = await idle.claim(5)
      expect(await watcher.say({ want: 5 })).toMatchObject({ watch: true })
      // Its own lease is nothing to watch.
      expect(await idle.say({ want: 5 })).toMatchObject({ watch: false })
      await idle.say({ acks: jobs })
      expect(await watcher.say({ want: 5 })).toMatchObject({ watch: false })
    })

    it('Q11 who holds nothing is never lost, however long it was away', async () => {
      const [idle, busy] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a'])
      await idle.say({ acks: await idle.claim(1) })
      await bench.passWith(busy, 3 * LEASE_MS)
      await bench.pass(HOUR_MS)
      await bench.add(['b'])
      expect(payloadsOf(await idle.claim(1))).toEqual(['b'])
    })
  })
}
