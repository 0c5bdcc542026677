import { toUs } from '../../duration.ts'
import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { When } from '../adding.ts'
import type { EndedState, NamedAdd, NamedJob } from '../record-store.ts'
import type { NewJob } from '../store.ts'
import { leaveGates } from './gates.ts'
import { firstDueUs, insertJobs, takeNumbers } from './jobs.ts'
import { findRecord, lives, type RecordRow } from './record-row.ts'
import { noteWaiting } from './waiting.ts'

const MOST_SWEPT = 16

export const recordTopic = (queue: string, name: string) =>
  `record:${JSON.stringify([queue, name])}`

/** A job that is to be put in a record and in line. */
interface Planned {
  name: string
  payload: string
  maxAttempts: number
  dueUs: number
  /** Of its ticket; nothing of what follows another. */
  how: Pick<NewJob, 'priority' | 'lifo' | 'deadlineMs' | 'deadlineAtMs'>
  /** Whether its queue has the bytes of its payload. */
  isCounted: boolean
}

/** What an add by name came to, and whether it is news for consumers. */
type Added = NamedAdd & { isNews: boolean }

/** The data of what waits is counted from now on where `isCounted`. */
export function addNamed(
  transaction: Transaction,
  queue: number,
  job: NamedJob,
  isCounted: boolean,
): Added {
  const found = findRecord(transaction, queue, job.name)
  const dueUs = dueUsOf(transaction, job)
  if (!found || mayBeginAnew(transaction, found, job)) {
    const number = takeNumbers(transaction, 1)
    const isNews = putJob(transaction, queue, number, { ...job, dueUs, how: job, isCounted })
    const quietUs = job.quietMs > 0 ? transaction.nowUs + toUs(job.quietMs) : 0
    const sql = 'UPDATE record SET quiet_us = ? WHERE queue = ? AND name = ?'
    if (quietUs > 0) transaction.run(sql, quietUs, queue, job.name)
    return { number: String(number), isNew: true, isNews }
  }
  if (job.mode !== 'debounce' && job.mode !== 'keep-last') return kept(found.number)
  if (found.state !== 'waiting') return follow(transaction, found, { ...job, dueUs })
  transaction.run('UPDATE record SET payload = ? WHERE id = ?', job.payload, found.id)
  if (isCounted) countBytes(transaction, found, Buffer.byteLength(job.payload))
  const isNews = job.mode === 'debounce' && moveJob(transaction, found, dueUs)
  return { ...kept(found.number), isNews }
}

const kept = (number: number): Added => ({ number: String(number), isNew: false, isNews: false })

function mayBeginAnew(transaction: Transaction, found: RecordRow, { mode }: NamedJob): boolean {
  if (mode === 'once' || lives(found)) return false
  return mode !== 'throttle' || found.quietUs <= transaction.nowUs
}

/** What follows has the number of the first that was to follow: that one never was. */
function follow(
  transaction: Transaction,
  found: RecordRow,
  next: Omit<Planned, 'how' | 'isCounted'>,
): Added {
  const number = found.nextNumber ?? takeNumbers(transaction, 1)
  transaction.run(
    `UPDATE record SET next_number = ?, next_payload = ?, next_due_us = ?, next_max_attempts = ?
     WHERE id = ?`,
    number,
    next.payload,
    next.dueUs,
    next.maxAttempts,
    found.id,
  )
  return { number: String(number), isNew: found.nextNumber === null, isNews: false }
}

export function dueUsOf({ nowUs }: Transaction, { delayMs, dueAtMs }: When): number {
  return dueAtMs === undefined ? nowUs + toUs(delayMs) : toUs(dueAtMs)
}

function countBytes(
  transaction: Transaction,
  { id, queue, countedBytes }: RecordRow,
  bytes: number,
): void {
  transaction.run('UPDATE record SET counted_bytes = ? WHERE id = ?', bytes, id)
  noteWaiting(transaction, queue, { jobs: 0, bytes: bytes - countedBytes })
}

