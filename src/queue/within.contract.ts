import { inspect } from 'node:util'
import { describe, expect, it, type TestContext } from 'vitest'
import type { WithinRequest } from './add-store.ts'
import {
  type Bench,
  idsOf,
  inOrder,
  LEASE_MS,
  newJob,
  numbered,
  payloadsOf,
  type UserTransaction,
} from './bench.contract.ts'
import { DONE, deskOf, named } from './desk.contract.ts'
import type { NamedJob } from './record-store.ts'
import type { NewJob } from './store.ts'

/** The part of the suite of queues that is about adding within a transaction of the user's. */
export function withinContract(bench: Bench): void {
  const { open, openOne, close, read } = deskOf(bench)

  const begin = ({ skip }: TestContext): Promise<UserTransaction> =>
    bench.store.begin?.() ?? skip('nobody else can open this data')

  function addTo(
    { handle }: UserTransaction,
    job: NewJob | NamedJob,
    limits: Partial<WithinRequest> = {},
  ): string | null {
    return bench.first.queue.addWithin(handle, { queue: bench.queue, job, ...limits })
  }

  describe('within a transaction', () => {
    it('Q60 what was committed is there, in its order, and what was not never was', async (test) => {
      await bench.add(['1'])
      const first = await begin(test)
      addTo(first, newJob('2'))
      addTo(first, newJob('timed', { delayMs: 500 }))
      addTo(first, newJob('3', { priority: 1 }))
      addTo(first, newJob('0', { lifo: true }))
      await first.commit()
      const before = await bench.store.dump()
      const second = await begin(test)
      addTo(second, newJob('never'))
      addTo(second, named('never'))
      await second.rollback()
      expect(await bench.store.dump()).toEqual(before)
      expect(await bench.counts()).toEqual({ ready: 4, timed: 1, inFlight: 0, dead: 0 })
      const worker = bench.consumer(bench.second)
      expect(payloadsOf(await worker.claim(10))).toEqual(['0', '1', '2', '3'])
      await bench.pass(500)
      expect(payloadsOf(await worker.claim(10))).toEqual(['timed'])
    })

    it('Q60 a commit wakes a consumer, of whatever client', async (test) => {
      await bench.consumer(bench.second).claim(1)
      let wakes = 0
      const stop = bench.second.queue.onWake(bench.queue, () => wakes++)
      const begun = await begin(test)
      addTo(begun, newJob('a'))
      expect(wakes).toBe(0)
      await begun.commit()
      await expect.poll(() => wakes, { timeout: 10_000 }).toBeGreaterThan(0)
      stop()
    })

    it('Q60 a job by name is run once, whoever adds it again', async (test) => {
      const begun = await begin(test)
      addTo(begun, named('a', { payload: '"first"' }))
      addTo(begun, named('a', { payload: '"second"' }))
      addTo(begun, named('b', { delayMs: 500 }))
      await begun.commit()
      const again = await begin(test)
      addTo(again, named('a', { payload: '"third"' }))
      await again.commit()
      const worker = bench.consumer(bench.second)
      const opened = await openOne(worker)
      expect(opened.opening).toEqual({ tag: 'run', payload: '"first"' })
      expect(await close(opened, DONE)).toEqual(['closed'])
      await worker.say({ acks: [opened.ticket] })
      await bench.pass(500)
      expect((await open(worker)).map(({ ticket }) => ticket.name)).toEqual(['b'])
      expect(await read('a')).toMatchObject({ state: 'done' })
    })

    it('Q60 what waits for another time is replaced, and runs once, at the new one', async (test) => {
      const later = (delayMs: number, payload: string) =>
        named('a', { mode: 'debounce', delayMs, payload })
      const begun = await begin(test)
      addTo(begun, later(500, '"first"'))
      addTo(begun, later(1_000, '"second"'))
      await begun.commit()
      const worker = bench.consumer(bench.second)
      await bench.pass(500)
      const early = await open(worker)
      for (const { opening, ticket } of early) {
        expect(opening).toMatchObject({ tag: 'later', delayMs: 500 })
        await worker.say({ retries: [{ job: ticket, delayMs: 500, failed: false }] })
      }
      await bench.passWith(worker, LEASE_MS)
      expect((await openOne(worker)).opening).toEqual({ tag: 'run', payload: '"second"' })
    })

    it('Q60 what there is no room for changes nothing', async (test) => {
      await bench.add(numbered(3))
      const before = await bench.store.dump()
      const begun = await begin(test)
      const refused = { code: 'SLUICE_QUEUE_FULL', length: 3, bytes: 3 }
      let isRefused = false
      try {
        expect(addTo(begun, newJob('4'), { maxLength: 3 })).toBe(null)
      } catch (error) {
        expect(error).toMatchObject(refused)
        isRefused = true
      }
      const answer = inspect(await begun.commit().catch((error: unknown) => error), { depth: 9 })
      if (!isRefused) expect(answer).toContain('SLUICE not done: full 3 3')
      expect(await bench.store.dump()).toEqual(before)
    })

    it('Q61 it belongs to no producer', async (test) => {
      const request = { queue: bench.queue, producer: 'none', sequence: 1, jobs: [newJob('a')] }
      const ids = await bench.first.queue.add(request)
      for (const payload of ['b', 'c']) {
        const begun = await begin(test)
        addTo(begun, newJob(payload))
        addTo(begun, named(payload))
        await begun.commit()
      }
      expect(await bench.first.queue.add(request)).toEqual(ids)
      const worker = bench.consumer()
      const jobs = await worker.claim(10)
      expect(jobs.map(({ name, payload }) => name ?? payload)).toEqual(['a', 'b', 'b', 'c', 'c'])
    })

    it('Q60 many leave no big key, and lose nothing', async (test) => {
      const payload = JSON.stringify('x'.repeat(20_000))
      for (let round = 0; round < 30; round++) {
        const begun = await begin(test)
        for (let index = 0; index < 10; index++) {
          addTo(begun, newJob(payload))
          addTo(begun, newJob(payload, { delayMs: 1_000 }))
        }
        await begun.commit()
      }
      expect(await bench.counts()).toEqual({ ready: 300, timed: 300, inFlight: 0, dead: 0 })
      // Of keys on Redis, or rows on SQLite. A list or bucket is closed after 1 MiB.
      const sizes = (await bench.store.dump()).map((entry) => entry.length)
      expect(Math.max(...sizes)).toBeLessThan(2_000_000)
      const worker = bench.consumer(bench.second)
      const ids: string[] = []
      for (let call = 0; call < 10; call++) ids.push(...idsOf(await worker.claim(100)))
      expect(ids).toHaveLength(300)
      expect(ids).toEqual(inOrder(ids))
    })

    it.each([
      [null],
      [undefined],
      [5],
      ['BEGIN'],
      [{}],
      [[]],
      [() => {}],
      [{ isTransaction: true }],
    ])('Q60 refuses %s, and changes nothing', async (handle) => {
      const before = await bench.store.dump()
      const add = () =>
        bench.first.queue.addWithin(handle, { queue: bench.queue, job: newJob('a') })
      expect(add).toThrow(
        expect.objectContaining({ code: 'SLUICE_ARGUMENT', argument: 'addWithin.transaction' }),
      )
      expect(await bench.store.dump()).toEqual(before)
    })
  })
}
