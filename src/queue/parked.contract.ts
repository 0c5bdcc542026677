import { describe, expect, it } from 'vitest'
import { type Bench, HOUR_MS, newJob, numbered, payloadsOf } from './bench.contract.ts'
import { DONE, deskOf } from './desk.contract.ts'
import { GATE, lotOf } from './lot.contract.ts'
import { KEEPER_MS } from './parking-store.ts'
import type { AddRequest, StoredJob } from './store.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }
/** Of 100 bytes: beside it, what Redis counts of an id or name is little. */
const PAYLOAD = JSON.stringify('x'.repeat(98))

/** The part of the suite of queues in which parked jobs are treated as others that wait. */
export function parkedContract(bench: Bench): void {
  const { behind, fill, unpark, keep, told } = lotOf(bench)
  const desk = deskOf(bench)
  let sequence = 0
  ticketsContract()

  const add = (payloads: string[], limits: Partial<AddRequest>) =>
    bench.first.queue.add({
      ...{ queue: bench.queue, producer: 'room', sequence: ++sequence, ...limits },
      jobs: payloads.map((payload) => newJob(payload)),
    })
  const FULL = { code: 'SLUICE_QUEUE_FULL', outcome: 'not-applied' }

  const addKeyed = (keys: string[]) =>
    bench.first.queue.addKeyed({
      ...{ queue: bench.queue, producer: 'keyed', sequence: ++sequence },
      jobs: keys.map((key) => ({ ...newJob(JSON.stringify(key), { maxAttempts: 2 }), key })),
    })

  async function drainAll(limit: number): Promise<number> {
    for (let all = 0; ; ) {
      const count = await bench.second.queue.drain(bench.queue, limit)
      expect(count).toBeLessThanOrEqual(limit)
      all += count
      if (count === 0) return all
    }
  }

  async function obliterateAll(force: boolean): Promise<number> {
    let epoch = ''
    for (let removed = 0; ; ) {
      const step = { epoch, force, limit: 100 }
      const answer = await bench.second.queue.obliterate(bench.queue, step)
      if (answer.tag === 'busy') throw new Error(`${answer.inFlight} are in flight`)
      removed += answer.count
      if (answer.tag === 'gone') return removed
      epoch = answer.epoch
    }
  }

  describe('parked jobs wait', () => {
    it('Q23 Q76 they count for maxLength, and are not refused themselves', async () => {
      const limits = { maxLength: 3 }
      await add(['a', 'b', 'c'], limits)
      const worker = bench.consumer()
      const jobs = await worker.claim(3)
      await add(['d'], limits)
      await worker.park(behind(jobs))
      await expect(add(['e'], limits)).rejects.toMatchObject({ ...FULL, length: 4 })
      await unpark(worker, [GATE, GATE])
      await add(['e'], limits)
      await expect(add(['f'], limits)).rejects.toMatchObject({ ...FULL, length: 3 })
      await unpark(worker)
      await add(['f'], limits)
    })

    it('Q23 Q76 they count for maxBytes', async () => {
      const limits = { maxBytes: 350 }
      await add([PAYLOAD, PAYLOAD], limits)
      const worker = bench.consumer()
      await worker.park(behind(await worker.claim(2)))
      await expect(add([PAYLOAD, PAYLOAD], limits)).rejects.toMatchObject(FULL)
      await unpark(worker)
      await add([PAYLOAD], limits)
      await expect(add([PAYLOAD, PAYLOAD], limits)).rejects.toMatchObject(FULL)
    })

    it('Q23 Q76 what is buried waits no more', async () => {
      const limits = { maxLength: 1 }
      await fill(['a'], GATE, { deadlineMs: 1 })
      await bench.pass(2)
      await expect(add(['b'], limits)).rejects.toMatchObject(FULL)
      expect(await unpark(bench.consumer())).toEqual([null])
      await add(['b'], limits)
    })

    it('Q24 Q76 drain removes them, in steps, and nothing else', async () => {
      const worker = bench.consumer()
      await fill(numbered(250), 'zebra', {}, worker)
      await fill(numbered(7), GATE, {}, worker)
      const held = await unpark(worker)
      await bench.add(['ready'])
      await bench.add(['timed'], { delayMs: 9_000 })
      expect(await drainAll(100)).toBe(258)
      expect(await bench.counts()).toEqual({ ...NOWHERE, inFlight: 1 })
      expect(await keep(worker.epoch, ['zebra', GATE])).toEqual([
        ...[{ tag: 'empty' }, { tag: 'empty' }],
      ])
      expect((await bench.store.dump()).filter((line) => line.includes('zebra'))).toEqual([])
      await worker.say({ acks: held.flatMap((job) => job ?? []) })
      await add(['room'], { maxLength: 1 })
      expect(payloadsOf(await worker.claim(9))).toEqual(['room'])
    })

    it('Q24 Q74 what is parked again after it was drained has its look', async () => {
      await fill(numbered(3))
      expect(await drainAll(2)).toBe(3)
      await fill(['a'])
      await bench.pass(KEEPER_MS)
      const worker = bench.consumer(bench.second)
      expect(await told(worker)).toEqual([GATE])
      expect(await unpark(worker)).toMatchObject([{ payload: 'a' }])
    })

    it('Q25 Q76 obliterated without force, where nothing is in flight', async () => {
      await fill(numbered(150), 'zebra')
      const [held] = await fill(['a', 'b'])
      const worker = bench.consumer()
      await unpark(worker)
      const step = { epoch: '', force: false, limit: 100 }
      expect(await bench.second.queue.obliterate(bench.queue, step)).toEqual({
        ...{ tag: 'busy', inFlight: 1 },
      })
      await worker.say({ acks: held ? [held] : [] })
      expect(await obliterateAll(false)).toBe(151)
      expect(await bench.counts()).toEqual(NOWHERE)
      expect(await bench.second.queue.list(10)).toEqual([])
      await bench.pass(KEEPER_MS)
      expect(await told(worker)).toEqual([])
      expect((await bench.store.dump()).filter((line) => line.includes('zebra'))).toEqual([])
    })

    it('Q25 Q76 obliterated by force, and then it is as new', async () => {
      await fill(numbered(150), 'zebra')
      const worker = bench.consumer()
      await unpark(worker, ['zebra', 'zebra'])
      expect(await obliterateAll(true)).toBe(150)
      expect(await bench.counts()).toEqual(NOWHERE)
      expect(await worker.exchange()).toMatchObject({ tag: 'lost' })
      expect(await worker.repeatUnpark()).toEqual({ tag: 'lost' })
      expect((await bench.store.dump()).filter((line) => line.includes('zebra'))).toEqual([])
      await fill(['new'], 'zebra')
      expect(await keep('me', ['zebra'])).toMatchObject([{ tag: 'kept' }])
      expect(await unpark(bench.consumer(), ['zebra'])).toMatchObject([{ payload: 'new' }])
    })
  })

  function ticketsContract(): void {
    describe('parked tickets', () => {
      const { open, openOne, reopen, close, finish, read, cancel } = desk

      it('Q31 Q70 of a job by name comes back as it was, with what its record knows', async () => {
        const name = 'job:{1}|限%'
        await desk.add([name], { payload: '{"a":1}' })
        const worker = bench.consumer()
        const opened = await openOne(worker)
        const note = { keep: 3, kind: 'failed', reason: 'no' } as const
        await close(opened, { tag: 'retry', delayMs: 0, note })
        await worker.say({ retries: [{ job: opened.ticket, delayMs: 0, failed: true }] })
        const [ticket] = await worker.claim(1)
        if (!ticket) throw new Error('it did not come back')
        await worker.park(behind([ticket]))
        expect(await bench.counts()).toEqual({ ...NOWHERE, parked: 1 })
        const other = bench.consumer(bench.second)
        const { jobs, fence } = await unparkedOf(other)
        expect(jobs).toEqual([ticket])
        expect(ticket).toMatchObject({ name, attempt: 1 })
        const [opening] = await reopen(jobs, fence)
        expect(opening).toMatchObject({
          ...{ tag: 'run', payload: '{"a":1}' },
          history: [{ attempt: 1, reason: 'no' }],
        })
        await finish(other, { ticket, fence, opening: opening ?? { tag: 'drop' } })
        expect(await read(name)).toMatchObject({ state: 'done' })
        expect(await bench.counts()).toEqual(NOWHERE)
      })

      it('Q31 Q70 what was opened before it was parked is opened again by who unparks it', async () => {
        await desk.add(['a'])
        const worker = bench.consumer()
        const early = await openOne(worker)
        await worker.park(behind([early.ticket]))
        const other = bench.consumer(bench.second)
        const { jobs, fence } = await unparkedOf(other)
        const [opening] = await reopen(jobs, fence)
        expect(opening).toMatchObject({ tag: 'run' })
        expect(await close(early, DONE)).toEqual(['stale'])
        await finish(other, { ticket: early.ticket, fence, opening: opening ?? { tag: 'drop' } })
        expect(await read('a')).toMatchObject({ state: 'done' })
      })

      it('Q21 Q70 one whose deadline is over is unparked, and told so when it is opened', async () => {
        await desk.add(['a'], { deadlineMs: 100 })
        const worker = bench.consumer()
        await worker.park(behind(await worker.claim(1)))
        await bench.pass(101)
        const { jobs, fence } = await unparkedOf(worker)
        expect(await reopen(jobs, fence)).toMatchObject([{ tag: 'overdue' }])
        await finish(worker, {
          ...{ ticket: jobs[0] as StoredJob, fence, opening: { tag: 'drop' } },
        })
      })

      it('Q34 Q70 cancelled while it is parked, it never runs', async () => {
        await desk.add(['waits', 'opened'])
        const worker = bench.consumer()
        const [waits, opened] = await worker.claim(2)
        if (!waits || !opened) throw new Error('not all were claimed')
        const { fence } = await worker.say()
        expect(await reopen([opened], fence)).toMatchObject([{ tag: 'run' }])
        await worker.park(behind([waits, opened]))
        expect(await cancel('waits')).toBe('cancelled')
        expect(await cancel('opened')).toBe('cancelling')
        const found = await unparkedOf(worker, [GATE, GATE])
        const openings = await reopen(found.jobs, found.fence)
        const tags = openings.map(({ tag }, index) => `${found.jobs[index]?.name} ${tag}`)
        expect(tags.filter((tag) => tag !== 'waits drop')).toEqual(['opened cancelled'])
        const job = found.jobs.find(({ name }) => name === 'opened') as StoredJob
        const opening = { tag: 'drop' } as const
        const held = { ticket: job, fence: found.fence, opening }
        expect(await close(held, DONE)).toEqual(['cancelled'])
        await worker.say({ acks: found.jobs })
        expect(await bench.counts()).toEqual(NOWHERE)
        expect(await keep(worker.epoch)).toEqual([{ tag: 'empty' }])
      })

      it('Q39 Q70 put off while it is parked, it comes later; made due sooner, then', async () => {
        await desk.add(['later', 'sooner', 'back'])
        const worker = bench.consumer()
        const jobs = await worker.claim(3)
        await worker.park(behind(jobs))
        for (const name of ['later', 'sooner', 'back']) {
          expect(await desk.change(name, HOUR_MS)).toBe('changed')
        }
        expect(await desk.change('sooner', 1_000)).toBe('changed')
        expect(await desk.change('back', 0)).toBe('changed')
        expect(await bench.counts()).toMatchObject({ inFlight: 0 })
        await desk.finish(worker, await openOne(worker))
        expect((await read('back'))?.state).toBe('done')
        await bench.pass(1_000)
        await desk.finish(worker, await openOne(worker))
        expect((await read('sooner'))?.state).toBe('done')
        const { jobs: unparkedJobs, fence } = await unparkedOf(worker, [GATE, GATE, GATE])
        const openings = await reopen(unparkedJobs, fence)
        expect(openings.map(({ tag }, index) => [unparkedJobs[index]?.name, tag])).toEqual([
          ...[
            ['later', 'later'],
            ['sooner', 'drop'],
            ['back', 'drop'],
          ],
        ])
        const [later, ...dropped] = unparkedJobs
        const delayMs = openings[0]?.tag === 'later' ? openings[0].delayMs : 0
        expect(delayMs).toBeCloseTo(HOUR_MS - 1_000, -2)
        const retries = later ? [{ job: later, delayMs, failed: false }] : []
        await worker.say({ acks: dropped, retries })
        await bench.passWith(worker, HOUR_MS)
        await desk.finish(worker, await openOne(worker))
        expect(await bench.counts()).toEqual(NOWHERE)
      })

      it('Q39 Q70 put off and due again before it comes up, it runs when it does', async () => {
        await desk.add(['a'])
        const worker = bench.consumer()
        await worker.park(behind(await worker.claim(1)))
        await desk.change('a', 1_000)
        await bench.pass(1_001)
        expect(await open(worker)).toEqual([])
        const { jobs, fence } = await unparkedOf(worker)
        expect(await reopen(jobs, fence)).toMatchObject([{ tag: 'run' }])
      })

      it('Q24 Q36 Q76 drained, its record goes as well', async () => {
        await desk.add(['a'])
        const worker = bench.consumer()
        await worker.park(behind(await worker.claim(1)))
        expect(await drainAll(10)).toBe(1)
        expect(await read('a')).toBeNull()
        expect(await desk.add(['a'])).toMatchObject([{ isNew: true }])
        expect((await open(worker)).map(({ opening }) => opening.tag)).toEqual(['run'])
      })

      it('Q25 Q36 Q76 obliterated, its record goes as well', async () => {
        await desk.add(['a', 'b'])
        const worker = bench.consumer()
        await worker.park(behind(await worker.claim(2)))
        expect(await obliterateAll(false)).toBe(2)
        expect(await read('a')).toBeNull()
        expect(await desk.add(['a'])).toMatchObject([{ isNew: true }])
      })

      it('Q50 Q70 of a key comes back as it was, and holds those behind it meanwhile', async () => {
        const key = 'k:{1}|限%'
        await addKeyed([key, key])
        const worker = bench.consumer()
        const [ticket] = await worker.claim(9)
        if (!ticket) throw new Error('nothing was claimed')
        const note = { keep: 3, kind: 'failed', reason: 'no' } as const
        await worker.say({ retries: [{ job: ticket, delayMs: 0, failed: true, note }] })
        const [again] = await worker.claim(9)
        if (!again) throw new Error('it did not come back')
        await worker.park(behind([again]))
        expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 1, parked: 1 })
        expect(await worker.claim(9)).toEqual([])
        const { jobs, fence } = await unparkedOf(worker)
        expect(jobs).toEqual([again])
        expect(again).toMatchObject({ key, attempt: 1, history: [{ reason: 'no' }] })
        const tickets = [{ id: again.id, key }]
        expect(await bench.second.queue.openStrands(bench.queue, fence, tickets)).toEqual([
          { tag: 'run', payload: JSON.stringify(key) },
        ])
        const endings = [{ id: again.id, key, attempt: 1, fence, reason: null }]
        const closed = await bench.second.queue.closeStrands(bench.queue, endings)
        expect(closed).toEqual(['closed'])
        await worker.say({ acks: jobs })
        expect(await worker.claim(9)).toMatchObject([{ key, attempt: 0 }])
      })

      it('Q54 Q76 drained, so is what waits behind it, and its key is free', async () => {
        await addKeyed(['a', 'a', 'a', 'b', 'b'])
        const worker = bench.consumer()
        const tickets = await worker.claim(9)
        await worker.park(behind(tickets))
        expect(await bench.counts()).toEqual({ ...NOWHERE, ready: 3, parked: 2 })
        expect(await drainAll(2)).toBe(5)
        expect(await bench.counts()).toEqual(NOWHERE)
        await addKeyed(['a', 'a'])
        expect(await worker.claim(9)).toMatchObject([{ key: 'a', attempt: 0 }])
      })

      it.each([true, false])('Q54 Q76 obliterated (force: %s), its key is free', async (force) => {
        await addKeyed(['a', 'a', 'a', 'b', 'c', 'c'])
        const worker = bench.consumer()
        await worker.park(behind(await worker.claim(9)))
        expect(await obliterateAll(force)).toBe(6)
        expect(await bench.counts()).toEqual(NOWHERE)
        await addKeyed(['a'])
        expect(await worker.claim(9)).toMatchObject([{ key: 'a', attempt: 0 }])
      })
    })
  }

  async function unparkedOf(worker: Parameters<typeof unpark>[0], gates = [GATE]) {
    const answer = await worker.unpark(gates)
    if (answer.tag !== 'ok') throw new Error(`unparking was answered ${answer.tag}`)
    return { jobs: answer.jobs.filter((job) => job !== null), fence: answer.fence }
  }
}
