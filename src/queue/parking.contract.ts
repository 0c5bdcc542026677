import { describe, expect, it } from 'vitest'
import {
  type Bench,
  Consumer,
  idsOf,
  LEASE_MS,
  MICROSECOND_MS,
  numbered,
  payloadsOf,
} from './bench.contract.ts'
import { keepersContract } from './keepers.contract.ts'
import { GATE, lotOf, unparked } from './lot.contract.ts'
import { parkedContract } from './parked.contract.ts'
import { KEEPER_MS } from './parking-store.ts'
import { stayingContract } from './staying.contract.ts'
import type { StoredJob } from './store.ts'
import { turnsContract } from './turns.contract.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
/** More than one bucket of an engine holds, and than is counted. */
const MANY = 10_100

/** The part of the suite of queues that is about jobs behind gates. */
export function parkingContract(bench: Bench): void {
  const { behind, fill, unpark, unparkAll } = lotOf(bench)
  orderContract()
  unparkingContract()
  keepersContract(bench)
  parkedContract(bench)
  turnsContract(bench)
  stayingContract(bench)

  describe('parking', () => {
    it('Q70 a parked job is found by no claim, and comes back as it was', async () => {
      await bench.add(['"a"', '"b"'], { maxAttempts: 7, delayMs: 5 })
      await bench.pass(5)
      const worker = bench.consumer()
      const [first] = await worker.claim(1)
      const note = { keep: 3, kind: 'failed', reason: 'no “限”' } as const
      await worker.say({
        retries: first ? [{ job: first, delayMs: 0, failed: true, note }] : [],
      })
      const { jobs, fence } = await worker.say({ want: 2 })
      expect(jobs.map(({ attempt, history }) => [attempt, history?.length ?? 0])).toEqual([
        [0, 0],
        [1, 1],
      ])
      const park = behind(jobs)
      expect(await worker.park(park)).toEqual([{ tag: 'keeper' }, { tag: 'keeper' }])
      expect(await bench.counts()).toEqual({ ...NOWHERE, parked: 2 })
      expect(await bench.consumer(bench.second).claim(9)).toEqual([])
      const other = bench.consumer(bench.second)
      const answer = unparked(await other.unpark([GATE, GATE]))
      const byId = new Map(jobs.map((job) => [job.id, job]))
      expect(answer.jobs).toEqual([...byId.keys()].sort().map((id) => byId.get(id)))
      expect(answer.fence).toBeGreaterThan(fence)
      expect(await bench.counts()).toEqual({ ...NOWHERE, inFlight: 2 })
      const settled = await other.say({ acks: jobs })
      expect(settled.staleIds).toEqual([])
      expect(settled.fence).toBeGreaterThan(answer.fence)
      expect(await bench.counts()).toEqual(NOWHERE)
    })

    it('Q70 Q72 what is parked, acknowledged, or in flight for nobody here is stale', async () => {
      const [worker, stranger] = [bench.consumer(), bench.consumer(bench.second)]
      const [real] = await bench.add(['a', 'b', 'c', 'd'])
      const [a, b, c] = await worker.claim(3)
      await stranger.claim(1)
      if (!a || !b || !c || !real) throw new Error('not all were claimed')
      await worker.say({ acks: [a] })
      const twice = [...behind([b]), ...behind([b], 'another')]
      expect(await worker.park(twice)).toEqual([{ tag: 'keeper' }, { tag: 'stale' }])
      const before = await bench.store.dump()
      const stale = { tag: 'stale' }
      expect(await worker.park(twice)).toEqual([stale, stale])
      expect(await worker.park(behind([a, b]))).toEqual([stale, stale])
      expect(await stranger.park(behind([a, b, c], 'third'))).toEqual([stale, stale, stale])
      expect(await bench.consumer().park(behind([b, c]))).toEqual([stale, stale])
      for (const id of ['0', '1', '99999999999999999999', String(Number(real) + 99)]) {
        expect(await worker.park(behind([{ ...a, id }]))).toEqual([stale])
      }
      expect(await bench.store.dump()).toEqual(before)
      expect(await bench.counts()).toEqual({ ...NOWHERE, inFlight: 2, parked: 1 })
    })

    it('Q72 parking in a queue that nobody knows creates nothing', async () => {
      const worker = new Consumer(bench.first, 'nothing', 'nobody')
      const job = { id: '1700000000000000' } as StoredJob
      expect(await worker.park(behind([job]))).toEqual([{ tag: 'stale' }])
      expect(await bench.first.queue.parkedBefore('nothing', GATE, '1')).toBeNull()
      expect(await bench.store.dump()).toEqual([])
    })

    it('Q72 who was lost parks nothing', async () => {
      const [victim, watcher] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a'])
      const jobs = await victim.claim(1)
      await bench.passWith(watcher, LEASE_MS + 1)
      await watcher.say()
      expect(await victim.park(behind(jobs))).toEqual([{ tag: 'stale' }])
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 1 })
    })

    it('Q11 Q70 parked jobs need no lease', async () => {
      const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
      await bench.add(['a', 'b'])
      const [a, b] = await worker.claim(2)
      if (!a || !b) throw new Error('not all were claimed')
      await worker.park(behind([a]))
      expect(await other.say()).toMatchObject({ watch: true })
      await worker.park(behind([b]))
      expect(await other.say()).toMatchObject({ watch: false })
      await bench.passWith(other, 2 * LEASE_MS)
      expect(await bench.counts()).toEqual({ ...NOWHERE, parked: 2 })
      expect(await worker.exchange({ want: 1 })).toMatchObject({ tag: 'ok', jobs: [] })
    })

    it('Q8 Q70 a parked suspect is none any more, and its epoch can take the next one', async () => {
      const [victim, heir, watcher] = [bench.consumer(), bench.consumer(), bench.consumer()]
      await bench.add(['a', 'b'])
      await victim.claim(2)
      await bench.passWith(watcher, LEASE_MS + 1)
      await watcher.say()
      const [a] = await heir.claim(9)
      expect(a?.payload).toBe('a')
      await heir.park(behind(a ? [a] : []))
      expect(payloadsOf(await heir.claim(9))).toEqual(['b'])
      expect(await unpark(heir)).toMatchObject([{ payload: 'a', crashes: 0 }])
      await bench.passWith(watcher, LEASE_MS + 1)
      await watcher.say()
      const crashes: Record<string, number> = {}
      for (const consumer of [bench.consumer(), bench.consumer(bench.second)]) {
        for (const job of await consumer.claim(1)) crashes[job.payload] = job.crashes
      }
      expect(crashes).toEqual({ a: 0, b: 1 })
    })

    it('Q76 a queue of which all is parked is listed, and counts none where none is', async () => {
      await fill(['a'])
      expect(await bench.second.queue.list(10)).toEqual([bench.queue])
      const worker = bench.consumer()
      const [job] = await unpark(worker)
      await worker.say({ acks: job ? [job] : [] })
      expect(await bench.counts()).toEqual(NOWHERE)
      expect(await bench.second.queue.list(10)).toEqual([])
    })
  })

  function orderContract(): void {
    describe('order behind a gate', () => {
      it('Q71 is that of ranks, then that of adding, in whichever order they were parked', async () => {
        const add = async (payload: string, how = {}) => (await bench.add([payload], how))[0]
        await add('line')
        await add('behind', { priority: 5 })
        await add('before', { priority: -5 })
        await add('before too', { priority: -5 })
        await add('first', { lifo: true })
        await add('very first', { lifo: true })
        await add('line too')
        const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
        const jobs = [...(await worker.claim(4)), ...(await other.claim(9))]
        expect(jobs).toHaveLength(7)
        await other.park(behind(jobs.slice(4).reverse()))
        await worker.park(behind(jobs.slice(0, 4).reverse()))
        expect(await unparkAll(bench.consumer())).toEqual([
          ...['very first', 'first', 'before', 'before too', 'line', 'line too', 'behind'],
        ])
      })

      it('Q71 what is parked again is where it was', async () => {
        await fill(['a', 'b', 'c'])
        const worker = bench.consumer(bench.second)
        const [a, b] = await unpark(worker, [GATE, GATE])
        if (!a || !b) throw new Error('not all were unparked')
        await worker.park(behind([b]))
        await worker.say({ retries: [{ job: a, delayMs: 0, failed: false }] })
        await worker.park(behind(await worker.claim(1)))
        expect(await unparkAll(bench.consumer())).toEqual(['a', 'b', 'c'])
      })

      it(`Q71 ${MANY} behind one gate keep it, and none of another is touched`, async () => {
        const worker = bench.consumer()
        await fill(['other'], 'other', {}, worker)
        const jobs: StoredJob[] = []
        for (let from = 0; from < MANY; from += 500) {
          const count = Math.min(500, MANY - from)
          jobs.push(...(await fill(numbered(count).map(String), GATE, {}, worker)))
        }
        expect(await bench.counts()).toEqual({ ...NOWHERE, parked: MANY + 1 })
        const inFront = (job: StoredJob | undefined) =>
          bench.second.queue.parkedBefore(bench.queue, GATE, job?.id ?? '')
        expect(await inFront(jobs[0])).toBe(0)
        expect(await inFront(jobs[4_100])).toBe(4_100)
        expect(await inFront(jobs[10_050])).toBe(10_000)
        const unparkedIds: string[] = []
        for (let from = 0; from < MANY; from += 100) {
          const heir = bench.consumer(bench.second)
          const answer = unparked(await heir.unpark(Array(100).fill(GATE)))
          const found = answer.jobs.filter((job) => job !== null)
          unparkedIds.push(...idsOf(found))
          expect(answer.rests[0]?.count ?? 0).toBe(MANY - unparkedIds.length)
          await heir.say({ acks: found })
        }
        expect(unparkedIds).toEqual(idsOf(jobs))
        expect(await bench.counts()).toEqual({ ...NOWHERE, parked: 1 })
      }, 120_000)

      it('Q71 what is parked in front of many is the first, and a rank goes before all', async () => {
        const worker = bench.consumer()
        await bench.add(['first'])
        const early = await worker.claim(1)
        for (let batch = 0; batch < 10; batch++) await fill(numbered(500), GATE, {}, worker)
        await fill(['ranked'], GATE, { priority: -1 }, worker)
        await worker.park(behind(early))
        const inFront = (job: StoredJob | undefined) =>
          bench.second.queue.parkedBefore(bench.queue, GATE, job?.id ?? '')
        expect(await inFront(early[0])).toBe(1)
        const jobs = await unpark(bench.consumer(), [GATE, GATE, GATE])
        expect(jobs.map((job) => job?.payload)).toEqual(['ranked', 'first', '1'])
      }, 120_000)

      it('Q71 parkedBefore says how many are in front of a job behind that gate, else null', async () => {
        const [a, b] = await fill(['a', 'b', 'c'])
        const [other] = await fill(['d'], 'other')
        const inFront = (id: string | undefined, gate = GATE) =>
          bench.second.queue.parkedBefore(bench.queue, gate, id ?? '')
        expect([await inFront(a?.id), await inFront(b?.id)]).toEqual([0, 1])
        expect([await inFront(other?.id), await inFront(other?.id, 'other')]).toEqual([null, 0])
        for (const id of ['0', '99999999999999999999']) expect(await inFront(id)).toBeNull()
        await unpark(bench.consumer())
        expect([await inFront(a?.id), await inFront(b?.id)]).toEqual([null, 0])
      })
    })
  }

  function unparkingContract(): void {
    describe('unparking', () => {
      it('Q73 answers for each gate in its place, also where it is named twice or nothing is there', async () => {
        const worker = bench.consumer()
        await bench.add(['a', 'b', 'c'])
        const jobs = await worker.claim(3)
        await worker.park(behind(jobs.slice(0, 1), GATE, { terms: '{"old":1}', demand: 'a' }))
        await worker.park(behind(jobs.slice(1, 2), GATE, { terms: '{"x":2}', demand: '~!"%{}' }))
        await worker.park(behind(jobs.slice(2), GATE, { terms: '{"x":3}', demand: 'c' }))
        await fill(['d'], 'other')
        const heir = bench.consumer(bench.second)
        const answer = unparked(await heir.unpark(['other', GATE, 'nothing', GATE, 'other']))
        expect(answer.jobs.map((job) => job?.payload ?? null)).toEqual([
          ...['d', 'a', null, 'b', null],
        ])
        const rest = { terms: '{"x":3}', count: 1, demand: 'c' }
        expect(answer.rests).toEqual([null, rest, null, rest, null])
        expect(await bench.counts()).toEqual({ ...NOWHERE, inFlight: 3, parked: 1 })
      })

      it('Q73 repeated, it answers the same, and an older one is refused', async () => {
        await fill(['a', 'b', 'c'])
        await fill(['d'], 'other')
        const worker = bench.consumer()
        const answer = await worker.unpark([GATE, 'nothing', 'other'])
        expect(await worker.repeatUnpark()).toEqual(answer)
        // Exchanges are numbered for themselves.
        for (let call = 0; call < 3; call++) await worker.say()
        expect(await worker.repeatUnpark()).toEqual(answer)
        await bench.first.queue.pause(bench.queue)
        expect(await worker.repeatUnpark()).toEqual(answer)
        await bench.second.queue.resume(bench.queue)
        const next = unparked(await worker.unpark([GATE]))
        expect(payloadsOf(next.jobs.filter((job) => job !== null))).toEqual(['b'])
        expect(await worker.repeatUnpark(1)).toEqual({ tag: 'lost' })
        expect(await worker.repeatUnpark()).toEqual(next)
        expect(await bench.counts()).toEqual({ ...NOWHERE, inFlight: 3, parked: 1 })
      })

      it('Q73 repeated, what found nothing finds nothing', async () => {
        const worker = bench.consumer()
        const answer = await worker.unpark([GATE])
        expect(answer).toMatchObject({ tag: 'ok', jobs: [null], rests: [null] })
        await fill(['a'])
        expect(unparked(await worker.repeatUnpark()).jobs).toEqual([null])
        expect(await unpark(worker)).toMatchObject([{ payload: 'a' }])
      })

      it('Q22 Q73 of a paused queue nothing is unparked, and all of it once it is resumed', async () => {
        await fill(['a'])
        await bench.second.queue.pause(bench.queue)
        const worker = bench.consumer()
        const before = await bench.store.dump()
        expect(await worker.unpark([GATE])).toEqual({ tag: 'paused' })
        expect(await bench.store.dump()).toEqual(before)
        expect(await bench.counts()).toEqual({ ...NOWHERE, parked: 1, paused: true })
        await bench.first.queue.resume(bench.queue)
        expect(await unpark(worker)).toMatchObject([{ payload: 'a' }])
      })

      it('Q21 Q73 overdue ones are buried, and the next one comes', async () => {
        await fill(['a', 'b', 'c'], GATE, { deadlineMs: 500 })
        await fill(['d', 'e'])
        await bench.pass(500)
        const worker = bench.consumer(bench.second)
        expect(await unpark(worker)).toMatchObject([{ payload: 'a' }])
        await bench.pass(MICROSECOND_MS)
        const answer = unparked(await worker.unpark([GATE]))
        expect(answer.jobs).toMatchObject([{ payload: 'd' }])
        expect(answer.rests).toMatchObject([{ count: 1 }])
        expect(await bench.counts()).toEqual({ ...NOWHERE, inFlight: 2, dead: 2, parked: 1 })
        const late = { attempt: 0, crashes: 0, reason: 'its deadline passed' }
        expect(await bench.dead()).toMatchObject([
          { payload: 'b', ...late },
          { payload: 'c', ...late, diedAtMs: bench.store.clock.wallMs() },
        ])
      })

      it('Q21 Q73 however many are overdue, what is behind them comes', async () => {
        await fill(numbered(100), GATE, { deadlineMs: 500 })
        await fill(['alive'])
        await bench.pass(501)
        const worker = bench.consumer(bench.second)
        const found: string[] = []
        for (let call = 0; call < 100 && found.length === 0; call++) {
          const { jobs, rests } = unparked(await worker.unpark([GATE]))
          for (const job of jobs) if (job) found.push(job.payload)
          if (found.length === 0) expect(rests).not.toEqual([null])
        }
        expect(found).toEqual(['alive'])
        expect(await bench.counts()).toEqual({ ...NOWHERE, inFlight: 1, dead: 100 })
      })

      it('Q7 Q73 who crashes with unparked jobs is recovered, and they are ready', async () => {
        const [victim, watcher] = [bench.consumer(), bench.consumer(bench.second)]
        await fill(['a', 'b', 'c'])
        await watcher.say()
        await victim.unpark([GATE, GATE])
        expect(await watcher.say()).toMatchObject({ watch: true })
        await bench.passWith(watcher, LEASE_MS - 1)
        expect(await bench.counts()).toEqual({ ...NOWHERE, inFlight: 2, parked: 1 })
        await bench.pass(2)
        await watcher.say()
        expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 2, parked: 1 })
        expect(await victim.repeatUnpark()).toEqual({ tag: 'lost' })
        expect(await victim.exchange()).toMatchObject({ tag: 'lost' })
        const heirs = [bench.consumer(), bench.consumer(bench.second)]
        const claimed: string[] = []
        for (const heir of heirs) claimed.push(...payloadsOf(await heir.claim(1)))
        expect(claimed).toEqual(['a', 'b'])
      })

      it('Q73 keeps the lease of an epoch that has one', async () => {
        const [worker, watcher] = [bench.consumer(), bench.consumer(bench.second)]
        await fill(numbered(4))
        await bench.add(['held'])
        const held = await worker.claim(1)
        for (let call = 0; call < 4; call++) {
          await bench.passWith(watcher, LEASE_MS - 1)
          expect(await unpark(worker)).toMatchObject([{ payload: String(call + 1) }])
        }
        expect((await worker.say({ acks: held })).staleIds).toEqual([])
      })

      it('Q4 Q73 each job is unparked once, though many want it', async () => {
        await fill(numbered(60))
        const consumers = Array.from({ length: 8 }, (_, index) =>
          bench.consumer(index % 2 === 0 ? bench.first : bench.second),
        )
        const found: StoredJob[] = []
        while (found.length < 60) {
          const gates = Array(3).fill(GATE)
          const answers = await Promise.all(consumers.map((one) => unpark(one, gates)))
          const jobs = answers.flat().filter((job) => job !== null)
          expect(jobs.length).toBeGreaterThan(0)
          found.push(...jobs)
        }
        expect(new Set(idsOf(found)).size).toBe(60)
        expect(await bench.counts()).toEqual({ ...NOWHERE, inFlight: 60 })
      })

      it('Q73 no parked job is late because its gate is kept', async () => {
        await fill(['a', 'b'])
        await bench.second.queue.keepGates(bench.queue, 'other', [GATE])
        const worker = bench.consumer()
        expect(await unpark(worker)).toMatchObject([{ payload: 'a' }])
        await bench.pass(KEEPER_MS)
        expect(await unpark(worker)).toMatchObject([{ payload: 'b' }])
      })

      it('Q46 Q73 a death is told, and neither parking nor unparking is', async () => {
        const teller = bench.first.queue.keepingEvents(100)
        const client = { clientId: bench.first.clientId, queue: teller }
        const worker = new Consumer(client, bench.queue, 'teller')
        const [a, b] = await fill(['a', 'b'], GATE, { deadlineMs: 500 }, worker)
        await unpark(worker)
        await bench.pass(501)
        expect(await unpark(worker)).toEqual([null])
        const { events } = await bench.second.queue.readEvents(bench.queue, 'start')
        expect(events).toMatchObject([{ type: 'dead', id: b?.id, reason: 'its deadline passed' }])
        expect((await worker.say({ acks: a ? [a] : [] })).staleIds).toEqual([])
      })
    })
  }
}
