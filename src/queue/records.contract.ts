import { describe, expect, it } from 'vitest'
import { HOSTILE_NAMES } from '../../test/hostile-names.ts'
import {
  type Bench,
  HOUR_MS,
  LEASE_MS,
  MICROSECOND_MS,
  payloadsOf,
  type QueueClient,
} from './bench.contract.ts'
import { dedupeContract } from './dedupe.contract.ts'
import { DONE, deskOf, named, type Opened, REMEMBER_MS } from './desk.contract.ts'
import { MOST_LINES, type RecordOutcome } from './record-store.ts'
import type { StoredJob } from './store.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }

/** The part of the suite of queues that is about jobs by name. */
export function recordsContract(bench: Bench): void {
  const { add, open, openOne, reopen, close, finish, read, cancel, change } = deskOf(bench)

  describe('jobs by name', () => {
    it('Q30 the first add makes the job, whoever says it: the others are told its number', async () => {
      const [first] = await add(['a'], { payload: '"first"' })
      expect(first?.isNew).toBe(true)
      const again = await add(['a', 'b', 'b'], { payload: '"again"' }, bench.second)
      expect(again.map(({ isNew }) => isNew)).toEqual([false, true, false])
      expect(again[0]?.number).toBe(first?.number)
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 2 })
      const opened = await open(bench.consumer())
      expect(opened.map(({ ticket }) => ticket.name)).toEqual(['a', 'b'])
      expect(opened.map(({ opening }) => opening)).toEqual([
        { tag: 'run', payload: '"first"' },
        { tag: 'run', payload: '"again"' },
      ])
    })

    it('Q30 of many adds at once, by two clients, one makes the job', async () => {
      const clients = [bench.first, bench.second]
      const calls = Array.from({ length: 20 }, (_, index) =>
        add(['a'], {}, clients[index % 2] as QueueClient),
      )
      const added = (await Promise.all(calls)).flat()
      expect(added.filter(({ isNew }) => isNew)).toHaveLength(1)
      expect(new Set(added.map(({ number }) => number)).size).toBe(1)
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 1 })
    })

    it('Q30 the same batch again changes nothing, and is answered the same; an older one is refused', async () => {
      const request = { queue: bench.queue, producer: 'p', sequence: 7, jobs: [named('a')] }
      const answer = await bench.first.queue.addNamed(request)
      const worker = bench.consumer()
      await finish(worker, await openOne(worker))
      const simple = { ...request, sequence: 8, jobs: [named('a', { mode: 'simple' })] }
      const second = await bench.first.queue.addNamed(simple)
      expect(second).toMatchObject([{ isNew: true }])
      expect(await bench.second.queue.addNamed(simple)).toEqual(second)
      expect(await bench.second.queue.addNamed(request)).toEqual([])
      expect(answer).not.toEqual(second)
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 1 })
    })

    it('Q30 plain jobs and tickets stand in one line', async () => {
      await bench.add(['"1"'])
      await add(['two'])
      await bench.add(['"3"'])
      const jobs = await bench.consumer(bench.second).claim(10)
      expect(jobs.map(({ name, payload }) => name ?? payload)).toEqual(['"1"', 'two', '"3"'])
    })

    it('Q30 names and payloads come out as they went in', async () => {
      for (const name of HOSTILE_NAMES) await add([name], { payload: JSON.stringify(name) })
      const opened = await open(bench.consumer(), bench.second, 500)
      expect(opened.map(({ ticket }) => ticket.name)).toEqual(HOSTILE_NAMES)
      for (const { opening, ticket } of opened) {
        expect(opening).toEqual({ tag: 'run', payload: JSON.stringify(ticket.name) })
        expect((await read(ticket.name ?? ''))?.payload).toBe(JSON.stringify(ticket.name))
      }
    })

    it('Q31 a ticket is opened again for the same delivery, and dropped for an older one', async () => {
      await add(['a'])
      const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
      const opened = await openOne(worker)
      expect(await reopen([opened.ticket], opened.fence)).toEqual([opened.opening])
      await bench.passWith(other, LEASE_MS * 1.5)
      const newer = await openOne(other)
      expect(newer.opening).toEqual(opened.opening)
      expect(newer.fence).toBeGreaterThan(opened.fence)
      expect(await reopen([opened.ticket], opened.fence)).toEqual([{ tag: 'drop' }])
      expect(await close(opened, DONE)).toEqual(['stale'])
      await finish(other, newer)
    })

    it('Q31 a ticket without a record is dropped', async () => {
      const ticket = { id: '1'.repeat(16), name: 'nothing', attempt: 0 } as StoredJob
      expect(await reopen([ticket], 1)).toEqual([{ tag: 'drop' }])
      expect(await bench.store.dump()).toEqual([])
    })

    it('Q32 a retried job is not run before its time, though its ticket came back sooner', async () => {
      await add(['a'])
      const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
      const opened = await openOne(worker)
      expect(await close(opened, { tag: 'retry', delayMs: HOUR_MS })).toEqual(['closed'])
      // It crashed before it told the line.
      await bench.passWith(other, LEASE_MS * 1.5)
      const early = await openOne(other)
      const leftMs = HOUR_MS - LEASE_MS * 1.5
      expect(early.opening).toEqual({ tag: 'later', delayMs: expect.closeTo(leftMs, 2) })
      const back = { job: early.ticket, delayMs: leftMs, failed: false }
      await other.say({ retries: [back] })
      expect(await bench.counts()).toEqual({ ...NOWHERE, timed: 1 })
      expect(await read('a')).toMatchObject({ state: 'waiting', attempt: 1 })
      await bench.pass(leftMs - MICROSECOND_MS)
      expect(await other.claim(1)).toEqual([])
      await bench.pass(MICROSECOND_MS)
      expect((await openOne(other)).opening.tag).toBe('run')
    })

    it('Q33 an end said again changes nothing, and another end is not taken', async () => {
      await add(['a'])
      const worker = bench.consumer()
      const opened = await openOne(worker)
      const done: RecordOutcome = { tag: 'done', result: '{"n":1}', reason: null }
      expect(await close(opened, done)).toEqual(['closed'])
      expect(await close(opened, done)).toEqual(['closed'])
      expect(await close(opened, { tag: 'dead', reason: 'no' })).toEqual(['closed'])
      expect(await close(opened, { tag: 'retry', delayMs: 5 })).toEqual(['closed'])
      const ended = { state: 'done', result: '{"n":1}', reason: null }
      expect(await read('a')).toMatchObject({ state: 'done', ended })
      // Its worker crashed before it acknowledged.
      expect(await reopen([opened.ticket], opened.fence + 1)).toEqual([{ tag: 'drop' }])
      await worker.say({ acks: [opened.ticket] })
    })

    it('Q33 a dead job is buried, also when its worker crashed while it said so', async () => {
      await add(['a'], { payload: '{"限":1}' })
      const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
      expect(await close(await openOne(worker), { tag: 'dead', reason: 'no “限”' })).toEqual([
        'closed',
      ])
      await bench.passWith(other, LEASE_MS * 1.5)
      const { opening, ticket } = await openOne(other)
      expect(opening).toEqual({ tag: 'bury', payload: '{"限":1}', reason: 'no “限”' })
      await other.say({ deaths: [{ job: ticket, reason: 'no “限”', payload: '{"限":1}' }] })
      expect(await bench.dead()).toMatchObject([
        { name: null, payload: '{"限":1}', reason: 'no “限”' },
      ])
      await bench.pass(HOUR_MS * 2)
      expect(await read('a')).toBeNull()
      expect(await bench.first.queue.redrive(bench.queue, 1)).toBe(1)
      expect(payloadsOf(await other.claim(1))).toEqual(['{"限":1}'])
    })

    it('Q33 a poisonous one is handed out until it is closed, and not buried in silence', async () => {
      await add(['a'])
      const last = bench.consumer(bench.second)
      for (let crash = 0; crash < 3; crash++) {
        await openOne(bench.consumer())
        await bench.passWith(last, LEASE_MS * 1.5)
      }
      const opened = await openOne(last)
      expect(opened.opening.tag).toBe('run')
      expect(opened.ticket.crashes).toBe(2)
      const crashed = await last.exchange({ maxCrashes: 2 })
      expect(crashed.tag).toBe('ok')
      await finish(last, opened)
    })

    it('Q36 what is drained leaves no record, and its name begins anew', async () => {
      await add(['ready', 'other'])
      await add(['later'], { delayMs: 1_000 })
      await bench.add(['plain'])
      expect(await bench.second.queue.drain(bench.queue, 100)).toBe(4)
      for (const name of ['ready', 'other', 'later']) expect(await read(name)).toBeNull()
      expect(await add(['later'])).toMatchObject([{ isNew: true }])
    })

    it('Q36 what has ended is remembered, also when a ticket of it that was left is drained', async () => {
      await add(['cancelled', 'done'])
      const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
      expect(await cancel('cancelled')).toBe('cancelled')
      const opened = await open(worker)
      const done = opened.find(({ ticket }) => ticket.name === 'done')
      if (!done) throw new Error('nothing was claimed')
      expect(await close(done, DONE)).toEqual(['closed'])
      // It crashed before it acknowledged.
      await bench.passWith(other, LEASE_MS * 1.5)
      await add(['waits'])
      expect(await cancel('waits')).toBe('cancelled')
      while ((await bench.first.queue.drain(bench.queue, 100)) > 0);
      expect(await bench.counts()).toEqual(NOWHERE)
      expect(await add(['cancelled', 'done', 'waits'])).toMatchObject([
        ...[{ isNew: false }, { isNew: false }, { isNew: false }],
      ])
    })

    it('Q36 a job that was handed back is as it was', async () => {
      await add(['a'])
      const worker = bench.consumer()
      const opened = await openOne(worker)
      expect(await read('a')).toMatchObject({ state: 'running' })
      expect(await close(opened, { tag: 'back', delayMs: 0 })).toEqual(['closed'])
      await worker.say({ retries: [{ job: opened.ticket, delayMs: 0, failed: false }] })
      expect(await read('a')).toMatchObject({ state: 'waiting', attempt: 0, dueAtMs: null })
      await finish(worker, await openOne(worker))
    })

    it('Q32 a job that was put off is as it was, and is not opened before its time', async () => {
      await add(['a'])
      const worker = bench.consumer()
      const opened = await openOne(worker)
      const dueMs = bench.store.clock.wallMs() + 500
      expect(await close(opened, { tag: 'back', delayMs: 500 })).toEqual(['closed'])
      await worker.say({ retries: [{ job: opened.ticket, delayMs: 500, failed: false }] })
      expect(await read('a')).toMatchObject({ state: 'waiting', attempt: 0, dueAtMs: dueMs })
      await bench.pass(499)
      expect(await worker.claim(1)).toEqual([])
      await bench.pass(1)
      await finish(worker, await openOne(worker))
    })

    it('Q36 is remembered after its end for as long as was said, and then its name begins anew', async () => {
      const nowMs = bench.store.clock.wallMs()
      const [one] = await add(['a'])
      const worker = bench.consumer()
      await finish(worker, await openOne(worker))
      await bench.pass(REMEMBER_MS - 1)
      expect(await add(['a'])).toEqual([{ ...one, isNew: false }])
      const record = await read('a', bench.second)
      expect(record?.endedAtMs).toBeGreaterThanOrEqual(nowMs)
      expect(record?.addedAtMs).toBeCloseTo(nowMs, -1)
      await bench.pass(2)
      expect(await read('a')).toBeNull()
      expect(await cancel('a')).toBeNull()
      expect(await change('a', 5)).toBeNull()
      const [other] = await add(['a'])
      expect(other?.isNew).toBe(true)
      expect(other?.number).not.toBe(one?.number)
      expect(await read('a')).toMatchObject({ state: 'waiting', ended: null, endedAtMs: null })
      expect((await openOne(worker)).opening.tag).toBe('run')
    })
  })

  cancelContract()
  dedupeContract(bench)
  noteContract()
  changeContract()

  function cancelContract() {
    describe('cancelling', () => {
      it('Q34 a job that waits, ready or for a time, never runs', async () => {
        await add(['ready'])
        await add(['later'], { delayMs: 1_000 })
        await add(['other'])
        expect(await cancel('ready', bench.second)).toBe('cancelled')
        expect(await cancel('later')).toBe('cancelled')
        expect(await cancel('later')).toBe('cancelled')
        expect(await cancel('nothing')).toBeNull()
        expect(await read('later')).toMatchObject({ state: 'cancelled', dueAtMs: null })
        await bench.pass(2_000)
        const worker = bench.consumer()
        const opened = await open(worker)
        const ran = opened.filter(({ opening }) => opening.tag === 'run')
        expect(ran.map(({ ticket }) => ticket.name)).toEqual(['other'])
        expect(new Set(opened.map(({ opening }) => opening.tag))).toContain('run')
        await worker.say({ acks: opened.map(({ ticket }) => ticket).slice(0, 0) })
      })

      it('Q34 between claim and opening is in time', async () => {
        await add(['a'])
        const worker = bench.consumer()
        const { jobs, fence } = await worker.say({ want: 1 })
        expect(await cancel('a', bench.second)).toBe('cancelled')
        expect(await reopen(jobs, fence)).toEqual([{ tag: 'drop' }])
        await worker.say({ acks: jobs })
        expect(await bench.counts()).toEqual(NOWHERE)
      })

      it.each<RecordOutcome>([
        DONE,
        { tag: 'retry', delayMs: 5 },
        { tag: 'dead', reason: 'no' },
        { tag: 'back', delayMs: 0 },
      ])(
        'Q34 a job that runs is told so, and ends as cancelled though it says $tag',
        async (outcome) => {
          await add(['a', 'b'])
          const worker = bench.consumer()
          const [a, b] = await open(worker)
          if (!a || !b) throw new Error('not all were claimed')
          const running = [a, b].map(({ ticket, fence }) => ({ name: ticket.name ?? '', fence }))
          const cancelling = () => bench.second.queue.findCancelling(bench.queue, running)
          expect(await cancelling()).toEqual([])
          expect(await cancel('a')).toBe('cancelling')
          expect(await cancel('a')).toBe('cancelling')
          expect(await cancelling()).toEqual(['a'])
          expect(await read('a')).toMatchObject({ state: 'cancelling' })
          expect(await close(a, outcome)).toEqual(['cancelled'])
          expect(await close(a, outcome)).toEqual(['cancelled'])
          expect(await cancelling()).toEqual([])
          expect(await read('a')).toMatchObject({
            state: 'cancelled',
            ended: { state: 'cancelled' },
          })
          await worker.say({ acks: [a.ticket] })
          await finish(worker, b)
          expect(await cancel('b')).toBe('ended')
        },
      )

      it('Q34 one whose worker crashed is closed by the next', async () => {
        await add(['a'])
        const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
        await openOne(worker)
        expect(await cancel('a')).toBe('cancelling')
        await bench.passWith(other, LEASE_MS * 1.5)
        const opened = await openOne(other)
        expect(opened.opening).toEqual({ tag: 'cancelled' })
        expect(await close(opened, { tag: 'cancelled' })).toEqual(['cancelled'])
        await other.say({ acks: [opened.ticket] })
      })
    })
  }

  function noteContract() {
    describe('what a job tells', () => {
      it('Q37 the last progress and the last lines are kept, from who runs it', async () => {
        await add(['a'])
        const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
        const note = ({ fence }: Opened, what: { progress: string } | { line: string }) =>
          bench.second.queue.noteRecord(bench.queue, { name: 'a', fence }, what)
        const opened = await openOne(worker)
        expect(await note(opened, { progress: '50' })).toBe(true)
        expect(await note(opened, { progress: '{"限":2}' })).toBe(true)
        for (let line = 1; line <= MOST_LINES + 5; line++) {
          expect(await note(opened, { line: `line ${line} 限` })).toBe(true)
        }
        const record = await read('a')
        expect(record?.progress).toBe('{"限":2}')
        expect(record?.lines).toHaveLength(MOST_LINES)
        expect([record?.lines[0], record?.lines.at(-1)]).toEqual([
          'line 6 限',
          `line ${MOST_LINES + 5} 限`,
        ])
        await bench.passWith(other, LEASE_MS * 1.5)
        const newer = await openOne(other)
        expect(await note(opened, { progress: '99' })).toBe(false)
        expect(await note(opened, { line: 'late' })).toBe(false)
        await finish(other, newer)
        expect(await note(newer, { line: 'after the end' })).toBe(false)
        expect((await read('a'))?.lines).toHaveLength(MOST_LINES)
        await bench.pass(REMEMBER_MS + 1)
        await add(['a'])
        expect(await read('a')).toMatchObject({ progress: null, lines: [] })
      })

      it('Q38 who watches is told of the end', async () => {
        await add(['a', 'b'])
        const told: string[] = []
        const { queue } = bench.first
        const stops = ['a', 'b'].map((name) =>
          queue.onRecordNews(bench.queue, name, () => told.push(name)),
        )
        expect(await queue.watchRecord(bench.queue, 'a')).toMatchObject({
          state: 'waiting',
          ended: null,
        })
        expect(await queue.watchRecord(bench.queue, 'nothing')).toBeNull()
        const worker = bench.consumer(bench.second)
        const [a] = await open(worker)
        if (!a) throw new Error('nothing was claimed')
        told.length = 0
        await finish(worker, a, { tag: 'done', result: '7', reason: null })
        await expect.poll(() => told).toContain('a')
        expect(await queue.watchRecord(bench.queue, 'a')).toMatchObject({
          ended: { state: 'done', result: '7', reason: null },
        })
        for (const stop of stops) stop()
      })
    })
  }

  function changeContract() {
    describe('another time', () => {
      it('Q39 an earlier one: it runs then, once', async () => {
        await add(['a'], { delayMs: HOUR_MS })
        expect(await change('a', 1_000)).toBe('changed')
        const dueAtMs = bench.store.clock.wallMs() + 1_000
        expect((await read('a'))?.dueAtMs).toBeCloseTo(dueAtMs, 0)
        const worker = bench.consumer()
        await bench.pass(1_000 - MICROSECOND_MS)
        expect(await open(worker)).toEqual([])
        await bench.pass(MICROSECOND_MS)
        await finish(worker, await openOne(worker))
        await bench.pass(HOUR_MS)
        for (const { opening, ticket } of await open(worker)) {
          expect(opening).toEqual({ tag: 'drop' })
          await worker.say({ acks: [ticket] })
        }
        expect(await bench.counts()).toEqual(NOWHERE)
        expect(await change('a', 5)).toBeNull()
      })

      it('Q39 a later one: it does not run before', async () => {
        await add(['a'])
        expect(await change('a', 1_000)).toBe('changed')
        const worker = bench.consumer()
        for (const { opening, ticket } of await open(worker)) {
          expect(opening).toEqual({ tag: 'later', delayMs: expect.closeTo(1_000, 2) })
          await worker.say({ retries: [{ job: ticket, delayMs: 1_000, failed: false }] })
        }
        await bench.pass(999)
        expect(await open(worker)).toEqual([])
        await bench.pass(1)
        const opened = await openOne(worker)
        expect(opened.opening.tag).toBe('run')
        expect(await change('a', 5)).toBe('running')
        await finish(worker, opened)
        expect(await change('a', 5)).toBe('ended')
      })

      it('Q39 at once: attempts stay, and what is due keeps its place', async () => {
        await add(['first', 'second'])
        const worker = bench.consumer()
        const [first, second] = await open(worker)
        if (!first || !second) throw new Error('not all were claimed')
        await close(first, { tag: 'retry', delayMs: HOUR_MS })
        await worker.say({ retries: [{ job: first.ticket, delayMs: HOUR_MS, failed: true }] })
        await finish(worker, second)
        await add(['ready'])
        expect(await change('first', 0)).toBe('changed')
        expect(await change('ready', 0)).toBe('changed')
        const opened = await open(worker)
        expect(opened.map(({ ticket }) => [ticket.name, ticket.attempt])).toEqual([
          ['ready', 0],
          ['first', 1],
        ])
        expect(await bench.counts()).toMatchObject({ ready: 0, inFlight: 2 })
      })

      it('Q39 between opening too early and being put back', async () => {
        await add(['a'], { delayMs: 100 })
        await change('a', HOUR_MS)
        const worker = bench.consumer()
        await bench.pass(100)
        const [early] = await open(worker)
        expect(await change('a', 0)).toBe('changed')
        if (early) {
          await worker.say({ retries: [{ job: early.ticket, delayMs: HOUR_MS, failed: false }] })
        }
        await finish(worker, await openOne(worker))
      })
    })
  }
}
