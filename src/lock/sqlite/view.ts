import type { Transaction } from '../../engine/sqlite/engine.ts'
import { waitersOf } from '../../gate/sqlite/line.ts'
import type { Grant, Owner } from '../../gate/store.ts'
import type { StoredLock } from '../store.ts'
import { gateOf, holderOf, isHeld, type Place, readRow } from './row.ts'

/** A view shows no more waiters than these. */
const MOST_VIEWED = 100

/** Who has it and who waits, as of now. */
export function viewOf(place: Place): StoredLock {
  const { transaction, name } = place
  const row = readRow(place)
  const isTaken = isHeld(row, transaction.nowUs)
  const { fence, metadata } = row ?? { fence: 0, metadata: '' }
  return {
    name,
    holder: isTaken ? { ...holderOf(row, transaction.nowUs), fence, metadata } : null,
    waiters: waitersOf(transaction, gateOf(place), MOST_VIEWED).map((waiter) => ({
      owner: waiter.owner,
      kind: waiter.kind,
      metadata: waiter.metadata,
    })),
  }
}

/** What was handed over to those between two owners, and is not claimed yet. */
export function findGranted(
  transaction: Transaction,
  kind: string,
  above: Owner,
  below: Owner,
): Grant[] {
  return transaction.all<Grant>(
    `SELECT owner, fence FROM lock
     WHERE is_granted = 1 AND owner > ? AND owner < ? AND kind = ? AND expires_us > ?`,
    above,
    below,
    kind,
    transaction.nowUs,
  )
}

/** Held or waited for. */
export function namesInUse(transaction: Transaction, kind: string, limit: number): string[] {
  const { nowUs } = transaction
  const rows = transaction.all<{ name: string }>(
    `SELECT name FROM lock WHERE kind = ?1 AND expires_us > ?2 AND owner IS NOT NULL
     UNION SELECT substr(gate, length(?1) + 2) FROM waiter
     WHERE deadline_us >= ?2 AND gate LIKE ?1 || ':%' LIMIT ?3`,
    kind,
    nowUs,
    limit,
  )
  return rows.map((row) => row.name)
}
