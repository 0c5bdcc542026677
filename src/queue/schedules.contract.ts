import { describe, expect, it } from 'vitest'
import { HOSTILE_NAMES } from '../../test/hostile-names.ts'
import { type Bench, type Consumer, HOUR_MS, LEASE_MS, MICROSECOND_MS } from './bench.contract.ts'
import {
  type EmitRequest,
  MOST_SCHEDULES,
  MOST_SLOTS,
  type PutSchedule,
  type ScheduleTerms,
} from './schedule-store.ts'
import type { StoredJob } from './store.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
const TERMS: ScheduleTerms = { catchUp: 'one', maxAttempts: 3, priority: 0 }

/** The part of the suite of queues that is about schedules. */
export function schedulesContract(bench: Bench): void {
  const nowMs = () => Number(bench.store.clock.storeUs()) / 1000
  const { queue } = bench

  const put = (name: string, how: Partial<PutSchedule> = {}, client = bench.first) =>
    client.queue.putSchedule({
      ...{
        queue,
        name,
        rule: '{"everyMs":3600000,"atMs":null}',
        terms: TERMS,
        payload: `"${name}"`,
      },
      ...{ slotMs: nowMs() + HOUR_MS, ...how },
    })
  const emit = (
    ticket: StoredJob,
    slotsMs: number[],
    nextSlotMs: EmitRequest['nextSlotMs'],
    client = bench.second,
  ) => {
    const name = ticket.name?.slice('schedule:'.length) ?? ''
    return client.queue.emitSlots({ queue, name, ticket: ticket.id, slotsMs, nextSlotMs })
  }
  const read = async (name: string, client = bench.second) =>
    (await client.queue.readSchedule(queue, name)).schedule

  /** Claims until nothing is left: a claim may know an old bucket. */
  async function claimAll(worker: Consumer, want = 100): Promise<StoredJob[]> {
    const { jobs, more } = await worker.say({ want })
    return more ? [...jobs, ...(await claimAll(worker, want - jobs.length))] : jobs
  }

  async function claimOne(worker: Consumer): Promise<StoredJob> {
    const [job, ...others] = await claimAll(worker)
    if (!job || others.length > 0) throw new Error(`${others.length} jobs beside ${job}`)
    return job
  }

  describe('schedules', () => {
    it('Q40 have a ticket at their slot, and not before', async () => {
      const slotMs = nowMs() + HOUR_MS
      expect(await put('a')).toEqual({ slotMs, lastSlotMs: null, emittedCount: 0 })
      const worker = bench.consumer(bench.second)
      await bench.pass(HOUR_MS - MICROSECOND_MS)
      expect(await claimAll(worker)).toEqual([])
      expect(await bench.counts()).toEqual(NOWHERE)
      await bench.pass(MICROSECOND_MS)
      const ticket = await claimOne(worker)
      expect(ticket).toMatchObject({ name: 'schedule:a', payload: '' })
      expect(await read('a')).toEqual({
        ...{ name: 'a', rule: '{"everyMs":3600000,"atMs":null}', terms: TERMS, payload: '"a"' },
        ...{ slotMs, lastSlotMs: null, emittedCount: 0, ticket: ticket.id },
      })
    })

    it('Q40 the jobs of a slot and the next ticket come in one step, once', async () => {
      await put('a')
      await bench.pass(HOUR_MS)
      const worker = bench.consumer()
      const ticket = await claimOne(worker)
      const [slotMs, nextMs] = [nowMs(), nowMs() + HOUR_MS]
      const clients = [bench.first, bench.second, bench.first, bench.second]
      const calls = clients.map((client) => emit(ticket, [slotMs], nextMs, client))
      expect((await Promise.all(calls)).sort()).toEqual(['emitted', 'stale', 'stale', 'stale'])
      await worker.say({ acks: [ticket] })
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 1 })
      expect(await read('a')).toMatchObject({ slotMs: nextMs, lastSlotMs: slotMs, emittedCount: 1 })
      const job = await claimOne(worker)
      expect(job).toMatchObject({ payload: '"a"', name: null, maxAttempts: 3 })
      await worker.say({ acks: [job] })
      await bench.pass(HOUR_MS)
      expect((await claimOne(worker)).name).toBe('schedule:a')
    })

    it('Q20 Q43 with lifo its jobs go before all others, the newest first', async () => {
      await put('a', { terms: { ...TERMS, lifo: true } })
      await bench.pass(HOUR_MS)
      const worker = bench.consumer(bench.second)
      const ticket = await claimOne(worker)
      await bench.add(['"plain"'])
      await emit(ticket, [nowMs() - 1, nowMs()], null)
      await worker.say({ acks: [ticket] })
      const jobs = await claimAll(worker)
      expect(jobs.map(({ schedule, payload }) => schedule?.slotAtMs ?? payload)).toEqual([
        ...[nowMs(), nowMs() - 1, '"plain"'],
      ])
    })

    it('Q21 Q43 with a deadline its jobs are dead when none began them in time', async () => {
      await put('a', { terms: { ...TERMS, deadlineMs: 500, priority: 3 } })
      await bench.pass(HOUR_MS)
      const worker = bench.consumer(bench.second)
      const ticket = await claimOne(worker)
      await bench.pass(400)
      await emit(ticket, [nowMs() - 400, nowMs()], null)
      await worker.say({ acks: [ticket] })
      await bench.pass(500)
      const [inTime] = await worker.claim(1)
      expect(inTime).toMatchObject({ payload: '"a"', schedule: { name: 'a' } })
      await bench.pass(MICROSECOND_MS)
      expect(await claimAll(worker)).toEqual([])
      expect(await bench.dead()).toMatchObject([
        { payload: '"a"', schedule: { slotAtMs: expect.any(Number) } },
      ])
    })

    it('Q40 a worker that died before it emitted has emitted nothing: the next one does', async () => {
      await put('a')
      await bench.pass(HOUR_MS)
      const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
      const ticket = await claimOne(worker)
      await bench.passWith(other, LEASE_MS * 1.5)
      const again = await claimOne(other)
      expect(again.id).toBe(ticket.id)
      expect(await emit(again, [nowMs()], nowMs() + HOUR_MS)).toBe('emitted')
      expect(await emit(ticket, [nowMs()], nowMs() + HOUR_MS, bench.first)).toBe('stale')
      await other.say({ acks: [again] })
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 1 })
    })

    it('Q40 the ticket of one that died after it emitted counts no more', async () => {
      await put('a')
      await bench.pass(HOUR_MS)
      const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
      const ticket = await claimOne(worker)
      await emit(ticket, [nowMs()], nowMs() + HOUR_MS)
      await bench.passWith(other, LEASE_MS * 1.5)
      const found = await claimAll(other)
      const [again, ...jobs] = found.sort(
        (a, b) => Number(b.name !== null) - Number(a.name !== null),
      )
      expect([again?.id, jobs.length]).toEqual([ticket.id, 1])
      expect(await emit(ticket, [nowMs()], nowMs() + HOUR_MS)).toBe('stale')
      await other.say({ acks: found })
      expect(await bench.counts()).toEqual(NOWHERE)
    })

    it('Q40 a ticket that is due goes before all that wait, and one behind it at once', async () => {
      await bench.add(['1', '2', '3'])
      await bench.add(['first'], { lifo: true })
      await put('a', { slotMs: nowMs() + 1_000 })
      await bench.pass(1_000)
      const worker = bench.consumer(bench.second)
      // A client learns from an answer where they are.
      await worker.say()
      const [ticket] = await worker.claim(1)
      if (!ticket) throw new Error('there was no ticket')
      expect(ticket.name).toBe('schedule:a')
      // There are more slots than one call emits: the next one is due already.
      const slotsMs = Array.from({ length: MOST_SLOTS }, (_, n) => nowMs() - 1_000 + n)
      expect(await emit(ticket, slotsMs, nowMs() - 500)).toBe('emitted')
      const [next] = await worker.claim(1)
      expect(next?.name).toBe('schedule:a')
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 4 + MOST_SLOTS, inFlight: 2 })
    })

    it('Q41 draining removes jobs, and leaves each schedule its ticket, wherever that is', async () => {
      await put('later')
      await put('due', { slotMs: nowMs() + 1_000 })
      await put('back', { slotMs: nowMs() + 1_000 })
      await bench.pass(1_000)
      const worker = bench.consumer()
      const [due, back] = await claimAll(worker)
      if (!due || !back) throw new Error('two tickets were due')
      const returned = [
        { job: due, delayMs: 0, failed: false },
        { job: back, delayMs: 2_000, failed: false },
      ]
      await worker.say({ retries: returned })
      await bench.add(['1', '2'])
      await bench.add(['3'], { delayMs: 1_500 })
      await bench.add(['4'], { delayMs: 2 * HOUR_MS })
      expect(await drainAll()).toBe(4)
      expect(await bench.counts()).toMatchObject({ timed: 0, inFlight: 0 })
      await bench.pass(2_000)
      const names = (await claimAll(worker)).map(({ name }) => name).sort()
      expect(names).toEqual(['schedule:back', 'schedule:due'])
      await bench.pass(HOUR_MS)
      expect((await claimAll(bench.consumer(bench.second))).map(({ name }) => name)).toEqual([
        'schedule:later',
      ])
    })

    async function drainAll(): Promise<number> {
      const count = await bench.second.queue.drain(queue, 2)
      return count === 0 ? 0 : count + (await drainAll())
    }

    it('Q41 crashes do not bury a ticket, however many', async () => {
      await put('a')
      await bench.pass(HOUR_MS)
      for (let crash = 0; crash < 4; crash++) {
        const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
        expect((await claimOne(worker)).name).toBe('schedule:a')
        await bench.passWith(other, LEASE_MS * 1.5)
      }
      expect(await bench.counts()).toMatchObject({ ready: 1, dead: 0 })
    })

    it('Q41 a paused queue gives no ticket; resumed, it does', async () => {
      await put('a')
      await bench.first.queue.pause(queue)
      await bench.pass(HOUR_MS)
      expect(await claimAll(bench.consumer(bench.second))).toEqual([])
      await bench.first.queue.resume(queue)
      expect((await claimOne(bench.consumer(bench.second))).name).toBe('schedule:a')
    })

    it('Q41 a schedule without a further slot is over', async () => {
      await put('a')
      await bench.pass(HOUR_MS)
      const worker = bench.consumer()
      const ticket = await claimOne(worker)
      expect(await emit(ticket, [nowMs()], null)).toBe('emitted')
      expect(await read('a')).toBeNull()
      await worker.say({ acks: [ticket] })
      expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 1 })
      expect(await bench.first.queue.listSchedules(queue, 10, null)).toEqual([])
    })

    it('Q41 slots without a job move the schedule on all the same', async () => {
      await put('a')
      await bench.pass(HOUR_MS)
      const worker = bench.consumer()
      const ticket = await claimOne(worker)
      expect(await emit(ticket, [], nowMs() + HOUR_MS)).toBe('emitted')
      await worker.say({ acks: [ticket] })
      expect(await bench.counts()).toEqual(NOWHERE)
      expect(await read('a')).toMatchObject({ lastSlotMs: null, emittedCount: 0 })
      await bench.pass(HOUR_MS)
      expect((await claimOne(worker)).name).toBe('schedule:a')
    })

    it('Q42 put again with its rule it keeps its slot, and its jobs are as it says now', async () => {
      const { slotMs } = await put('a')
      await bench.pass(HOUR_MS)
      const worker = bench.consumer()
      const ticket = await claimOne(worker)
      const terms: ScheduleTerms = { catchUp: 'all', maxAttempts: 9, priority: -5 }
      const again = await put('a', { payload: '"new"', terms }, bench.second)
      expect(again).toEqual({ slotMs, lastSlotMs: null, emittedCount: 0 })
      expect(await read('a')).toMatchObject({ payload: '"new"', terms, ticket: ticket.id })
      expect(await emit(ticket, [slotMs], nowMs() + HOUR_MS)).toBe('emitted')
      await bench.add(['"plain"'])
      const jobs = await claimAll(worker)
      expect(jobs.map(({ payload, maxAttempts }) => [payload, maxAttempts])).toEqual([
        ['"new"', 9],
        ['"plain"', 3],
      ])
    })

    it('Q42 with another rule nothing comes at the old slot, also if its ticket is under way', async () => {
      await put('waits')
      await put('runs', { slotMs: nowMs() + 1_000 })
      await bench.pass(1_000)
      const worker = bench.consumer()
      const ticket = await claimOne(worker)
      const slotMs = nowMs() + 2 * HOUR_MS
      for (const name of ['waits', 'runs']) {
        expect((await put(name, { rule: '"new"', slotMs }, bench.second)).slotMs).toBe(slotMs)
      }
      expect(await emit(ticket, [nowMs()], nowMs() + 1)).toBe('stale')
      await worker.say({ acks: [ticket] })
      await bench.pass(HOUR_MS)
      expect(await claimAll(worker)).toEqual([])
      await bench.pass(HOUR_MS)
      expect((await claimAll(worker)).map(({ name }) => name).sort()).toEqual([
        'schedule:runs',
        'schedule:waits',
      ])
    })

    it('Q42 once removed it emits nothing, also if its ticket is under way; its jobs stay', async () => {
      await put('waits')
      await put('runs', { slotMs: nowMs() + 1_000 })
      await bench.pass(1_000)
      const worker = bench.consumer()
      const first = await claimOne(worker)
      await emit(first, [nowMs()], nowMs() + 1_000)
      await worker.say({ acks: [first] })
      await bench.pass(1_000)
      const second = (await claimAll(worker)).find(({ name }) => name !== null)
      if (!second) throw new Error('there was no ticket')
      for (const name of ['waits', 'runs']) {
        expect(await bench.second.queue.removeSchedule(queue, name)).toBe(true)
        expect(await bench.first.queue.removeSchedule(queue, name)).toBe(false)
        expect(await read(name)).toBeNull()
      }
      expect(await emit(second, [nowMs()], nowMs() + 1)).toBe('stale')
      await worker.say({ acks: [second] })
      await bench.pass(2 * HOUR_MS)
      expect(await claimAll(worker)).toEqual([])
      expect(await bench.counts()).toEqual({ ...NOWHERE, inFlight: 1 })
    })

    it('Q43 a job tells of its schedule and slot, also after a retry and from the dead letters', async () => {
      const slotMs = nowMs() + 1_000
      const terms = { ...TERMS, priority: 7 }
      for (const name of HOSTILE_NAMES.map((one) => one.slice(0, 128))) {
        await put(name, { slotMs, terms, payload: JSON.stringify(name) })
      }
      await bench.pass(1_000)
      const worker = bench.consumer()
      const tickets = await claimAll(worker, 500)
      for (const ticket of tickets) await emit(ticket, [slotMs + 0.125], nowMs() + HOUR_MS)
      await worker.say({ acks: tickets })
      const seen = async () => {
        const jobs = await claimAll(worker, 500)
        for (const { payload, schedule } of jobs) {
          expect(schedule).toEqual({ name: JSON.parse(payload), slotAtMs: slotMs + 0.125 })
        }
        return jobs
      }
      const jobs = await seen()
      expect(jobs).toHaveLength(tickets.length)
      await worker.say({ retries: jobs.map((job) => ({ job, delayMs: 0, failed: true })) })
      const again = await seen()
      await worker.say({ deaths: again.map((job) => ({ job, reason: 'no' })) })
      expect((await bench.dead())[0]?.schedule).toEqual(jobs[0]?.schedule)
      for (let left = jobs.length; left > 0; ) left -= await bench.first.queue.redrive(queue, 100)
      expect(await seen()).toHaveLength(jobs.length)
    })

    it('Q43 what was added otherwise has no slot', async () => {
      await bench.add(['1'])
      expect(await claimOne(bench.consumer())).not.toHaveProperty('schedule')
    })

    it('Q44 there are at most so many; they are listed by name, page by page', async () => {
      const names = Array.from(
        { length: MOST_SCHEDULES },
        (_, n) => `s${String(n).padStart(4, '0')}`,
      )
      await Promise.all([...names].reverse().map((name) => put(name)))
      await expect(put('one more')).rejects.toMatchObject({ code: 'SLUICE_TOO_MANY_SCHEDULES' })
      await put('s0001', { payload: '2' })
      const listed: string[] = []
      for (let after: string | null = null; ; after = listed.at(-1) ?? null) {
        const page = await bench.second.queue.listSchedules(queue, 300, after)
        listed.push(...page.map(({ name }) => name))
        if (page.length < 300) break
      }
      expect(listed).toEqual(names)
      expect(await bench.counts()).toEqual(NOWHERE)
      await bench.first.queue.removeSchedule(queue, 's0000')
      await put('one more')
    })

    it('Q44 an obliterated queue has none, nor a ticket of one', async () => {
      for (let n = 0; n < 250; n++) await put(`s${n}`)
      await put('due', { slotMs: nowMs() + 1_000 })
      await put('gone', { slotMs: nowMs() + 1_000 })
      await bench.pass(1_000)
      const worker = bench.consumer()
      const tickets = await claimAll(worker)
      await worker.say({ retries: tickets.map((job) => ({ job, delayMs: 5, failed: false })) })
      await bench.first.queue.removeSchedule(queue, 'gone')
      await bench.add(['1'])
      let count = 0
      for (let epoch = '', isGone = false; !isGone; ) {
        const step = { epoch, force: false, limit: 100 }
        const answer = await bench.second.queue.obliterate(queue, step)
        if (answer.tag === 'busy') throw new Error('nothing is in flight')
        count += answer.count
        isGone = answer.tag === 'gone'
        if (answer.tag === 'step') epoch = answer.epoch
      }
      expect(count).toBe(1)
      expect(await bench.second.queue.listSchedules(queue, 10, null)).toEqual([])
      expect(await bench.counts()).toEqual(NOWHERE)
      await bench.pass(2 * HOUR_MS)
      expect(await claimAll(bench.consumer())).toEqual([])
      expect(await bench.first.queue.list(10)).toEqual([])
    })
  })
}
