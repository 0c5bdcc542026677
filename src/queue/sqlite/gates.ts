import { toUs } from '../../duration.ts'
import type { Transaction } from '../../engine/sqlite/engine.ts'
import { type GateView, KEEPER_MS } from '../parking-store.ts'

const KEEPER_US = toUs(KEEPER_MS)
/** Gates that one call is told of. */
const MOST_TOLD = 100
const MOST_SWEPT = 100

export interface GateRow {
  id: number
  name: string
  terms: string
  keeper: string | null
  keptUntilUs: number
  /** Jobs behind it. */
  parked: number
}

const COLUMNS = 'id, name, terms, keeper, kept_until_us AS keptUntilUs, parked'

export function findGate(
  transaction: Transaction,
  queue: number | null,
  name: string,
): GateRow | undefined {
  const sql = `SELECT ${COLUMNS} FROM gate WHERE queue = ? AND name = ?`
  return transaction.get<GateRow>(sql, queue, name)
}

export function ensureGate(transaction: Transaction, queue: number, name: string): GateRow {
  const found = findGate(transaction, queue, name)
  if (found) return found
  const { nowUs } = transaction
  transaction.run('INSERT INTO gate (queue, name, look_us) VALUES (?, ?, ?)', queue, name, nowUs)
  const row = transaction.get<{ id: number }>('SELECT last_insert_rowid() AS id')
  return { id: row?.id ?? 0, name, terms: '', keeper: null, keptUntilUs: 0, parked: 0 }
}

/** Who keeps it and has told so in time. Behind which nothing is parked has none. */
export function keeperOf({ nowUs }: Transaction, gate: GateRow): string | null {
  return gate.parked > 0 && gate.keptUntilUs > nowUs ? gate.keeper : null
}

/** For how long somebody keeps it. */
export const keptForMs = ({ nowUs }: Transaction, { keptUntilUs }: GateRow): number =>
  (keptUntilUs - nowUs) / 1000

/** Somebody keeps it from now on. Answers when it is looked at then. */
export function keepGate(transaction: Transaction, { id }: GateRow, keeper: string): number {
  const untilUs = transaction.nowUs + KEEPER_US
  transaction.run(
    'UPDATE gate SET keeper = ?1, kept_until_us = ?2, look_us = ?2 WHERE id = ?3',
    keeper,
    untilUs,
    id,
  )
  return untilUs
}

/** What its keeper is told of it; null if nothing is parked. */
export function viewOf(transaction: Transaction, gate: GateRow | undefined): GateView | null {
  if (!gate || gate.parked === 0) return null
  const first = transaction.get<{ demand: string }>(
    'SELECT demand FROM job WHERE state = 4 AND gate = ? ORDER BY rank, round, id LIMIT 1',
    gate.id,
  )
  return { terms: gate.terms, count: gate.parked, demand: first?.demand ?? '' }
}

/** So many more are parked behind it, or less. */
export function noteParked(transaction: Transaction, gate: number, count: number): void {
  transaction.run('UPDATE gate SET parked = parked + ? WHERE id = ?', count, gate)
}

/** Jobs left the gates that they were parked behind; those that were not parked have none. */
export function leaveGates(
  transaction: Transaction,
  jobs: readonly { gate: number | null }[],
): void {
  const counts = new Map<number, number>()
  for (const { gate } of jobs) {
    if (gate !== null) counts.set(gate, (counts.get(gate) ?? 0) + 1)
  }
  for (const [gate, count] of counts) noteParked(transaction, gate, -count)
}

/** When the next gate is looked at. */
export function firstLookUs(transaction: Transaction, queue: number): number | null {
  const row = transaction.get<{ look: number }>(
    'SELECT look_us AS look FROM gate WHERE queue = ? ORDER BY look_us LIMIT 1',
    queue,
  )
  return row?.look ?? null
}

/** The first of two instants, as far as there are any. */
export const earlier = (one: number | null, other: number | null): number | null =>
  one === null || other === null ? (one ?? other) : Math.min(one, other)

/**
 * Gates whose look is due. Nobody else is told of them until who called had time to keep them; behind which
 * nothing is parked are forgotten.
 */
export function takeLooks(transaction: Transaction, queue: number): string[] {
  const { nowUs } = transaction
  const due = transaction.all<{ id: number; name: string; parked: number }>(
    `SELECT id, name, parked FROM gate WHERE queue = ? AND look_us <= ?
     ORDER BY look_us, id LIMIT ${MOST_TOLD}`,
    queue,
    nowUs,
  )
  const told: string[] = []
  for (const { id, name, parked } of due) {
    if (parked === 0) {
      forgetGate(transaction, id)
      continue
    }
    transaction.run('UPDATE gate SET look_us = ? WHERE id = ?', nowUs + KEEPER_US, id)
    told.push(name)
  }
  return told
}

export function forgetGate(transaction: Transaction, gate: number): void {
  transaction.run('DELETE FROM gate WHERE id = ?', gate)
  transaction.run('DELETE FROM turn WHERE gate = ?', gate)
}

/** Forgets some gates behind which nothing is parked. Answers how many. */
export function dropEmptyGates(
  transaction: Transaction,
  queue: number,
  limit = MOST_SWEPT,
): number {
  const empty = transaction.all<{ id: number }>(
    'SELECT id FROM gate WHERE queue = ? AND parked = 0 LIMIT ?',
    queue,
    limit,
  )
  for (const { id } of empty) forgetGate(transaction, id)
  return empty.length
}
