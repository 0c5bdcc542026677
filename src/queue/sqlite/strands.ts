import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { FailureNote } from '../history.ts'
import { type KeyedJob, MOST_STRAND_BYTES, STRAND_ENTRY_BYTES } from '../strand-store.ts'
import { leaveGates } from './gates.ts'
import { noteFailureOf } from './history.ts'
import { dropOldDead, insertJobs, takeNumbers } from './jobs.ts'
import { dueUsOf } from './records.ts'
import { noteWaiting } from './waiting.ts'

/** One of the jobs of a key. */
export interface StrandRow {
  place: number
  number: number
  fence: number
  dueUs: number
  maxAttempts: number
  payload: string
  /** With which it came: its ticket has it, and what is added. */
  history: string | null
}

/** The one that runs or is the next. */
export function firstOf(
  transaction: Transaction,
  queue: number | null,
  key: string,
): StrandRow | undefined {
  return transaction.get<StrandRow>(
    `SELECT place, number, fence, due_us AS dueUs, max_attempts AS maxAttempts, payload, history
     FROM strand_job WHERE queue = ? AND key = ? ORDER BY place LIMIT 1`,
    queue,
    key,
  )
}

/** Bytes up to the first and up to the last of a strand, since it began; undefined if it is empty. */
function bytesOf(transaction: Transaction, queue: number, key: string) {
  const at = (order: 'ASC' | 'DESC') =>
    transaction.get<{ total: number; bytes: number }>(
      `SELECT total_bytes AS total, octet_length(payload) AS bytes
       FROM strand_job WHERE queue = ? AND key = ? ORDER BY place ${order} LIMIT 1`,
      queue,
      key,
    )
  const [first, last] = [at('ASC'), at('DESC')]
  if (!first || !last) return { total: 0, waiting: 0 }
  return {
    total: last.total,
    waiting: last.total - first.total + first.bytes + STRAND_ENTRY_BYTES,
  }
}

interface Added {
  id: string | null
  isNews: boolean
}

/** Adds jobs, each behind those of its key. Where a key has no room, what follows of it has none either. */
export function addKeyed(transaction: Transaction, queue: number, jobs: KeyedJob[]): Added[] {
  const full = new Set<string>()
  return jobs.map((job) => {
    const bytes = STRAND_ENTRY_BYTES + Buffer.byteLength(job.payload)
    const hasRoom =
      !full.has(job.key) &&
      bytesOf(transaction, queue, job.key).waiting + bytes <= MOST_STRAND_BYTES
    if (!hasRoom) {
      full.add(job.key)
      return { id: null, isNews: false }
    }
    const number = takeNumbers(transaction, 1)
    const dueUs = dueUsOf(transaction, job)
    const isNews = push(transaction, queue, job.key, {
      ...job,
      ...{ number, place: number, dueUs, history: null },
    })
    return { id: String(number), isNews }
  })
}

/** The last of its key; in line as well if it is the only one. Answers whether that is news for consumers. */
export function push(
  transaction: Transaction,
  queue: number,
  key: string,
  { place, number, dueUs, maxAttempts, payload, history }: Omit<StrandRow, 'fence'>,
): boolean {
  const { total, waiting } = bytesOf(transaction, queue, key)
  const isFirst = waiting === 0
  const bytes = Buffer.byteLength(payload)
  transaction.run(
    `INSERT INTO strand_job (place, queue, key, is_first, number, due_us, max_attempts, payload, history, total_bytes)
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`,
    place,
    queue,
    key,
    isFirst ? 1 : 0,
    number,
    dueUs,
    maxAttempts,
    payload,
    history,
    total + STRAND_ENTRY_BYTES + bytes,
  )
  noteWaiting(transaction, queue, { jobs: isFirst ? 0 : 1, bytes })
  return (
    isFirst && putTicket(transaction, queue, key, { place, number, dueUs, maxAttempts, history })
  )
}

