import { describe, expect, it } from 'vitest'
import type { ConfirmRequest, Demand } from './add-store.ts'
import { type Bench, newJob } from './bench.contract.ts'
import { named } from './desk.contract.ts'

/** The part of the suite of queues that is about what has to be safe. Replicas come and go in `test/durable-adds.test.ts`. */
export function confirmContract(bench: Bench): void {
  const NO_MORE: Demand = { replicas: 0, fsync: false }
  const confirm = (how: Partial<ConfirmRequest> = {}) =>
    bench.second.queue.confirm({
      ...{ queue: bench.queue, producer: 'p', isNamed: false, demand: NO_MORE },
      ...{ sequence: 5, first: how.sequence ?? 5, ...how },
    })
  const batch = { producer: 'p', sequence: 5 }
  const forgotten = {
    ...{ code: 'SLUICE_ENGINE_UNAVAILABLE', outcome: 'unknown', retryable: false },
  }

  describe('confirming', () => {
    const adders = [
      [
        'plain',
        (sequence: number, lastAdded: number) =>
          bench.first.queue.add({
            ...{ queue: bench.queue, producer: 'p', sequence, lastAdded },
            jobs: [newJob('a')],
          }),
      ],
      [
        'by name',
        (sequence: number, lastAdded: number) =>
          bench.first.queue.addNamed({
            ...{ queue: bench.queue, producer: 'p', sequence, lastAdded },
            jobs: [named(`${sequence}`)],
          }),
      ],
    ] as const

    it.each(adders)('Q62 that a later batch is there proves nothing: %s', async (kind, add) => {
      const isNamed = kind === 'by name'
      await add(4, 0)
      await bench.store.wipe()
      await add(5, 4)
      await expect(confirm({ isNamed, sequence: 4 })).rejects.toMatchObject(forgotten)
      await expect(confirm({ isNamed, first: 4 })).rejects.toMatchObject(forgotten)
      await confirm({ isNamed })
      // As a replica has it that took over without 6 and 7.
      await add(8, 7)
      await add(9, 8)
      for (const sequence of [5, 6, 7])
        await expect(confirm({ isNamed, sequence })).rejects.toMatchObject(forgotten)
      await confirm({ isNamed, first: 8, sequence: 9 })
      // Numbers that were never added are none that are missing.
      await add(20, 9)
      await confirm({ isNamed, first: 8, sequence: 20 })
      await add(20, 9)
      await confirm({ isNamed, first: 8, sequence: 20 })
    })

    it('Q62 nor does it of a batch behind another one', async ({ skip }) => {
      const addBehind = bench.first.queue.addBehind ?? skip('it takes one batch at a time')
      const of = (sequence: number) => ({
        ...{ queue: bench.queue, producer: 'p', sequence, lastAdded: 1, jobs: [newJob('a')] },
      })
      await bench.first.queue.add({ ...of(1), lastAdded: 0 })
      await bench.first.queue.add(of(2))
      await addBehind(of(3), new Promise(() => {}))
      await confirm({ first: 1, sequence: 3 })
      // The one before was answered by a server that has taken it with it.
      await addBehind(of(5), Promise.resolve(4))
      for (const sequence of [3, 4])
        await expect(confirm({ sequence })).rejects.toMatchObject(forgotten)
      await confirm()
    })

    it('Q62 a batch is known, and none before it, none that is later, and none of another queue', async () => {
      const { queue } = bench
      await bench.first.queue.add({ queue, ...batch, jobs: [newJob('a')] })
      await confirm()
      await expect(confirm({ sequence: 4 })).rejects.toMatchObject(forgotten)
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
