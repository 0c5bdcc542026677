import { toUs } from '../../duration.ts'
import type { Transaction } from '../../engine/sqlite/engine.ts'
import { packReason } from '../dead-reason.ts'
import type { ScheduleSlot } from '../schedule-store.ts'
import type { Death, NewJob, Retry } from '../store.ts'
import { noteDeath, noteFailure } from './history.ts'
import { JOB_COLUMNS, type JobRow } from './job-row.ts'
import { type Amount, amountOf, noteWaiting } from './waiting.ts'

/** Jobs that one call moves from timed to ready. */
const MOST_PROMOTED = 100
/** Dead letters beyond this many push the oldest out, a few per call. */
const MOST_DEAD = 10_000
const MOST_DROPPED = 100

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
  jobs: (NewJob & { name?: string; schedule?: ScheduleSlot; key?: string })[],
): boolean {
  const { nowUs } = transaction
  let isNews = false
  let headUs: number | undefined
  for (const [index, job] of jobs.entries()) {
    const { payload, maxAttempts, delayMs, dueAtMs, priority = 0, lifo, name = null } = job
    const { deadlineMs, deadlineAtMs, schedule, key = null } = job
    const id = firstId + index
    const dueUs = instantUs(nowUs, delayMs, dueAtMs) ?? nowUs
    const isTimed = dueUs > nowUs
    if (isTimed) {
      headUs ??= firstDueUs(transaction, queue) ?? Number.POSITIVE_INFINITY
      isNews ||= dueUs < headUs
    } else {
      isNews = true
    }
    transaction.run(
      `INSERT INTO job (id, queue, state, rank, place, at_us, deadline_us, max_attempts, payload, record,
         schedule, slot_us, strand)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      id,
      queue,
      isTimed ? 1 : 0,
      lifo ? -id : priority,
      id,
      isTimed ? dueUs : 0,
      instantUs(nowUs, deadlineMs, deadlineAtMs),
      maxAttempts,
      payload,
      name,
      schedule?.name ?? null,
      schedule ? toUs(schedule.slotAtMs) : null,
      key,
    )
  }
  noteWaiting(transaction, queue, amountOf(jobs))
  return isNews
}

/** An instant, or so long from now; null if neither is said. */
function instantUs(nowUs: number, inMs: number | undefined, atMs: number | undefined) {
  if (atMs !== undefined) return toUs(atMs)
  return inMs === undefined ? null : nowUs + toUs(inMs)
}

/** When the next timed job is due. */
export function firstDueUs(transaction: Transaction, queue: number): number | null {
  const row = transaction.get<{ due: number }>(
    'SELECT at_us AS due FROM job WHERE state = 1 AND queue = ? ORDER BY at_us LIMIT 1',
    queue,
  )
  return row?.due ?? null
}

/** Each of these answers false, or nothing, if the job is not in flight for the epoch. */
export function acknowledge(transaction: Transaction, epoch: number, id: number): boolean {
  return transaction.run('DELETE FROM job WHERE id = ? AND epoch = ? AND state = 2', id, epoch) > 0
}

const WAITS_AGAIN =
  'RETURNING is_suspect = 0 AS jobs, (is_suspect = 0) * octet_length(payload) AS bytes'

/**
 * A handler that failed has at least survived: its job is no suspect any more. Answers how much more
 * waits then.
 */
export function retry(
  transaction: Transaction,
  epoch: number,
  id: number,
  { failed, delayMs, note, stays }: Omit<Retry, 'id'>,
): Amount | undefined {
  if (!failed && delayMs > 0) {
    return transaction.get<Amount>(
      `UPDATE job SET state = 1, epoch = NULL, at_us = ?, is_suspect = 0
       WHERE id = ? AND epoch = ? AND state = 2 ${WAITS_AGAIN}`,
      transaction.nowUs + toUs(delayMs),
      id,
      epoch,
    )
  }
  if (!failed) {
    const sql = `UPDATE job SET state = 0, epoch = NULL WHERE id = ? AND epoch = ? AND state = 2
      ${WAITS_AGAIN}`
    return transaction.get<Amount>(sql, id, epoch)
  }
  noteFailure(transaction, epoch, id, note)
  if (stays) {
    return transaction.get<Amount>(
      `UPDATE job SET attempt = attempt + 1, is_suspect = 0 WHERE id = ? AND epoch = ? AND state = 2
       RETURNING 0 AS jobs, 0 AS bytes`,
      id,
      epoch,
    )
  }
  return transaction.get<Amount>(
    `UPDATE job SET state = 1, epoch = NULL, at_us = ?, attempt = attempt + 1, is_suspect = 0
     WHERE id = ? AND epoch = ? AND state = 2 ${WAITS_AGAIN}`,
    transaction.nowUs + toUs(delayMs),
    id,
    epoch,
  )
}

export function bury(
  transaction: Transaction,
  epoch: number,
  id: number,
  { reason, name, payload, ...past }: Omit<Death, 'id'>,
): boolean {
  noteDeath(transaction, epoch, id, past)
  const changed = transaction.run(
    `UPDATE job SET state = 3, epoch = NULL, at_us = ?, attempt = attempt + 1, reason = ?, place = ?,
       payload = coalesce(?, payload), record = NULL
     WHERE id = ? AND epoch = ? AND state = 2`,
    transaction.nowUs,
    packReason(reason, name),
    takeNumbers(transaction, 1),
    payload ?? null,
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

/** Among those of its rank: by age, and in line behind all that are ready. */
export const PLACE_OF_READY = 'place = CASE rank WHEN 0 THEN ? ELSE id END'

/** Jobs that are due become ready. Answers when the next one is due. */
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
    const sql = `UPDATE job SET state = 0, ${PLACE_OF_READY}, at_us = 0 WHERE id = ?`
    transaction.run(sql, firstPlace + index, id)
  }
  return firstDueUs(transaction, queue)
}

export interface Claimed {
  jobs: JobRow[]
  /** Something that another epoch could claim is left. */
  isMoreReady: boolean
  /** How much less waits. */
  taken: Amount
  /** Those that were buried, as their deadline was over. */
  overdueIds: string[]
}

/** At most one suspect for an epoch, then the lowest ranks, and of one rank the longest ready. */
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
  const fromLine = plain.slice(0, plainCount)
  const found = [...chosen, ...fromLine]
  const jobs = withoutOverdue(transaction, queue, found)
  for (const { id } of jobs) {
    const sql = 'UPDATE job SET state = 2, epoch = ?, claimed_in = ? WHERE id = ?'
    transaction.run(sql, by.epoch, by.sequence, id)
  }
  // A suspect that only others may take must not wake this consumer in a circle.
  const isSuspectLeft = found.length > 0 && suspects.length > chosen.length
  const isMoreReady = isSuspectLeft || plain.length > plainCount
  const overdue = jobs.length === found.length ? [] : found.filter((job) => !jobs.includes(job))
  const overdueIds = overdue.map(({ id }) => String(id))
  return { jobs, isMoreReady, taken: amountOf(fromLine), overdueIds }
}

/** Why they are dead. */
export const OVERDUE = 'its deadline passed'

/** Buries those whose deadline is over. Whoever opens a ticket looks for itself. */
export function withoutOverdue(transaction: Transaction, queue: number, jobs: JobRow[]): JobRow[] {
  const { nowUs } = transaction
  const isOverdue = ({ deadlineUs, name }: JobRow) =>
    deadlineUs !== null && deadlineUs < nowUs && name === null
  if (!jobs.some(isOverdue)) return jobs
  for (const { id } of jobs.filter(isOverdue)) {
    transaction.run(
      `UPDATE job SET state = 3, epoch = NULL, at_us = ?, reason = '${OVERDUE}', place = ? WHERE id = ?`,
      nowUs,
      takeNumbers(transaction, 1),
      id,
    )
  }
  dropOldDead(transaction, queue)
  return jobs.filter((job) => !isOverdue(job))
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
     ORDER BY rank, place LIMIT ? + 0`,
    queue,
    kind === 'suspect' ? 1 : 0,
    limit,
  )
}

/** The suspect that would be claimed next. */
export function firstSuspect(transaction: Transaction, queue: number): number | null {
  const row = transaction.get<{ id: number }>(
    'SELECT id FROM job WHERE state = 0 AND queue = ? AND is_suspect = 1 ORDER BY rank, place LIMIT 1',
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
     ORDER BY is_suspect DESC, rank, place`,
    epoch,
    sequence,
  )
}
