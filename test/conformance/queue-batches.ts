// What producers add in a game: one batch, or two that are under way, each of them twice.
import { expect } from 'vitest'
import { newJob, type QueueClient } from '../../src/queue/bench.contract.ts'
import type { AddRequest, NewJob, QueueStore } from '../../src/queue/store.ts'
import { gate } from '../faults.ts'
import type { Action } from './queue-actions.ts'
import { MAX_ATTEMPTS, type QueueModel } from './queue-model.ts'

export class Batches {
  private readonly queue: string
  private readonly model: QueueModel
  private readonly sequences = new Map<string, number>()
  private jobs = 0

  constructor(queue: string, model: QueueModel) {
    this.queue = queue
    this.model = model
  }

  async add(
    client: QueueClient,
    { count, delayMs, way, underWay }: Action & { op: 'add' },
  ): Promise<void> {
    const { key, ...how } = way
    const jobs = Array.from({ length: count }, () =>
      newJob(`"job ${++this.jobs}"`, { delayMs, maxAttempts: MAX_ATTEMPTS, ...how }),
    )
    const { addBehind } = client.queue
    const keyed = key === undefined ? null : jobs.map((job) => ({ ...job, key }))
    if (addBehind && !keyed && underWay !== 'one' && count > 1) {
      const [first, ...rest] = jobs as [NewJob]
      const batches = [this.batchOf(client, [first]), this.batchOf(client, rest)] as const
      return this.addBoth(client.queue.add, addBehind, batches, underWay === 'swapped')
    }
    const request = this.batchOf(client, jobs)
    const call = () =>
      keyed ? client.queue.addKeyed({ ...request, jobs: keyed }) : client.queue.add(request)
    const ids = await call()
    // The answer was lost, and the producer says it again.
    expect(await call()).toEqual(ids)
    this.model.add(ids.map(String), keyed ?? jobs)
  }

  /** Two batches of one producer, of which the second may come in front. */
  private async addBoth(
    add: QueueStore['add'],
    addBehind: NonNullable<QueueStore['addBehind']>,
    [first, second]: readonly [AddRequest, AddRequest],
    isSwapped: boolean,
  ): Promise<void> {
    const before = gate()
    const settled = before.opened.then(() => first.sequence)
    const call = () => addBehind(second, settled)
    const early = isSwapped ? call() : null
    const firstIds = await add(first)
    // As a client does that lost both answers: in their order, before anybody says that the first is settled.
    const secondIds = early ? null : await call()
    expect(await add(first)).toEqual(firstIds)
    if (secondIds) expect(await call()).toEqual(secondIds)
    before.open()
    const ids = secondIds ?? ((await early) as string[])
    expect(await call()).toEqual(ids)
    this.model.add(firstIds, first.jobs)
    this.model.add(ids, second.jobs)
  }

  private batchOf(client: QueueClient, jobs: NewJob[]): AddRequest {
    const producer = `${client.clientId}.${this.queue}`
    const sequence = (this.sequences.get(producer) ?? 0) + 1
    this.sequences.set(producer, sequence)
    return { queue: this.queue, producer, sequence, jobs }
  }
}
