import type { Transaction } from '../../engine/sqlite/engine.ts'

/** Stands for all keys of a rank: the round of the last job of it that was let in. */
const ALL = ''

/**
 * Where jobs of several keys wait behind one gate, the keys take turns: of each rank, a job comes in the round behind the last one
 * of its key, and not before the round of who was let in last. So who parks a thousand has a job in each of a
 * thousand rounds, and who comes then has one in the round that it is now.
 */
export function nextRound(
  transaction: Transaction,
  gate: number,
  rank: number,
  key: string,
): number {
  const nowIn = lastRound(transaction, gate, rank, ALL)
  if (nowIn === null) keepRound(transaction, { gate, rank, key: ALL, round: transaction.nowUs })
  const ofKey = lastRound(transaction, gate, rank, key) ?? 0
  const round = Math.max(nowIn ?? transaction.nowUs, ofKey + 1)
  keepRound(transaction, { gate, rank, key, round })
  return round
}

/** A job of that rank and round was let in. Keys whose last round is over are forgotten. */
export function noteRound(
  transaction: Transaction,
  gate: number,
  { rank, round }: { rank: number; round: number },
): void {
  if (round === 0) return
  keepRound(transaction, { gate, rank, key: ALL, round })
  const over = 'DELETE FROM turn WHERE gate = ? AND rank = ? AND round < ?'
  transaction.run(over, gate, rank, round)
}

interface Turn {
  gate: number
  rank: number
  key: string
  round: number
}

function lastRound(
  transaction: Transaction,
  gate: number,
  rank: number,
  key: string,
): number | null {
  const sql = 'SELECT round FROM turn WHERE gate = ? AND rank = ? AND key = ?'
  return transaction.get<{ round: number }>(sql, gate, rank, key)?.round ?? null
}

function keepRound(transaction: Transaction, { gate, rank, key, round }: Turn): void {
  transaction.run(
    `INSERT INTO turn (gate, rank, key, round) VALUES (?1, ?2, ?3, ?4)
     ON CONFLICT (gate, rank, key) DO UPDATE SET round = ?4`,
    gate,
    rank,
    key,
    round,
  )
}
