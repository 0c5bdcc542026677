import { describe, expect, it } from 'vitest'
import type { ConfirmRequest, Demand } from './add-store.ts'
import { type Bench, newJob } from './bench.contract.ts'
import { named } from './desk.contract.ts'

/** The part of the suite of queues that is about what has to be safe. Replicas come and go in `test/durable-adds.test.ts`. */
export function confirmContract(bench: Bench): void {
  const NO_MORE: Demand = { replicas: 0, fsync: false }
  const confirm = (how: Partial<ConfirmRequest> = {}) =>
    bench.second.queue.confirm({
      ...{ queue: bench.queue, producer: 'p', sequence: 5, isNamed: false, demand: NO_MORE },
      ...how,
    })
  const batch = { producer: 'p', sequence: 5 }
  const forgotten = {
    ...{ code: 'SLUICE_ENGINE_UNAVAILABLE', outcome: 'unknown', retryable: false },
  }

  describe('confirming', () => {
    it('Q62 a batch is known with all before it, and none that is later, or of another queue', async () => {
      const { queue } = bench
      await bench.first.queue.add({ queue, ...batch, jobs: [newJob('a')] })
      await confirm()
      await confirm({ sequence: 4 })
      await expect(confirm({ sequence: 6 })).rejects.toMatchObject(forgotten)
      await expect(confirm({ producer: 'q' })).rejects.toMatchObject(forgotten)
      await expect(confirm({ queue: 'other' })).rejects.toMatchObject(forgotten)
      await expect(confirm({ isNamed: true })).rejects.toMatchObject(forgotten)
      await bench.first.queue.addNamed({ queue, ...batch, jobs: [named('a')] })
      await confirm({ isNamed: true })
      expect(await bench.counts()).toMatchObject({ ready: 2 })
    })

    it('Q62 what the store has lost is not confirmed', async () => {
      await bench.first.queue.add({ queue: bench.queue, ...batch, jobs: [newJob('a')] })
      await confirm()
      await bench.store.wipe()
      await expect(confirm()).rejects.toMatchObject(forgotten)
    })

    it('Q62 the disk is waited for, or refused before anything is added', async () => {
      const demand = { replicas: 0, fsync: true }
      const before = await bench.store.dump()
      const refusal = await bench.first.queue.checkDemand(bench.queue, demand).then(
        () => null,
        (error: unknown) => error,
      )
      expect(await bench.store.dump()).toEqual(before)
      if (refusal) {
        expect(refusal).toMatchObject({ retryable: false })
        expect(String(refusal)).toMatch(/left out: memory|Redis 7\.2 or Valkey/)
        return
      }
      await bench.first.queue.add({ queue: bench.queue, ...batch, jobs: [newJob('a')] })
      await confirm({ demand })
    })
  })
}
