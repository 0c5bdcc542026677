import { describe, expect, it } from 'vitest'
import { type Bench, LEASE_MS, newJob, payloadsOf } from './bench.contract.ts'
import { deskOf, named } from './desk.contract.ts'
import type { AddNamedRequest } from './record-store.ts'

/** The part of the suite of queues in which jobs by name are treated as plain ones are. */
export function namedContract(bench: Bench): void {
  const { add, open, openOne, close, finish, read, cancel } = deskOf(bench)
  const change = (name: string, priority: number, delayMs?: number) =>
    bench.first.queue.changeRecord(
      bench.queue,
      name,
      delayMs === undefined ? null : { delayMs },
      priority,
    )
  /** Those that run, in their order: tickets that no longer count may come up, too. */
  const namesOf = async () =>
    (await open(bench.consumer()))
      .filter(({ opening }) => opening.tag === 'run')
      .map(({ ticket }) => ticket.name)
  const OVERDUE = { tag: 'overdue', payload: '{}' }

  describe('jobs by name, as plain ones', () => {
    it('Q20 have a rank: the latest lifo, then priorities and the line', async () => {
      await add(['line'])
      await add(['behind'], { priority: 5 })
      await add(['before'], { priority: -5 })
      await add(['first'], { lifo: true })
      await add(['later'], { priority: -9, delayMs: 100 })
      expect(await namesOf()).toEqual(['first', 'before', 'line', 'behind'])
      await bench.pass(100)
      expect(await namesOf()).toEqual(['later'])
    })

    it('Q21 are dead when they are opened after their deadline, and run until then', async () => {
      const nowMs = bench.store.clock.wallMs()
      await add(['in time', 'too late'], { deadlineMs: 500 })
      await add(['at'], { deadlineMs: 1, deadlineAtMs: nowMs + 500 })
      await bench.pass(500)
      const worker = bench.consumer(bench.second)
      const [first] = await open(worker, bench.second, 1)
      expect(first?.opening.tag).toBe('run')
      await bench.pass(1)
      const late = await open(worker)
      expect(late.map(({ opening }) => opening)).toEqual([OVERDUE, OVERDUE])
      for (const one of late) {
        expect(await close(one, { tag: 'dead', reason: 'late' })).toEqual(['closed'])
      }
      expect(await read('too late')).toMatchObject({ state: 'dead', ended: { reason: 'late' } })
    })

    it('Q21 are not begun again after it: when they failed, waited, or their worker crashed', async () => {
      await add(['failed', 'crashed'], { deadlineMs: 200 })
      await add(['moved'], { deadlineMs: 200, delayMs: 100 })
      expect(await change('moved', 3, 150)).toBe('changed')
      const [worker, other] = [bench.consumer(), bench.consumer(bench.second)]
      const [failed, crashed] = await open(worker)
      if (!failed || !crashed) throw new Error('not all were opened')
      expect(await close(failed, { tag: 'retry', delayMs: 190 })).toEqual(['closed'])
      await worker.say({ retries: [{ job: failed.ticket, delayMs: 190, failed: true }] })
      await bench.passWith(other, LEASE_MS * 1.5)
      const opened = [...(await open(other)), ...(await open(bench.consumer(bench.second)))]
      const late = opened.filter(({ opening }) => opening.tag === 'overdue')
      expect(late.map(({ ticket }) => ticket.name).sort()).toEqual(['crashed', 'failed', 'moved'])
    })

    it('Q21 added anew after its end, one has only the deadline that is said then', async () => {
      await add(['a'], { deadlineMs: 100, mode: 'simple' })
      const worker = bench.consumer()
      await finish(worker, await openOne(worker))
      await add(['a'], { mode: 'simple' })
      await bench.pass(200)
      expect((await openOne(worker)).opening.tag).toBe('run')
    })

    it('Q23 are refused where there is no room, but for those that are there', async () => {
      let sequence = 0
      const request = (names: string[], maxLength: number): AddNamedRequest => ({
        ...{ queue: bench.queue, producer: 'room', sequence: ++sequence, maxLength },
        jobs: names.map((name) => named(name)),
      })
      const { queue } = bench.first
      await queue.add({ queue: bench.queue, producer: 'p', sequence: 1, jobs: [newJob('"x"')] })
      await queue.addNamed(request(['a', 'b', 'a'], 3))
      const before = await bench.store.dump()
      await expect(queue.addNamed(request(['a', 'c'], 3))).rejects.toMatchObject({
        ...{ code: 'SLUICE_QUEUE_FULL', outcome: 'not-applied', length: 3 },
      })
      expect(await bench.store.dump()).toEqual(before)
      expect(await queue.addNamed(request(['a', 'b'], 3))).toMatchObject([
        { isNew: false },
        { isNew: false },
      ])
      expect(await queue.addNamed(request(['c'], 4))).toMatchObject([{ isNew: true }])
    })

    it('Q25 go with what is in flight, and their names are free', async () => {
      const worker = bench.consumer()
      await add(['running', 'waiting'])
      await bench.add(['"plain"'])
      const [running] = await open(worker, bench.second, 1)
      expect(running?.ticket.name).toBe('running')
      let epoch = ''
      for (;;) {
        const step = { epoch, force: true, limit: 100 }
        const done = await bench.second.queue.obliterate(bench.queue, step)
        if (done.tag === 'gone') break
        if (done.tag === 'busy') throw new Error('it was forced')
        epoch = done.epoch
      }
      expect([await read('running'), await read('waiting')]).toEqual([null, null])
      expect(await add(['running', 'waiting'])).toMatchObject([{ isNew: true }, { isNew: true }])
    })

    it('Q39 one that waits gets another priority, goes behind those that have it, and runs once', async () => {
      await add(['a', 'b', 'c'])
      await add(['low'], { priority: 9 })
      await add(['timed'], { delayMs: 100, priority: 2 })
      expect(await change('c', -1)).toBe('changed')
      expect(await change('c', -1)).toBe('changed')
      expect(await change('low', 0)).toBe('changed')
      expect(await change('a', 7)).toBe('changed')
      expect(await change('timed', -3)).toBe('changed')
      const worker = bench.consumer(bench.second)
      const opened = await open(worker)
      const run = opened.filter(({ opening }) => opening.tag === 'run')
      expect(run.map(({ ticket }) => ticket.name)).toEqual(['c', 'b', 'low', 'a'])
      expect(await change('a', 1)).toBe('running')
      for (const one of run) await close(one, { tag: 'done', result: null, reason: null })
      expect(await change('a', 1)).toBe('ended')
      await worker.say({ acks: opened.map(({ ticket }) => ticket) })
      await add(['other'], { priority: -2 })
      await bench.pass(100)
      expect(await namesOf()).toEqual(['timed', 'other'])
      await cancel('other')
    })

    it('Q39 time and priority change together', async () => {
      await add(['a'], { delayMs: 5_000 })
      await bench.add(['"plain"'])
      expect(await change('a', -1, 0)).toBe('changed')
      const jobs = await bench.consumer().claim(5)
      expect(jobs.map(({ name }) => name)).toEqual(['a', null])
      expect(payloadsOf(jobs)).toEqual(['', '"plain"'])
    })
  })
}
