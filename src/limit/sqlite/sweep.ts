import type { Transaction } from '../../engine/sqlite/engine.ts'

const MOST_SWEPT = 16
/** Takes of a log that is as good as new, removed by one sweep. */
const MOST_ENTRIES_SWEPT = 200

/** With what tells their rows apart. */
const SMALL_TABLES = {
  funnel: 'limiter, key, place',
  bucket: 'limiter, key, place',
  counter: 'limiter, key, place',
  blocked: 'limiter, key',
  held: 'limiter, key, place, owner',
  request: 'limiter, key, id',
}

/** Removes some keys that are as good as new. Answers whether there may be more. */
export function sweep(transaction: Transaction): boolean {
  const counts = Object.entries(SMALL_TABLES).map(([table, id]) =>
    transaction.run(
      `DELETE FROM ${table} WHERE (${id}) IN (
         SELECT ${id} FROM ${table} WHERE until_us <= ?
         ORDER BY until_us LIMIT ${MOST_SWEPT})`,
      transaction.nowUs,
    ),
  )
  const hasMoreLogs = sweepLogs(transaction)
  return hasMoreLogs || counts.includes(MOST_SWEPT)
}

function sweepLogs(transaction: Transaction): boolean {
  const logs = transaction.all<{ id: number }>(
    `SELECT id FROM sliding_log WHERE until_us <= ? ORDER BY until_us LIMIT ${MOST_SWEPT}`,
    transaction.nowUs,
  )
  let left = MOST_ENTRIES_SWEPT
  for (const { id } of logs) {
    left -= transaction.run(
      `DELETE FROM log_entry WHERE log = ?1 AND upto IN (
         SELECT upto FROM log_entry WHERE log = ?1 ORDER BY upto LIMIT ?2)`,
      id,
      left,
    )
    if (left <= 0) return true
    transaction.run('DELETE FROM sliding_log WHERE id = ?', id)
  }
  return logs.length === MOST_SWEPT
}
