import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { NewJob, Retry, StoredJob } from '../store.ts'

export const toUs = (ms: number) => Math.round(ms * 1000)

export interface JobRow {
  id: number
  payload: string
  attempt: number
  crashes: number
  maxAttempts: number
}

/** Jobs that one call moves from timed to ready. */
const MOST_PROMOTED = 100
/** Dead letters beyond this many push the oldest out, a few per call. */
const MOST_DEAD = 10_000
const MOST_DROPPED = 100

export const JOB_COLUMNS = 'id, payload, attempt, crashes, max_attempts AS maxAttempts'

export const storedJob = ({ id, payload, attempt, crashes, maxAttempts }: JobRow): StoredJob => ({
  id: String(id),
  payload,
  attempt,
  crashes,
  maxAttempts,
})

/** `count` numbers without a gap, above all given before and in step with time. */
export function takeNumbers(transaction: Transaction, count: number): number {
  const row = transaction.get<{ last: number }>('SELECT last FROM job_number')
  const first = Math.max((row?.last ?? 0) + 1, transaction.nowUs)
  transaction.run(
    `INSERT INTO job_number (one, last) VALUES (1, ?)
     ON CONFLICT (one) DO UPDATE SET last = excluded.last`,
    first + count - 1,
  )
  return first
}