/** A job in a record, new or not, and its ticket. What is known of the one that ended stays. */
function putJob(
  transaction: Transaction,
  queue: number,
  number: number,
  { name, payload, maxAttempts, dueUs, how, isCounted }: Planned,
): boolean {
  dropOver(transaction, queue, name)
  const bytes = isCounted ? Buffer.byteLength(payload) : 0
  transaction.run(
    `INSERT INTO record (queue, name, state, number, ticket, max_attempts, payload, due_us, counted_bytes)
     VALUES (?1, ?2, 'waiting', ?3, ?3, ?4, ?5, ?6, ?7)
     ON CONFLICT (queue, name) DO UPDATE SET state = 'waiting', number = ?3, ticket = ?3,
       max_attempts = ?4, payload = ?5, due_us = ?6, attempt = 0, progress = NULL, quiet_us = 0,
       next_number = NULL, next_payload = NULL, next_due_us = NULL, next_max_attempts = NULL,
       until_us = NULL, gate = NULL, history = NULL, crashes = 0, counted_bytes = ?7`,
    queue,
    name,
    number,
    maxAttempts,
    payload,
    dueUs > transaction.nowUs ? dueUs : 0,
    bytes,
  )
  if (bytes > 0) noteWaiting(transaction, queue, { jobs: 0, bytes })
  transaction.run(
    `DELETE FROM record_line WHERE record = (SELECT id FROM record WHERE queue = ? AND name = ?)`,
    queue,
    name,
  )
  return putTicket(transaction, queue, number, { name, maxAttempts, dueUs, how })
}

/** Answers whether that is news for consumers. */
function putTicket(
  transaction: Transaction,
  queue: number,
  number: number,
  { name, maxAttempts, dueUs, how }: Omit<Planned, 'payload' | 'isCounted'>,
): boolean {
  const { priority = 0, lifo = false, deadlineMs, deadlineAtMs } = how
  const when = { delayMs: 0, dueAtMs: dueUs / 1000, priority, lifo }
  const deadline = {
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
    ...(deadlineAtMs === undefined ? {} : { deadlineAtMs }),
  }
  const ticket = { payload: '', name, maxAttempts, ...when, ...deadline }
  return insertJobs(transaction, queue, number, [ticket])
}

/** Another time for a job that waits. Answers whether that is news for consumers. */
export function moveJob(transaction: Transaction, found: RecordRow, dueUs: number): boolean {
  const { id, queue, name, ticket, maxAttempts, attempt } = found
  const isTimed = dueUs > transaction.nowUs
  const headUs = firstDueUs(transaction, queue)
  transaction.run('UPDATE record SET due_us = ? WHERE id = ?', isTimed ? dueUs : 0, id)
  const moved = transaction.run(
    'UPDATE job SET state = ?, at_us = ?, place = ? WHERE id = ? AND state IN (0, 1)',
    isTimed ? 1 : 0,
    isTimed ? dueUs : 0,
    takeNumbers(transaction, 1),
    ticket,
  )
  // Claimed, and about to be told that it came too early: it may come back too late.
  if (moved === 0 && dueUs < found.dueUs) {
    const number = takeNumbers(transaction, 1)
    putTicket(transaction, queue, number, { name, maxAttempts, dueUs, how: {} })
    transaction.run(
      `UPDATE job SET attempt = ?, (rank, deadline_us) =
         (SELECT rank, deadline_us FROM job WHERE id = ?) WHERE id = ?`,
      attempt,
      ticket,
      number,
    )
    transaction.run('UPDATE record SET ticket = ? WHERE id = ?', number, id)
  }
  return !isTimed || headUs === null || dueUs < headUs
}

/**
 * Another priority for a job that waits: behind all that have it already. One that is parked gets a new ticket and asks its gates
 * anew, so that it is behind those there as well. Answers whether it is news for consumers.
 */
