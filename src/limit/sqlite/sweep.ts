import type { Transaction } from '../../engine/sqlite/engine.ts'

/** Rows of each table that one take may remove: more than it adds, so that nothing piles up. */
const MOST_SWEPT = 4

/** Removes some of what is as good as new. */
export function sweep(transaction: Transaction): void {
  transaction.run(
    `DELETE FROM funnel WHERE (limiter, key) IN (
       SELECT limiter, key FROM funnel WHERE until_us <= ? ORDER BY until_us LIMIT ${MOST_SWEPT})`,
    transaction.nowUs,
  )
  transaction.run(
    `DELETE FROM log_entry WHERE (limiter, key, at_us) IN (
       SELECT limiter, key, at_us FROM log_entry WHERE until_us <= ? ORDER BY until_us LIMIT ${MOST_SWEPT})`,
    transaction.nowUs,
  )
}
