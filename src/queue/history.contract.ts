import { describe, expect, it } from 'vitest'
import {
  type Bench,
  type Consumer,
  HOUR_MS,
  LEASE_MS,
  newJob,
  payloadsOf,
} from './bench.contract.ts'
import { DONE, deskOf, REMEMBER_MS } from './desk.contract.ts'
import { CRASHED, type FailedAttempt, type FailureNote } from './history.ts'
import type { NewJob, StoredJob } from './store.ts'

const failed = (reason: string, keep = 2): FailureNote => ({ keep, kind: 'failed', reason })

/** What is between a note and what is kept of it, and whatever could be taken for what ends it. */
const REASONS: [said: string, kept: string][] = [
  ['', ''],
  ['Error: 限流 “ü”', 'Error: 限流 “ü”'],
  ['a\nb\r\n\nc\u0000d\u2028e', 'a b c d e'],
  ['x'.repeat(300), 'x'.repeat(256)],
  [`${'x'.repeat(254)}限`, 'x'.repeat(254)],
  ['%s 0101F', '%s 0101F'],
  ['half \ud800', 'half \ufffd'],
]

/** Jobs whose bodies are not alike. */
const JOBS: [kind: string, how: Partial<NewJob>][] = [
  ['plain', {}],
  ['ranked', { priority: -5 }],
  ['first', { lifo: true }],
  ['with a deadline', { deadlineMs: HOUR_MS }],
  ['with both', { deadlineMs: HOUR_MS, priority: 7 }],
]

