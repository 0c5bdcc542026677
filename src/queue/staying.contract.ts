import { describe, expect, it } from 'vitest'
import { type Bench, LEASE_MS } from './bench.contract.ts'

/** The part of the suite of queues that is about jobs that fail and stay in flight, to be tried again by who has them. */
export function stayingContract(bench: Bench): void {
  describe('what failed and stays', () => {
    const note = (reason: string) => ({ keep: 2, kind: 'failed', reason }) as const

    it('Q77 is in flight for the same epoch, with an attempt more, and no other finds it', async () => {
      const [worker, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a', 'b'])
      const [job, other] = await worker.claim(2)
      if (!job || !other) throw new Error('nothing was claimed')
      const before = await bench.counts()
      const stay = { failed: true, delayMs: 5_000, stays: true }
      const answer = await worker.say({ retries: [{ job, ...stay, note: note('first') }] })
      expect(answer).toMatchObject({ staleIds: [], jobs: [], nextDueMs: null })
      expect(await bench.counts()).toEqual(before)
      expect((await watcher.say({ want: 2 })).jobs).toEqual([])
      await worker.say({ retries: [{ job, ...stay, note: note('second') }], acks: [other] })
      expect(await bench.counts()).toMatchObject({ inFlight: 1, timed: 0, ready: 0 })
      await worker.say({ retries: [{ job, failed: false, delayMs: 1_000 }] })
      expect(await bench.counts()).toMatchObject({ inFlight: 0, timed: 1 })
      await bench.pass(1_000)
      const [again] = (await watcher.say({ want: 1 })).jobs
      expect(again).toMatchObject({
        ...{ id: job.id, payload: job.payload, attempt: 2, crashes: 0 },
      })
      expect(again?.history?.map(({ attempt, reason }) => [attempt, reason])).toEqual([
        [1, 'first'],
        [2, 'second'],
      ])
    })

    it('Q77 it is counted once when the call is repeated, and by whom it is in flight alone', async () => {
      const [worker, thief] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a'])
      const [job] = await worker.claim(1)
      if (!job) throw new Error('nothing was claimed')
      const stay = { failed: true, delayMs: 0, stays: true }
      expect((await thief.say({ retries: [{ job, ...stay }] })).staleIds).toEqual([job.id])
      await worker.say({ retries: [{ job, ...stay }] })
      await worker.repeat()
      await worker.say({ retries: [{ job, failed: false, delayMs: 0 }] })
      expect((await thief.claim(1))[0]).toMatchObject({ id: job.id, attempt: 1 })
    })

    it('Q77 its attempt is known when its worker has crashed', async () => {
      const [victim, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a'])
      const [job] = await victim.claim(1)
      if (!job) throw new Error('nothing was claimed')
      await victim.say({ retries: [{ job, failed: true, delayMs: LEASE_MS, stays: true }] })
      await bench.passWith(watcher, LEASE_MS + 1)
      const jobs = [...(await watcher.claim(1)), ...(await watcher.claim(1))]
      expect(jobs).toMatchObject([{ id: job.id, attempt: 1 }])
    })
  })
}
