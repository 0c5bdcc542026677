import { describe, expect, it } from 'vitest'
import { type Bench, LEASE_MS, newJob, numbered } from './bench.contract.ts'
import { deskOf, named } from './desk.contract.ts'
import type { NamedJob } from './record-store.ts'
import type { AddRequest, NewJob } from './store.ts'

/** The part of the suite of queues that is about those that take no more. */
export function roomContract(bench: Bench): void {
  let sequence = 0
  const add = (payloads: string[], limits: Partial<AddRequest>, how: Partial<NewJob> = {}) =>
    bench.first.queue.add({
      ...{ queue: bench.queue, producer: 'room', sequence: ++sequence, ...limits },
      jobs: payloads.map((payload) => newJob(payload, how)),
    })
  const full = (length: number, bytes: number) => ({
    ...{ code: 'SLUICE_QUEUE_FULL', outcome: 'not-applied', retryable: true },
    ...{ length, bytes },
  })

  /** A payload of 100 bytes: beside it, what Redis counts of an id or key is little. */
  const PAYLOAD = JSON.stringify('x'.repeat(98))
  const request = (limits: Partial<AddRequest>) => ({
    ...{ queue: bench.queue, producer: 'room', sequence: ++sequence, ...limits },
  })
  const addNamed = (names: string[], limits: Partial<AddRequest>, how: Partial<NamedJob> = {}) =>
    bench.first.queue.addNamed({
      ...request(limits),
      jobs: names.map((name) => named(name, { payload: PAYLOAD, ...how })),
    })
  const addKeyed = (keys: string[], limits: Partial<AddRequest>) =>
    bench.first.queue.addKeyed({
      ...request(limits),
      jobs: keys.map((key) => ({ ...newJob(PAYLOAD), key })),
    })
  const FULL = { code: 'SLUICE_QUEUE_FULL', outcome: 'not-applied' }

  describe('room for jobs by name', () => {
    const { cancel, close, open, openOne, finish } = deskOf(bench)

    it('Q23 their data counts until they have ended, and what is there already is not refused', async () => {
      const limits = { maxBytes: 250 }
      await addNamed(['a', 'b', 'a'], limits)
      const before = await bench.store.dump()
      await expect(addNamed(['a', 'c'], limits)).rejects.toMatchObject(FULL)
      expect(await bench.store.dump()).toEqual(before)
      expect(await addNamed(['a', 'b'], limits)).toMatchObject([{ isNew: false }, { isNew: false }])
      await expect(add([PAYLOAD], limits)).rejects.toMatchObject(FULL)
      expect(await cancel('b')).toBe('cancelled')
      const worker = bench.consumer()
      // The ticket of the cancelled one may come up, too.
      const opened = (await open(worker)).find(({ opening }) => opening.tag === 'run')
      if (!opened) throw new Error('nothing was opened')
      await addNamed(['c'], limits)
      await expect(addNamed(['d'], limits)).rejects.toMatchObject(FULL)
      await finish(worker, opened)
      await addNamed(['d'], limits)
    })

    it('Q23 also where it is replaced by more, and not where by less', async () => {
      const limits = { maxBytes: 250 }
      const mode = 'keep-last'
      await addNamed(['a', 'b'], limits, { mode })
      const payload = JSON.stringify('x'.repeat(198))
      await expect(addNamed(['a'], limits, { mode, payload })).rejects.toMatchObject(FULL)
      await addNamed(['b'], limits, { mode, payload: '1' })
      expect(await addNamed(['a'], limits, { mode, payload })).toMatchObject([{ isNew: false }])
      await expect(add(numbered(60), limits)).rejects.toMatchObject(FULL)
    })

    it('Q23 what is retried keeps its room, and what follows takes that of the one before', async () => {
      const limits = { maxBytes: 150 }
      const mode = 'keep-last'
      await addNamed(['a'], limits, { mode })
      const worker = bench.consumer()
      const opened = await openOne(worker)
      await addNamed(['a'], limits, { mode })
      await expect(addNamed(['b'], limits)).rejects.toMatchObject(FULL)
      expect(await close(opened, { tag: 'retry', delayMs: 0 })).toEqual(['closed'])
      await worker.say({ retries: [{ job: opened.ticket, delayMs: 0, failed: true }] })
      await expect(addNamed(['b'], limits)).rejects.toMatchObject(FULL)
      await finish(worker, await openOne(worker))
      await expect(addNamed(['b'], limits)).rejects.toMatchObject(FULL)
      await finish(worker, await openOne(worker))
      await addNamed(['b'], limits)
    })

    it('Q23 Q24 what is drained makes room', async () => {
      await addNamed(['a', 'b'], { maxBytes: 250 })
      expect(await bench.second.queue.drain(bench.queue, 10)).toBe(2)
      await add([PAYLOAD, PAYLOAD], { maxBytes: 200 })
    })
  })

  describe('room for jobs of keys', () => {
    it('Q23 those behind others count, for plain ones too, and a batch is refused as a whole', async () => {
      const limits = { maxLength: 4 }
      await addKeyed(['a', 'a', 'b'], limits)
      const before = await bench.store.dump()
      await expect(addKeyed(['a', 'c'], limits)).rejects.toMatchObject({ ...FULL, length: 3 })
      await expect(add(['1', '2'], limits)).rejects.toMatchObject({ ...FULL, length: 3 })
      await expect(addNamed(['x', 'y'], limits)).rejects.toMatchObject({ ...FULL, length: 3 })
      expect(await bench.store.dump()).toEqual(before)
      await addKeyed(['a'], limits)
      await expect(add(['1'], limits)).rejects.toMatchObject({ ...FULL, length: 4 })
      expect(await bench.consumer().claim(2)).toHaveLength(2)
      await addKeyed(['b', 'c'], limits)
      await expect(addKeyed(['d'], limits)).rejects.toMatchObject({ ...FULL, length: 4 })
    })

    it('Q23 their data counts until they have ended or are drained', async () => {
      const limits = { maxBytes: 350 }
      await addKeyed(['a', 'a', 'b'], limits)
      await expect(addKeyed(['a'], limits)).rejects.toMatchObject(FULL)
      await expect(add([PAYLOAD], limits)).rejects.toMatchObject(FULL)
      const worker = bench.consumer()
      const { jobs, fence } = await worker.say({ want: 2 })
      const tickets = jobs.map(({ id, key = '' }) => ({ id, key }))
      await bench.second.queue.openStrands(bench.queue, fence, tickets)
      await expect(addKeyed(['a'], limits)).rejects.toMatchObject(FULL)
      const endings = tickets.map((ticket) => ({ ...ticket, attempt: 0, fence, reason: null }))
      const closed = await bench.second.queue.closeStrands(bench.queue, endings)
      expect(closed).toEqual(['closed', 'closed'])
      await worker.say({ acks: jobs })
      await addKeyed(['a', 'b'], limits)
      await expect(addKeyed(['c'], limits)).rejects.toMatchObject(FULL)
      expect(await bench.second.queue.drain(bench.queue, 10)).toBe(3)
      await add([PAYLOAD, PAYLOAD, PAYLOAD], { maxBytes: 300 })
    })

    it('Q5 Q23 a batch that was added is not refused when it is repeated', async () => {
      const again = { ...request({ maxLength: 1 }), jobs: [{ ...newJob('1'), key: 'a' }] }
      const ids = await bench.first.queue.addKeyed(again)
      expect(await bench.second.queue.addKeyed(again)).toEqual(ids)
    })
  })

  describe('room', () => {
    it('Q23 a batch that would make too many wait is refused as a whole', async () => {
      const limits = { maxLength: 5 }
      await add(['1', '2'], limits)
      await add(['3'], limits, { delayMs: 1_000 })
      await add(['4'], limits, { priority: 1 })
      const before = await bench.store.dump()
      await expect(add(['5', '6'], limits)).rejects.toMatchObject(full(4, expect.any(Number)))
      expect(await bench.store.dump()).toEqual(before)
      await add(['5'], limits)
      await expect(add(['6'], limits)).rejects.toMatchObject(full(5, expect.any(Number)))
      await add(['6'], {})
      expect(await bench.counts()).toEqual({ ready: 5, timed: 1, inFlight: 0, dead: 0 })
    })

    it('Q23 bytes are those of payloads in UTF-8', async () => {
      const limits = { maxBytes: 20 }
      await add(['"限限"', '"a"'], limits)
      await expect(add(['"1234567"', '1'], limits)).rejects.toMatchObject(full(2, 11))
      await add(['"1234567"'], limits, { delayMs: 5 })
      await expect(add(['1'], limits)).rejects.toMatchObject(full(3, 20))
    })

    it('Q23 to the first of all, too', async () => {
      await expect(add(['1', '2'], { maxLength: 1 })).rejects.toMatchObject(full(0, 0))
      await expect(add(['12'], { maxBytes: 1 })).rejects.toMatchObject(full(0, 0))
      expect(await bench.store.dump()).toEqual([])
    })

    it('Q23 what is claimed makes room, and what comes back takes it', async () => {
      const limits = { maxLength: 4, maxBytes: 400 }
      const worker = bench.consumer(bench.second)
      await add(numbered(4), limits)
      const [a, b, c, d] = await worker.claim(4)
      if (!a || !b || !c || !d) throw new Error('not all were claimed')
      await add(numbered(3), limits)
      await worker.say({
        acks: [a],
        retries: [
          { job: b, delayMs: 9, failed: true },
          { job: c, delayMs: 0, failed: false },
        ],
        deaths: [{ job: d, reason: 'x' }],
      })
      await expect(add(['x'], limits)).rejects.toMatchObject(full(5, 5))
      await bench.first.queue.redrive(bench.queue, 1)
      await expect(add(['x'], limits)).rejects.toMatchObject(full(6, 6))
      await bench.pass(9)
      await worker.say({ acks: await worker.claim(6) })
      await expect(add(numbered(5), limits)).rejects.toMatchObject(full(0, 0))
      await add(numbered(4), limits)
    })

    it('Q7 Q23 what a crash brings back does not count, and does not stay', async () => {
      const [victim, heir] = [bench.consumer(), bench.consumer(bench.second)]
      await add(['a', 'b'], {})
      await victim.claim(2)
      await heir.say()
      await bench.passWith(heir, LEASE_MS + 1)
      await add(['c', 'd'], { maxLength: 2 })
      const jobs = await heir.claim(3)
      await heir.say({ retries: jobs.map((job) => ({ job, delayMs: 0, failed: false })) })
      await expect(add(['e'], { maxLength: 2 })).rejects.toMatchObject(full(2, 2))
    })

    it('Q5 Q23 a batch that was added is not refused when it is repeated', async () => {
      const request = {
        ...{ queue: bench.queue, producer: 'p', sequence: 1, maxLength: 1 },
        jobs: [newJob('a')],
      }
      const ids = await bench.first.queue.add(request)
      expect(await bench.second.queue.add(request)).toEqual(ids)
    })
  })
}
