import { describe, expect, it } from 'vitest'
import { HOSTILE_NAMES } from '../../test/hostile-names.ts'
import { behindContract } from './behind.contract.ts'
import {
  Bench,
  HOUR_MS,
  idsOf,
  inOrder,
  MICROSECOND_MS,
  newJob,
  numbered,
  type OpenedQueueStore,
  payloadsOf,
} from './bench.contract.ts'
import { claimedContract } from './claimed.contract.ts'
import { confirmContract } from './confirm.contract.ts'
import { deadContract } from './dead.contract.ts'
import { deadlineContract } from './deadline.contract.ts'
import { eventsContract } from './events.contract.ts'
import { historyContract } from './history.contract.ts'
import { largeContract } from './large.contract.ts'
import { listingContract } from './listing.contract.ts'
import { namedContract } from './named.contract.ts'
import { parkingContract } from './parking.contract.ts'
import { partitionsContract } from './partitions.contract.ts'
import { pauseContract } from './pause.contract.ts'
import { ranksContract } from './ranks.contract.ts'
import { recordsContract } from './records.contract.ts'
import { recoveryContract } from './recovery.contract.ts'
import { removalContract } from './removal.contract.ts'
import { repeatContract } from './repeat.contract.ts'
import { retainedContract } from './retained.contract.ts'
import { roomContract } from './room.contract.ts'
import { schedulesContract } from './schedules.contract.ts'
import { strandsContract } from './strands.contract.ts'
import { wakeContract } from './wake.contract.ts'
import { walk } from './walk.contract.ts'
import { withinContract } from './within.contract.ts'

/** Payloads that have broken packing: what goes in comes out, byte for byte. */
const HOSTILE_PAYLOADS = [
  ...[
    '""',
    '0',
    'null',
    '{"a":"b"}',
    '[]',
    '"\\u0000"',
    '"\u2028"',
    '"é"',
    '"e\u0301"',
    '"👩‍👩‍👧"',
  ],
  ...['"1000000030000000000000000000000"', '"%s%d"', '"a|||b"', '"\\\\"', `"${"'".repeat(9)}"`],
  JSON.stringify('x'.repeat(1 << 19)),
  JSON.stringify('限'.repeat(100_000)),
]

