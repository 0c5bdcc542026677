import { describe, expect, it } from 'vitest'
import {
  type Bench,
  Consumer,
  idsOf,
  newJob,
  numbered,
  type QueueClient,
} from './bench.contract.ts'
import { closingsOf, DONE, deskOf } from './desk.contract.ts'
import type { StoredJob } from './store.ts'

const DAY_MS = 86_400_000

/** The part of the suite of queues that is about keeping jobs that are done. */
export function retainedContract(bench: Bench): void {
  const desk = deskOf(bench)
  let epochs = 0

  /** A client that keeps so many, for so long. */
  const retaining = (count: number, ageMs = DAY_MS): QueueClient => ({
    clientId: bench.first.clientId,
    queue: bench.first.queue.retaining({ count, ageMs }),
  })
  const consumer = (client: QueueClient) => new Consumer(client, bench.queue, `keeper-${++epochs}`)

  const kept = async (limit = 1_000) => (await bench.pages('done', limit)).flat()

  /** Adds and acknowledges jobs, each in a call of its own. */
  async function finish(payloads: string[], worker: Consumer): Promise<StoredJob[]> {
    await bench.add(payloads)
    const jobs = await worker.claim(payloads.length)
    for (const job of jobs) await worker.say({ acks: [job] })
    return jobs
  }

  describe('jobs that are done', { timeout: 60_000 }, () => {
    it('Q10 leave nothing where nothing says to keep them, whoever looks', async () => {
      const worker = bench.consumer()
      await finish(['a'], worker)
      const before = await bench.store.dump()
      expect(await bench.pages('done', 10)).toEqual([[]])
      expect(await bench.store.dump()).toEqual(before)
      expect(before.filter((line) => /\bdone/.test(line))).toEqual([])
    })

    it('Q56 are kept once, with what they had; what failed, is stale or goes back is not', async () => {
      const worker = consumer(retaining(100))
      const [a] = await bench.add(['"a 限"'], { priority: 3, deadlineMs: 60_000 })
      const [b, c, d] = await bench.add(['"b"', '"c"', '"d"'])
      const jobs = await worker.claim(4)
      const find = (id: string | undefined) => {
        const job = jobs.find((one) => one.id === id)
        if (!job) throw new Error(`${id} was not claimed`)
        return job
      }
      const note = { keep: 3, kind: 'failed' as const, reason: 'no' }
      await worker.say({
        retries: [
          { job: find(b), delayMs: 0, failed: true, note },
          { job: find(d), delayMs: 0, failed: false },
        ],
        deaths: [{ job: find(c), reason: 'no' }],
        acks: [find(a)],
      })
      const nowMs = bench.store.clock.wallMs()
      await worker.repeat()
      const first = { id: a, payload: '"a 限"', attempt: 0, maxAttempts: 3, name: null }
      expect(await kept()).toMatchObject([{ ...first, doneAtMs: nowMs }])
      await bench.pass(5)
      const again = await worker.claim(2)
      expect(idsOf(again).sort()).toEqual([b, d].sort())
      await worker.say({ acks: [...again.filter(({ id }) => id === b), find(a)] })
      const [, second, ...others] = await kept()
      expect(others).toEqual([])
      expect(second).toMatchObject({ id: b, payload: '"b"', attempt: 1, doneAtMs: nowMs + 5 })
      expect(second?.history).toMatchObject([{ attempt: 1, reason: 'no' }])
      expect(second).not.toHaveProperty('result')
    })

    it('Q43 Q56 have the slot of the schedule that they were of', async () => {
      const client = retaining(100)
      const slotMs = bench.store.clock.wallMs() + 1_000
      const terms = { catchUp: 'all', maxAttempts: 1 } as never
      const put = { queue: bench.queue, name: 's 限', rule: '{}', terms, payload: '1', slotMs }
      await client.queue.putSchedule(put)
      const { schedule } = await client.queue.readSchedule(bench.queue, 's 限')
      const slots = { slotsMs: [slotMs], nextSlotMs: null }
      const ticket = schedule?.ticket ?? ''
      await client.queue.emitSlots({ queue: bench.queue, name: 's 限', ticket, ...slots })
      const worker = consumer(client)
      const jobs = (await worker.claim(10)).filter((job) => job.schedule)
      await worker.say({ acks: jobs })
      expect(await kept()).toMatchObject([
        { id: jobs[0]?.id, payload: '1', schedule: { name: 's 限', slotAtMs: slotMs } },
      ])
    })

    it('Q33 Q56 by name: once, under it, with their result', async () => {
      const client = retaining(100)
      const names = ['a', '限 "\n"', `${'n'.repeat(127)}限`, 'back', 'dead', 'cancelled', 'gone']
      for (const name of names) await desk.add([name], { payload: JSON.stringify(name) })
      const worker = consumer(client)
      const opened = await desk.open(worker, bench.first)
      await bench.first.queue.cancelRecord(bench.queue, 'cancelled', 1_000)
      const outcomes = [
        { tag: 'done' as const, result: '{"r":"限"}', reason: null },
        DONE,
        { tag: 'done' as const, result: '1', reason: null },
        { tag: 'back' as const, delayMs: 0 },
        { tag: 'dead' as const, reason: 'no' },
        DONE,
        { tag: 'cancelled' as const },
      ]
      const closings = closingsOf(opened, outcomes)
      const close = () =>
        client.queue.closeRecords({ queue: bench.queue, rememberMs: 1_000, closings })
      await close()
      await close()
      const [a, b, c, back, dead, ...ended] = opened.map(({ ticket }) => ticket) as StoredJob[]
      await worker.say({
        acks: [a, b, c, ...ended].flatMap((job) => job ?? []),
        retries: back ? [{ job: back, delayMs: 0, failed: false }] : [],
        deaths: dead ? [{ job: dead, reason: 'no', payload: '"dead"' }] : [],
      })
      const doneAtMs = bench.store.clock.wallMs()
      expect(await kept()).toMatchObject([
        { name: names[0], payload: '"a"', result: '{"r":"限"}', doneAtMs, attempt: 0 },
        { name: names[1], payload: JSON.stringify(names[1]) },
        { name: names[2], result: '1' },
      ])
      expect((await kept()).map(({ result }) => result !== undefined)).toEqual([true, false, true])
    })

    it('Q35 Q45 Q56 by name: with the attempts and failures before, and not what followed', async () => {
      const client = retaining(100)
      await desk.add(['a'], { payload: '1', mode: 'keep-last' })
      const worker = consumer(client)
      const note = { keep: 5, kind: 'failed' as const, reason: 'no 限' }
      for (const outcome of [{ tag: 'retry' as const, delayMs: 0, note }, DONE]) {
        const opened = await desk.openOne(worker, bench.first)
        await desk.add(['a'], { payload: '2', mode: 'keep-last' })
        const closings = [{ name: 'a', fence: opened.fence, outcome }]
        await client.queue.closeRecords({ queue: bench.queue, rememberMs: 1_000, closings })
        const { ticket: job } = opened
        if (outcome.tag === 'retry')
          await worker.say({ retries: [{ job, delayMs: 0, failed: true }] })
        else await worker.say({ acks: [job] })
      }
      const [one, ...others] = await kept()
      expect(others).toEqual([])
      expect(one).toMatchObject({ name: 'a', payload: '1', attempt: 1 })
      expect(one?.history).toMatchObject([{ attempt: 1, kind: 'failed', reason: 'no 限' }])
    })

    it('Q52 Q56 of a key: once, with it', async () => {
      const client = retaining(100)
      const jobs = ['"1"', '"2"', '"3"'].map((payload) => ({ ...newJob(payload), key: 'k 限' }))
      const request = { queue: bench.queue, producer: 'p', sequence: 1, jobs }
      const ids = await client.queue.addKeyed(request)
      const worker = consumer(client)
      const history = [{ attempt: 1, kind: 'failed' as const, reason: 'no', atMs: 5 }]
      for (const [reason, attempt] of [
        ['no', 0],
        [null, 0],
        [null, 1],
      ] as const) {
        const { jobs: tickets, fence } = await worker.say({ want: 1 })
        const [ticket] = tickets
        if (!ticket) throw new Error('nothing was claimed')
        const { id, key = '' } = ticket
        await client.queue.openStrands(bench.queue, fence, [{ id, key }])
        const past = attempt === 1 ? { history } : {}
        const ending = { id, key, attempt, fence, reason, ...past }
        expect(await client.queue.closeStrands(bench.queue, [ending])).toEqual(['closed'])
        expect(await client.queue.closeStrands(bench.queue, [ending])).toEqual(['closed'])
        await worker.say({ acks: [ticket], quiet: [ticket] })
      }
      const doneAtMs = bench.store.clock.wallMs()
      expect(await kept()).toMatchObject([
        { id: ids[1], key: 'k 限', payload: '"2"', attempt: 0, doneAtMs },
        { id: ids[2], key: 'k 限', payload: '"3"', attempt: 1, history },
      ])
      expect((await bench.dead()).map(({ id }) => id)).toEqual([ids[0]])
    })

    it('Q27 Q57 the last ones, the oldest first, page by page while the oldest go', async () => {
      const worker = consumer(retaining(50))
      const jobs: StoredJob[] = []
      for (let batch = 0; batch < 4; batch++) {
        await bench.add(numbered(100))
        const claimed = await worker.claim(100)
        await worker.say({ acks: claimed })
        jobs.push(...claimed)
      }
      const last = idsOf(jobs.slice(-50))
      for (const limit of [1, 7, 50, 1_000]) expect(idsOf(await kept(limit))).toEqual(last)
      const request = { state: 'done' as const, limit: 20, cursor: null }
      const page = await bench.second.queue.listJobs(bench.queue, request)
      expect(idsOf(page.jobs)).toEqual(last.slice(0, 20))
      const more = await finish(numbered(10), worker)
      const rest = await bench.second.queue.listJobs(bench.queue, {
        ...{ ...request, limit: 100, cursor: page.cursor },
      })
      expect(idsOf(rest.jobs)).toEqual([...last.slice(20), ...idsOf(more)])
      expect((await kept()).length).toBe(50)
    })

    it('Q57 of many in one step the last ones', async () => {
      const worker = consumer(retaining(7))
      await bench.add(numbered(400))
      const jobs = await worker.claim(400)
      await worker.say({ acks: [...jobs, ...jobs] })
      expect(idsOf(await kept())).toEqual(idsOf(jobs.slice(-7)))
      const other = consumer(retaining(1_000))
      await bench.add(['a', 'b'])
      const [a, b] = await other.claim(2)
      if (!a || !b) throw new Error('not all were claimed')
      await other.say({ acks: [a, b, a] })
      expect(idsOf(await kept()).slice(7)).toEqual([a.id, b.id])
    })

    it('Q57 none is on a page for longer than was said, whatever others say', async () => {
      const [short, long] = [consumer(retaining(100, 10_000)), consumer(retaining(100, 60_000))]
      const [a] = idsOf(await finish(['a'], short))
      const [b] = idsOf(await finish(['b'], long))
      await bench.pass(5_000)
      const [c] = idsOf(await finish(['c'], short))
      expect(idsOf(await kept())).toEqual([a, b, c])
      await bench.pass(5_000)
      expect(idsOf(await kept())).toEqual([b, c])
      expect(idsOf(await kept(1))).toEqual([b, c])
      await bench.pass(5_000)
      expect(idsOf(await kept())).toEqual([b])
      const [d] = idsOf(await finish(['d'], long))
      expect(idsOf(await kept())).toEqual([b, d])
      await bench.pass(45_000)
      expect(idsOf(await kept())).toEqual([d])
    })

    it('Q57 when the last one is over nothing is left', async () => {
      await finish(['a', 'b'], consumer(retaining(100, 60_000)))
      await bench.pass(60_001)
      expect(await kept()).toEqual([])
      // Whoever writes sweeps; Redis does so by itself, by a TTL that the audit knows.
      await finish(['c'], bench.consumer())
      await bench.pass(2_000)
      await finish(['d'], bench.consumer())
      const isDone = (line: string) => line.startsWith('done_job ')
      expect((await bench.store.dump()).filter(isDone)).toEqual([])
    })

    it('Q24 Q25 stay when the queue is drained, and go when it is obliterated', async () => {
      const client = retaining(1_000)
      const jobs = await finish(numbered(150), consumer(client))
      await bench.add(['waits'])
      expect(await client.queue.drain(bench.queue, 100)).toBe(1)
      expect(idsOf(await kept())).toEqual(idsOf(jobs))
      for (let epoch = ''; ; ) {
        const step = { epoch, force: false, limit: 100 }
        const answer = await client.queue.obliterate(bench.queue, step)
        if (answer.tag === 'gone') break
        if (answer.tag === 'step') epoch = answer.epoch
      }
      expect(await kept()).toEqual([])
      expect((await bench.store.dump()).filter((line) => /\bdone/.test(line))).toEqual([])
    })

    it('Q56 events of them are told as well', async () => {
      const queue = bench.first.queue.retaining({ count: 5, ageMs: DAY_MS }).keepingEvents(10)
      const [job] = await finish(['a'], consumer({ clientId: bench.first.clientId, queue }))
      expect(idsOf(await kept())).toEqual([job?.id])
      const { events } = await queue.readEvents(bench.queue, 'start')
      expect(events).toMatchObject([{ type: 'done', id: job?.id }])
    })
  })
}
