import { describe, expect, it } from 'vitest'
import { type Bench, idsOf, LEASE_MS, numbered, payloadsOf } from './bench.contract.ts'
import type { ListedState } from './listing-store.ts'
import { GATE, lotOf } from './lot.contract.ts'

/** The part of the suite of queues that is about looking at their jobs. */
export function listingContract(bench: Bench): void {
  const all = async (state: ListedState, limit = 1_000) => (await bench.pages(state, limit)).flat()

  describe('listing', { timeout: 60_000 }, () => {
    it('Q27 all jobs of a state, each once, with what is known of them', async () => {
      const [victim, worker] = [bench.consumer(), bench.consumer(bench.second)]
      const nowMs = bench.store.clock.wallMs()
      await bench.add(['suspect'])
      await victim.claim(1)
      await worker.say()
      await bench.passWith(worker, LEASE_MS + 1)
      const [failed, running] = [await bench.add(['failed']), await bench.add(['running'])]
      // The suspect comes first, and goes back to be one.
      const [suspect, ...jobs] = await worker.claim(3)
      expect([suspect?.payload, ...idsOf(jobs)]).toEqual(['suspect', ...failed, ...running])
      await worker.say({
        retries: suspect ? [{ job: suspect, delayMs: 0, failed: false }] : [],
        deaths: jobs.slice(0, 1).map((job) => ({ job, reason: 'x 限' })),
      })
      await bench.add(['line'])
      await bench.add(['rank'], { priority: -7 })
      await bench.add(['late'], { dueAtMs: nowMs + 90_000 })
      await bench.add(['early'], { dueAtMs: nowMs + 80_000.5, lifo: true, deadlineMs: 99_000 })
      for (const limit of [1, 2, 1_000]) {
        const ready = await all('ready', limit)
        expect(payloadsOf(ready).sort()).toEqual(['line', 'rank', 'suspect'])
        expect(await all('timed', limit)).toMatchObject([
          { payload: 'early', dueAtMs: nowMs + 80_000.5, attempt: 0 },
          { payload: 'late', dueAtMs: nowMs + 90_000 },
        ])
        expect(idsOf(await all('inFlight', limit))).toEqual(running)
        const [letter, ...others] = await all('dead', limit)
        expect(others).toEqual([])
        expect(letter).toMatchObject({ payload: 'failed', attempt: 1, reason: 'x 限' })
        expect(letter?.diedAtMs).toBe(bench.store.clock.wallMs())
      }
    })

    it('Q27 more than fit in one place, in the order of the line', async () => {
      const ids: string[] = []
      for (let batch = 0; batch < 10; batch++) ids.push(...(await bench.add(numbered(1_000))))
      expect(idsOf(await all('ready', 700))).toEqual(ids)
      const worker = bench.consumer()
      const jobs = await worker.claim(500)
      await worker.say({ retries: jobs.map((job) => ({ job, delayMs: 60_000, failed: true })) })
      expect(idsOf(await all('ready', 999))).toEqual(ids.slice(500))
      expect(idsOf(await all('timed', 99)).sort()).toEqual(ids.slice(0, 500))
    })

    it('Q27 more parked ones than fit in one place', async () => {
      const { behind } = lotOf(bench)
      const ids: string[] = []
      const worker = bench.consumer()
      for (let batch = 0; batch < 50; batch++) {
        ids.push(...(await bench.add(numbered(100))))
        await worker.park(behind(await worker.claim(100)))
      }
      expect(idsOf(await all('parked', 700))).toEqual(ids)
    })

    it('Q27 parked jobs are listed gate by gate, each once, with what they wait for', async () => {
      const { fill, unpark } = lotOf(bench)
      const names = [GATE, 'limit:smtp:{1}|限%', `lock:${'x'.repeat(290)}`]
      const worker = bench.consumer()
      const ids = new Map<string, string[]>()
      for (const [index, gate] of names.entries()) {
        const jobs = await fill(numbered(4 + index), gate, {}, worker)
        ids.set(gate, idsOf(jobs))
      }
      await fill(['urgent'], GATE, { priority: -1 }, worker)
      for (const limit of [1, 2, 3, 7, 1_000]) {
        const parked = await all('parked', limit)
        expect(parked).toHaveLength(16)
        const [urgent] = parked.filter(({ gate }) => gate === GATE)
        expect(urgent).toMatchObject({ payload: 'urgent', attempt: 0, name: null })
        for (const gate of names) {
          const found = parked.filter((job) => job.gate === gate && job.payload !== 'urgent')
          expect(idsOf(found)).toEqual(ids.get(gate))
        }
      }
      expect(idsOf(await all('ready'))).toEqual([])
      const gates = await bench.second.queue.listGates(bench.queue, { limit: 10 })
      const counts = Object.fromEntries(gates.map(({ name, count }) => [name, count]))
      expect(counts).toEqual(
        Object.fromEntries(names.map((name, at) => [name, at === 0 ? 5 : 4 + at])),
      )
      expect(gates[0]?.terms).toBe('{}')
      expect(await bench.second.queue.listGates(bench.queue, { limit: 2 })).toHaveLength(2)
      await unpark(
        worker,
        names.slice(1).flatMap((gate) => Array(6).fill(gate)),
      )
      const left = { name: GATE, terms: '{}', count: 5 }
      expect(await bench.second.queue.listGates(bench.queue, { limit: 10 })).toEqual([left])
      expect(await bench.second.queue.listGates(bench.queue, { limit: 1, only: GATE })).toEqual([
        left,
      ])
      const others = ['lock:nobody', names[1] ?? '']
      for (const only of others) {
        expect(await bench.second.queue.listGates(bench.queue, { limit: 1, only })).toEqual([])
      }
    })

    it('Q27 of a queue that nobody knows there are none, and looking creates nothing', async () => {
      for (const state of ['ready', 'timed', 'parked', 'inFlight', 'dead'] as const) {
        expect(await bench.pages(state, 10)).toEqual([[]])
      }
      expect(await bench.second.queue.listGates(bench.queue, { limit: 10 })).toEqual([])
      expect(await bench.store.dump()).toEqual([])
    })

    it('Q27 a cursor of something else finds what it can, and fails nothing', async () => {
      await bench.add(['a'])
      for (const cursor of ['@0', 'x@5', 'ranked:00000000@1', '1:2:3@4', '-1@9007199254740991']) {
        const page = await bench.first.queue.listJobs(bench.queue, {
          ...{ state: 'ready', limit: 10, cursor },
        })
        expect(page.jobs.length).toBeLessThan(2)
      }
    })
  })
}