/** The part of the suite of queues that is about failed attempts that are kept. */
export function historyContract(bench: Bench): void {
  const { add, openOne, reopen, close, read } = deskOf(bench)

  async function claimOne(worker: Consumer): Promise<StoredJob> {
    const { jobs } = await worker.say({ want: 1, keptFailures: 2 })
    if (!jobs[0]) throw new Error('nothing was claimed')
    return jobs[0]
  }

  /** A worker takes the job that is there and dies; another gets its jobs back. */
  async function crash(victim: Consumer, watcher: Consumer): Promise<void> {
    await victim.say({ want: 1, keptFailures: 2 })
    await bench.passWith(watcher, LEASE_MS * 1.5, { keptFailures: 2 })
  }

  const nowMs = () => bench.store.clock.wallMs()

  describe('history', () => {
    it.each(JOBS)(
      'Q45 of a %s job is kept with it, the last ones, until it is done',
      async (_, how) => {
        const payload = '{"限":"\\n\\n"}'
        await bench.add([payload], { ...how, maxAttempts: 9 })
        const worker = bench.consumer(bench.second)
        const kept: unknown[] = []
        for (const attempt of [1, 2, 3]) {
          const job = await claimOne(worker)
          expect(job.payload).toBe(payload)
          expect(job.history ?? []).toEqual(kept.slice(-2))
          const reason = `reason ${attempt}`
          await worker.say({ retries: [{ job, delayMs: 10, failed: true, note: failed(reason) }] })
          kept.push({ attempt, kind: 'failed', reason, atMs: nowMs() })
          const listed = await bench.first.queue.listJobs(bench.queue, {
            ...{ state: 'timed', limit: 10, cursor: null },
          })
          expect(listed.jobs).toMatchObject([{ payload, attempt, history: kept.slice(-2) }])
          await bench.pass(10)
        }
        const job = await claimOne(worker)
        expect(job).toMatchObject({ attempt: 3, maxAttempts: 9, history: kept.slice(-2) })
        await worker.say({ acks: [job] })
        expect(await bench.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
      },
    )

    it('Q45 nothing is kept where nobody says so, and of what is handed back', async () => {
      await bench.add(['a'])
      const worker = bench.consumer()
      const job = await claimOne(worker)
      await worker.say({ retries: [{ job, delayMs: 0, failed: true }] })
      const again = await claimOne(worker)
      expect(again).not.toHaveProperty('history')
      const note = failed('handed back')
      await worker.say({ retries: [{ job: again, delayMs: 0, failed: false, note }] })
      expect(await claimOne(worker)).not.toHaveProperty('history')
    })

    it('Q45 of a delivery that is settled too late nothing is kept', async () => {
      await bench.add(['a'])
      const worker = bench.consumer()
      const job = await claimOne(worker)
      const retry = { job, delayMs: 0, failed: true, note: failed('once') }
      await worker.say({ retries: [retry] })
      const { staleIds } = await worker.say({
        ...{ retries: [{ ...retry, note: failed('twice') }] },
        deaths: [{ job, reason: 'dead', note: failed('thrice') }],
      })
      expect(staleIds).toEqual([job.id, job.id])
      expect((await claimOne(worker)).history).toMatchObject([{ reason: 'once' }])
    })

    it.each(REASONS)('Q45 %j is kept on one line of up to 256 bytes', async (said, kept) => {
      await bench.add(['a'])
      const worker = bench.consumer()
      const job = await claimOne(worker)
      const note = failed(said)
      await worker.say({ retries: [{ job, delayMs: 0, failed: true, note }] })
      const again = await claimOne(worker)
      expect(again).toMatchObject({ payload: 'a', history: [{ attempt: 1, reason: kept }] })
    })

    it('Q12 Q45 of a dead job is in its letter, with the last one, and stays when it is redriven', async () => {
      await bench.add(['a', 'b'])
      const worker = bench.consumer()
      const [a, b] = await worker.claim(2)
      if (!a || !b) throw new Error('not all were claimed')
      const timeout: FailureNote = { keep: 20, kind: 'timeout', reason: 'slow' }
      await worker.say({ retries: [{ job: a, delayMs: 0, failed: true, note: timeout }] })
      const again = await claimOne(worker)
      await worker.say({
        deaths: [
          { job: again, reason: 'no', note: failed('no', 20) },
          { job: b, reason: 'never' },
        ],
      })
      const kept = [
        { attempt: 1, kind: 'timeout', reason: 'slow', atMs: nowMs() },
        { attempt: 2, kind: 'failed', reason: 'no', atMs: nowMs() },
      ]
      const [one, other] = await bench.dead()
      expect(one).toMatchObject({ payload: 'a', reason: 'no', attempt: 2, history: kept })
      expect(other).not.toHaveProperty('history')
      expect(await bench.first.queue.redrive(bench.queue, 10)).toBe(2)
      const [redriven] = await worker.claim(2)
      expect(redriven).toMatchObject({ payload: 'a', attempt: 0, history: kept })
    })

    it('Q8 Q45 has the crashes that count against a job', async () => {
      await bench.add(['poison'], { maxAttempts: 2 })
      const watcher = bench.consumer(bench.second)
      await crash(bench.consumer(), watcher)
      await crash(bench.consumer(), watcher)
      const last = bench.consumer()
      const job = await claimOne(last)
      const crashed = { attempt: 1, kind: 'crashed', reason: CRASHED }
      expect(job).toMatchObject({ crashes: 1, history: [crashed] })
      await bench.passWith(watcher, LEASE_MS * 1.5, { keptFailures: 2 })
      await crash(bench.consumer(), watcher)
      expect(await bench.dead()).toMatchObject([
        { payload: 'poison', crashes: 3, attempt: 0, history: [crashed, crashed] },
      ])
    })

    it('Q45 of a job by name is in its record, as far as its crashes, and in its dead letter', async () => {
      await add(['a'])
      const watcher = bench.consumer(bench.second)
      let opened = await openOne(watcher)
      expect(await close(opened, { tag: 'retry', delayMs: 0, note: failed('one', 3) })).toEqual([
        'closed',
      ])
      const one: FailedAttempt = { attempt: 1, kind: 'failed', reason: 'one', atMs: nowMs() }
      expect(await read('a')).toMatchObject({ state: 'waiting', attempt: 1, history: [one] })
      await watcher.say({ retries: [{ job: opened.ticket, delayMs: 0, failed: true }] })
      await crash(bench.consumer(), watcher)
      await crash(bench.consumer(), watcher)
      const { jobs, fence } = await watcher.say({ want: 1 })
      const [ticket] = jobs
      if (!ticket) throw new Error('nothing was claimed')
      const crashed: FailedAttempt = {
        ...{ attempt: 2, kind: 'crashed', reason: CRASHED, atMs: nowMs() },
      }
      // Opened again, as after a lost answer, it is told once.
      for (let time = 0; time < 2; time++) {
        expect(await reopen(jobs, fence, bench.first, 3)).toMatchObject([
          { tag: 'run', payload: '{}', history: [one, crashed] },
        ])
      }
      opened = { ...opened, ticket, fence }
      const two = failed('two', 3)
      await close(opened, { tag: 'dead', reason: 'two', note: two })
      const history = [one, crashed, { attempt: 2, kind: 'failed', reason: 'two', atMs: nowMs() }]
      expect(await read('a')).toMatchObject({ state: 'dead', history })
      // Its worker crashed meanwhile: whoever gets the ticket is told all that belongs to the letter.
      expect(await reopen([ticket], fence + 1)).toMatchObject([
        { tag: 'bury', payload: '{}', reason: 'two', history },
      ])
      const death = { job: ticket, reason: 'two', payload: '{}', history: [one, crashed] }
      await watcher.say({ deaths: [{ ...death, note: two }] })
      expect(await bench.dead()).toMatchObject([{ payload: '{}', reason: 'two', history }])
      await bench.pass(HOUR_MS * 2)
      await add(['a'])
      expect(await read('a')).not.toHaveProperty('history')
    })

    it('Q36 Q45 a later job of the same name begins without one', async () => {
      await add(['a'])
      const worker = bench.consumer()
      let opened = await openOne(worker)
      await close(opened, { tag: 'retry', delayMs: 0, note: failed('one') })
      await worker.say({ retries: [{ job: opened.ticket, delayMs: 0, failed: true }] })
      opened = await openOne(worker)
      expect(opened.opening).toMatchObject({ tag: 'run', history: [{ reason: 'one' }] })
      await add(['a'], { mode: 'keep-last' })
      await close(opened, DONE, REMEMBER_MS)
      await worker.say({ acks: [opened.ticket] })
      expect(await read('a')).toMatchObject({ state: 'waiting' })
      expect(await read('a')).not.toHaveProperty('history')
      opened = await openOne(worker)
      expect(opened.opening).toEqual({ tag: 'run', payload: '{}' })
    })

    it('Q45 Q52 of a job of a key goes with its ticket into its letter, and back into line', async () => {
      const jobs = ['"a1"', '"a2"'].map((payload) => ({ ...newJob(payload), key: 'a' }))
      await bench.first.queue.addKeyed({ queue: bench.queue, producer: 'p', sequence: 1, jobs })
      const worker = bench.consumer(bench.second)

      async function open() {
        const { jobs, fence } = await worker.say({ want: 1 })
        const [ticket] = jobs
        if (!ticket) throw new Error('nothing was claimed')
        const tickets = [{ id: ticket.id, key: ticket.key ?? '' }]
        const [opening] = await bench.second.queue.openStrands(bench.queue, fence, tickets)
        return { ticket, fence, opening }
      }
      async function end({ ticket, fence }: Awaited<ReturnType<typeof open>>, why: string | null) {
        const { id, key = '', attempt, history } = ticket
        const note = why === null ? undefined : failed(why, 3)
        const ending = { id, key, attempt, fence, reason: why, history, note }
        expect(await bench.second.queue.closeStrands(bench.queue, [ending])).toEqual(['closed'])
        await worker.say({ acks: [ticket] })
      }

      const first = await open()
      const note = failed('one', 3)
      await worker.say({ retries: [{ job: first.ticket, delayMs: 0, failed: true, note }] })
      const again = await open()
      const one = { attempt: 1, kind: 'failed', reason: 'one', atMs: nowMs() }
      expect(again).toMatchObject({
        ticket: { key: 'a', history: [one] },
        opening: { payload: '"a1"' },
      })
      await end(again, 'two')
      const history = [one, { attempt: 2, kind: 'failed', reason: 'two', atMs: nowMs() }]
      expect(await bench.dead()).toMatchObject([
        { payload: '"a1"', key: 'a', reason: 'two', history },
      ])
      // Behind another of its key, where it has no ticket yet; and as the first, where it has one.
      expect(await bench.first.queue.redrive(bench.queue, 10)).toBe(1)
      const second = await open()
      expect(second.opening).toMatchObject({ payload: '"a2"' })
      expect(second.ticket).not.toHaveProperty('history')
      await end(second, null)
      const listed = await bench.first.queue.listJobs(bench.queue, {
        ...{ state: 'ready', limit: 10, cursor: null },
      })
      expect(listed.jobs).toMatchObject([{ key: 'a', payload: '"a1"', behind: 0, history }])
      const redriven = await open()
      expect(redriven).toMatchObject({
        ...{ ticket: { attempt: 0, history }, opening: { payload: '"a1"' } },
      })
      await end(redriven, 'three')
      const third = { attempt: 1, kind: 'failed', reason: 'three', atMs: nowMs() }
      expect(await bench.dead()).toMatchObject([{ payload: '"a1"', history: [...history, third] }])
      expect(await bench.first.queue.redrive(bench.queue, 10)).toBe(1)
      const last = await open()
      expect(last).toMatchObject({ ticket: { history: [...history, third] } })
      await end(last, null)
      expect(await bench.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
    })

    it('Q24 Q25 Q45 what has one is drained and obliterated like others', async () => {
      const worker = bench.consumer()
      const note = failed('x'.repeat(256), 20)
      await bench.add(['plain'])
      await bench.first.queue.addKeyed({
        ...{ queue: bench.queue, producer: 'p', sequence: 1 },
        jobs: ['1', '2'].map((payload) => ({ ...newJob(payload, { maxAttempts: 99 }), key: 'k' })),
      })
      for (let time = 0; time < 20; time++) {
        const { jobs } = await worker.say({ want: 10 })
        expect(jobs).toHaveLength(2)
        const retries = jobs.map((job) => ({ job, delayMs: 0, failed: true, note }))
        await worker.say({ retries })
      }
      expect(await bench.second.queue.drain(bench.queue, 1)).toBe(1)
      const { jobs } = await worker.say({ want: 10 })
      expect(jobs.every(({ history }) => history?.length === 20)).toBe(true)
      let step = { epoch: '', force: true, limit: 100 }
      for (;;) {
        const answer = await bench.first.queue.obliterate(bench.queue, step)
        if (answer.tag === 'gone') break
        if (answer.tag === 'busy') throw new Error('it is busy')
        step = { ...step, epoch: answer.epoch }
      }
      expect(payloadsOf(await bench.consumer().claim(10))).toEqual([])
      expect(await bench.counts()).toEqual({ ready: 0, timed: 0, inFlight: 0, dead: 0 })
    })
  })
}