/** Adds jobs in order. Answers whether that is news for consumers. */
export function insertJobs(
  transaction: Transaction,
  queue: number,
  firstId: number,
  jobs: NewJob[],
): boolean {
  const { nowUs } = transaction
  let isNews = false
  let headUs: number | undefined
  for (const [index, job] of jobs.entries()) {
    const { payload, maxAttempts, delayMs, dueAtMs } = job
    const id = firstId + index
    const dueUs = dueAtMs === undefined ? nowUs + toUs(delayMs) : toUs(dueAtMs)
    const isTimed = dueUs > nowUs
    if (isTimed) {
      headUs ??= firstDueUs(transaction, queue) ?? Number.POSITIVE_INFINITY
      isNews ||= dueUs < headUs
    } else {
      isNews = true
    }
    transaction.run(
      `INSERT INTO job (id, queue, state, place, at_us, max_attempts, payload)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      id,
      queue,
      isTimed ? 1 : 0,
      id,
      isTimed ? dueUs : 0,
      maxAttempts,
      payload,
    )
  }
  return isNews
}

/** When the next timed job is due. */
export function firstDueUs(transaction: Transaction, queue: number): number | null {
  const row = transaction.get<{ due: number }>(
    'SELECT at_us AS due FROM job WHERE state = 1 AND queue = ? ORDER BY at_us LIMIT 1',
    queue,
  )
  return row?.due ?? null
}

/** Each of these answers false if the job is not in flight for the epoch. */
export function acknowledge(transaction: Transaction, epoch: number, id: number): boolean {
  return transaction.run('DELETE FROM job WHERE id = ? AND epoch = ? AND state = 2', id, epoch) > 0
}

/** A handler that failed has at least survived: its job is no suspect any more. */
export function retry(
  transaction: Transaction,
  epoch: number,
  id: number,
  { failed, delayMs }: Omit<Retry, 'id'>,
): boolean {
  if (!failed) {
    const sql = 'UPDATE job SET state = 0, epoch = NULL WHERE id = ? AND epoch = ? AND state = 2'
    return transaction.run(sql, id, epoch) > 0
  }
  const changed = transaction.run(
    `UPDATE job SET state = 1, epoch = NULL, at_us = ?, attempt = attempt + 1, is_suspect = 0
     WHERE id = ? AND epoch = ? AND state = 2`,
    transaction.nowUs + toUs(delayMs),
    id,
    epoch,
  )
  return changed > 0
}

export function bury(transaction: Transaction, epoch: number, id: number, reason: string): boolean {
  const changed = transaction.run(
    `UPDATE job SET state = 3, epoch = NULL, at_us = ?, attempt = attempt + 1, reason = ?, place = ?
     WHERE id = ? AND epoch = ? AND state = 2`,
    transaction.nowUs,
    reason,
    takeNumbers(transaction, 1),
    id,
    epoch,
  )
  return changed > 0
}

export function dropOldDead(transaction: Transaction, queue: number): void {
  transaction.run(
    `DELETE FROM job WHERE id IN (
       SELECT id FROM job WHERE state = 3 AND queue = ?
       ORDER BY place DESC LIMIT ${MOST_DROPPED} OFFSET ${MOST_DEAD})`,
    queue,
  )
}

/** Jobs that are due become ready, behind those that are. Answers when the next one is due. */
export function promote(transaction: Transaction, queue: number): number | null {
  const firstUs = firstDueUs(transaction, queue)
  if (firstUs === null || firstUs > transaction.nowUs) return firstUs
  const due = transaction.all<{ id: number }>(
    `SELECT id FROM job WHERE state = 1 AND queue = ? AND at_us <= ?
     ORDER BY at_us, id LIMIT ${MOST_PROMOTED}`,
    queue,
    transaction.nowUs,
  )
  const firstPlace = takeNumbers(transaction, due.length)
  for (const [index, { id }] of due.entries()) {
    const sql = 'UPDATE job SET state = 0, place = ?, at_us = 0 WHERE id = ?'
    transaction.run(sql, firstPlace + index, id)
  }
  return firstDueUs(transaction, queue)
}

export interface Claimed {
  jobs: JobRow[]
  /** Something that another epoch could claim is left. */
  isMoreReady: boolean
}

/** At most one suspect for an epoch, then the longest ready. */
export function claim(
  transaction: Transaction,
  queue: number,
  by: { epoch: number; sequence: number },
  want: number,
): Claimed {
  const suspects = readyJobs(transaction, queue, 'suspect', 2)
  const mayHaveSuspect = want > 0 && suspects.length > 0 && !holdsSuspect(transaction, by.epoch)
  const chosen = mayHaveSuspect ? suspects.slice(0, 1) : []
  const plainCount = Math.max(0, want - chosen.length)
  const plain = readyJobs(transaction, queue, 'plain', plainCount + 1)
  const jobs = [...chosen, ...plain.slice(0, plainCount)]
  for (const { id } of jobs) {
    const sql = 'UPDATE job SET state = 2, epoch = ?, claimed_in = ? WHERE id = ?'
    transaction.run(sql, by.epoch, by.sequence, id)
  }
  // A suspect that only others may take must not wake this consumer in a circle.
  const isSuspectLeft = jobs.length > 0 && suspects.length > chosen.length
  return { jobs, isMoreReady: isSuspectLeft || plain.length > plainCount }
}

/** Of a plain `LIMIT ?` SQLite looks at the value while planning, and plans every call anew. */
function readyJobs(
  transaction: Transaction,
  queue: number,
  kind: 'suspect' | 'plain',
  limit: number,
): JobRow[] {
  return transaction.all<JobRow>(
    `SELECT ${JOB_COLUMNS} FROM job WHERE state = 0 AND queue = ? AND is_suspect = ?
     ORDER BY place LIMIT ? + 0`,
    queue,
    kind === 'suspect' ? 1 : 0,
    limit,
  )
}

/** The suspect that would be claimed next. */
export function firstSuspect(transaction: Transaction, queue: number): number | null {
  const row = transaction.get<{ id: number }>(
    'SELECT id FROM job WHERE state = 0 AND queue = ? AND is_suspect = 1 ORDER BY place LIMIT 1',
    queue,
  )
  return row?.id ?? null
}

export function hasReady(
  transaction: Transaction,
  queue: number,
  kind: 'suspect' | 'plain',
): boolean {
  const sql = 'SELECT 1 FROM job WHERE state = 0 AND queue = ? AND is_suspect = ? LIMIT 1'
  return transaction.get(sql, queue, kind === 'suspect' ? 1 : 0) !== undefined
}

function holdsSuspect(transaction: Transaction, epoch: number): boolean {
  const sql = 'SELECT 1 FROM job WHERE state = 2 AND epoch = ? AND is_suspect = 1 LIMIT 1'
  return transaction.get(sql, epoch) !== undefined
}

/** What a call claimed, as far as it is still in flight. */
export function claimedIn(transaction: Transaction, epoch: number, sequence: number): JobRow[] {
  return transaction.all<JobRow>(
    `SELECT ${JOB_COLUMNS} FROM job WHERE state = 2 AND epoch = ? AND claimed_in = ?
     ORDER BY is_suspect DESC, place`,
    epoch,
    sequence,
  )
}
