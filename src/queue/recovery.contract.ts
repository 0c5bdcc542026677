import { describe, expect, it } from 'vitest'
import {
  type Bench,
  type Consumer,
  HOUR_MS,
  idsOf,
  LEASE_MS,
  numbered,
  payloadsOf,
} from './bench.contract.ts'
import type { StoredJob } from './store.ts'

/** The part of the suite of queues that is about consumers that end without a word. */
export function recoveryContract(bench: Bench): void {
  /** Claims until there is nothing more: an answer may come before what was recovered by it. */
  async function claimAll(consumer: Consumer, want: number): Promise<StoredJob[]> {
    const jobs: StoredJob[] = []
    for (let call = 0; call < 4; call++) jobs.push(...(await consumer.claim(want)))
    return jobs
  }

  /** A consumer that claimed everything and was not heard of for a lease, while another was. */
  async function crash(victim: Consumer, watcher: Consumer, want = 10): Promise<StoredJob[]> {
    const jobs = await victim.claim(want)
    await bench.passWith(watcher, LEASE_MS + 1)
    return jobs
  }

  describe('recovery', () => {
    it('Q7 a lease lasts as long as it says, and then its jobs return', async () => {
      const [victim, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a', 'b', 'c'])
      await victim.claim(3)
      await bench.passWith(watcher, LEASE_MS - 1)
      expect(await claimAll(watcher, 1)).toEqual([])
      expect(await bench.counts()).toMatchObject({ inFlight: 3 })
      await bench.pass(2)
      await watcher.say()
      expect(await bench.counts()).toMatchObject({ ready: 3, inFlight: 0 })
    })

    it('Q26 a lease that is renewed for its consumer lasts, and what it holds stays its own', async () => {
      const [silent, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a', 'b'])
      const jobs = await silent.claim(2)
      for (let lease = 0; lease < 3; lease++) {
        await bench.passWith(watcher, LEASE_MS - 1)
        expect(await bench.second.queue.renew(bench.queue, silent.epoch, LEASE_MS)).toBe(true)
      }
      await bench.passWith(watcher, LEASE_MS - 1)
      expect(await bench.counts()).toMatchObject({ ready: 0, inFlight: 2 })
      expect(await silent.exchange({ acks: jobs })).toMatchObject({ tag: 'ok', staleIds: [] })
      expect(await bench.counts()).toMatchObject({ ready: 0, inFlight: 0 })
    })

    it('Q26 no lease is made by renewing it: not for who holds nothing, was lost, or is unknown', async () => {
      const [victim, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      const renew = (epoch: string) => bench.second.queue.renew(bench.queue, epoch, LEASE_MS)
      expect(await renew(victim.epoch)).toBe(false)
      await bench.add(['a'])
      await crash(victim, watcher)
      await watcher.say()
      expect(await renew(victim.epoch)).toBe(false)
      expect(await renew('nobody')).toBe(false)
      const jobs = await claimAll(watcher, 1)
      await watcher.exchange({ acks: jobs })
      expect(await renew(watcher.epoch)).toBe(false)
      expect(await bench.second.queue.renew('another', 'nobody', LEASE_MS)).toBe(false)
    })

    it('Q7 jobs return in the order of adding, in front of those that were behind them', async () => {
      const ids = await bench.add(numbered(6))
      const [victim, ...others] = [bench.consumer(), ...consumers(6)]
      const [watcher] = others as [Consumer]
      await victim.claim(2)
      await victim.claim(2)
      await bench.passWith(watcher, LEASE_MS + 1)
      const claimed: string[] = []
      for (const consumer of others) claimed.push(...idsOf(await consumer.claim(1)))
      expect(claimed).toEqual(ids)
    })

    it('Q7 whoever was lost is told so by every later call, and settles nothing', async () => {
      const [victim, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a', 'b'])
      const jobs = await crash(victim, watcher)
      const before = await bench.store.dump()
      expect(await victim.repeat()).toMatchObject({ tag: 'lost' })
      expect(await victim.exchange({ want: 1 })).toMatchObject({ tag: 'lost' })
      expect(await victim.exchange({ acks: jobs.slice(0, 1) })).toMatchObject({ tag: 'lost' })
      expect(
        await victim.exchange({ deaths: [{ job: jobs[1] as StoredJob, reason: '' }] }),
      ).toMatchObject({ tag: 'lost' })
      expect(await bench.store.dump()).toEqual(before)
      expect(await bench.counts()).toEqual({ ready: 2, timed: 0, inFlight: 0, dead: 0 })
    })

    it('Q7 an epoch is recovered once, though many notice', async () => {
      const victim = bench.consumer()
      const others = consumers(8)
      await bench.add(numbered(6))
      await crash(victim, others[0] as Consumer)
      await Promise.all(others.map((other) => other.say()))
      const claimed = await Promise.all(others.map((other) => other.claim(5)))
      const again = await Promise.all(others.map((other) => other.claim(5)))
      const ids = [...claimed, ...again].flat().map(({ id }) => id)
      expect(new Set(ids).size).toBe(ids.length)
      expect(ids).toHaveLength(6)
      expect(await bench.counts()).toEqual({ ready: 0, timed: 0, inFlight: 6, dead: 0 })
    })

    it.each([true, false])(
      'Q7 who calls as it is given up is lost, or keeps its jobs (first: %s)',
      async (isFirst) => {
        const [late, watcher] = [bench.consumer(), bench.consumer()]
        await bench.add(['a', 'b'])
        const jobs = await late.claim(2)
        await bench.passWith(watcher, LEASE_MS - 1)
        await bench.pass(2)
        const noticing = isFirst ? [] : [watcher.say()]
        const calling = late.exchange()
        await Promise.all([...noticing, calling, watcher.say()])
        const isLost = (await calling).tag === 'lost'
        const held = { ready: 0, timed: 0, inFlight: 2, dead: 0 }
        expect(await bench.counts()).toEqual(isLost ? { ...held, ready: 2, inFlight: 0 } : held)
        if (!isLost) expect((await late.say({ acks: jobs })).staleIds).toEqual([])
      },
    )

    it('Q7 a consumer that goes on calling keeps its jobs', async () => {
      const [worker, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a'])
      const jobs = await worker.claim(1)
      for (let round = 0; round < 12; round++) {
        await bench.pass(LEASE_MS / 4)
        expect(await watcher.say({ want: 1 })).toMatchObject({ jobs: [] })
        await bench.pass(LEASE_MS / 4)
        expect(await worker.exchange()).toMatchObject({ tag: 'ok' })
      }
      expect((await worker.say({ acks: jobs })).staleIds).toEqual([])
    })

    it('Q7 of several that are gone, each is recovered', async () => {
      const victims = consumers(3)
      const watcher = bench.consumer(bench.second)
      await bench.add(numbered(9))
      for (const victim of victims) await victim.claim(3)
      await bench.passWith(watcher, LEASE_MS + 1)
      await bench.passWith(watcher, LEASE_MS / 2)
      await watcher.say()
      expect(await bench.counts()).toEqual({ ready: 9, timed: 0, inFlight: 0, dead: 0 })
    })

    it('Q7 who believes to hold what was wiped out is lost', async () => {
      const worker = bench.consumer()
      await bench.add(['a'])
      await worker.claim(1)
      await bench.store.wipe()
      expect(await worker.exchange({ want: 1 })).toMatchObject({ tag: 'lost' })
    })
  })

  describe('suspicion', () => {
    it('Q8 a crash is no attempt, and makes everything that was held a suspect', async () => {
      const [victim, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a', 'b', 'c'])
      await crash(victim, watcher)
      await bench.add(['d', 'e'])
      const jobs = await watcher.claim(10)
      expect(payloadsOf(jobs).sort()).toEqual(['a', 'd', 'e'])
      for (const job of jobs) expect(job).toMatchObject({ attempt: 0, crashes: 0 })
      expect(await watcher.claim(10)).toEqual([])
      const next = await bench.consumer().claim(10)
      expect(payloadsOf(next)).toEqual(['b'])
      const [a] = jobs.filter(({ payload }) => payload === 'a')
      expect(payloadsOf((await watcher.say({ acks: a ? [a] : [], want: 9 })).jobs)).toEqual(['c'])
    })

    it('Q8 only the suspect is blamed for the next crash', async () => {
      const [victim, second, watcher] = consumers(3) as [Consumer, Consumer, Consumer]
      await bench.add(['a'])
      await crash(victim, watcher)
      await bench.add(['b', 'c'])
      expect(payloadsOf(await crash(second, watcher)).sort()).toEqual(['a', 'b', 'c'])
      const crashes: Record<string, number> = {}
      for (const consumer of consumers(3)) {
        for (const job of await consumer.claim(1)) crashes[job.payload] = job.crashes
      }
      expect(crashes).toEqual({ a: 1, b: 0, c: 0 })
    })

    it('Q8 too many crashes under suspicion are a death, with a reason and no attempt', async () => {
      const watcher = bench.consumer(bench.second)
      await bench.add(['poison'], { maxAttempts: 2 })
      for (const victim of consumers(4)) {
        expect(payloadsOf(await victim.claim(1))).toEqual(['poison'])
        for (let quarter = 0; quarter < 5; quarter++) {
          await bench.pass(LEASE_MS / 4)
          await watcher.say({ maxCrashes: 3 })
        }
      }
      expect(await bench.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 1 })
      expect(await bench.dead()).toMatchObject([
        { payload: 'poison', attempt: 0, crashes: 3, reason: expect.stringMatching(/crash/) },
      ])
    })

    it('Q8 what a worker survives is settled as anything else', async () => {
      const [victim, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a', 'b', 'c'])
      await crash(victim, watcher)
      const [a] = await watcher.claim(1)
      const failed = { delayMs: 100, failed: true }
      const { jobs } = await watcher.say({ retries: a ? [{ job: a, ...failed }] : [], want: 1 })
      expect(payloadsOf(jobs)).toEqual(['b'])
      await watcher.say({ deaths: jobs.map((job) => ({ job, reason: 'x' })) })
      const [c] = await watcher.claim(1)
      await watcher.say({ acks: c ? [c] : [] })
      await bench.pass(100)
      expect(await watcher.claim(9)).toMatchObject([{ payload: 'a', attempt: 1 }])
    })
  })

  describe('silence', () => {
    it('Q9 nobody is recovered right after a silence of more than a third of a lease', async () => {
      const [worker, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a', 'b'])
      const [a, b] = await worker.claim(2)
      await bench.pass(HOUR_MS)
      expect(await claimAll(watcher, 5)).toEqual([])
      expect((await worker.say({ acks: a ? [a] : [] })).staleIds).toEqual([])
      await bench.pass(LEASE_MS / 3 + 1)
      expect((await worker.say({ acks: b ? [b] : [] })).staleIds).toEqual([])
    })

    it('Q9 but one fresh period later, if it is still not heard of', async () => {
      const [worker, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a'])
      await worker.claim(1)
      await bench.pass(HOUR_MS)
      await watcher.say()
      await bench.passWith(watcher, LEASE_MS - 1)
      expect(await claimAll(watcher, 1)).toEqual([])
      await bench.pass(2)
      expect(payloadsOf(await claimAll(watcher, 1))).toEqual(['a'])
    })

    it.each([-HOUR_MS, HOUR_MS])('Q9 a clock that jumped by %i ms is a silence', async (jumpMs) => {
      const [gone, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a'])
      await gone.claim(1)
      bench.store.clock.stepWall(jumpMs)
      expect(await claimAll(watcher, 1)).toEqual([])
      await bench.passWith(watcher, LEASE_MS - 1)
      expect(await claimAll(watcher, 1)).toEqual([])
      await bench.pass(2)
      expect(payloadsOf(await claimAll(watcher, 1))).toEqual(['a'])
    })

    it('Q9 a shorter silence saves nobody', async () => {
      const [worker, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a'])
      await worker.claim(1)
      for (let third = 0; third < 3; third++) {
        await watcher.say()
        await bench.pass(LEASE_MS / 3)
      }
      expect(payloadsOf(await claimAll(watcher, 1))).toEqual(['a'])
    })
  })

  /** Of two clients in turn. */
  const consumers = (count: number) =>
    Array.from({ length: count }, (_, index) =>
      bench.consumer(index % 2 === 0 ? bench.first : bench.second),
    )
}
