import { describe, expect, it } from 'vitest'
import { type Bench, LEASE_MS, MICROSECOND_MS, numbered, payloadsOf } from './bench.contract.ts'

/** The part of the suite of queues that is about jobs that may come too late. */
export function deadlineContract(bench: Bench): void {
  describe('deadlines', () => {
    it.each(['deadlineMs', 'deadlineAtMs'])('Q21 %s holds to the microsecond', async (how) => {
      const nowMs = bench.store.clock.wallMs()
      const deadline =
        how === 'deadlineMs' ? { deadlineMs: 500 } : { deadlineMs: 1, deadlineAtMs: nowMs + 500 }
      await bench.add(['in time', 'too late'], deadline)
      await bench.add(['without'])
      await bench.pass(500)
      const worker = bench.consumer(bench.second)
      expect(payloadsOf(await worker.claim(1))).toEqual(['in time'])
      await bench.pass(MICROSECOND_MS)
      expect(payloadsOf(await worker.claim(2))).toEqual(['without'])
      expect(await bench.counts()).toEqual({ ready: 0, timed: 0, inFlight: 2, dead: 1 })
      const [letter, ...others] = await bench.dead()
      expect(others).toEqual([])
      expect(letter).toMatchObject({
        ...{ payload: 'too late', attempt: 0, crashes: 0, reason: 'its deadline passed' },
        diedAtMs: bench.store.clock.wallMs(),
      })
    })

    it('Q21 holds whatever else the job is: delayed, ranked, or tried before', async () => {
      await bench.add(['delayed'], { deadlineMs: 100, delayMs: 100 })
      await bench.add(['ranked'], { deadlineMs: 100, priority: -2 })
      await bench.add(['first'], { deadlineMs: 100, lifo: true })
      await bench.add(['tried'], { deadlineMs: 100, priority: -1_000_000_000 })
      const worker = bench.consumer()
      const [first, tried] = await worker.claim(2)
      expect([first?.payload, tried?.payload]).toEqual(['first', 'tried'])
      const job = tried ?? first
      if (!job) throw new Error('nothing was claimed')
      await worker.say({ retries: [{ job, delayMs: 90, failed: true }] })
      await bench.pass(101)
      await bench.add(['line'])
      expect(payloadsOf(await worker.claim(9))).toEqual(['line'])
      const dead = await bench.dead()
      expect(payloadsOf(dead).sort()).toEqual(['delayed', 'ranked', 'tried'])
      expect(dead.find(({ payload }) => payload === 'tried')).toMatchObject({ attempt: 1 })
    })

    it('Q21 a claim that found only overdue ones says that there is more', async () => {
      await bench.add(numbered(20), { deadlineMs: 1 })
      await bench.add(['alive'])
      await bench.pass(2)
      const worker = bench.consumer()
      const answer = await worker.say({ want: 5 })
      expect(answer).toMatchObject({ jobs: [], more: true, watch: false })
      expect(await bench.counts()).toMatchObject({ ready: 16, dead: 5, inFlight: 0 })
      const claimed: string[] = []
      for (let call = 0; call < 9; call++) claimed.push(...payloadsOf(await worker.claim(5)))
      expect(claimed).toEqual(['alive'])
    })

    it('Q8 Q21 a suspect that is overdue is dead, and the next one comes', async () => {
      const [victim, heir] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['overdue'], { deadlineMs: 10 })
      await bench.add(['alive'])
      await victim.claim(2)
      await heir.say()
      await bench.passWith(heir, LEASE_MS + 1)
      expect(await heir.claim(1)).toEqual([])
      expect(payloadsOf(await heir.claim(1))).toEqual(['alive'])
      expect(await bench.dead()).toMatchObject([{ payload: 'overdue', attempt: 0, crashes: 0 }])
    })

    it('Q12 Q21 redriven, a job has no deadline', async () => {
      await bench.add(['a'], { deadlineMs: 10, priority: 4 })
      await bench.pass(11)
      const worker = bench.consumer()
      await worker.claim(1)
      expect(await bench.second.queue.redrive(bench.queue, 1)).toBe(1)
      await bench.add(['b'], { priority: 5 })
      expect(payloadsOf(await worker.claim(2))).toEqual(['a', 'b'])
    })

    it('Q6 Q21 a repeated claim answers what was claimed, also when that is overdue', async () => {
      await bench.add(['a'], { deadlineMs: 10 })
      const worker = bench.consumer()
      const answer = await worker.say({ want: 1 })
      await bench.pass(20)
      expect(await worker.repeat()).toMatchObject({ jobs: answer.jobs })
    })
  })
}
