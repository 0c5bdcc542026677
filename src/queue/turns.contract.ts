import { describe, expect, it } from 'vitest'
import { type Bench, numbered, payloadsOf } from './bench.contract.ts'
import { deskOf } from './desk.contract.ts'
import type { ListPage } from './listing-store.ts'
import { GATE, lotOf } from './lot.contract.ts'
import type { NewJob, StoredJob } from './store.ts'

/** The part of the suite of queues in which jobs of several keys wait behind one gate. */
export function turnsContract(bench: Bench): void {
  const desk = deskOf(bench)
  const { behind, fill, unpark, unparkAll, keep } = lotOf(bench)

  /** Parks jobs of a key, named by it. */
  const park = (key: string, numbers: string[], how: Partial<NewJob> = {}, gate = GATE) =>
    fill(
      numbers.map((number) => key + number),
      gate,
      how,
      bench.consumer(),
      { turnOf: key },
    )

  describe('turns', () => {
    it('Q78 keys take turns, and jobs of one come in their order', async () => {
      await park('a', numbered(6))
      await park('b', numbered(3))
      await park('c', numbered(1))
      expect(await unparkAll(bench.consumer(bench.second))).toEqual([
        ...['a1', 'b1', 'c1', 'a2', 'b2', 'a3', 'b3', 'a4', 'a5', 'a6'],
      ])
    })

    it('Q78 a thousand of one key are passed by who comes later, and by who comes again', async () => {
      for (const _ of numbered(10)) await park('a', numbered(100))
      const worker = bench.consumer(bench.second)
      const letIn = async (count: number) =>
        payloadsOf((await unpark(worker, Array(count).fill(GATE))).filter((job) => job !== null))
      await letIn(100)
      await park('b', numbered(2))
      expect(await letIn(4)).toEqual(['b1', 'a1', 'b2', 'a2'])
      await park('b', ['3', '4'])
      await park('c', ['1'])
      // In the round that it is, a had its turn.
      expect(await letIn(6)).toEqual(['b3', 'c1', 'a3', 'b4', 'a4', 'a5'])
    })

    it('Q78 who had a turn and comes again is behind those who had none', async () => {
      await park('b', ['1'])
      await park('a', numbered(3))
      const worker = bench.consumer()
      const [first] = await unpark(worker)
      expect(first?.payload).toBe('b1')
      await worker.park(behind(first ? [first] : [], GATE, { turnOf: 'b' }))
      await park('c', ['1'])
      expect(await unparkAll(worker)).toEqual(['a1', 'c1', 'b1', 'a2', 'a3'])
    })

    it('Q78 a rank goes before turns, and the jobs of each have turns of their own', async () => {
      await park('a', numbered(4))
      const urgent = { priority: -3 }
      for (const number of numbered(20)) {
        await park('a', [` urgent ${number}`], urgent)
        expect(await unpark(bench.consumer())).toMatchObject([{ payload: `a urgent ${number}` }])
      }
      await park('b', numbered(2))
      await park('a', [' urgent'], urgent)
      await park('a', [' urgent too'], urgent)
      await park('b', [' urgent'], urgent)
      expect(await unparkAll(bench.consumer(bench.second))).toEqual([
        ...['b urgent', 'a urgent', 'a urgent too'],
        ...['a1', 'b1', 'a2', 'b2', 'a3', 'a4'],
      ])
    })

    it('Q71 Q78 what wants to be first is, and who waits in one line is before those who take turns', async () => {
      await park('a', numbered(3))
      await fill(['plain', 'plain too'])
      for (const number of numbered(3)) await park('a', [` first ${number}`], { lifo: true })
      await park('b', numbered(1))
      expect(await unparkAll(bench.consumer())).toEqual([
        ...['a first 3', 'a first 2', 'a first 1', 'plain', 'plain too', 'a1', 'b1', 'a2', 'a3'],
      ])
    })

    it('Q78 each gate has turns of its own', async () => {
      for (const _ of numbered(3)) await park('a', ['x'], {}, 'other')
      await park('a', numbered(2))
      await park('b', numbered(2))
      await park('b', ['y'], {}, 'other')
      expect(await unparkAll(bench.consumer())).toEqual(['a1', 'b1', 'a2', 'b2'])
      expect(await unparkAll(bench.consumer(), 'other')).toEqual(['ax', 'by', 'ax', 'ax'])
    })

    it('Q78 in one call as in several', async () => {
      const worker = bench.consumer()
      await bench.add(['a1', 'a2', 'a3', 'b1', 'b2'])
      const jobs = await worker.claim(5)
      await worker.park(
        jobs.flatMap((job) => behind([job], GATE, { turnOf: job.payload[0] ?? null })),
      )
      const found = await unpark(bench.consumer(), Array(5).fill(GATE))
      expect(found.map((job) => job?.payload)).toEqual(['a1', 'b1', 'a2', 'b2', 'a3'])
    })

    it('Q39 Q78 one that gets another priority takes its turn among those', async () => {
      await desk.add(['a1', 'a2', 'a3'])
      const worker = bench.consumer()
      const jobs = await worker.claim(3)
      await worker.park(behind(jobs, GATE, { turnOf: 'a' }))
      await park('b', ['1', '2'])
      await park('b', [' urgent'], { priority: -1 })
      const { changeRecord } = bench.first.queue
      expect(await changeRecord(bench.queue, 'a3', null, -1)).toBe('changed')
      const [again] = await worker.claim(9)
      expect(again).toMatchObject({ name: 'a3', attempt: 0 })
      await worker.park(behind(again ? [again] : [], GATE, { turnOf: 'a' }))
      const found = await unpark(worker, Array(7).fill(GATE))
      // Where its first ticket was may be one that is dropped.
      const { fence } = await worker.say()
      const named = found.filter((job) => job !== null && job.name !== null) as StoredJob[]
      const openings = await desk.reopen(named, fence)
      const dropped = named.filter((_, index) => openings[index]?.tag === 'drop')
      const order = found.flatMap((job) => (job && !dropped.includes(job) ? [job] : []))
      expect(order.map(({ name, payload }) => name ?? payload)).toEqual([
        ...['b urgent', 'a3', 'a1', 'b1', 'a2', 'b2'],
      ])
      expect(dropped.map(({ name }) => name).filter((name) => name !== 'a3')).toEqual([])
    })

    it('Q27 Q78 pages of what is parked have each job once, as it is', async () => {
      await park('a', numbered(5))
      await park('b', numbered(3))
      const found: (string | undefined)[] = []
      let cursor: string | null = null
      do {
        const request = { state: 'parked', limit: 3, cursor } as const
        const page: ListPage = await bench.second.queue.listJobs(bench.queue, request)
        found.push(...page.jobs.map(({ payload, gate }) => `${payload} ${gate}`))
        cursor = page.cursor
      } while (cursor !== null)
      const all = [...numbered(5).map((n) => `a${n}`), ...numbered(3).map((n) => `b${n}`)]
      expect(found.sort()).toEqual(all.map((payload) => `${payload} ${GATE}`))
    })

    it('Q78 parkedBefore counts by turns', async () => {
      const a = await park('a', numbered(300))
      const b = await park('b', numbered(3))
      await park('c', ['1'], { priority: -1 })
      const inFront = (job: StoredJob | undefined) =>
        bench.second.queue.parkedBefore(bench.queue, GATE, job?.id ?? '')
      expect(await Promise.all([a[0], a[1], a[2], a[299]].map(inFront))).toEqual([1, 3, 5, 303])
      expect(await Promise.all(b.map(inFront))).toEqual([2, 4, 6])
      await unpark(bench.consumer(), Array(4).fill(GATE))
      expect(await Promise.all([a[0], a[1], a[2], b[1]].map(inFront))).toEqual([null, null, 1, 0])
    })

    it('Q75 Q78 nothing is left of turns when the gate is forgotten', async () => {
      const turnOf = 'zebra'
      await fill(numbered(3), GATE, {}, bench.consumer(), { turnOf })
      await fill(['4'], 'other', {}, bench.consumer(), { turnOf })
      const linesOfTurns = async () =>
        (await bench.store.dump()).filter((line) => line.includes(turnOf))
      expect(await linesOfTurns()).not.toEqual([])
      await unparkAll(bench.consumer())
      await bench.second.queue.drain(bench.queue, 10)
      expect(await keep('me', [GATE, 'other'])).toEqual([{ tag: 'empty' }, { tag: 'empty' }])
      expect(await linesOfTurns()).toEqual([])
    })
  })

  describe('a park that arrives once more', () => {
    const stale = [{ tag: 'stale' }]

    it('Q79 changes nothing, also where the job was unparked since and runs', async () => {
      await bench.add(['a'])
      const worker = bench.consumer()
      await worker.park(behind(await worker.claim(1), GATE, { turnOf: 'a' }))
      const before = await bench.store.dump()
      expect(await worker.repeatPark()).toEqual(stale)
      expect(await bench.store.dump()).toEqual(before)
      const [job] = await unpark(worker)
      expect(await worker.repeatPark()).toEqual(stale)
      expect(await bench.counts()).toMatchObject({ inFlight: 1 })
      expect((await worker.say({ acks: job ? [job] : [] })).staleIds).toEqual([])
    })

    it('Q79 changes nothing where the job came back another way', async () => {
      await bench.add(['a'])
      const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
      await worker.park(behind(await worker.claim(1)))
      const [job] = await unpark(other)
      if (!job) throw new Error('nothing was unparked')
      await other.say({ retries: [{ job, delayMs: 0, failed: false }] })
      const jobs = await worker.claim(1)
      expect(await worker.repeatPark()).toEqual(stale)
      expect((await worker.say({ acks: jobs })).staleIds).toEqual([])
      // The next one has a number of its own.
      await bench.add(['b'])
      const park = behind(await worker.claim(1))
      expect(await worker.park(park)).toEqual([{ tag: 'keeper' }])
    })

    it('Q73 Q79 so does an unpark that arrives when its consumer has parked since', async () => {
      await fill(['a', 'b'])
      const worker = bench.consumer()
      const [job] = await unpark(worker)
      await worker.park(behind(job ? [job] : []))
      expect(await worker.repeatUnpark()).toEqual({ tag: 'lost' })
      expect(await bench.counts()).toMatchObject({ inFlight: 0, parked: 2 })
    })
  })
}