/** The suite that every engine must pass; its titles carry the promises of `store.ts`. */
export function queueContract(open: () => Promise<OpenedQueueStore>): void {
  const bench = new Bench(open)
  recoveryContract(bench)
  behindContract(bench)
  claimedContract(bench)
  wakeContract(bench)
  largeContract(bench)
  deadContract(bench)
  recordsContract(bench)
  schedulesContract(bench)
  strandsContract(bench)
  partitionsContract(bench)
  parkingContract(bench)
  historyContract(bench)
  eventsContract(bench)
  retainedContract(bench)
  ranksContract(bench)
  deadlineContract(bench)
  pauseContract(bench)
  roomContract(bench)
  removalContract(bench)
  listingContract(bench)
  withinContract(bench)
  namedContract(bench)
  confirmContract(bench)
  settleContract(bench)
  repeatContract(bench)

  describe('places', () => {
    it('Q1 a job is in one place, from being added to being done', async () => {
      const [worker] = [bench.consumer()]
      const nowhere = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
      expect(await bench.counts()).toEqual(nowhere)
      await bench.add(['a', 'b', 'c'])
      await bench.add(['d'], { delayMs: 1_000 })
      expect(await bench.counts()).toEqual({ ...nowhere, ready: 3, timed: 1 })
      const [a, b, c] = await worker.claim(5)
      expect(await bench.counts()).toEqual({ ...nowhere, inFlight: 3, timed: 1 })
      if (!a || !b || !c) throw new Error('not all were claimed')
      await worker.say({ acks: [a], retries: [{ job: b, delayMs: 500, failed: true }] })
      expect(await bench.counts()).toEqual({ ...nowhere, inFlight: 1, timed: 2 })
      await worker.say({ deaths: [{ job: c, reason: 'no' }] })
      expect(await bench.counts()).toEqual({ ...nowhere, timed: 2, dead: 1 })
      await bench.pass(1_000)
      await worker.claim(1)
      expect(await bench.counts()).toEqual({ ...nowhere, ready: 1, inFlight: 1, dead: 1 })
    })

    it('Q1 whoever counts finds each job, however often it moves from one place to another', async () => {
      await bench.add(['a'])
      let isMoving = true
      const move = async (): Promise<void> => {
        for (let round = 0; round < 200; round++) {
          // A consumer of its own each time, as after a crash.
          const consumer = bench.consumer()
          const [job] = await consumer.claim(1)
          if (job) await consumer.say({ retries: [{ job, delayMs: 0, failed: false }] })
        }
        isMoving = false
      }
      const counted = new Set<number>()
      const count = async () => {
        while (isMoving) {
          const { ready, timed, inFlight } = await bench.counts()
          counted.add(ready + timed + inFlight)
        }
      }
      await Promise.all([move(), count(), count()])
      expect([...counted]).toEqual([1])
    })

    it.each([1, 2, 3, 4])('Q1 Q4 Q7 hold on random walk %i', async (seed) => {
      await walk(bench, seed, 120)
    })

    it('Q1 counting and listing what nobody ever added creates nothing', async () => {
      await bench.first.queue.counts('nothing')
      await bench.first.queue.listDead('nothing', 10)
      await bench.first.queue.list(10)
      expect(await bench.store.dump()).toEqual([])
    })

    it('Q1 queues of hostile names are kept apart, and listed as they are', async () => {
      const add = (queue: string) =>
        bench.first.queue.add({ queue, producer: 'p', sequence: 1, jobs: [newJob(queue)] })
      await Promise.all(HOSTILE_NAMES.map(add))
      expect((await bench.second.queue.list(1_000)).sort()).toEqual([...HOSTILE_NAMES].sort())
      for (const name of HOSTILE_NAMES) {
        const consumer = bench.consumer(bench.second, name)
        const [job, ...others] = await consumer.claim(10)
        expect([job?.payload, others]).toEqual([name, []])
        await consumer.say({ acks: job ? [job] : [] })
      }
    })

    it('Q1 payloads come out as they went in', async () => {
      await bench.add(HOSTILE_PAYLOADS)
      const worker = bench.consumer(bench.second)
      const jobs = await worker.claim(100)
      expect(payloadsOf(jobs)).toEqual(HOSTILE_PAYLOADS)
      await worker.say({ deaths: jobs.map((job) => ({ job, reason: job.payload.slice(0, 99) })) })
      const dead = await bench.dead()
      expect(payloadsOf(dead)).toEqual(HOSTILE_PAYLOADS)
      expect(dead.map(({ reason }) => reason)).toEqual(
        HOSTILE_PAYLOADS.map((payload) => payload.slice(0, 99)),
      )
    })

    it('Q1 lists the queues that hold anything, and no more than was asked for', async () => {
      const worker = bench.consumer()
      await bench.add(['a'])
      for (const queue of ['b', 'c', 'd']) {
        await bench.first.queue.add({
          queue,
          producer: 'p',
          sequence: 1,
          jobs: [newJob('x', { delayMs: queue === 'd' ? 1 : 0 })],
        })
      }
      const [job] = await worker.claim(1)
      expect((await bench.second.queue.list(100)).sort()).toEqual(['b', 'c', 'd', bench.queue])
      await worker.say({ acks: job ? [job] : [] })
      expect((await bench.second.queue.list(100)).sort()).toEqual(['b', 'c', 'd'])
      expect(await bench.second.queue.list(2)).toHaveLength(2)
    })
  })

  describe('order', () => {
    it('Q2 first in, first out, over batches, clients and claims of any size', async () => {
      const ids: string[] = []
      for (const [batch, client] of [bench.first, bench.second, bench.first].entries()) {
        ids.push(
          ...(await bench.add(
            numbered(7).map((n) => `${batch}.${n}`),
            {},
            client,
          )),
        )
      }
      expect(ids).toEqual(inOrder(ids))
      expect(new Set(ids).size).toBe(21)
      const [one, other] = [bench.consumer(), bench.consumer(bench.second)]
      const claimed = [
        ...(await one.claim(5)),
        ...(await other.claim(1)),
        ...(await one.claim(9)),
        ...(await other.claim(100)),
      ]
      expect(idsOf(claimed)).toEqual(ids)
      expect(payloadsOf(claimed)[20]).toBe('2.7')
    })

    it('Q2 the order holds over midnight, and when the clock steps back', async () => {
      const { clock } = bench.store
      const dayMs = 24 * HOUR_MS
      clock.stepWall(dayMs - (clock.wallMs() % dayMs) - 1)
      const ids = await bench.add(['a'])
      for (const payload of ['b', 'c']) {
        await bench.pass(1)
        ids.push(...(await bench.add([payload])))
      }
      clock.stepWall(-HOUR_MS)
      ids.push(...(await bench.add(['d'], {}, bench.second)))
      expect(ids).toEqual(inOrder(ids))
      expect(payloadsOf(await bench.consumer().claim(9))).toEqual(['a', 'b', 'c', 'd'])
    })

    it('Q2 a batch of a thousand keeps its order', async () => {
      const ids = await bench.add(numbered(1_000))
      const worker = bench.consumer(bench.second)
      const jobs = [...(await worker.claim(500)), ...(await worker.claim(500))]
      expect(idsOf(jobs)).toEqual(ids)
      expect(payloadsOf(jobs)).toEqual(numbered(1_000))
    })

    it('Q2 timed jobs come in the order in which they became due, behind what was ready', async () => {
      await bench.add(['late'], { delayMs: 300 })
      await bench.add(['early', 'early too'], { delayMs: 100 })
      await bench.add(['at'], { delayMs: 0, dueAtMs: bench.store.clock.wallMs() + 200 })
      await bench.add(['ready'])
      await bench.pass(300)
      const worker = bench.consumer(bench.second)
      expect(payloadsOf(await worker.claim(10))).toEqual([
        'ready',
        'early',
        'early too',
        'at',
        'late',
      ])
    })

    it('Q2 hundreds that become due at once keep their order', async () => {
      const ids = await bench.add(numbered(250), { delayMs: 1_000 })
      await bench.pass(1_000)
      const worker = bench.consumer()
      const claimed: string[] = []
      for (let call = 0; call < 10 && claimed.length < 250; call++) {
        claimed.push(...idsOf(await worker.claim(250)))
      }
      expect(claimed).toEqual(ids)
    })

    it('Q2 Q4 what is handed back goes to the front, in the order in which it was', async () => {
      await bench.add(['a', 'b', 'c', 'd'])
      const worker = bench.consumer()
      const [a, b, c] = await worker.claim(3)
      if (!a || !b || !c) throw new Error('not all were claimed')
      const back = { delayMs: 0, failed: false }
      await worker.say({ retries: [a, b, c].map((job) => ({ job, ...back })) })
      const jobs = await bench.consumer(bench.second).claim(10)
      expect(payloadsOf(jobs)).toEqual(['a', 'b', 'c', 'd'])
      expect(jobs.map(({ attempt, crashes }) => attempt + crashes)).toEqual([0, 0, 0, 0])
    })
  })

  describe('time', () => {
    it.each(['delayMs', 'dueAtMs'] as const)('Q3 %s holds to the microsecond', async (how) => {
      const delayMs = 1_234.567
      const nowMs = bench.store.clock.wallMs()
      await bench.add(
        ['a'],
        how === 'delayMs' ? { delayMs } : { delayMs: HOUR_MS, dueAtMs: nowMs + delayMs },
      )
      const worker = bench.consumer()
      expect(await worker.say({ want: 1 })).toMatchObject({ jobs: [] })
      await bench.pass(1_000)
      const before = await worker.say({ want: 1 })
      expect(before.nextDueMs).toBeCloseTo(234.567, 6)
      await bench.pass(234.567 - MICROSECOND_MS)
      const almost = await worker.say({ want: 1 })
      expect(almost.jobs).toEqual([])
      expect(almost.nextDueMs).toBeCloseTo(MICROSECOND_MS, 6)
      await bench.pass(MICROSECOND_MS)
      expect(await worker.say({ want: 1 })).toMatchObject({
        jobs: [{ payload: 'a' }],
        nextDueMs: null,
      })
    })

    it('Q3 nextDueMs is that of the next job, from when the call left', async () => {
      const worker = bench.consumer()
      expect((await worker.say({ want: 1 })).nextDueMs).toBe(null)
      await bench.add(['b'], { delayMs: 2_000 })
      expect((await worker.say({ want: 1 })).nextDueMs).toBe(2_000)
      await bench.add(['a', 'c'], { delayMs: 700 })
      await bench.pass(100)
      const answer = await worker.say({ want: 1 })
      expect(answer.nextDueMs).toBe(600)
      expect(answer.sentAtMs).toBe(bench.store.clock.monotonicMs())
    })

    it('Q3 a time that is over means at once', async () => {
      await bench.add(['a'], { dueAtMs: 0, delayMs: HOUR_MS })
      await bench.add(['b'], { dueAtMs: bench.store.clock.wallMs() })
      expect(await bench.counts()).toMatchObject({ ready: 2, timed: 0 })
      expect(payloadsOf(await bench.consumer().claim(2))).toEqual(['a', 'b'])
    })

    it('Q3 a clock that stepped back makes nothing due early', async () => {
      await bench.add(['a'], { delayMs: 1_000 })
      bench.store.clock.stepWall(-HOUR_MS)
      await bench.pass(1_000)
      const worker = bench.consumer()
      expect(await worker.claim(1)).toEqual([])
      await bench.pass(HOUR_MS)
      expect(payloadsOf(await worker.claim(1))).toEqual(['a'])
    })

    it('Q3 times far away are kept exactly', async () => {
      const dueAtMs = Math.floor(Number.MAX_SAFE_INTEGER / 1000)
      await bench.add(['a'], { dueAtMs })
      const answer = await bench.consumer().say({ want: 1 })
      expect(answer.jobs).toEqual([])
      expect(answer.nextDueMs).toBe(dueAtMs - bench.store.clock.wallMs())
    })
  })
}

