import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type Bench,
  Consumer,
  idsOf,
  LEASE_MS,
  newJob,
  numbered,
  type QueueClient,
} from './bench.contract.ts'
import { closingsOf, DONE, deskOf, named } from './desk.contract.ts'
import type { NewEvent, StoredEvent } from './event-store.ts'
import type { RecordOutcome } from './record-store.ts'
import type { QueueStore, StoredJob } from './store.ts'

const WEEK_MS = 7 * 24 * 3_600_000

/** The part of the suite of queues that is about what they tell of their jobs. */
export function eventsContract(bench: Bench): void {
  const { open } = deskOf(bench)
  let teller: QueueClient
  let epochs = 0
  let sequence = 0

  /** A client that keeps so many events. */
  const keeping = (keep: number): QueueClient => ({
    clientId: bench.first.clientId,
    queue: bench.first.queue.keepingEvents(keep),
  })
  const consumer = (client = teller) => new Consumer(client, bench.queue, `teller-${++epochs}`)
  const add = (payloads: string[], how = {}, client = teller) => bench.add(payloads, how, client)

  /** All that another client finds from a place on, and where that ends. */
  async function readFrom(from: string, client = bench.second) {
    const events: StoredEvent[] = []
    const missed: number[] = []
    for (let place = from; ; ) {
      const page = await client.queue.readEvents(bench.queue, place)
      events.push(...page.events)
      if (page.missedUpTo !== null) missed.push(page.missedUpTo)
      if (page.events.length === 0) return { events, missed, place: page.place }
      place = page.place
    }
  }

  const plain = ({ number: _, atMs: __, ...event }: StoredEvent): NewEvent => event
  const told = async (from = 'start') => (await readFrom(from)).events.map(plain)
  const nowMs = () => bench.store.clock.wallMs()

  async function claim(worker: Consumer, want: number): Promise<StoredJob[]> {
    const { jobs } = await worker.say({ want })
    return jobs
  }

  describe('events', () => {
    beforeEach(() => {
      teller = keeping(100)
    })

    it('Q46 nothing is told of what is done without keeping them, and reading changes nothing', async () => {
      await bench.add(['a'])
      const worker = bench.consumer()
      const before = await bench.store.dump()
      expect(await readFrom('start', bench.first)).toMatchObject({ events: [], missed: [] })
      expect(await readFrom('now', bench.first)).toMatchObject({ events: [], missed: [] })
      const isWatcher = (line: string) => line.includes('watchers')
      expect((await bench.store.dump()).filter((line) => !isWatcher(line))).toEqual(before)
      await worker.say({ acks: await worker.claim(1) })
      expect(await told()).toEqual([])
    })

    it('Q46 of plain jobs: added, retried, done, dead, redriven, each once', async () => {
      const [a, b, c] = await add(['a', 'b', 'c'])
      expect(await told()).toEqual([a, b, c].map((id) => ({ type: 'added', id })))
      const { events, place } = await readFrom('start')
      expect(events.map(({ atMs }) => atMs)).toEqual([nowMs(), nowMs(), nowMs()])
      const worker = consumer()
      const [one, two, three] = await claim(worker, 3)
      if (!one || !two || !three) throw new Error('not all were claimed')
      await bench.pass(5)
      await worker.say({
        acks: [one],
        retries: [{ job: two, delayMs: 0, failed: true }],
        deaths: [{ job: three, reason: 'no “限”' }],
      })
      await worker.repeat()
      const after = await readFrom(place)
      expect(after.events.map(({ atMs }) => atMs)).toEqual([nowMs(), nowMs(), nowMs()])
      expect(after.events.map(plain)).toEqual(
        expect.arrayContaining([
          { type: 'done', id: a },
          { type: 'retried', id: b, attempt: 1 },
          { type: 'dead', id: c, reason: 'no “限”' },
        ]),
      )
      expect(await teller.queue.redrive(bench.queue, 10)).toBe(1)
      expect(await told(after.place)).toEqual([{ type: 'redriven', id: c }])
      const numbers = (await readFrom('start')).events.map(({ number }) => number)
      expect(numbers).toEqual(numbers.map((_, index) => (numbers[0] ?? 0) + index))
    })

    it('Q46 what is repeated, refused, stale, quiet or handed back is not told', async () => {
      const request = { queue: bench.queue, producer: 'p', sequence: 1, jobs: [newJob('a')] }
      const [id] = await teller.queue.add(request)
      expect(await teller.queue.add(request)).toEqual([id])
      await expect(teller.queue.add({ ...request, sequence: 2, maxLength: 1 })).rejects.toThrow(
        /full/,
      )
      const [other, third] = await add(['b', 'c'])
      const worker = consumer()
      const jobs = await claim(worker, 3)
      const [job, quiet, last] = jobs
      if (!job || !quiet || !last) throw new Error('not all were claimed')
      await worker.say({
        retries: [{ job, delayMs: 0, failed: false }],
        quiet: [quiet],
        acks: [quiet],
      })
      await worker.say({ acks: [last, quiet] })
      expect(await told()).toEqual([
        ...[id, other, third].map((one) => ({ type: 'added', id: one })),
        { type: 'done', id: third },
      ])
    })

    it('Q8 Q21 Q46 of who dies of a crash or a deadline', async () => {
      const [late] = await add(['late'], { deadlineMs: 10 })
      await bench.pass(11)
      const worker = consumer()
      expect(await claim(worker, 1)).toEqual([])
      const [poison] = await add(['poison'])
      const crash = async () => {
        await consumer().say({ want: 1 })
        for (let quarter = 0; quarter < 6; quarter++) {
          await bench.pass(LEASE_MS / 4)
          await worker.say({ maxCrashes: 1 })
        }
      }
      await crash()
      await crash()
      expect((await told()).filter(({ type }) => type === 'dead')).toEqual([
        { type: 'dead', id: late, reason: 'its deadline passed' },
        { type: 'dead', id: poison, reason: expect.stringMatching(/crashed 1 times/) },
      ])
    })

    it('Q46 of the whole queue: drained, paused, resumed, obliterated', async () => {
      await add(['a', 'b'])
      const { place } = await readFrom('start')
      await teller.queue.pause(bench.queue)
      await teller.queue.pause(bench.queue)
      await teller.queue.resume(bench.queue)
      await teller.queue.resume(bench.queue)
      expect(await teller.queue.drain(bench.queue, 100)).toBe(2)
      expect(await teller.queue.drain(bench.queue, 100)).toBe(0)
      await add(['c'])
      let step = { epoch: '', force: false, limit: 100 }
      for (;;) {
        const answer = await teller.queue.obliterate(bench.queue, step)
        if (answer.tag === 'gone') break
        if (answer.tag === 'step') step = { ...step, epoch: answer.epoch }
      }
      expect((await told(place)).filter(({ type }) => type !== 'added')).toEqual([
        ...[{ type: 'paused' }, { type: 'resumed' }, { type: 'drained', count: 2 }],
        { type: 'obliterated' },
      ])
    })

    it('Q46 of jobs by name, under their names', async () => {
      const hostile = ['a', '限 "\n"', `${'n'.repeat(127)}限`, '0123456789012345']
      const addNamed = (names: string[]) =>
        teller.queue.addNamed({
          ...{ queue: bench.queue, producer: 'p', sequence: ++sequence },
          jobs: names.map((name) => named(name)),
        })
      await addNamed(hostile)
      await addNamed(hostile.slice(0, 1))
      expect(await told()).toEqual(hostile.map((name) => ({ type: 'added', name })))
      let { place } = await readFrom('now')
      const worker = consumer()
      const opened = await open(worker, bench.first)
      const outcomes: RecordOutcome[] = [
        { tag: 'retry', delayMs: 0 },
        { tag: 'dead', reason: `${'r'.repeat(255)}限` },
        DONE,
        { tag: 'back', delayMs: 0 },
      ]
      const closings = closingsOf(opened, outcomes)
      const close = () =>
        teller.queue.closeRecords({ queue: bench.queue, rememberMs: 1_000, closings })
      await close()
      await close()
      expect(await told(place)).toEqual([
        { type: 'retried', name: hostile[0], attempt: 1 },
        { type: 'dead', name: hostile[1], reason: 'r'.repeat(255) },
        { type: 'done', name: hostile[2] },
      ])
      place = (await readFrom('now')).place
      for (const name of [hostile[0] ?? '', hostile[3] ?? '', 'none']) {
        await teller.queue.cancelRecord(bench.queue, name, 1_000)
      }
      expect(await told(place)).toEqual([
        { type: 'cancelled', name: hostile[0] },
        { type: 'cancelled', name: hostile[3] },
      ])
    })

    it('Q34 Q46 of one that is cancelled while it runs', async () => {
      const request = { queue: bench.queue, producer: 'p', sequence: ++sequence }
      await teller.queue.addNamed({ ...request, jobs: [named('a')] })
      const [opened] = await open(consumer(), bench.first)
      if (!opened) throw new Error('nothing was claimed')
      await teller.queue.cancelRecord(bench.queue, 'a', 1_000)
      const { fence } = opened
      const closings = [{ name: 'a', fence, outcome: DONE }]
      await teller.queue.closeRecords({ queue: bench.queue, rememberMs: 1_000, closings })
      expect(await told()).toEqual([
        { type: 'added', name: 'a' },
        { type: 'cancelled', name: 'a' },
      ])
    })

    it('Q46 Q52 of jobs of keys, and of slots of schedules', async () => {
      const jobs = ['1', '2'].map((payload) => ({ ...newJob(payload), key: 'k' }))
      const keyed = { queue: bench.queue, producer: 'p', sequence: ++sequence, jobs }
      const ids = await teller.queue.addKeyed(keyed)
      await teller.queue.addKeyed(keyed)
      const worker = consumer()
      for (const reason of ['no', null]) {
        const { jobs: tickets, fence } = await worker.say({ want: 1 })
        const [ticket] = tickets
        if (!ticket) throw new Error('nothing was claimed')
        const { id, key = '', attempt } = ticket
        await teller.queue.openStrands(bench.queue, fence, [{ id, key }])
        const ending = { id, key, attempt, fence, reason }
        await teller.queue.closeStrands(bench.queue, [ending])
        await teller.queue.closeStrands(bench.queue, [ending])
        await worker.say({ acks: [ticket], quiet: [ticket] })
      }
      expect(await teller.queue.redrive(bench.queue, 10)).toBe(1)
      expect(await teller.queue.drain(bench.queue, 10)).toBe(1)
      expect(await told()).toEqual([
        ...ids.map((id) => ({ type: 'added', id })),
        { type: 'dead', id: ids[0], reason: 'no' },
        { type: 'done', id: ids[1] },
        { type: 'redriven', id: ids[0] },
        { type: 'drained', count: 1 },
      ])
      const { place } = await readFrom('now')
      const slotMs = nowMs() + 1_000
      const terms = { catchUp: 'all', maxAttempts: 1 } as never
      const put = { queue: bench.queue, name: 's', rule: '{}', terms, payload: '1', slotMs }
      await teller.queue.putSchedule(put)
      const { schedule } = await teller.queue.readSchedule(bench.queue, 's')
      const slots = { slotsMs: [slotMs, slotMs + 1], nextSlotMs: null }
      const emit = { queue: bench.queue, name: 's', ticket: schedule?.ticket ?? '', ...slots }
      await teller.queue.emitSlots(emit)
      await teller.queue.emitSlots(emit)
      expect(await told(place)).toEqual([
        { type: 'added', id: expect.stringMatching(/^\d{16}$/) },
        { type: 'added', id: expect.stringMatching(/^\d{16}$/) },
      ])
    })

    it('Q47 the last ones are kept, and who read on from before is told what is lost', async () => {
      teller = keeping(50)
      await add(['first'])
      const { place } = await readFrom('start')
      for (let batch = 0; batch < 6; batch++) {
        for (const payload of numbered(100)) await add([payload])
      }
      const { events, missed } = await readFrom('start')
      expect(missed).toEqual([])
      expect(events.length).toBeGreaterThanOrEqual(50)
      // On Redis whole nodes of a stream go.
      expect(events.length).toBeLessThanOrEqual(50 + 200)
      const after = await readFrom(place)
      expect(after.missed).toEqual([(events[0]?.number ?? 0) - 1])
      expect(after.events).toEqual(events)
      const inside = events[20]?.number ?? 0
      expect(await readFrom(String(inside))).toMatchObject({ missed: [], events: events.slice(21) })
    })

    it('Q47 many at once are one step, of which a reader may have read a part', async () => {
      teller = keeping(100_000)
      const ids = await add(numbered(1_000))
      const { events } = await readFrom('start')
      expect(events.map(({ id }) => id)).toEqual(ids)
      const part = await readFrom(String(events[499]?.number))
      expect(part).toMatchObject({ missed: [], events: events.slice(500) })
      const worker = consumer()
      const jobs = await claim(worker, 400)
      await worker.say({ acks: jobs })
      const after = await readFrom(String(events.at(-1)?.number))
      expect(after.events.map(({ id }) => id)).toEqual(idsOf(jobs))
    })

    it('Q48 who began before the first one misses none, and who reads on from its own place neither', async () => {
      const early = await readFrom('now')
      await bench.pass(1_000)
      const [a] = await add(['a'])
      const first = await readFrom(early.place)
      expect(first).toMatchObject({ missed: [], events: [{ type: 'added', id: a }] })
      expect(await readFrom(first.place)).toMatchObject({ missed: [], events: [] })
      expect((await readFrom('now')).place).toBe(first.place)
      const [b] = await add(['b'])
      expect(await told(first.place)).toEqual([{ type: 'added', id: b }])
      expect(await told(early.place)).toEqual([a, b].map((id) => ({ type: 'added', id })))
    })

    it('Q48 after the store was lost, a reader is told so, and then what there is', async () => {
      await add(['a', 'b'])
      const { place } = await readFrom('start')
      await bench.store.wipe()
      expect(await readFrom(place)).toMatchObject({ missed: [], events: [] })
      await bench.pass(1_000)
      const [c] = await add(['c'])
      const after = await readFrom(place)
      expect(after).toMatchObject({ missed: [expect.any(Number)], events: [{ id: c }] })
      // A clock that was set back meanwhile gives lower numbers.
      await bench.store.wipe()
      bench.store.clock.stepWall(-3_600_000)
      const [d] = await add(['d'])
      expect(await readFrom(after.place)).toMatchObject({
        missed: [expect.any(Number)],
        events: [{ id: d }],
      })
    })

    it('Q47 after a week without any they are gone', async () => {
      await add(['a'])
      await bench.pass(WEEK_MS + 1_000)
      // Whoever writes sweeps; Redis does so by itself, by a TTL that the audit knows.
      await bench.add(['b'])
      await bench.pass(2_000)
      await bench.add(['c'])
      expect((await bench.store.dump()).filter((line) => line.startsWith('event '))).toEqual([])
    })

    describe('are told to who has read all', () => {
      const stops: (() => void)[] = []
      afterEach(() => {
        for (const stop of stops.splice(0)) stop()
      })

      function listen(store: QueueStore) {
        const heard = { count: 0 }
        stops.push(
          store.onEventNews(bench.queue, () => {
            heard.count++
          }),
        )
        return heard
      }

      it.each(['first', 'second'] as const)('Q49 as the %s client', async (which) => {
        const store = bench[which].queue
        const heard = listen(store)
        let { place } = await store.readEvents(bench.queue, 'now')
        for (const payload of ['a', 'b']) {
          const before = heard.count
          await add([payload])
          await expect.poll(() => heard.count).toBeGreaterThan(before)
          const page = await store.readEvents(bench.queue, place)
          expect(page.events).toMatchObject([{ type: 'added' }])
          place = page.place
          const last = await store.readEvents(bench.queue, place)
          expect(last.events).toEqual([])
        }
      })
    })
  })
}
