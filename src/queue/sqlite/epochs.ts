import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { NewEvent } from '../event-store.ts'
import type { ExchangeRequest } from '../store.ts'
import { sweepEvents } from './events.ts'
import { dropEmptyGates } from './gates.ts'
import { noteCrash } from './history.ts'
import { takeNumbers } from './jobs.ts'
import { sweepDone } from './retained.ts'

export interface QueueRow {
  id: number
  calledUs: number
  fence: number
  isPaused: 0 | 1
  waiting: number
  waitingBytes: number
}

export interface EpochRow {
  id: number
  /** Null: no lease. */
  deadlineUs: number | null
  sequence: number
  fence: number
  claimedCount: number
  staleIds: string
}

/** How long the last call of an epoch without a lease, and of a producer, is remembered. */
const REMEMBERED_US = 600_000_000
const MOST_SWEPT = 16

export function findQueue(transaction: Transaction, name: string): QueueRow | undefined {
  return transaction.get<QueueRow>(
    `SELECT id, called_us AS calledUs, fence, is_paused AS isPaused, waiting,
       waiting_bytes AS waitingBytes
     FROM queue WHERE name = ?`,
    name,
  )
}

/** How many partitions it has: the first to say a number decides, as long as it was not used. */
export function agreePartitions(
  transaction: Transaction,
  name: string,
  said: number | null,
): number {
  const found = transaction.get<{ partitions: number; isUsed: 0 | 1 }>(
    `SELECT partitions, EXISTS (SELECT 1 FROM job WHERE job.queue = queue.id) AS isUsed
     FROM queue WHERE name = ?`,
    name,
  )
  const isFree = !found || (found.partitions === 0 && !found.isUsed)
  if (!isFree) return Math.max(1, found.partitions)
  if (said === null || said === 1) return 1
  const { id } = ensureQueue(transaction, name)
  transaction.run('UPDATE queue SET partitions = ? WHERE id = ?', said, id)
  return said
}

export function ensureQueue(transaction: Transaction, name: string): QueueRow {
  const found = findQueue(transaction, name)
  if (found) return found
  transaction.run('INSERT INTO queue (name, called_us, fence) VALUES (?, 0, 0)', name)
  const row = transaction.get<{ id: number }>('SELECT last_insert_rowid() AS id')
  return { id: row?.id ?? 0, calledUs: 0, fence: 0, isPaused: 0, waiting: 0, waitingBytes: 0 }
}

export function findEpoch(
  transaction: Transaction,
  queue: number,
  name: string,
): EpochRow | undefined {
  return transaction.get<EpochRow>(
    `SELECT id, deadline_us AS deadlineUs, sequence, fence, claimed_count AS claimedCount,
       stale_ids AS staleIds
     FROM epoch WHERE queue = ? AND name = ?`,
    queue,
    name,
  )
}

export function addEpoch(transaction: Transaction, queue: number, name: string): EpochRow {
  transaction.run(
    `INSERT INTO epoch (queue, name, lease_us, sequence, fence, claimed_count, stale_ids, called_us)
     VALUES (?, ?, 0, 0, 0, 0, '', ?)`,
    queue,
    name,
    transaction.nowUs,
  )
  const row = transaction.get<{ id: number }>('SELECT last_insert_rowid() AS id')
  const fresh = { deadlineUs: null, sequence: 0, fence: 0, claimedCount: 0, staleIds: '' }
  return { id: row?.id ?? 0, ...fresh }
}

export function holdsJobs(transaction: Transaction, epoch: number): boolean {
  const sql = 'SELECT 1 FROM job WHERE state = 2 AND epoch = ? LIMIT 1'
  return transaction.get(sql, epoch) !== undefined
}

/** Keeps a call for its repetition, and the lease: there is one exactly while jobs are in flight. */
export function keepCall(
  transaction: Transaction,
  call: Omit<EpochRow, 'deadlineUs'> & { leaseUs: number },
): void {
  const { nowUs } = transaction
  transaction.run(
    `UPDATE epoch SET deadline_us = ?, lease_us = ?, sequence = ?, fence = ?, claimed_count = ?,
       stale_ids = ?, called_us = ? WHERE id = ?`,
    call.claimedCount > 0 || holdsJobs(transaction, call.id) ? nowUs + call.leaseUs : null,
    call.leaseUs,
    call.sequence,
    call.fence,
    call.claimedCount,
    call.staleIds,
    nowUs,
    call.id,
  )
}

/** False where there is no lease. */
export function renewLease(
  transaction: Transaction,
  queue: string,
  epoch: string,
  leaseUs: number,
): boolean {
  const renewed = transaction.run(
    `UPDATE epoch SET deadline_us = ? WHERE name = ? AND deadline_us IS NOT NULL
       AND queue = (SELECT id FROM queue WHERE name = ?)`,
    transaction.nowUs + leaseUs,
    epoch,
    queue,
  )
  return renewed > 0
}

/**
 * Nobody called for long: the machine slept, or its clock jumped. The leases say nothing about who
 * lives then, so each gets one fresh period. Answers whether that was so.
 */
export function refreshAfterSilence(
  transaction: Transaction,
  queue: QueueRow,
  leaseUs: number,
): boolean {
  const { nowUs } = transaction
  if (Math.abs(nowUs - queue.calledUs) * 3 <= leaseUs) return false
  const refreshed = transaction.run(
    'UPDATE epoch SET deadline_us = ? + lease_us WHERE queue = ? AND deadline_us IS NOT NULL',
    nowUs,
    queue.id,
  )
  return refreshed > 0
}

