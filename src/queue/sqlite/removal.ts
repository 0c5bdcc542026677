import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { Obliteration, ObliterationStep } from '../removal-store.ts'
import { SCHEDULE_PREFIX } from '../schedule-store.ts'
import { findQueue } from './epochs.ts'
import { dropEmptyGates, leaveGates } from './gates.ts'
import { dropRecordOf } from './records.ts'
import { dropDone } from './retained.ts'
import { drainBehind, dropFirst, firstOf, takeOff } from './strands.ts'
import { noteWaiting } from './waiting.ts'

interface Removed {
  id: number
  name: string | null
  strand: string | null
  isSuspect: 0 | 1
  gate: number | null
  bytes: number
}

/** All but what schedules have in line for their next slots. */
const JOBS_ONLY = `AND substr(coalesce(record, ''), 1, ${SCHEDULE_PREFIX.length}) <> '${SCHEDULE_PREFIX}'`

const PARKED = 'state = 4 AND gate IN (SELECT id FROM gate WHERE queue = ? AND parked > 0)'

/** Removes some of the jobs that wait, and answers how many. */
export function drain(transaction: Transaction, name: string, limit: number): number {
  const queue = findQueue(transaction, name)
  if (!queue) return 0
  // Those that wait behind others of their key go first, so that their tickets stand for nothing else.
  const behind = drainBehind(transaction, queue.id, limit)
  return behind + removeWaiting(transaction, queue.id, limit - behind, JOBS_ONLY).length
}

function removeWaiting(
  transaction: Transaction,
  queue: number,
  limit: number,
  which: '' | typeof JOBS_ONLY,
): Removed[] {
  const remove = (where: string, most: number) =>
    transaction.all<Removed>(
      `DELETE FROM job WHERE id IN (SELECT id FROM job WHERE ${where} ${which} LIMIT ?)
       RETURNING id, record AS name, strand, is_suspect AS isSuspect, gate, octet_length(payload) AS bytes`,
      queue,
      most,
    )
  const removed = remove('state = 0 AND queue = ?', limit)
  removed.push(...remove('state = 1 AND queue = ?', limit - removed.length))
  removed.push(...remove(PARKED, limit - removed.length))
  leaveGates(transaction, removed)
  dropRecordsOf(transaction, queue, removed)
  for (const { id, strand } of removed) if (strand !== null) dropFirst(transaction, queue, id)
  const counted = removed.filter(({ isSuspect }) => isSuspect === 0)
  const bytes = counted.reduce((sum, one) => sum + one.bytes, 0)
  noteWaiting(transaction, queue, { jobs: -counted.length, bytes: -bytes })
  return removed
}

function dropRecordsOf(
  transaction: Transaction,
  queue: number,
  removed: readonly Pick<Removed, 'id' | 'name'>[],
): void {
  for (const { id, name } of removed) {
    if (name !== null) dropRecordOf(transaction, queue, name, id)
  }
}

/** One step of removing a queue: it is paused, so that nothing is claimed, until there is nothing left. */
export function obliterate(
  transaction: Transaction,
  name: string,
  { force, limit }: ObliterationStep,
  purge: (transaction: Transaction, name: string, limit: number) => number,
): Obliteration {
  const queue = findQueue(transaction, name)
  if (!queue) return { tag: 'gone', count: 0 }
  const lease = transaction.get<{ id: number }>(
    'SELECT id FROM epoch WHERE queue = ? AND deadline_us IS NOT NULL LIMIT 1',
    queue.id,
  )
  if (lease && !force) return { tag: 'busy', inFlight: inFlightOf(transaction, queue.id) }
  const held = transaction.all<Pick<Removed, 'id' | 'name' | 'strand'>>(
    'DELETE FROM job WHERE state = 2 AND epoch = ? RETURNING id, record AS name, strand',
    lease?.id ?? null,
  )
  dropRecordsOf(transaction, queue.id, held)
  for (const { strand } of held) {
    const first = strand === null ? undefined : firstOf(transaction, queue.id, strand)
    if (strand !== null && first) takeOff(transaction, queue.id, strand, first)
  }
  transaction.run('UPDATE epoch SET deadline_us = NULL WHERE id = ?', lease?.id ?? null)
  const schedules = transaction.run(
    'DELETE FROM schedule WHERE id IN (SELECT id FROM schedule WHERE queue = ? LIMIT ?)',
    queue.id,
    limit,
  )
  const behind = drainBehind(transaction, queue.id, limit)
  const waiting = removeWaiting(transaction, queue.id, limit - behind, '')
  const jobs = waiting.filter((one) => !one.name?.startsWith(SCHEDULE_PREFIX))
  const dead = purge(transaction, name, limit)
  const done = dropDone(transaction, queue.id, limit)
  const gates = dropEmptyGates(transaction, queue.id, limit)
  const isGone = held.length + schedules + behind + waiting.length + dead + done + gates === 0
  const sql = `UPDATE queue SET is_paused = ?1, partitions = CASE ?1 WHEN 0 THEN 0 ELSE partitions END
    WHERE id = ?2`
  transaction.run(sql, isGone ? 0 : 1, queue.id)
  return isGone
    ? { tag: 'gone', count: 0 }
    : { tag: 'step', count: held.length + behind + jobs.length + dead, epoch: '' }
}

function inFlightOf(transaction: Transaction, queue: number): number {
  const row = transaction.get<{ n: number }>(
    `SELECT count(*) AS n FROM job WHERE state = 2 AND epoch IN (
       SELECT id FROM epoch WHERE queue = ? AND deadline_us IS NOT NULL)`,
    queue,
  )
  return row?.n ?? 0
}
