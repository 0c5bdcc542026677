import type { Transaction } from '../../engine/sqlite/engine.ts'
import { sweepLines } from '../../gate/sqlite/line.ts'
import { Permits } from './permits.ts'

/** An idle semaphore keeps its fence for a day. */
const IDLE_US = 86_400_000_000
const SWEEP_EVERY_US = 1_000_000
const MOST_SWEPT = 16

/** Removes what has no use any more, some of it about once in a second. */
export class Sweeper {
  private sweptUs = 0

  /** A clock that was moved back must not put sweeping off. */
  sweepSometimes(transaction: Transaction): void {
    if (Math.abs(transaction.nowUs - this.sweptUs) < SWEEP_EVERY_US) return
    const hasMore = sweep(transaction)
    if (!hasMore) this.sweptUs = transaction.nowUs
  }
}

/** Answers whether there may be more. */
function sweep(transaction: Transaction): boolean {
  const idle = transaction.all<{ gate: string }>(
    `SELECT gate FROM semaphore WHERE until_us <= ? ORDER BY until_us LIMIT ${MOST_SWEPT}`,
    transaction.nowUs - IDLE_US,
  )
  for (const { gate } of idle) {
    if (remove(transaction, gate)) return true
  }
  return sweepLines(transaction) || idle.length === MOST_SWEPT
}

/** Those who died holding it are still there. Answers whether they were too many for once. */
function remove(transaction: Transaction, gate: string): boolean {
  const permits = new Permits(transaction, gate, 0)
  const hasMore = permits.letExpiredGo()
  if (permits.used > 0) permits.save()
  else transaction.run('DELETE FROM semaphore WHERE gate = ?', gate)
  return hasMore
}
