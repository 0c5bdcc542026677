import { describe, expect, it } from 'vitest'
import { type Bench, LEASE_MS, newJob, numbered } from './bench.contract.ts'
import type { AddRequest, NewJob } from './store.ts'

/** The part of the suite of queues that is about those that take no more. */
export function roomContract(bench: Bench): void {
  let sequence = 0
  const add = (payloads: string[], limits: Partial<AddRequest>, how: Partial<NewJob> = {}) =>
    bench.first.queue.add({
      ...{ queue: bench.queue, producer: 'room', sequence: ++sequence, ...limits },
      jobs: payloads.map((payload) => newJob(payload, how)),
    })
  const full = (length: number, bytes: number) => ({
    ...{ code: 'SLUICE_QUEUE_FULL', outcome: 'not-applied', retryable: true },
    ...{ length, bytes },
  })

  describe('room', () => {
    it('Q23 a batch that would make too many wait is refused as a whole', async () => {
      const limits = { maxLength: 5 }
      await add(['1', '2'], limits)
      await add(['3'], limits, { delayMs: 1_000 })
      await add(['4'], limits, { priority: 1 })
      const before = await bench.store.dump()
      await expect(add(['5', '6'], limits)).rejects.toMatchObject(full(4, expect.any(Number)))
      expect(await bench.store.dump()).toEqual(before)
      await add(['5'], limits)
      await expect(add(['6'], limits)).rejects.toMatchObject(full(5, expect.any(Number)))
      await add(['6'], {})
      expect(await bench.counts()).toEqual({ ready: 5, timed: 1, inFlight: 0, dead: 0 })
    })

    it('Q23 bytes are those of payloads in UTF-8', async () => {
      const limits = { maxBytes: 20 }
      await add(['"限限"', '"a"'], limits)
      await expect(add(['"1234567"', '1'], limits)).rejects.toMatchObject(full(2, 11))
      await add(['"1234567"'], limits, { delayMs: 5 })
      await expect(add(['1'], limits)).rejects.toMatchObject(full(3, 20))
    })

    it('Q23 to the first of all, too', async () => {
      await expect(add(['1', '2'], { maxLength: 1 })).rejects.toMatchObject(full(0, 0))
      await expect(add(['12'], { maxBytes: 1 })).rejects.toMatchObject(full(0, 0))
      expect(await bench.store.dump()).toEqual([])
    })

    it('Q23 what is claimed makes room, and what comes back takes it', async () => {
      const limits = { maxLength: 4, maxBytes: 400 }
      const worker = bench.consumer(bench.second)
      await add(numbered(4), limits)
      const [a, b, c, d] = await worker.claim(4)
      if (!a || !b || !c || !d) throw new Error('not all were claimed')
      await add(numbered(3), limits)
      await worker.say({
        acks: [a],
        retries: [
          { job: b, delayMs: 9, failed: true },
          { job: c, delayMs: 0, failed: false },
        ],
        deaths: [{ job: d, reason: 'x' }],
      })
      await expect(add(['x'], limits)).rejects.toMatchObject(full(5, 5))
      await bench.first.queue.redrive(bench.queue, 1)
      await expect(add(['x'], limits)).rejects.toMatchObject(full(6, 6))
      await bench.pass(9)
      await worker.say({ acks: await worker.claim(6) })
      await expect(add(numbered(5), limits)).rejects.toMatchObject(full(0, 0))
      await add(numbered(4), limits)
    })

    it('Q7 Q23 what a crash brings back does not count, and does not stay', async () => {
      const [victim, heir] = [bench.consumer(), bench.consumer(bench.second)]
      await add(['a', 'b'], {})
      await victim.claim(2)
      await heir.say()
      await bench.passWith(heir, LEASE_MS + 1)
      await add(['c', 'd'], { maxLength: 2 })
      const jobs = await heir.claim(3)
      await heir.say({ retries: jobs.map((job) => ({ job, delayMs: 0, failed: false })) })
      await expect(add(['e'], { maxLength: 2 })).rejects.toMatchObject(full(2, 2))
    })

    it('Q5 Q23 a batch that was added is not refused when it is repeated', async () => {
      const request = {
        ...{ queue: bench.queue, producer: 'p', sequence: 1, maxLength: 1 },
        jobs: [newJob('a')],
      }
      const ids = await bench.first.queue.add(request)
      expect(await bench.second.queue.add(request)).toEqual(ids)
    })
  })
}
