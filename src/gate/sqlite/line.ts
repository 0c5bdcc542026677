import { toUs } from '../../duration.ts'
import type { Transaction } from '../../engine/sqlite/engine.ts'
import { JOB_COUNTS_MS } from '../store.ts'

/** What stands in the line of a gate: a caller that waits, or one who waits for jobs. */
export type WaiterKind = 'caller' | 'job'

export interface Waiter {
  place: number
  owner: string
  kind: WaiterKind
  /** A waiter that did not ask again by then is passed over. */
  deadlineUs: number
  /** How long a hand-over to it lasts until it is claimed. */
  claimUs: number
  /** What it asks for; 1 where there is but one. */
  weight: number
  /** 1 for what only one may have at a time beside others, else 0. */
  isSolo: number
  metadata: string
}

type Joining = Pick<Waiter, 'owner' | 'kind' | 'claimUs' | 'weight' | 'metadata'> &
  Partial<Pick<Waiter, 'isSolo'>>

/** Dead waiters removed one by one in front of the head, before the rest is only skipped. */
const MOST_REMOVED = 16
/** A waiter that was only late keeps its place for so long. */
const LATE_US = 60_000_000
/** How long what was asked before a withdrawal is refused. */
export const WITHDRAWAL_US = 60_000_000
/** Rows of each kind that one sweep removes. */
const MOST_SWEPT = 16

const COLUMNS =
  'place, owner, kind, deadline_us AS deadlineUs, claim_us AS claimUs, weight, ' +
  'is_solo AS isSolo, metadata'

/** How long a waiter counts after a call. */
export const countsUs = (kind: WaiterKind, claimUs: number) =>
  kind === 'job' ? toUs(JOB_COUNTS_MS) : claimUs

/** Keeps the owner's place with a fresh deadline, or gives it the last one. Answers the place. */
export function joinLine(transaction: Transaction, gate: string, waiter: Joining): number {
  const { owner, kind, claimUs, weight, isSolo = 0, metadata } = waiter
  const row = transaction.get<{ place: number }>(
    `INSERT INTO waiter (gate, place, owner, kind, deadline_us, claim_us, weight, is_solo, metadata)
     VALUES (?1, coalesce((SELECT max(place) FROM waiter WHERE gate = ?1), 0) + 1,
       ?2, ?3, ?4, ?5, ?6, ?7, ?8)
     ON CONFLICT (owner, gate) DO UPDATE
     SET deadline_us = excluded.deadline_us, claim_us = excluded.claim_us
     RETURNING place`,
    gate,
    owner,
    kind,
    transaction.nowUs + countsUs(kind, claimUs),
    claimUs,
    weight,
    isSolo,
    metadata,
  )
  return row?.place ?? 0
}

/** Keeps the owner's place with a fresh deadline and what it asks for now, or gives it the first one. */
export function joinInFront(transaction: Transaction, gate: string, waiter: Joining): void {
  const { owner, kind, claimUs, weight, isSolo = 0, metadata } = waiter
  transaction.run(
    `INSERT INTO waiter (gate, place, owner, kind, deadline_us, claim_us, weight, is_solo, metadata)
     VALUES (?1, coalesce((SELECT min(place) FROM waiter WHERE gate = ?1), 0) - 1,
       ?2, ?3, ?4, ?5, ?6, ?7, ?8)
     ON CONFLICT (owner, gate) DO UPDATE
     SET deadline_us = excluded.deadline_us, claim_us = excluded.claim_us,
       weight = excluded.weight, is_solo = excluded.is_solo`,
    gate,
    owner,
    kind,
    transaction.nowUs + countsUs(kind, claimUs),
    claimUs,
    weight,
    isSolo,
    metadata,
  )
}

/** How many live waiters stand in front of the place, or in the whole line. */
export function countWaiters(
  transaction: Transaction,
  gate: string,
  before: number = Number.MAX_SAFE_INTEGER,
): number {
  const row = transaction.get<{ count: number }>(
    'SELECT count(*) AS count FROM waiter WHERE gate = ? AND place < ? AND deadline_us >= ?',
    gate,
    before,
    transaction.nowUs,
  )
  return row?.count ?? 0
}

