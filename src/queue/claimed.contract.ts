import { describe, expect, it } from 'vitest'
import {
  type Answered,
  type Bench,
  type Consumer,
  idsOf,
  LEASE_MS,
  newJob,
  payloadsOf,
} from './bench.contract.ts'
import { QueueFullError } from './errors.ts'
import type { AddRequest, NewJob } from './store.ts'

/** The part of the suite of queues that is about an add and the claim behind it, which may be one call. */
export function claimedContract(bench: Bench): void {
  let sequence = 0
  const batch = (jobs: NewJob[], how: Partial<AddRequest> = {}): AddRequest => ({
    ...{ queue: bench.queue, producer: 'p', sequence: ++sequence, jobs, isClaimedNext: true },
    ...how,
  })
  const plain = (...payloads: string[]) => payloads.map((payload) => newJob(payload))

  /** Both in one turn. */
  async function addAndClaim(
    request: AddRequest,
    consumer: Consumer,
    said: Parameters<Consumer['say']>[0] = { want: 3 },
  ): Promise<Answered & { ids: string[] }> {
    const [ids, answer] = await Promise.all([bench.first.queue.add(request), consumer.say(said)])
    return { ...answer, ids }
  }

  describe('a claim behind an add', () => {
    it('Q80 brings what was added, in its order, in flight until it is acknowledged', async () => {
      const consumer = bench.consumer()
      const { ids, ...answer } = await addAndClaim(batch(plain('"a"', '"限"', '{}')), consumer)
      const told = { name: null, attempt: 0, crashes: 0, maxAttempts: 3 }
      const payloads = ['"a"', '"限"', '{}']
      expect(answer).toMatchObject({ staleIds: [], nextDueMs: null, more: false, watch: false })
      expect(answer.jobs).toEqual(ids.map((id, at) => ({ ...told, id, payload: payloads[at] })))
      expect(await bench.counts()).toEqual({ ready: 0, timed: 0, inFlight: 3, dead: 0 })
      const other = await bench.consumer(bench.second).say({ want: 3 })
      expect(other).toMatchObject({ jobs: [], watch: true })
      const next = await addAndClaim(batch(plain('"b"')), consumer)
      expect(next.fence).toBeGreaterThan(answer.fence)
      expect(Number(next.ids[0])).toBeGreaterThan(Number(ids[2]))
      const { staleIds } = await consumer.say({ acks: [...answer.jobs, ...next.jobs] })
      expect(staleIds).toEqual([])
      expect(await bench.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
    })

    it('Q80 both are answered again, each by itself, and nothing is there twice', async () => {
      const consumer = bench.consumer()
      const request = batch(plain('a', 'b'))
      const { ids, jobs, fence } = await addAndClaim(request, consumer)
      expect(await bench.first.queue.add(request)).toEqual(ids)
      expect(await consumer.repeat()).toMatchObject({ tag: 'ok', jobs, fence })
      const [again, answer] = await Promise.all([bench.first.queue.add(request), consumer.repeat()])
      expect(again).toEqual(ids)
      expect(answer).toMatchObject({ tag: 'ok', jobs, fence })
      expect(await bench.counts()).toMatchObject({ ready: 0, inFlight: 2 })
    })

    it('Q80 one of the two again, and the other one new: each is taken for what it is', async () => {
      const consumer = bench.consumer()
      const request = batch(plain('a'))
      const { ids, jobs, fence } = await addAndClaim(request, consumer)
      const again = await addAndClaim(request, consumer)
      expect([again.ids, again.jobs]).toEqual([ids, []])
      await consumer.say({ acks: jobs })
      const last = await addAndClaim(batch(plain('b')), consumer)
      const [[id], answer] = await Promise.all([
        bench.first.queue.add(batch(plain('c'))),
        consumer.repeat(),
      ])
      expect(answer).toMatchObject({ tag: 'ok', jobs: last.jobs, fence: last.fence })
      expect(last.fence).toBeGreaterThan(fence)
      const [, older] = await Promise.all([
        bench.first.queue.add(batch(plain('d'))),
        consumer.repeat(1),
      ])
      expect(older).toMatchObject({ tag: 'lost' })
      expect(await bench.counts()).toMatchObject({ ready: 2, inFlight: 1 })
      expect(idsOf(await bench.consumer().claim(1))).toEqual([id])
    })

    it('Q80 what was added and claimed comes back when its consumer is gone', async () => {
      const gone = bench.consumer()
      await addAndClaim(batch(plain('a')), gone)
      const other = bench.consumer(bench.second)
      await bench.passWith(other, LEASE_MS + 1)
      expect(payloadsOf(await other.claim(1))).toEqual(['a'])
      expect(await gone.exchange({ want: 1 })).toMatchObject({ tag: 'lost' })
    })

    it('Q80 without a claim it is added, and a claim without an add behind it is one', async () => {
      const ids = await bench.first.queue.add(batch(plain('a')))
      const { jobs } = await bench.consumer().say({ want: 2 })
      expect(idsOf(jobs)).toEqual(ids)
    })

    it('Q80 it tells when the next job is due, and that job is on time', async () => {
      await bench.add(['later'], { delayMs: 400 })
      const consumer = bench.consumer()
      const { jobs, nextDueMs } = await addAndClaim(batch(plain('now')), consumer)
      expect(payloadsOf(jobs)).toEqual(['now'])
      expect(nextDueMs).toBe(400)
      await bench.pass(400)
      expect(payloadsOf(await consumer.claim(1))).toEqual(['later'])
    })

    /** What is there before, and what is claimed then. */
    const before: [string, () => Promise<unknown>, string[]][] = [
      ['a job in line', () => bench.add(['first']), ['first', 'a', 'b']],
      ['one with a rank', () => bench.add(['first'], { priority: -1 }), ['first', 'a', 'b']],
      ['one with a rank behind', () => bench.add(['last'], { priority: 1 }), ['a', 'b', 'last']],
      [
        'a job that became due',
        async () => {
          await bench.add(['first'], { delayMs: 1 })
          await bench.pass(1)
        },
        ['a', 'b', 'first'],
      ],
      [
        'a job whose worker crashed',
        async () => {
          await bench.add(['suspect'])
          await bench.consumer(bench.second).claim(1)
          const other = bench.consumer(bench.second)
          await bench.passWith(other, LEASE_MS + 1)
        },
        ['suspect', 'a', 'b'],
      ],
      ['a pause', () => bench.first.queue.pause(bench.queue), []],
    ]

    it.each(before)('Q80 comes behind what is there: %s', async (_, prepare, claimed) => {
      await prepare()
      const { jobs, ids } = await addAndClaim(batch(plain('a', 'b')), bench.consumer())
      expect(payloadsOf(jobs)).toEqual(claimed)
      expect(ids).toHaveLength(2)
    })

    it('Q80 a consumer that is gone is found, and its job comes back', async () => {
      await bench.add(['crashed'])
      await bench.consumer(bench.second).claim(1)
      const consumer = bench.consumer()
      await bench.passWith(bench.consumer(bench.second), LEASE_MS - 1)
      await bench.pass(2)
      await addAndClaim(batch(plain('a')), consumer, { want: 1 })
      expect(payloadsOf(await consumer.claim(1))).toEqual(['crashed'])
    })

    it('Q9 after a silence nobody is taken for gone', async () => {
      const held = bench.consumer(bench.second)
      await bench.add(['held'])
      await held.claim(1)
      const consumer = bench.consumer()
      await bench.pass(LEASE_MS / 2)
      await addAndClaim(batch(plain('a')), consumer, { want: 1 })
      await bench.pass(LEASE_MS / 4)
      await addAndClaim(batch(plain('b')), consumer, { want: 1 })
      await bench.pass(LEASE_MS / 4 + 1)
      await addAndClaim(batch(plain('c')), consumer, { want: 1 })
      expect(await held.say({})).toMatchObject({ tag: 'ok' })
    })

    it('Q80 who wants fewer gets the first ones, and another one the others', async () => {
      const { jobs } = await addAndClaim(batch(plain('a', 'b')), bench.consumer(), { want: 1 })
      expect(payloadsOf(jobs)).toEqual(['a'])
      expect(payloadsOf(await bench.consumer(bench.second).claim(2))).toEqual(['b'])
    })

    it('Q80 a consumer that settles with it gets both', async () => {
      const consumer = bench.consumer()
      const { jobs } = await addAndClaim(batch(plain('a')), consumer)
      const next = await addAndClaim(batch(plain('b')), consumer, { want: 1, acks: jobs })
      expect([payloadsOf(next.jobs), next.staleIds]).toEqual([['b'], []])
      expect(await bench.counts()).toMatchObject({ ready: 0, inFlight: 1 })
    })

    it.each([
      ['delayed', { delayMs: 400 }, 0],
      ['with a deadline', { deadlineMs: 400 }, 1],
      ['with a priority', { priority: 5 }, 1],
    ])('Q80 jobs that are not plain are treated as they say: %s', async (_, how, count) => {
      const { jobs } = await addAndClaim(batch([newJob('a', how)]), bench.consumer())
      expect(jobs).toHaveLength(count)
    })

    it('Q80 a consumer that was lost is told, and the job is for another', async () => {
      const lost = bench.consumer()
      await addAndClaim(batch(plain('a')), lost)
      const other = bench.consumer(bench.second)
      await bench.passWith(other, LEASE_MS + 1)
      expect(payloadsOf(await other.claim(1))).toEqual(['a'])
      const [ids, answer] = await Promise.all([
        bench.first.queue.add(batch(plain('b'))),
        lost.exchange({ want: 1 }),
      ])
      expect([ids.length, answer.tag]).toEqual([1, 'lost'])
      expect(payloadsOf(await other.claim(1))).toEqual(['b'])
    })

    it('Q23 a full queue takes none, and the claim is answered', async () => {
      await bench.add(['a'], { delayMs: 400 })
      const consumer = bench.consumer()
      const added = bench.first.queue.add(batch(plain('b'), { maxLength: 1 }))
      const [refused, answer] = await Promise.allSettled([added, consumer.claim(1)])
      expect(refused).toMatchObject({ reason: expect.any(QueueFullError) })
      expect(answer).toMatchObject({ value: [] })
    })

    it('Q46 a queue that keeps events tells of both', async () => {
      const teller = bench.first.queue.keepingEvents(100)
      const added = teller.add(batch(plain('a')))
      const [[id]] = await Promise.all([
        added,
        bench.consumer({ ...bench.first, queue: teller }).claim(1),
      ])
      const { events } = await teller.readEvents(bench.queue, 'start')
      expect(events).toMatchObject([{ type: 'added', id }])
    })
  })
}
