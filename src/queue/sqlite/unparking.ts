import { toUs } from '../../duration.ts'
import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { NewEvent } from '../event-store.ts'
import type { UnparkAnswer, UnparkRequest } from '../parking-store.ts'
import {
  addEpoch,
  ensureQueue,
  findQueue,
  holdsJobs,
  type QueueRow,
  refreshAfterSilence,
} from './epochs.ts'
import { tellEvents } from './events.ts'
import { findGate, type GateRow, noteParked, viewOf } from './gates.ts'
import { JOB_COLUMNS, type JobRow, rowId, storedJob } from './job-row.ts'
import { OVERDUE, withoutOverdue } from './jobs.ts'
import { noteRound } from './turns.ts'
import { amountOf, NO_AMOUNT, noteWaiting, sumOf } from './waiting.ts'

/** How often one call looks on behind a gate, where jobs are overdue. */
const MOST_TRIES = 16

interface Unparking {
  id: number
  deadlineUs: number | null
  sequence: number
  fence: number
  ids: string
}

/** The last call of an epoch that parked or unparked. */
export function findUnparking(
  transaction: Transaction,
  queue: number,
  epoch: string,
): Unparking | undefined {
  return transaction.get<Unparking>(
    `SELECT id, deadline_us AS deadlineUs, unpark_sequence AS sequence, unpark_fence AS fence,
       unparked_ids AS ids
     FROM epoch WHERE queue = ? AND name = ?`,
    queue,
    epoch,
  )
}

/** One job for each gate. */
export function unpark(
  transaction: Transaction,
  request: UnparkRequest,
  { floor, eventsKept }: { floor: number; eventsKept: number },
): UnparkAnswer {
  const { epoch: name, sequence, gates } = request
  const found = findQueue(transaction, request.queue)
  const known = found && findUnparking(transaction, found.id, name)
  if (found && known && known.sequence >= sequence) {
    return known.sequence === sequence
      ? repeat(transaction, found.id, known, gates)
      : { tag: 'lost' }
  }
  if (request.heldCount > 0 && !known?.deadlineUs) return { tag: 'lost' }
  if (found?.isPaused) return { tag: 'paused' }
  const queue = found ?? ensureQueue(transaction, request.queue)
  const epoch = known?.id ?? addEpoch(transaction, queue.id, name).id
  refreshAfterSilence(transaction, queue, toUs(request.leaseMs))
  const fence = Math.max(queue.fence + 1, floor + 1, transaction.nowUs)
  const { jobs, overdueIds } = claimBehind(transaction, queue.id, epoch, gates)
  keepUnparking(transaction, queue, epoch, { request, jobs, fence })
  tellEvents(transaction, request.queue, eventsKept, () =>
    overdueIds.map((id): NewEvent => ({ type: 'dead', id, reason: OVERDUE })),
  )
  return answerOf(transaction, queue.id, gates, { jobs, fence })
}

/** An epoch parked: what it unparked before is not asked for any more. */
export function noteParking(transaction: Transaction, epoch: number, sequence: number): void {
  const sql = `UPDATE epoch SET unpark_sequence = ?, unpark_fence = 0, unparked_ids = '' WHERE id = ?`
  transaction.run(sql, sequence, epoch)
}

/** Keeps a call for its repetition, and the lease. */
function keepUnparking(
  transaction: Transaction,
  queue: QueueRow,
  epoch: number,
  {
    request,
    jobs,
    fence,
  }: { request: UnparkRequest; jobs: readonly (JobRow | null)[]; fence: number },
): void {
  const { nowUs } = transaction
  const leaseUs = toUs(request.leaseMs)
  const hasFound = jobs.some((job) => job !== null)
  transaction.run(
    `UPDATE epoch SET deadline_us = ?, lease_us = ?, unpark_sequence = ?, unpark_fence = ?,
       unparked_ids = ?, called_us = ? WHERE id = ?`,
    hasFound || holdsJobs(transaction, epoch) ? nowUs + leaseUs : null,
    leaseUs,
    request.sequence,
    fence,
    hasFound ? jobs.map((job) => job?.id ?? '').join() : '',
    nowUs,
    epoch,
  )
  transaction.run('UPDATE queue SET called_us = ?, fence = ? WHERE id = ?', nowUs, fence, queue.id)
}

