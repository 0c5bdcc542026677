import type { Transaction } from '../../engine/sqlite/engine.ts'
import { waitersOf } from '../../gate/sqlite/line.ts'
import type { Grant, Owner } from '../../gate/store.ts'
import type { StoredPermit, StoredSemaphore } from '../store.ts'

/** A view shows no more holders, and no more waiters, than these. */
const MOST_VIEWED = 100

interface HolderRow {
  owner: Owner
  weight: number
  isSolo: number
  fence: number
  sinceUs: number
  expiresUs: number
  metadata: string
}

/** Of all gates whose name begins so: their names are between the two, `;` comes after `:`. */
const rangeOf = (prefix: string) => [`${prefix}:`, `${prefix};`] as const

/** Leases that are over are left out; the next call that writes removes them. */
export function viewOf(transaction: Transaction, prefix: string, name: string): StoredSemaphore {
  const gate = `${prefix}:${name}`
  const { nowUs } = transaction
  const permits = transaction.get<{ permits: number }>(
    'SELECT permits FROM semaphore WHERE gate = ?',
    gate,
  )
  const sum = transaction.get<{ used: number }>(
    'SELECT coalesce(sum(weight), 0) AS used FROM permit WHERE gate = ? AND expires_us > ?',
    gate,
    nowUs,
  )
  const holders = transaction.all<HolderRow>(
    `SELECT owner, weight, is_solo AS isSolo, fence, since_us AS sinceUs, expires_us AS expiresUs,
       metadata
     FROM permit WHERE gate = ? AND expires_us > ? ORDER BY since_us, fence LIMIT ${MOST_VIEWED}`,
    gate,
    nowUs,
  )
  return {
    name,
    permits: permits?.permits ?? 0,
    used: sum?.used ?? 0,
    holders: holders.map((row) => holderOf(row, nowUs)),
    waiters: waitersOf(transaction, gate, MOST_VIEWED).map(
      ({ owner, kind, metadata, weight, isSolo }) => ({
        owner,
        kind,
        metadata,
        weight,
        solo: isSolo === 1,
      }),
    ),
  }
}

/** Names of what is held or waited for. */
export function namesInUse(transaction: Transaction, prefix: string, limit: number): string[] {
  const [first, end] = rangeOf(prefix)
  const rows = transaction.all<{ gate: string }>(
    `SELECT gate FROM permit WHERE gate >= ?1 AND gate < ?2 AND expires_us > ?3
     UNION SELECT gate FROM waiter WHERE gate >= ?1 AND gate < ?2 AND deadline_us >= ?3
     LIMIT ?4`,
    first,
    end,
    transaction.nowUs,
    limit,
  )
  return rows.map(({ gate }) => gate.slice(first.length))
}

/** What was handed over and is not claimed yet, of the owners between the two. */
export function findGranted(
  transaction: Transaction,
  prefix: string,
  above: Owner,
  below: Owner,
): Grant[] {
  return transaction.all<Grant>(
    `SELECT owner, fence FROM permit WHERE is_granted = 1 AND owner > ? AND owner < ?
       AND gate >= ? AND gate < ? AND expires_us > ?`,
    above,
    below,
    ...rangeOf(prefix),
    transaction.nowUs,
  )
}

function holderOf(row: HolderRow, nowUs: number): StoredPermit {
  const { owner, weight, isSolo, fence, sinceUs, expiresUs, metadata } = row
  const remainingMs = (expiresUs - nowUs) / 1000
  return {
    owner,
    weight,
    solo: isSolo === 1,
    fence,
    sinceMs: sinceUs / 1000,
    remainingMs,
    metadata,
  }
}
