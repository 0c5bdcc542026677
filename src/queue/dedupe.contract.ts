import { describe, expect, it } from 'vitest'
import type { Bench } from './bench.contract.ts'
import { DONE, deskOf, MINUTE_MS, REMEMBER_MS } from './desk.contract.ts'
import type { NamedJob, RecordMode } from './record-store.ts'

const NOWHERE = { ready: 0, timed: 0, inFlight: 0, dead: 0 }

/** The part of the suite of queues that is about jobs of one key. */
export function dedupeContract(bench: Bench): void {
  const { add, open, openOne, close, finish, read, cancel } = deskOf(bench)
  const addOne = async (mode: RecordMode, payload: string, how: Partial<NamedJob> = {}) =>
    (await add(['key'], { mode, payload, ...how }))[0]

  describe('deduplication', () => {
    it('Q30 simple: nothing until the job has ended, however it ended', async () => {
      const worker = bench.consumer()
      for (const outcome of [DONE, { tag: 'cancelled' } as const]) {
        const one = await addOne('simple', '1')
        expect(one?.isNew).toBe(true)
        expect(await addOne('simple', '2')).toEqual({ ...one, isNew: false })
        const opened = await openOne(worker)
        expect(opened.opening).toEqual({ tag: 'run', payload: '1' })
        expect((await addOne('simple', '3'))?.isNew).toBe(false)
        await close(opened, outcome)
        await worker.say({ acks: [opened.ticket] })
      }
      expect((await addOne('simple', '4'))?.isNew).toBe(true)
    })

    it('Q30 throttle: nothing until its time is over, ended or not', async () => {
      const how = { quietMs: MINUTE_MS }
      const worker = bench.consumer()
      expect((await addOne('throttle', '1', how))?.isNew).toBe(true)
      await finish(worker, await openOne(worker))
      await bench.pass(MINUTE_MS - 1)
      expect((await addOne('throttle', '2', how))?.isNew).toBe(false)
      await bench.pass(1)
      expect((await addOne('throttle', '3', how))?.isNew).toBe(true)
      await bench.pass(MINUTE_MS)
      expect((await addOne('throttle', '4', how))?.isNew).toBe(false)
      await finish(worker, await openOne(worker))
      expect((await addOne('throttle', '5', how))?.isNew).toBe(true)
    })

    it('Q30 throttle: also when its time is longer than the memory of the job', async () => {
      const how = { quietMs: 2 * REMEMBER_MS }
      const worker = bench.consumer()
      await addOne('throttle', '1', how)
      await finish(worker, await openOne(worker))
      await bench.pass(2 * REMEMBER_MS - 1)
      expect((await addOne('throttle', '2', how))?.isNew).toBe(false)
      await bench.pass(1)
      expect((await addOne('throttle', '3', how))?.isNew).toBe(true)
    })

    it('Q30 debounce: the last one, when none came for that long', async () => {
      const worker = bench.consumer()
      const one = await addOne('debounce', '1', { delayMs: 1_000 })
      await bench.pass(600)
      expect(await addOne('debounce', '2', { delayMs: 1_000 })).toEqual({ ...one, isNew: false })
      const early = await open(worker)
      expect(early).toEqual([])
      await bench.pass(600)
      for (const { ticket, opening } of await open(worker)) {
        expect(opening).toEqual({ tag: 'later', delayMs: expect.closeTo(400, 2) })
        await worker.say({ retries: [{ job: ticket, delayMs: 400, failed: false }] })
      }
      await bench.pass(399)
      expect(await open(worker)).toEqual([])
      await bench.pass(1)
      const opened = await openOne(worker)
      expect(opened.opening).toEqual({ tag: 'run', payload: '2' })
      await finish(worker, opened)
    })

    it('Q35 debounce: what came while it ran follows, when none came for that long', async () => {
      const worker = bench.consumer()
      await addOne('debounce', '1', { delayMs: 0 })
      const opened = await openOne(worker)
      const next = await addOne('debounce', '2', { delayMs: 1_000 })
      expect(next?.isNew).toBe(true)
      await bench.pass(500)
      expect(await addOne('debounce', '3', { delayMs: 1_000 })).toEqual({ ...next, isNew: false })
      await finish(worker, opened)
      await bench.pass(999)
      expect(await open(worker)).toEqual([])
      await bench.pass(1)
      expect((await openOne(worker)).opening).toEqual({ tag: 'run', payload: '3' })
    })

    it('Q35 keep-last: one runs, the last that came meanwhile follows', async () => {
      const worker = bench.consumer()
      const one = await addOne('keep-last', '1')
      expect(await addOne('keep-last', '2')).toEqual({ ...one, isNew: false })
      const opened = await openOne(worker)
      expect(opened.opening).toEqual({ tag: 'run', payload: '2' })
      const next = await addOne('keep-last', '3')
      expect(next?.isNew).toBe(true)
      expect(await addOne('keep-last', '4')).toEqual({ ...next, isNew: false })
      expect(await worker.claim(10)).toEqual([])
      expect(await close(opened, { tag: 'done', result: '"r"', reason: null })).toEqual(['closed'])
      expect(await close(opened, DONE)).toEqual(['closed'])
      expect(await read('key')).toMatchObject({
        state: 'waiting',
        number: next?.number,
        payload: '4',
        attempt: 0,
        ended: { number: one?.number, state: 'done', result: '"r"' },
      })
      await worker.say({ acks: [opened.ticket] })
      const second = await openOne(worker)
      expect(second.opening).toEqual({ tag: 'run', payload: '4' })
      await finish(worker, second)
      expect(await bench.counts()).toEqual(NOWHERE)
    })

    it('Q35 cancelling one that runs takes with it what was to follow', async () => {
      const worker = bench.consumer()
      await addOne('keep-last', '1')
      const opened = await openOne(worker)
      await addOne('keep-last', '2')
      expect(await cancel('key')).toBe('cancelling')
      expect(await close(opened, DONE)).toEqual(['cancelled'])
      await worker.say({ acks: [opened.ticket] })
      expect(await bench.counts()).toEqual(NOWHERE)
    })
  })
}
