import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import { type FunnelState, judgeFunnel } from '../funnel.ts'
import type { LimitStore, StoredRule, TakeAnswer, TakeRequest } from '../store.ts'
import { schema } from './schema.gen.ts'
import { chargeLog, judgeLog } from './sliding-log.ts'

type FunnelRule = StoredRule & { kind: 'funnel' }
type LogRule = StoredRule & { kind: 'slidingLog' }

const SWEEP_EVERY_US = 1_000_000
const MOST_SWEPT = 16
/** Takes of a log that is as good as new, removed by one sweep. */
const MOST_ENTRIES_SWEPT = 200

/** Limits in the tables `funnel`, `sliding_log` and `log_entry`. */
export function sqliteLimitStore(engine: SqliteEngine): LimitStore {
  engine.define(schema)
  let sweptUs = 0

  /** With takes that are charged alone: the others change nothing. */
  function sweepSometimes(transaction: Transaction): void {
    if (Math.abs(transaction.nowUs - sweptUs) < SWEEP_EVERY_US) return
    const hasMore = sweep(transaction)
    if (!hasMore) sweptUs = transaction.nowUs
  }

  return {
    take(request) {
      const isLook = request.peek || request.cost === 0
      if (isLook) return engine.read((transaction) => judge(transaction, request).answer)
      return engine.write((transaction) => {
        const { answer, charge } = judge(transaction, request)
        if (!answer.allowed) return answer
        charge()
        sweepSometimes(transaction)
        return answer
      })
    },

    list: (limit) =>
      engine.read((transaction) =>
        transaction
          .all<{ limiter: string; key: string }>(
            `SELECT limiter, key FROM funnel WHERE until_us > ?1
           UNION SELECT limiter, key FROM sliding_log WHERE until_us > ?1 LIMIT ?2`,
            transaction.nowUs,
            limit,
          )
          .map(({ limiter, key }) => ({ limiter, key })),
      ),
  }
}

interface Judged {
  answer: TakeAnswer
  charge: () => void
}

function judge(transaction: Transaction, request: TakeRequest): Judged {
  return request.rule.kind === 'funnel'
    ? takeFunnel(transaction, request, request.rule)
    : takeLog(transaction, request, request.rule)
}

function takeFunnel(
  transaction: Transaction,
  { limiter, key, cost }: TakeRequest,
  { capacity, emissionUs }: FunnelRule,
): Judged {
  const { nowUs } = transaction
  const state = transaction.get<FunnelState>(
    'SELECT debt_us AS debtUs, at_us AS atUs FROM funnel WHERE limiter = ? AND key = ?',
    limiter,
    key,
  )
  const verdict = judgeFunnel(state, { capacity, emissionUs, cost, nowUs })
  const { next, ...answer } = verdict
  const charge = () => {
    transaction.run(
      `INSERT INTO funnel (limiter, key, debt_us, at_us, until_us) VALUES (?, ?, ?, ?, ?)
       ON CONFLICT (limiter, key) DO UPDATE SET debt_us = excluded.debt_us,
         at_us = excluded.at_us, until_us = excluded.until_us`,
      limiter,
      key,
      next.debtUs,
      next.atUs,
      nowUs + answer.resetAfterUs,
    )
  }
  return { answer, charge }
}

function takeLog(
  transaction: Transaction,
  { limiter, key, cost }: TakeRequest,
  { limit, perUs }: LogRule,
): Judged {
  const found = transaction.get<{ id: number }>(
    'SELECT id FROM sliding_log WHERE limiter = ? AND key = ?',
    limiter,
    key,
  )
  const verdict = judgeLog(transaction, found?.id ?? null, { limit, perUs, cost })
  const charge = () => {
    const row = transaction.get<{ id: number }>(
      `INSERT INTO sliding_log (limiter, key, until_us) VALUES (?, ?, ?)
       ON CONFLICT (limiter, key) DO UPDATE SET until_us = excluded.until_us RETURNING id`,
      limiter,
      key,
      transaction.nowUs + verdict.answer.resetAfterUs,
    )
    if (row) chargeLog(transaction, row.id, verdict.charge)
  }
  return { answer: verdict.answer, charge }
}

/** Removes some keys that are as good as new. Answers whether there may be more. */
function sweep(transaction: Transaction): boolean {
  const { nowUs } = transaction
  const funnels = transaction.run(
    `DELETE FROM funnel WHERE (limiter, key) IN (
       SELECT limiter, key FROM funnel WHERE until_us <= ? ORDER BY until_us LIMIT ${MOST_SWEPT})`,
    nowUs,
  )
  const logs = transaction.all<{ id: number }>(
    `SELECT id FROM sliding_log WHERE until_us <= ? ORDER BY until_us LIMIT ${MOST_SWEPT}`,
    nowUs,
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
  return funnels === MOST_SWEPT || logs.length === MOST_SWEPT
}