/** The live waiter that has waited longest. Removes dead ones in front of it. */
export function headOfLine(transaction: Transaction, gate: string): Waiter | undefined {
  for (let removed = 0; removed < MOST_REMOVED; removed++) {
    const first = transaction.get<Waiter>(
      `SELECT ${COLUMNS} FROM waiter WHERE gate = ? ORDER BY place LIMIT 1`,
      gate,
    )
    if (!first || first.deadlineUs >= transaction.nowUs) return first
    transaction.run('DELETE FROM waiter WHERE gate = ? AND place = ?', gate, first.place)
  }
  return transaction.get<Waiter>(
    `SELECT ${COLUMNS} FROM waiter WHERE gate = ? AND deadline_us >= ? ORDER BY place LIMIT 1`,
    gate,
    transaction.nowUs,
  )
}

/** The first live waiter of a client. Owners are `<clientId>.<number>`, and `/` comes after `.`. */
export function ownWaiter(
  transaction: Transaction,
  gate: string,
  clientId: string,
): Waiter | undefined {
  return transaction.get<Waiter>(
    `SELECT ${COLUMNS} FROM waiter
     WHERE gate = ? AND deadline_us >= ? AND owner > ? AND owner < ? ORDER BY place LIMIT 1`,
    gate,
    transaction.nowUs,
    `${clientId}.`,
    `${clientId}/`,
  )
}

/** Live waiters in order, at most `limit`. */
export function waitersOf(transaction: Transaction, gate: string, limit: number): Waiter[] {
  return transaction.all<Waiter>(
    `SELECT ${COLUMNS} FROM waiter WHERE gate = ? AND deadline_us >= ? ORDER BY place LIMIT ?`,
    gate,
    transaction.nowUs,
    limit,
  )
}

/** Whether the owner has a place, be it dead or alive. */
export function isInLine(transaction: Transaction, gate: string, owner: string): boolean {
  const sql = 'SELECT 1 FROM waiter WHERE owner = ? AND gate = ?'
  return transaction.get(sql, owner, gate) !== undefined
}

export function leaveLine(transaction: Transaction, gate: string, owner: string): void {
  transaction.run('DELETE FROM waiter WHERE owner = ? AND gate = ?', owner, gate)
}

/** Leaves the line, and refuses for a while what the owner asked before. */
export function withdraw(transaction: Transaction, gate: string, owner: string): void {
  leaveLine(transaction, gate, owner)
  transaction.run(
    `INSERT INTO withdrawal (owner, gate, until_us) VALUES (?, ?, ?)
     ON CONFLICT (owner, gate) DO UPDATE SET until_us = excluded.until_us`,
    owner,
    gate,
    transaction.nowUs + WITHDRAWAL_US,
  )
}

export function hasWithdrawn(transaction: Transaction, gate: string, owner: string): boolean {
  const row = transaction.get<{ until: number }>(
    'SELECT until_us AS until FROM withdrawal WHERE owner = ? AND gate = ?',
    owner,
    gate,
  )
  return row !== undefined && row.until > transaction.nowUs
}

/** Removes some of what has no use any more. Answers whether there may be more. */
export function sweepLines(transaction: Transaction): boolean {
  const waiters = transaction.run(
    `DELETE FROM waiter WHERE (gate, place) IN (
       SELECT gate, place FROM waiter WHERE deadline_us < ? ORDER BY deadline_us LIMIT ${MOST_SWEPT})`,
    transaction.nowUs - LATE_US,
  )
  const withdrawals = transaction.run(
    `DELETE FROM withdrawal WHERE (owner, gate) IN (
       SELECT owner, gate FROM withdrawal WHERE until_us <= ? ORDER BY until_us LIMIT ${MOST_SWEPT})`,
    transaction.nowUs,
  )
  return Math.max(waiters, withdrawals) === MOST_SWEPT
}
