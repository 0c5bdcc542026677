import { expect } from 'vitest'
import type { Bench, Consumer, QueueClient } from './bench.contract.ts'
import type { GateAnswer, Park, UnparkAnswer } from './parking-store.ts'
import type { NewJob, StoredJob } from './store.ts'

export const GATE = 'lock:user:42'

/** What the suites of parked jobs do again and again. */
export function lotOf(bench: Bench) {
  const behind = (jobs: StoredJob[], gate = GATE, how: Partial<Park> = {}): Park[] =>
    jobs.map(({ id }) => ({ id, gate, terms: '{}', demand: 'w', turnOf: null, ...how }))

  /** Adds jobs, and parks them for a consumer that holds nothing else. */
  async function fill(
    payloads: string[],
    gate = GATE,
    how: Partial<NewJob> = {},
    worker = bench.consumer(),
    park: Partial<Park> = {},
  ): Promise<StoredJob[]> {
    await bench.add(payloads, how)
    const jobs = await worker.claim(payloads.length)
    expect(jobs).toHaveLength(payloads.length)
    for (let from = 0; from < jobs.length; from += 100) {
      await worker.park(behind(jobs.slice(from, from + 100), gate, park))
    }
    return jobs
  }

  /** What was behind the gates, and null for those with nothing. */
  async function unpark(worker: Consumer, gates = [GATE]): Promise<(StoredJob | null)[]> {
    return unparked(await worker.unpark(gates)).jobs
  }

  /** Payloads of all that is behind a gate, by one epoch that keeps them. */
  async function unparkAll(worker: Consumer, gate = GATE): Promise<string[]> {
    const payloads: string[] = []
    for (;;) {
      const [job = null] = await unpark(worker, [gate])
      if (job === null) return payloads
      payloads.push(job.payload)
    }
  }

  const keep = (
    keeper: string,
    gates = [GATE],
    client: QueueClient = bench.second,
  ): Promise<GateAnswer[]> => client.queue.keepGates(bench.queue, keeper, gates)

  /** The gates of which a consumer is told that wants a job. */
  async function told(worker: Consumer): Promise<string[]> {
    const { gates = [], more } = await worker.say({ want: 1 })
    expect(gates.length).toBeLessThanOrEqual(100)
    return more ? [...gates, ...(await told(worker))] : gates
  }

  return { behind, fill, unpark, unparkAll, keep, told }
}

export function unparked(answer: UnparkAnswer): UnparkAnswer & { tag: 'ok' } {
  if (answer.tag !== 'ok') throw new Error(`unparking was answered ${answer.tag}`)
  return answer
}