export function rankJob(
  transaction: Transaction,
  { id, ticket }: RecordRow,
  priority: number,
): boolean {
  const number = takeNumbers(transaction, 1)
  const ranked = 'UPDATE job SET rank = ?, place = ? WHERE id = ? AND state <> 4'
  if (transaction.run(ranked, priority, number, ticket) > 0) return false
  const parked = transaction.get<{ gate: number }>(
    'SELECT gate FROM job WHERE id = ? AND state = 4',
    ticket,
  )
  if (!parked) return false
  leaveGates(transaction, [parked])
  transaction.run(
    `UPDATE job SET id = ?1, state = 0, rank = ?2, place = ?1, gate = NULL, demand = NULL, round = 0
     WHERE id = ?3`,
    number,
    priority,
    ticket,
  )
  transaction.run('UPDATE record SET ticket = ? WHERE id = ?', number, id)
  return true
}

export interface Ending {
  state: EndedState
  result: string | null
  reason: string | null
  rememberMs: number
}

/** Ends the job of a record. Answers whether what follows it is news for consumers. */
export function endRecord(
  transaction: Transaction,
  found: RecordRow,
  { state, result, reason, rememberMs }: Ending,
): boolean {
  const { nowUs } = transaction
  transaction.run(
    `UPDATE record SET state = ?1, due_us = 0, ended_number = number, ended_as = ?1, ended_us = ?2,
       result = ?3, reason = ?4, until_us = ?5, counted_bytes = 0 WHERE id = ?6`,
    state,
    nowUs,
    result,
    reason,
    Math.max(nowUs + toUs(rememberMs), found.quietUs),
    found.id,
  )
  const { queue, name, nextNumber, nextPayload, nextDueUs, nextMaxAttempts, countedBytes } = found
  if (countedBytes > 0) noteWaiting(transaction, queue, { jobs: 0, bytes: -countedBytes })
  if (nextNumber === null || nextPayload === null) return false
  return putJob(transaction, queue, nextNumber, {
    name,
    payload: nextPayload,
    maxAttempts: nextMaxAttempts ?? found.maxAttempts,
    dueUs: nextDueUs ?? nowUs,
    how: {},
    isCounted: countedBytes > 0,
  })
}

/** The ticket of a job that waits goes with it. */
export function dropTicket(
  transaction: Transaction,
  { queue, ticket }: Pick<RecordRow, 'queue' | 'ticket'>,
): void {
  const dropped = transaction.get<{ isSuspect: 0 | 1; gate: number | null }>(
    'DELETE FROM job WHERE id = ? AND state IN (0, 1, 4) RETURNING is_suspect AS isSuspect, gate',
    ticket,
  )
  if (dropped) leaveGates(transaction, [dropped])
  if (dropped?.isSuspect === 0) noteWaiting(transaction, queue, { jobs: -1, bytes: 0 })
}

export const linesOf = (transaction: Transaction, { id }: RecordRow): string[] =>
  transaction
    .all<{ text: string }>('SELECT text FROM record_line WHERE record = ? ORDER BY number', id)
    .map(({ text }) => text)

/** A record that is no longer remembered. */
function dropOver(transaction: Transaction, queue: number, name: string): void {
  const over = transaction.get<{ id: number }>(
    'SELECT id FROM record WHERE queue = ? AND name = ? AND until_us <= ?',
    queue,
    name,
    transaction.nowUs,
  )
  if (over) dropRecord(transaction, over.id)
}

/** The record of a job whose ticket was removed; what has ended is remembered. */
export function dropRecordOf(
  transaction: Transaction,
  queue: number,
  name: string,
  ticket: number,
): void {
  const found = findRecord(transaction, queue, name)
  if (found?.ticket !== ticket || !lives(found)) return
  dropRecord(transaction, found.id)
  if (found.countedBytes > 0)
    noteWaiting(transaction, queue, { jobs: 0, bytes: -found.countedBytes })
}

function dropRecord(transaction: Transaction, id: number): void {
  transaction.run('DELETE FROM record_line WHERE record = ?', id)
  transaction.run('DELETE FROM record WHERE id = ?', id)
}

/** Forgets some records that have been remembered long enough. Answers whether there may be more. */
export function sweepRecords(transaction: Transaction): boolean {
  const over = transaction.all<{ id: number }>(
    `SELECT id FROM record WHERE until_us <= ? ORDER BY until_us LIMIT ${MOST_SWEPT}`,
    transaction.nowUs,
  )
  for (const { id } of over) dropRecord(transaction, id)
  return over.length === MOST_SWEPT
}