function settleContract(bench: Bench): void {
  describe('settling', () => {
    it('Q4 only the epoch that holds a job settles it, and only once', async () => {
      const [holder, stranger] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a', 'b', 'c', 'd'])
      const [a, b, c, d] = await holder.claim(3)
      if (!a || !b || !c || d) throw new Error('not three were claimed')
      const [own] = await stranger.claim(1)
      if (!own) throw new Error('nothing was left')
      const foreign = await stranger.say({
        acks: [a, own],
        retries: [{ job: b, delayMs: 0, failed: true }],
        deaths: [{ job: c, reason: 'x' }],
      })
      expect(inOrder(foreign.staleIds)).toEqual([a.id, b.id, c.id])
      expect(await bench.counts()).toEqual({ ready: 0, timed: 0, inFlight: 3, dead: 0 })
      expect((await holder.say({ acks: [a, a] })).staleIds).toEqual([a.id])
      expect((await holder.say({ acks: [a], deaths: [{ job: c, reason: 'x' }] })).staleIds).toEqual(
        [a.id],
      )
      const again = await holder.say({
        acks: [c],
        retries: [{ job: b, delayMs: 0, failed: false }],
      })
      expect(again.staleIds).toEqual([c.id])
      expect(await bench.counts()).toEqual({ ready: 1, timed: 0, inFlight: 0, dead: 1 })
    })

    it('Q4 what was never a job is stale', async () => {
      const worker = bench.consumer()
      const [real] = await bench.add(['a'])
      const [job] = await worker.claim(1)
      if (!job || !real) throw new Error('nothing was claimed')
      for (const id of ['0', '1', '99999999999999999999', String(Number(real) + 1)]) {
        expect((await worker.say({ acks: [{ ...job, id }] })).staleIds).toEqual([id])
      }
      expect(await bench.counts()).toMatchObject({ inFlight: 1 })
    })

    it('Q4 a failed attempt is counted, and tried again after its delay', async () => {
      const worker = bench.consumer()
      await bench.add(['a'], { maxAttempts: 12 })
      for (let attempt = 0; attempt < 11; attempt++) {
        const [job] = await worker.claim(1)
        if (!job) throw new Error('nothing was claimed')
        expect(job).toMatchObject({ payload: 'a', attempt, maxAttempts: 12, crashes: 0 })
        const answer = await worker.say({ retries: [{ job, delayMs: 250, failed: true }], want: 1 })
        expect(answer).toMatchObject({ jobs: [], nextDueMs: 250 })
        await bench.pass(250)
      }
    })

    it('Q4 a failed attempt without delay can be tried again in the same call', async () => {
      const worker = bench.consumer()
      await bench.add(['a', 'b'])
      const [job] = await worker.claim(1)
      if (!job) throw new Error('nothing was claimed')
      const answer = await worker.say({ retries: [{ job, delayMs: 0, failed: true }], want: 2 })
      expect(answer.jobs).toMatchObject([
        { payload: 'b', attempt: 0 },
        { payload: 'a', attempt: 1 },
      ])
    })

    it('Q4 fences of deliveries grow, over epochs, clients and a clock that stepped back', async () => {
      const fences: number[] = []
      for (const client of [bench.first, bench.second, bench.first]) {
        const worker = bench.consumer(client)
        for (let round = 0; round < 2; round++) {
          await bench.add(['a'])
          const { fence, jobs } = await worker.say({ want: 1 })
          await worker.say({ acks: jobs })
          fences.push(fence)
        }
        bench.store.clock.stepWall(-HOUR_MS)
      }
      expect(fences).toEqual([...fences].sort((a, b) => a - b))
      expect(new Set(fences).size).toBe(fences.length)
      for (const fence of fences) expect(Number.isSafeInteger(fence)).toBe(true)
    })

    it('Q10 a settled job leaves nothing behind', async () => {
      const worker = bench.consumer()
      const dumpOfOne = async () => {
        const [job] = await worker.claim(1)
        await worker.say({ acks: job ? [job] : [] })
        return (await bench.store.dump()).length
      }
      await bench.add(['a'])
      const size = await dumpOfOne()
      await bench.add(numbered(50))
      const all = await worker.claim(50)
      await worker.say({ acks: all })
      expect(await bench.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
      expect(await bench.store.dump()).toHaveLength(size)
      expect((await bench.store.dump()).join('\n')).not.toContain(all[7]?.payload ? '"37"' : '')
    })

    it('Q10 a dead job is kept with its reason, the oldest first', async () => {
      const worker = bench.consumer()
      await bench.add(['a', 'b', 'c'], { maxAttempts: 1 })
      const jobs = await worker.claim(3)
      const diedAtMs: number[] = []
      for (const job of jobs) {
        await bench.pass(1_000)
        diedAtMs.push(bench.store.clock.wallMs())
        await worker.say({ deaths: [{ job, reason: `“${job.payload}” 限` }] })
      }
      const dead = await bench.dead()
      expect(dead).toEqual(
        jobs.map((job, index) => ({
          ...job,
          attempt: 1,
          reason: `“${job.payload}” 限`,
          diedAtMs: diedAtMs[index],
        })),
      )
      expect(await bench.second.queue.listDead(bench.queue, 2)).toEqual(dead.slice(0, 2))
    })

    it('Q10 dead letters beyond ten thousand push the oldest out', {
      timeout: 60_000,
    }, async () => {
      const worker = bench.consumer()
      for (let round = 0; round < 21; round++) {
        await bench.add(numbered(500).map((n) => `${round}.${n}`))
        const jobs = await worker.claim(500)
        await worker.say({ deaths: jobs.map((job) => ({ job, reason: 'x' })) })
      }
      // Engines may take a few more calls to get there.
      for (let call = 0; call < 10; call++) {
        await bench.add(['last'])
        const jobs = await worker.claim(1)
        await worker.say({ deaths: jobs.map((job) => ({ job, reason: 'x' })) })
      }
      expect((await bench.counts()).dead).toBe(10_000)
      const [oldest] = await bench.second.queue.listDead(bench.queue, 1)
      expect(oldest?.payload).toBe('1.11')
    })
  })
}
