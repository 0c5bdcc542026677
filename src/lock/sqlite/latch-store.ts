import { toUs } from '../../duration.ts'
import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import {
  type LatchRequest,
  type LatchState,
  type LatchStore,
  latchMismatch,
} from '../latch-store.ts'
import { schema } from './latch/schema.gen.ts'

interface LatchRow {
  count: number
  missing: number
  openedUs: number | null
  untilUs: number
}

type Outcome = { tag: 'latch'; row: LatchRow } | { tag: 'mismatch'; agreed: number }

const SWEEP_EVERY_US = 1_000_000
/** Who watches keeps a latch only when less than this is left: a write wakes all other processes. */
const KEPT_SHARE = 0.5

const topicOf = (name: string) => `latch:${name}`

/** Latches in the tables `latch` and `latch_arrival`. */
export function sqliteLatchStore(engine: SqliteEngine): LatchStore {
  engine.define(schema)
  let sweptUs = 0

  /** A clock that was moved back must not put sweeping off. */
  function sweepSometimes(transaction: Transaction): void {
    if (Math.abs(transaction.nowUs - sweptUs) < SWEEP_EVERY_US) return
    const hasMore = sweep(transaction)
    if (!hasMore) sweptUs = transaction.nowUs
  }

  return {
    async arrive(request) {
      const outcome = await engine.write((transaction) => {
        sweepSometimes(transaction)
        return arrive(transaction, request)
      })
      return stateOf(outcome, request).left
    },

    async watch(request) {
      const seen = await engine.read((transaction) => look(transaction, request))
      if (seen) return stateOf(seen, request)
      const write = (transaction: Transaction) => use(transaction, request)
      return stateOf(await engine.write(write, { durable: false }), request)
    },

    async inspect(name) {
      const row = await engine.read((transaction) => readRow(transaction, name))
      return row ? viewOf(row) : null
    },

    onNews: (name, listener) => engine.onChange(topicOf(name), listener),
  }
}

function readRow(transaction: Transaction, name: string): LatchRow | undefined {
  return transaction.get<LatchRow>(
    `SELECT count, missing, opened_us AS openedUs, until_us AS untilUs FROM latch
     WHERE name = ? AND until_us > ?`,
    name,
    transaction.nowUs,
  )
}

/** What a latch is like that need not be kept any longer for now. */
function look(transaction: Transaction, { name, count, keepMs }: LatchRequest): Outcome | null {
  const row = readRow(transaction, name)
  if (row && row.count !== count) return { tag: 'mismatch', agreed: row.count }
  const isKept = row && row.untilUs - transaction.nowUs >= toUs(keepMs) * KEPT_SHARE
  return isKept ? { tag: 'latch', row } : null
}

/** Keeps it for so long from now on, or begins it. */
function use(transaction: Transaction, { name, count, keepMs }: LatchRequest): Outcome {
  const untilUs = transaction.nowUs + toUs(keepMs)
  const row = readRow(transaction, name)
  if (row && row.count !== count) return { tag: 'mismatch', agreed: row.count }
  if (row) {
    const keptUs = Math.max(row.untilUs, untilUs)
    transaction.run('UPDATE latch SET until_us = ? WHERE name = ?', keptUs, name)
    return { tag: 'latch', row: { ...row, untilUs: keptUs } }
  }
  remove(transaction, name)
  transaction.run(
    'INSERT INTO latch (name, count, missing, until_us) VALUES (?, ?, ?, ?)',
    name,
    count,
    count,
    untilUs,
  )
  return { tag: 'latch', row: { count, missing: count, openedUs: null, untilUs } }
}

function arrive(transaction: Transaction, request: LatchRequest & { id: string }): Outcome {
  const used = use(transaction, request)
  if (used.tag === 'mismatch' || used.row.missing === 0) return used
  const { name, id } = request
  const isNew = transaction.run(
    'INSERT INTO latch_arrival (latch, id) VALUES (?, ?) ON CONFLICT DO NOTHING',
    name,
    id,
  )
  const missing = used.row.missing - isNew
  const openedUs = missing === 0 ? transaction.nowUs : null
  const change = 'UPDATE latch SET missing = ?, opened_us = ? WHERE name = ?'
  transaction.run(change, missing, openedUs, name)
  if (missing === 0) {
    transaction.run('DELETE FROM latch_arrival WHERE latch = ?', name)
    transaction.emit(topicOf(name))
  }
  return { tag: 'latch', row: { ...used.row, missing, openedUs } }
}

function remove(transaction: Transaction, name: string): void {
  transaction.run('DELETE FROM latch_arrival WHERE latch = ?', name)
  transaction.run('DELETE FROM latch WHERE name = ?', name)
}

/** Removes one that is kept no longer: it may have thousands of arrivals. Answers whether it did. */
function sweep(transaction: Transaction): boolean {
  const over = transaction.get<{ name: string }>(
    'SELECT name FROM latch WHERE until_us <= ? ORDER BY until_us LIMIT 1',
    transaction.nowUs,
  )
  if (over) remove(transaction, over.name)
  return over !== undefined
}

function stateOf(outcome: Outcome, { name, count }: LatchRequest): LatchState {
  if (outcome.tag === 'mismatch') throw latchMismatch(name, outcome.agreed, count)
  return viewOf(outcome.row)
}

const viewOf = ({ count, missing, openedUs }: LatchRow): LatchState => ({
  count,
  left: missing,
  openedAtMs: openedUs === null ? null : openedUs / 1000,
})