/** The same answer as before; unless its jobs were taken back since. */
function repeat(
  transaction: Transaction,
  queue: number,
  { id: epoch, deadlineUs, fence, ids }: Unparking,
  gates: string[],
): UnparkAnswer {
  if (ids !== '' && deadlineUs === null) return { tag: 'lost' }
  const held = (id: string | undefined) =>
    transaction.get<JobRow>(
      `SELECT ${JOB_COLUMNS} FROM job WHERE id = ? AND epoch = ? AND state = 2`,
      rowId(id ?? ''),
      epoch,
    ) ?? null
  const known = ids.split(',')
  const jobs = gates.map((_, index) => held(known[index]))
  return answerOf(transaction, queue, gates, { jobs, fence })
}

function answerOf(
  transaction: Transaction,
  queue: number,
  gates: string[],
  { jobs, fence }: { jobs: (JobRow | null)[]; fence: number },
): UnparkAnswer {
  const views = new Map(
    [...new Set(gates)].map((gate) => [
      gate,
      viewOf(transaction, findGate(transaction, queue, gate)),
    ]),
  )
  return {
    tag: 'ok',
    jobs: jobs.map((job) => (job ? storedJob(job) : null)),
    rests: gates.map((gate) => views.get(gate) ?? null),
    fence,
  }
}

/** The first jobs behind gates, in the order of these; null where there was none. */
function claimBehind(
  transaction: Transaction,
  queue: number,
  epoch: number,
  gates: string[],
): { jobs: (JobRow | null)[]; overdueIds: string[] } {
  const wanted = new Map<string, number>()
  for (const gate of gates) wanted.set(gate, (wanted.get(gate) ?? 0) + 1)
  const found = new Map<string, JobRow[]>()
  const overdueIds: string[] = []
  let taken = NO_AMOUNT
  for (const [name, count] of wanted) {
    const gate = findGate(transaction, queue, name)
    if (!gate || gate.parked === 0) continue
    const jobs: JobRow[] = []
    for (let tries = 0; tries < MOST_TRIES && jobs.length < count; tries++) {
      const first = takeFirst(transaction, gate, epoch, count - jobs.length)
      if (first.length === 0) break
      taken = sumOf([taken, amountOf(first)])
      const alive = withoutOverdue(transaction, queue, first)
      jobs.push(...alive)
      if (alive.length === first.length) continue
      for (const job of first) if (!alive.includes(job)) overdueIds.push(String(job.id))
    }
    found.set(name, jobs)
  }
  if (taken.jobs > 0) {
    noteWaiting(transaction, queue, { jobs: -taken.jobs, bytes: -taken.bytes })
  }
  return { jobs: gates.map((gate) => found.get(gate)?.shift() ?? null), overdueIds }
}

/** They are in flight for the epoch, in none of its exchanges: these count from 1. */
function takeFirst(
  transaction: Transaction,
  gate: GateRow,
  epoch: number,
  count: number,
): JobRow[] {
  const first = transaction.all<JobRow & { rank: number; round: number }>(
    `SELECT ${JOB_COLUMNS}, rank, round FROM job WHERE state = 4 AND gate = ?
     ORDER BY rank, round, id LIMIT ? + 0`,
    gate.id,
    count,
  )
  for (const job of first) {
    transaction.run(
      `UPDATE job SET state = 2, epoch = ?, claimed_in = 0, gate = NULL, demand = NULL, round = 0
       WHERE id = ?`,
      epoch,
      job.id,
    )
    noteRound(transaction, gate.id, job)
  }
  if (first.length > 0) noteParked(transaction, gate.id, -first.length)
  return first
}
