import { expect } from 'vitest'
import { type Bench, type Consumer, newJob, type QueueClient } from './bench.contract.ts'
import type { Closing, NamedJob, Opening, RecordOutcome } from './record-store.ts'
import type { StoredJob } from './store.ts'

export const MINUTE_MS = 60_000
export const REMEMBER_MS = 10 * MINUTE_MS
export const DONE: RecordOutcome = { tag: 'done', result: null, reason: null }

/** A ticket that was claimed, and what opening it said. */
export interface Opened {
  ticket: StoredJob
  fence: number
  opening: Opening
}

/** What the suites of jobs by name do again and again. */
export function deskOf(bench: Bench) {
  let sequence = 0

  function add(names: string[], how: Partial<NamedJob> = {}, client = bench.first) {
    return client.queue.addNamed({
      queue: bench.queue,
      producer: client.clientId,
      sequence: ++sequence,
      jobs: names.map((name) => named(name, how)),
    })
  }

  /** Claims, and opens what was claimed. */
  async function open(worker: Consumer, client = bench.second, want = 10): Promise<Opened[]> {
    const { jobs, fence, more } = await worker.say({ want })
    const openings = jobs.length === 0 ? [] : await reopen(jobs, fence, client)
    const opened = jobs.map((ticket, index) => {
      return { ticket, fence, opening: openings[index] as Opening }
    })
    return more ? [...opened, ...(await open(worker, client, want - jobs.length))] : opened
  }

  function reopen(jobs: StoredJob[], fence: number, client = bench.second, keptFailures = 0) {
    const tickets = jobs.map(({ id, name, attempt, crashes }) => {
      return { number: id, name: name ?? '', attempt, crashes }
    })
    return client.queue.openRecords({ queue: bench.queue, fence, tickets, keptFailures })
  }

  async function openOne(worker: Consumer, client = bench.second): Promise<Opened> {
    const [one, ...others] = await open(worker, client)
    if (!one || others.length > 0) throw new Error(`${others.length} tickets beside ${one}`)
    return one
  }

  function close({ ticket, fence }: Opened, outcome: RecordOutcome, rememberMs = REMEMBER_MS) {
    const closings: Closing[] = [{ name: ticket.name ?? '', fence, outcome }]
    return bench.second.queue.closeRecords({ queue: bench.queue, rememberMs, closings })
  }

  /** Runs what is there to the end. */
  async function finish(worker: Consumer, opened: Opened, outcome: RecordOutcome = DONE) {
    expect(await close(opened, outcome)).toEqual(['closed'])
    await worker.say({ acks: [opened.ticket] })
  }

  const read = (name: string, client: QueueClient = bench.first) =>
    client.queue.readRecord(bench.queue, name)
  const cancel = (name: string, client: QueueClient = bench.first) =>
    client.queue.cancelRecord(bench.queue, name, REMEMBER_MS)
  const change = (name: string, delayMs: number) =>
    bench.first.queue.changeRecord(bench.queue, name, { delayMs })

  return { add, open, openOne, reopen, close, finish, read, cancel, change }
}

/** How each of them ends, in their order; those beyond are done. */
export const closingsOf = (opened: Opened[], outcomes: RecordOutcome[]): Closing[] =>
  opened.map(({ ticket, fence }, index) => ({
    ...{ name: ticket.name ?? '', fence },
    outcome: outcomes[index] ?? DONE,
  }))

export const named = (name: string, how: Partial<NamedJob> = {}): NamedJob => ({
  ...newJob('{}'),
  name,
  mode: 'once',
  quietMs: 0,
  ...how,
})
