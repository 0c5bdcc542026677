import type { Transaction } from '../../engine/sqlite/engine.ts'

/** What is left of a key's block; 0 without one. One that is too far off is of a clock that ran ahead. */
export function blockedForUs(transaction: Transaction, limiter: string, key: string): number {
  if (!hasBlocks(transaction)) return 0
  const block = transaction.get<{ untilUs: number; forUs: number }>(
    'SELECT until_us AS untilUs, for_us AS forUs FROM blocked WHERE limiter = ? AND key = ?',
    limiter,
    key,
  )
  if (block === undefined) return 0
  const leftUs = block.untilUs - transaction.nowUs
  return leftUs > 2 * block.forUs ? 0 : Math.max(0, leftUs)
}

const HAS_BLOCKS = 'limit blocks'

/** Mostly there are none at all: then no take looks for one. */
function hasBlocks(transaction: Transaction): boolean {
  const known = transaction.memo.get(HAS_BLOCKS)
  if (known !== undefined) return known === true
  const found = transaction.get('SELECT 1 FROM blocked LIMIT 1') !== undefined
  transaction.memo.set(HAS_BLOCKS, found)
  return found
}

/** A block that lasts longer stays. */
export function putBlock(
  transaction: Transaction,
  { limiter, key }: { limiter: string; key: string },
  forUs: number,
): void {
  if (blockedForUs(transaction, limiter, key) >= forUs) return
  transaction.memo.set(HAS_BLOCKS, true)
  transaction.run(
    'INSERT OR REPLACE INTO blocked (limiter, key, until_us, for_us) VALUES (?, ?, ?, ?)',
    ...[limiter, key, transaction.nowUs + forUs, forUs],
  )
}

export function liftBlock(transaction: Transaction, limiter: string, key: string): void {
  transaction.run('DELETE FROM blocked WHERE limiter = ? AND key = ?', limiter, key)
}