/** When the first lease of another epoch ends. */
export function firstOtherLeaseUs(
  transaction: Transaction,
  queue: number,
  epoch: number | null,
): number | null {
  return firstOtherLease(transaction, queue, epoch)?.deadlineUs ?? null
}

function firstOtherLease(
  transaction: Transaction,
  queue: number,
  epoch: number | null,
): { id: number; deadlineUs: number } | undefined {
  return transaction.get<{ id: number; deadlineUs: number }>(
    `SELECT id, deadline_us AS deadlineUs FROM epoch
     WHERE queue = ? AND deadline_us IS NOT NULL AND id IS NOT ? ORDER BY deadline_us LIMIT 1`,
    queue,
    epoch,
  )
}

/**
 * Returns the jobs of the other epoch whose lease is over first to where they were in line. Only
 * its suspect can be blamed for the crash: the rest become suspects, having merely shared a worker. Answers
 * what is to be told of the dead.
 */
export function recoverFirst(
  transaction: Transaction,
  queue: number,
  except: number,
  { maxCrashes, keptFailures = 0 }: Pick<ExchangeRequest, 'maxCrashes' | 'keptFailures'>,
): NewEvent[] {
  const { nowUs } = transaction
  const epoch = firstOtherLease(transaction, queue, except)?.id ?? null
  if (keptFailures > 0) noteCrash(transaction, epoch, keptFailures)
  transaction.run(
    'UPDATE job SET crashes = crashes + 1 WHERE state = 2 AND epoch = ? AND is_suspect = 1',
    epoch,
  )
  const buried = transaction.all<{ id: number; reason: string }>(
    `UPDATE job SET state = 3, epoch = NULL, at_us = ?, place = ?,
       reason = 'its worker crashed ' || crashes || ' times while it ran alone under suspicion'
     WHERE state = 2 AND epoch = ? AND is_suspect = 1 AND crashes >= ? AND record IS NULL
       AND strand IS NULL
     RETURNING id, reason`,
    nowUs,
    takeNumbers(transaction, 1),
    epoch,
    maxCrashes,
  )
  transaction.run(
    'UPDATE job SET state = 0, epoch = NULL, is_suspect = 1 WHERE state = 2 AND epoch = ?',
    epoch,
  )
  transaction.run('UPDATE epoch SET deadline_us = NULL WHERE id = ?', epoch)
  return buried.map(({ id, reason }) => ({ type: 'dead', id: String(id), reason }))
}

const sweepProducers = (
  transaction: Transaction,
  table: 'producer' | 'named_producer',
  oldestUs: number,
) =>
  transaction.all<{ queue: number }>(
    `DELETE FROM ${table} WHERE (queue, name) IN (
       SELECT queue, name FROM ${table} WHERE added_us < ?
       ORDER BY added_us LIMIT ${MOST_SWEPT})
     RETURNING queue`,
    oldestUs,
  )

/** Forgets some old calls, and queues that nothing is left of. Answers whether there may be more. */
export function sweepCalls(transaction: Transaction): boolean {
  const oldestUs = transaction.nowUs - REMEMBERED_US
  const epochs = transaction.all<{ queue: number }>(
    `DELETE FROM epoch WHERE id IN (
       SELECT id FROM epoch WHERE deadline_us IS NULL AND called_us < ?
       ORDER BY called_us LIMIT ${MOST_SWEPT})
     RETURNING queue`,
    oldestUs,
  )
  const producers = sweepProducers(transaction, 'producer', oldestUs)
  const named = sweepProducers(transaction, 'named_producer', oldestUs)
  const events = sweepEvents(transaction)
  const done = sweepDone(transaction)
  const swept = [...epochs, ...producers, ...named, ...events, ...done]
  for (const queue of new Set(swept.map((row) => row.queue))) {
    dropEmptyGates(transaction, queue)
    transaction.run(
      `DELETE FROM queue WHERE id = ?1 AND is_paused = 0 AND partitions < 2
         AND NOT EXISTS (SELECT 1 FROM epoch WHERE queue = ?1)
         AND NOT EXISTS (SELECT 1 FROM producer WHERE queue = ?1)
         AND NOT EXISTS (SELECT 1 FROM named_producer WHERE queue = ?1)
         AND NOT EXISTS (SELECT 1 FROM event WHERE queue = ?1)
         AND NOT EXISTS (SELECT 1 FROM done_job WHERE queue = ?1)
         AND NOT EXISTS (SELECT 1 FROM record WHERE queue = ?1)
         AND NOT EXISTS (SELECT 1 FROM schedule WHERE queue = ?1)
         AND NOT EXISTS (SELECT 1 FROM gate WHERE queue = ?1)
         AND NOT EXISTS (SELECT 1 FROM job WHERE state = 0 AND queue = ?1)
         AND NOT EXISTS (SELECT 1 FROM job WHERE state = 1 AND queue = ?1)
         AND NOT EXISTS (SELECT 1 FROM job WHERE state = 3 AND queue = ?1)`,
      queue,
    )
  }
  const most = Math.max(epochs.length, producers.length, named.length, events.length, done.length)
  return most >= MOST_SWEPT
}
