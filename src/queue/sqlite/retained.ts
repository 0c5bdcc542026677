import { toUs } from '../../duration.ts'
import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { ListedJob, ListPage, ListRequest } from '../listing-store.ts'
import type { Retention } from '../retention.ts'
import { type JobRow, storedJob } from './job-row.ts'

/** One call removes so many that have been kept for long enough; those that are left are on no page. */
const MOST_SWEPT = 200

/** A job that is done, and is not in line as it is. */
export interface DoneJob {
  number: number
  name: string | null
  strand: string | null
  attempt: number
  maxAttempts: number
  payload: string
  result: string | null
  history: string | null
}

/** Keeps jobs that an epoch acknowledges, of those that it holds; tickets are none. */
export function retainAcked(
  transaction: Transaction,
  queue: number,
  epoch: number,
  jobs: Iterable<number>,
  retention: Retention,
): void {
  const first = nextNumber(transaction, queue)
  let number = first
  for (const id of new Set(jobs)) {
    number += transaction.run(
      `INSERT INTO done_job (queue, number, job, schedule, slot_us, attempt, max_attempts, payload, history,
         done_us, until_us)
       SELECT queue, ?, id, schedule, slot_us, attempt, max_attempts, payload, history, ?, ? FROM job
       WHERE id = ? AND epoch = ? AND state = 2 AND record IS NULL AND strand IS NULL`,
      number,
      transaction.nowUs,
      transaction.nowUs + toUs(retention.ageMs),
      id,
      epoch,
    )
  }
  if (number > first) trim(transaction, queue, number - 1, retention)
}

/** Keeps a job whose record, or key, says that it is done. */
export function retainDone(
  transaction: Transaction,
  queue: number,
  job: DoneJob,
  retention: Retention,
): void {
  const number = nextNumber(transaction, queue)
  transaction.run(
    `INSERT INTO done_job (queue, number, job, name, strand, attempt, max_attempts, payload, result, history,
       done_us, until_us)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    queue,
    number,
    job.number,
    job.name,
    job.strand,
    job.attempt,
    job.maxAttempts,
    job.payload,
    job.result,
    job.history,
    transaction.nowUs,
    transaction.nowUs + toUs(retention.ageMs),
  )
  trim(transaction, queue, number, retention)
}

/** In step with time where there are none, so that no number comes again. */
function nextNumber(transaction: Transaction, queue: number): number {
  const sql = 'SELECT max(number) AS last FROM done_job WHERE queue = ?'
  return (transaction.get<{ last: number | null }>(sql, queue)?.last ?? transaction.nowUs) + 1
}

function trim(transaction: Transaction, queue: number, last: number, { count }: Retention): void {
  transaction.run('DELETE FROM done_job WHERE queue = ? AND number <= ?', queue, last - count)
}

/** Forgets some that have been kept for long enough. Answers the queues that had them. */
export const sweepDone = (transaction: Transaction) =>
  transaction.all<{ queue: number }>(
    `DELETE FROM done_job WHERE rowid IN (
       SELECT rowid FROM done_job WHERE until_us <= ? ORDER BY until_us LIMIT ${MOST_SWEPT})
     RETURNING queue`,
    transaction.nowUs,
  )

/** Removes some, and answers how many. */
export const dropDone = (transaction: Transaction, queue: number, limit: number): number =>
  transaction.run(
    'DELETE FROM done_job WHERE rowid IN (SELECT rowid FROM done_job WHERE queue = ? LIMIT ?)',
    queue,
    limit,
  )

interface DoneRow extends JobRow {
  number: number
  result: string | null
  doneUs: number
}

/** A page of them, the oldest first. */
export function listDone(
  transaction: Transaction,
  queue: number,
  { limit, cursor }: ListRequest,
): ListPage {
  const rows = transaction.all<DoneRow>(
    `SELECT number, job AS id, payload, attempt, 0 AS crashes, max_attempts AS maxAttempts,
       NULL AS deadlineUs, name, schedule, slot_us AS slotUs, strand, history, result, done_us AS doneUs
     FROM done_job WHERE queue = ? AND number > ? AND until_us > ? ORDER BY number LIMIT ?`,
    queue,
    Number(/@(\d+)$/.exec(cursor ?? '')?.[1] ?? 0),
    transaction.nowUs,
    limit,
  )
  const last = rows.length === limit ? rows.at(-1) : undefined
  return { jobs: rows.map(listedJob), cursor: last ? `@${last.number}` : null }
}

function listedJob(row: DoneRow): ListedJob {
  const job: ListedJob = { ...storedJob(row), doneAtMs: row.doneUs / 1000 }
  if (row.result !== null) job.result = row.result
  return job
}
