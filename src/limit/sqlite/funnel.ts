import type { Transaction } from '../../engine/sqlite/engine.ts'
import { type FunnelState, judgeFunnel } from '../funnel.ts'
import type { StoredRule, TakeAnswer, TakeRequest } from '../store.ts'

/** A funnel on one row. */
export function takeFunnel(
  transaction: Transaction,
  { limiter, key, cost, peek }: TakeRequest,
  { capacity, emissionUs }: StoredRule & { kind: 'funnel' },
): TakeAnswer {
  const { nowUs } = transaction
  const state = transaction.get<FunnelState>(
    'SELECT debt_us AS debtUs, at_us AS atUs FROM funnel WHERE limiter = ? AND key = ?',
    limiter,
    key,
  )
  const { next, ...answer } = judgeFunnel(state, { capacity, emissionUs, cost, nowUs })
  if (answer.allowed && !peek) {
    transaction.run(
      `INSERT INTO funnel (limiter, key, debt_us, at_us, until_us) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (limiter, key) DO UPDATE SET
         debt_us = excluded.debt_us, at_us = excluded.at_us, until_us = excluded.until_us`,
      limiter,
      key,
      next.debtUs,
      next.atUs,
      nowUs + answer.resetAfterUs,
    )
  }
  return answer
}
