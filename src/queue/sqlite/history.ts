import type { Transaction } from '../../engine/sqlite/engine.ts'
import { CRASHED, type FailureNote, packHistory, withNote } from '../history.ts'
import type { Death } from '../store.ts'

/** Keeps a failure with the job, if it is in flight for the epoch. */
export function noteFailure(
  transaction: Transaction,
  epoch: number,
  id: number,
  note: FailureNote | undefined,
): void {
  if (!note) return
  const sql = 'SELECT 1 FROM job WHERE id = ? AND epoch = ? AND state = 2'
  if (transaction.get(sql, id, epoch)) noteFailureOf(transaction, id, note)
}

/** The same, wherever the job is. */
export function noteFailureOf(
  transaction: Transaction,
  id: number,
  note: FailureNote | undefined,
): void {
  if (!note) return
  const job = transaction.get<{ attempt: number; history: string | null }>(
    'SELECT attempt, history FROM job WHERE id = ?',
    id,
  )
  if (!job) return
  const lines = withNote(job.history, note, job.attempt + 1, transaction.nowUs)
  transaction.run('UPDATE job SET history = ? WHERE id = ?', lines, id)
}

/** The same of a job that is about to be buried: a ticket brings what its record had. */
export function noteDeath(
  transaction: Transaction,
  epoch: number,
  id: number,
  { history, note }: Pick<Death, 'history' | 'note'>,
): void {
  if (history) {
    const sql = 'UPDATE job SET history = ? WHERE id = ? AND epoch = ? AND state = 2'
    transaction.run(sql, packHistory(history), id, epoch)
  }
  noteFailure(transaction, epoch, id, note)
}

/** The epoch has crashed: only its suspect is to blame. What has a record is noted when that is opened. */
export function noteCrash(transaction: Transaction, epoch: number | null, keep: number): void {
  const suspect = transaction.get<{ id: number }>(
    'SELECT id FROM job WHERE state = 2 AND epoch = ? AND is_suspect = 1 AND record IS NULL',
    epoch,
  )
  if (!suspect || epoch === null) return
  noteFailure(transaction, epoch, suspect.id, crashNote(keep))
}

const crashNote = (keep: number): FailureNote => ({ keep, kind: 'crashed', reason: CRASHED })

/** Keeps a failure with a record. */
export function noteInRecord(
  transaction: Transaction,
  { id, attempt, history }: { id: number; attempt: number; history: string | null },
  note: FailureNote | undefined,
): void {
  if (!note) return
  const lines = withNote(history, note, attempt + 1, transaction.nowUs)
  transaction.run('UPDATE record SET history = ? WHERE id = ?', lines, id)
}

/** A ticket of the record was opened: its worker may have crashed more often than is told of. */
export function noteCrashInRecord(
  transaction: Transaction,
  record: { id: number; history: string | null; crashes: number },
  { attempt, crashes }: { attempt: number; crashes: number },
  keep: number,
): void {
  if (crashes === record.crashes) return
  transaction.run('UPDATE record SET crashes = ? WHERE id = ?', crashes, record.id)
  if (crashes < record.crashes) return
  noteInRecord(transaction, { ...record, attempt }, crashNote(keep))
}