function putTicket(
  transaction: Transaction,
  queue: number,
  key: string,
  { place, number, dueUs, maxAttempts, history }: Omit<StrandRow, 'fence' | 'payload'>,
): boolean {
  const ticket = { payload: '', key, maxAttempts, delayMs: 0, dueAtMs: dueUs / 1000 }
  const isNews = insertJobs(transaction, queue, number, [ticket])
  if (place !== number) transaction.run('UPDATE job SET place = ? WHERE id = ?', place, number)
  if (history !== null) {
    transaction.run('UPDATE job SET history = ? WHERE id = ?', history, number)
  }
  return isNews
}

/** The first one has ended: the next gets its ticket, behind what is in line. Answers whether that is news. */
export function takeOff(
  transaction: Transaction,
  queue: number,
  key: string,
  { place, payload }: StrandRow,
): boolean {
  transaction.run('DELETE FROM strand_job WHERE place = ?', place)
  const next = firstOf(transaction, queue, key)
  noteWaiting(transaction, queue, { jobs: next ? -1 : 0, bytes: -Buffer.byteLength(payload) })
  if (!next) return false
  transaction.run('UPDATE strand_job SET is_first = 1 WHERE place = ?', next.place)
  return putTicket(transaction, queue, key, { ...next, place: takeNumbers(transaction, 1) })
}

/** A job of a key, whose ticket is in flight or on its way back, becomes a dead letter. */
export function buryTicket(
  transaction: Transaction,
  queue: number,
  { number, payload }: StrandRow,
  { reason, note }: { reason: string; note: FailureNote | undefined },
): void {
  noteFailureOf(transaction, number, note)
  const sql = 'SELECT gate FROM job WHERE id = ? AND state = 4'
  leaveGates(transaction, transaction.all<{ gate: number }>(sql, number))
  transaction.run(
    `UPDATE job SET state = 3, epoch = NULL, gate = NULL, demand = NULL, at_us = ?, attempt = attempt + 1,
       reason = ?, place = ?, payload = ?
     WHERE id = ?`,
    transaction.nowUs,
    reason,
    takeNumbers(transaction, 1),
    payload,
    number,
  )
  dropOldDead(transaction, queue)
}

/** Removes some of those that wait behind others of their key, the last ones first. Answers how many. */
export function drainBehind(transaction: Transaction, queue: number, limit: number): number {
  const removed = transaction.all<{ bytes: number }>(
    `DELETE FROM strand_job WHERE place IN (
       SELECT place FROM strand_job WHERE queue = ? AND is_first = 0 ORDER BY place DESC LIMIT ?)
     RETURNING octet_length(payload) AS bytes`,
    queue,
    limit,
  )
  const bytes = removed.reduce((sum, one) => sum + one.bytes, 0)
  noteWaiting(transaction, queue, { jobs: -removed.length, bytes: -bytes })
  return removed.length
}

/** The first one of a key, whose ticket is gone. */
export function dropFirst(transaction: Transaction, queue: number, number: number): void {
  const dropped = transaction.get<{ bytes: number }>(
    `DELETE FROM strand_job WHERE queue = ? AND number = ? AND is_first = 1
     RETURNING octet_length(payload) AS bytes`,
    queue,
    number,
  )
  if (dropped) noteWaiting(transaction, queue, { jobs: 0, bytes: -dropped.bytes })
}

/** A dead job becomes the last one of its key, as if it had never been tried. */
export function redriveKeyed(transaction: Transaction, queue: number, id: number): void {
  const dead = transaction.get<
    Pick<StrandRow, 'maxAttempts' | 'payload' | 'history'> & { key: string }
  >(
    'DELETE FROM job WHERE id = ? RETURNING strand AS key, max_attempts AS maxAttempts, payload, history',
    id,
  )
  if (!dead) return
  const place = takeNumbers(transaction, 1)
  push(transaction, queue, dead.key, { ...dead, place, number: id, dueUs: transaction.nowUs })
}
