import { describe, expect, it } from 'vitest'
import { HOSTILE_NAMES } from '../../test/hostile-names.ts'
import { type Bench, type Consumer, HOUR_MS, LEASE_MS, newJob, numbered } from './bench.contract.ts'
import type { Opening } from './record-store.ts'
import type { NewJob, StoredJob } from './store.ts'
import type { KeyedJob } from './strand-store.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }

/** The first job of a key, claimed. */
interface Held {
  ticket: StoredJob
  fence: number
  opening: Opening
}

/** The part of the suite of queues that is about jobs which run one after the other. */
export function strandsContract(bench: Bench): void {
  let sequence = 0

  /** `'a1'` is the job `"a1"` of key `a`. */
  const keyed = (name: string, how: Partial<NewJob> = {}): KeyedJob => ({
    ...newJob(JSON.stringify(name), how),
    key: name.slice(0, 1),
  })

  const addJobs = (jobs: KeyedJob[], client = bench.first) =>
    client.queue.addKeyed({
      queue: bench.queue,
      producer: client.clientId,
      sequence: ++sequence,
      jobs,
    })
  const add = (names: string[], how: Partial<NewJob> = {}, client = bench.first) =>
    addJobs(
      names.map((name) => keyed(name, how)),
      client,
    )

  const reopen = (tickets: StoredJob[], fence: number) =>
    bench.second.queue.openStrands(
      bench.queue,
      fence,
      tickets.map(({ id, key = '' }) => ({ id, key })),
    )

  /** Claims all that can be, and opens it. */
  async function open(worker: Consumer): Promise<Held[]> {
    const { jobs, fence, more } = await worker.say({ want: 100 })
    const tickets = jobs.filter(({ key }) => key !== undefined)
    const openings = tickets.length === 0 ? [] : await reopen(tickets, fence)
    const held = tickets.map((ticket, index) => {
      return { ticket, fence, opening: openings[index] as Opening }
    })
    return more ? [...held, ...(await open(worker))] : held
  }

  const ran = (held: Held[]) =>
    held.map(({ opening }) => (opening.tag === 'run' ? JSON.parse(opening.payload) : opening.tag))

  const close = ({ ticket, fence }: Held, reason: string | null = null) =>
    bench.second.queue.closeStrands(bench.queue, [
      { id: ticket.id, key: ticket.key ?? '', attempt: ticket.attempt, fence, reason },
    ])

  async function finish(worker: Consumer, held: Held[], reason: string | null = null) {
    for (const one of held) expect(await close(one, reason)).toEqual(['closed'])
    await worker.say({ acks: held.map(({ ticket }) => ticket) })
  }

  /** What is run until there is nothing more, a claim at a time. */
  async function runAll(worker: Consumer): Promise<string[][]> {
    const runs: string[][] = []
    for (let held = await open(worker); held.length > 0; held = await open(worker)) {
      runs.push(ran(held))
      await finish(worker, held)
    }
    return runs
  }

  describe('jobs of a key', () => {
    it('Q50 run one after the other, in the order of adding, whoever added and claims them', async () => {
      await add(['a1', 'b1'])
      await add(['a2', 'a3'], {}, bench.second)
      await add(['b2'])
      expect(await runAll(bench.consumer(bench.second))).toEqual([
        ['a1', 'b1'],
        ['a2', 'b2'],
        ['a3'],
      ])
      expect(await bench.counts()).toEqual(NOWHERE)
    })

    it('Q50 another consumer gets none of a key of which one runs', async () => {
      await add(['a1', 'a2'])
      const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
      const held = await open(worker)
      expect(ran(held)).toEqual(['a1'])
      expect(await open(other)).toEqual([])
      await add(['a3'])
      expect(await open(other)).toEqual([])
      await close(held[0] as Held)
      const next = await open(other)
      expect(ran(next)).toEqual(['a2'])
      await worker.say({ acks: held.map(({ ticket }) => ticket) })
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 1, inFlight: 1 })
    })

    it('Q50 a job that waits for its next attempt or for its delay holds the others', async () => {
      await add(['a1'], { delayMs: 1_000 })
      await add(['a2', 'a3'])
      const worker = bench.consumer()
      expect(await open(worker)).toEqual([])
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 2, timed: 1 })
      await bench.pass(1_000)
      const [one] = await open(worker)
      await worker.say({
        retries: [{ job: one?.ticket as StoredJob, delayMs: HOUR_MS, failed: true }],
      })
      expect(await open(worker)).toEqual([])
      await bench.pass(HOUR_MS)
      const again = await open(worker)
      expect(again.map(({ ticket }) => [ticket.id, ticket.attempt])).toEqual([[one?.ticket.id, 1]])
      await finish(worker, again)
      expect(await runAll(worker)).toEqual([['a2'], ['a3']])
    })

    it('Q50 a delay counts from the add, also where others run first', async () => {
      await add(['a1'])
      await add(['a2'], { delayMs: 1_000 })
      await add(['a3'])
      const worker = bench.consumer()
      expect(await runAll(worker)).toEqual([['a1']])
      await bench.pass(999)
      expect(await open(worker)).toEqual([])
      await bench.pass(1)
      expect(await runAll(worker)).toEqual([['a2'], ['a3']])
    })

    it('Q50 the same batch again adds nothing, and is answered the same', async () => {
      const jobs = ['a1', 'a2'].map((name) => keyed(name))
      const request = { queue: bench.queue, producer: 'p', sequence: 7, jobs }
      const ids = await bench.first.queue.addKeyed(request)
      expect(await bench.second.queue.addKeyed(request)).toEqual(ids)
      expect(await bench.second.queue.addKeyed({ ...request, sequence: 6 })).toEqual([])
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 2 })
      expect(Number(ids[1])).toBeGreaterThan(Number(ids[0]))
    })

    it('Q51 plain jobs and first ones of keys stand in one line, in the order of adding', async () => {
      await bench.add(['"1"'])
      await add(['a1', 'a2', 'b1'])
      await bench.add(['"2"'])
      const jobs = await bench.consumer(bench.second).claim(10)
      expect(jobs.map(({ key, payload }) => key ?? payload)).toEqual(['"1"', 'a', 'b', '"2"'])
    })

    it('Q51 keys and payloads come out as they went in', async () => {
      await addJobs(HOSTILE_NAMES.map((key) => ({ ...newJob(JSON.stringify(key)), key })))
      const held = await open(bench.consumer())
      expect(held.map(({ ticket }) => ticket.key)).toEqual(HOSTILE_NAMES)
      expect(ran(held)).toEqual(HOSTILE_NAMES)
    })

    it('Q52 a crash brings the same job back, and the late worker ends nothing', async () => {
      await add(['a1', 'a2'])
      const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
      const [late] = await open(worker)
      await bench.passWith(other, LEASE_MS * 1.5)
      const held = await open(other)
      expect(ran(held)).toEqual(['a1'])
      expect(await reopen([late?.ticket as StoredJob], late?.fence ?? 0)).toEqual([{ tag: 'drop' }])
      expect(await close(late as Held)).toEqual(['stale'])
      expect(await reopen([held[0]?.ticket as StoredJob], held[0]?.fence ?? 0)).toEqual([
        held[0]?.opening,
      ])
      await finish(other, held)
      expect(await close(held[0] as Held)).toEqual(['closed'])
      expect(await runAll(other)).toEqual([['a2']])
    })

    it('Q52 a worker that crashed between the end of a job and its acknowledgement ran it for good', async () => {
      await add(['a1', 'a2'])
      const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
      const [held] = await open(worker)
      await close(held as Held)
      expect(await runAll(other)).toEqual([['a2']])
      await bench.passWith(other, LEASE_MS * 1.5)
      const again = await open(other)
      expect(ran(again)).toEqual(['drop'])
      await other.say({ acks: again.map(({ ticket }) => ticket) })
      expect(await bench.counts()).toEqual(NOWHERE)
    })

    it('Q52 a dead one leaves a dead letter and lets the next one go', async () => {
      await add(['a1', 'a2'])
      const worker = bench.consumer()
      const held = await open(worker)
      await finish(worker, held, 'no “限”')
      expect(await close(held[0] as Held, 'no “限”')).toEqual(['closed'])
      expect(await bench.dead()).toMatchObject([
        { id: held[0]?.ticket.id, payload: '"a1"', key: 'a', attempt: 1, reason: 'no “限”' },
      ])
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 1, dead: 1 })
      expect(await runAll(worker)).toEqual([['a2']])
    })

    it('Q52 a dead one whose worker crashed while it said so is not run again', async () => {
      await add(['a1'])
      const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
      const [held] = await open(worker)
      await close(held as Held, 'no')
      await bench.passWith(other, LEASE_MS * 1.5)
      const again = await open(other)
      expect(ran(again).filter((what) => what !== 'drop')).toEqual([])
      await other.say({ acks: again.map(({ ticket }) => ticket) })
      expect(await bench.counts()).toEqual({ ...NOWHERE, dead: 1 })
    })

    it('Q53 a key that has no room takes no more, and others do', async () => {
      const big = JSON.stringify('x'.repeat(1_000_000))
      const bigs = numbered(4).map(() => ({ ...newJob(big), key: 'a' }))
      const ids = await addJobs([...bigs, keyed('a5'), keyed('b1')])
      expect(ids.map((id) => id !== null)).toEqual([true, true, true, false, false, true])
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 4 })
      const worker = bench.consumer()
      await finish(worker, await open(worker))
      expect((await add(['a6'])).map((id) => id !== null)).toEqual([true])
      const runs = (await runAll(worker)).flat()
      expect(runs.map((text) => text.length)).toEqual([1_000_000, 1_000_000, 2])
    })

    it('Q53 the room that has become free can be used again and again', async () => {
      const worker = bench.consumer()
      const payload = JSON.stringify('x'.repeat(900_000))
      for (let round = 0; round < 10; round++) {
        const [id] = await addJobs([{ ...newJob(payload), key: 'a' }])
        expect(id).not.toBeNull()
        if (round > 2) await finish(worker, await open(worker))
      }
    })

    it('Q52 redriven, a dead one is the last of its key, among plain ones that are redriven', async () => {
      await bench.add(['"1"', '"2"'])
      await add(['a1'])
      const worker = bench.consumer()
      const { jobs, fence } = await worker.say({ want: 3 })
      const [one, two, ticket] = jobs
      const openings = await reopen(ticket ? [ticket] : [], fence)
      if (!one || !two || !ticket || !openings[0]) throw new Error('not all were claimed')
      await worker.say({ deaths: [{ job: one, reason: 'x' }] })
      await finish(worker, [{ ticket, fence, opening: openings[0] }], 'x')
      await worker.say({ deaths: [{ job: two, reason: 'x' }] })
      await add(['a2', 'a3'])
      let count = 0
      while ((await bench.counts()).dead > 0)
        count += await bench.second.queue.redrive(bench.queue, 100)
      expect(count).toBe(3)
      const claimed = await worker.claim(10)
      expect(new Set(claimed.map(({ key, payload }) => key ?? payload))).toEqual(
        new Set(['a', '"1"', '"2"']),
      )
      await worker.say({ retries: claimed.map((job) => ({ job, delayMs: 0, failed: false })) })
      const runs = (await runAll(worker)).flat()
      expect(runs).toEqual(['a2', 'a3', 'a1'])
      expect((await bench.counts()).dead).toBe(0)
    })

    it('Q52 redriven, dead ones are in line in the order in which they died, of a key or not', async () => {
      await bench.add(['"1"'])
      await add(['a1'])
      const worker = bench.consumer()
      const { jobs, fence } = await worker.say({ want: 2 })
      const [one, ticket] = jobs
      const openings = await reopen(ticket ? [ticket] : [], fence)
      if (!one || !ticket || !openings[0]) throw new Error('not all were claimed')
      await finish(worker, [{ ticket, fence, opening: openings[0] }], 'x')
      await worker.say({ deaths: [{ job: one, reason: 'x' }] })
      while ((await bench.counts()).dead > 0) await bench.second.queue.redrive(bench.queue, 100)
      const [first, second] = await worker.claim(10)
      expect([first?.key, second?.payload]).toEqual(['a', '"1"'])
    })

    it('Q52 redriven alone, a dead one is ready with its id, as if it had never been tried', async () => {
      const [id] = await add(['a1'])
      const worker = bench.consumer()
      await finish(worker, await open(worker), 'x')
      expect(await bench.second.queue.redrive(bench.queue, 1)).toBe(1)
      expect(await bench.second.queue.redrive(bench.queue, 1)).toBe(0)
      const held = await open(worker)
      expect(held.map(({ ticket }) => [ticket.id, ticket.attempt])).toEqual([[id, 0]])
      expect(ran(held)).toEqual(['a1'])
      await finish(worker, held, 'again')
      expect(await bench.second.queue.purge(bench.queue, 10)).toBe(1)
    })

    it('Q54 what waits behind others is drained, in steps, and what runs stays', async () => {
      await add(['a1', 'a2', 'a3', 'b1', 'b2'])
      await add(['c1'], { delayMs: 1_000 })
      await add(['c2', 'c3'])
      const worker = bench.consumer()
      const held = await open(worker)
      const [a] = held
      if (!a) throw new Error('nothing was claimed')
      const back = held.slice(1).map(({ ticket }) => ({ job: ticket, delayMs: 0, failed: false }))
      await worker.say({ retries: back })
      expect(await bench.counts()).toEqual({ ready: 6, timed: 1, inFlight: 1, dead: 0 })
      let drained = 0
      for (let count = -1; count !== 0; drained += count) {
        count = await bench.second.queue.drain(bench.queue, 2)
        expect(count).toBeLessThanOrEqual(2)
      }
      expect(drained).toBe(7)
      expect(await bench.counts()).toEqual({ ...NOWHERE, inFlight: 1 })
      await add(['b3', 'a4'])
      expect(ran(await open(worker))).toEqual(['b3'])
      await finish(worker, [a])
      expect(ran(await open(worker))).toEqual(['a4'])
    })

    it('Q54 what nothing waits behind is drained as well', async () => {
      await add(['a1', 'b1'])
      expect(await bench.second.queue.drain(bench.queue, 10)).toBe(2)
      expect(await bench.counts()).toEqual(NOWHERE)
      await add(['a2', 'a3'])
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 2 })
      expect(ran(await open(bench.consumer()))).toEqual(['a2'])
    })

    it('Q54 obliterated by force, no key is blocked', async () => {
      await add(['a1', 'a2', 'a3', 'b1'])
      const worker = bench.consumer()
      await open(worker)
      let epoch = ''
      let removed = 0
      for (let tag = 'step'; tag !== 'gone'; ) {
        const step = { epoch, force: true, limit: 2 }
        const answer = await bench.second.queue.obliterate(bench.queue, step)
        if (answer.tag === 'busy') throw new Error('it was forced')
        if (answer.tag === 'step') epoch = answer.epoch
        removed += answer.count
        tag = answer.tag
      }
      expect(removed).toBe(4)
      expect(await bench.counts()).toEqual(NOWHERE)
      expect((await worker.exchange()).tag).toBe('lost')
      await add(['a4'])
      expect(await runAll(bench.consumer())).toEqual([['a4']])
    })

    it('Q54 the first one of a key is listed with its data, and how many wait behind it', async () => {
      await add(['a1', 'a2', 'a3'])
      await add(['b1'], { delayMs: 1_000 })
      const list = (state: 'ready' | 'timed' | 'inFlight' | 'dead') =>
        bench.second.queue.listJobs(bench.queue, { state, limit: 10, cursor: null })
      expect((await list('ready')).jobs).toMatchObject([{ key: 'a', payload: '"a1"', behind: 2 }])
      expect((await list('timed')).jobs).toMatchObject([{ key: 'b', payload: '"b1"', behind: 0 }])
      const worker = bench.consumer()
      const held = await open(worker)
      expect((await list('inFlight')).jobs).toMatchObject([{ payload: '"a1"', behind: 2 }])
      await finish(worker, held, 'x')
      expect((await list('dead')).jobs).toMatchObject([{ key: 'a', payload: '"a1"' }])
    })
  })
}
