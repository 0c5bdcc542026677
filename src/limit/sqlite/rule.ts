import type { Transaction } from '../../engine/sqlite/engine.ts'
import { type BucketState, judgeBucket } from '../bucket.ts'
import { type CounterState, judgeCounter } from '../counter.ts'
import { type FunnelState, judgeFunnel } from '../funnel.ts'
import type { RuleKind, StoredRule, TakeAnswer } from '../store.ts'
import { chargeLog, judgeLog } from './sliding-log.ts'

/** Which state: that of the first rule of its kind has place 1. */
export interface Address {
  limiter: string
  key: string
  place: number
}

export interface Judged {
  answer: TakeAnswer
  /** Writes what an allowed take changes. */
  charge: () => void
}

type RuleOf<Kind extends RuleKind> = StoredRule & { kind: Kind }

/** Judges one take by one rule; changes nothing itself. */
export function judge(
  transaction: Transaction,
  rule: StoredRule,
  address: Address,
  cost: number,
): Judged {
  switch (rule.kind) {
    case 'funnel':
      return byFunnel(transaction, rule, address, cost)
    case 'bucket':
      return byBucket(transaction, rule, address, cost)
    case 'counter':
      return byCounter(transaction, rule, address, cost)
    case 'slidingLog':
      return byLog(transaction, rule, address, cost)
  }
}

const HERE = 'WHERE limiter = ? AND key = ? AND place = ?'

function byFunnel(
  transaction: Transaction,
  rule: RuleOf<'funnel'>,
  { limiter, key, place }: Address,
  cost: number,
): Judged {
  const { nowUs } = transaction
  const state = transaction.get<FunnelState>(
    `SELECT debt_us AS debtUs, at_us AS atUs FROM funnel ${HERE}`,
    limiter,
    key,
    place,
  )
  const { capacity, emissionUs } = rule
  const { next, ...answer } = judgeFunnel(state, { capacity, emissionUs, cost, nowUs })
  const charge = () => {
    transaction.run(
      `INSERT INTO funnel (limiter, key, place, debt_us, at_us, until_us) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (limiter, key, place) DO UPDATE SET debt_us = excluded.debt_us,
         at_us = excluded.at_us, until_us = excluded.until_us`,
      ...[limiter, key, place, next.debtUs, next.atUs, nowUs + answer.resetAfterUs],
    )
  }
  return { answer, charge }
}

function byBucket(
  transaction: Transaction,
  rule: RuleOf<'bucket'>,
  { limiter, key, place }: Address,
  cost: number,
): Judged {
  const { nowUs } = transaction
  const state = transaction.get<BucketState>(
    `SELECT used, at_us AS atUs FROM bucket ${HERE}`,
    limiter,
    key,
    place,
  )
  const { next, ...answer } = judgeBucket(state, { ...rule, cost, nowUs })
  const charge = () => {
    transaction.run(
      `INSERT INTO bucket (limiter, key, place, used, at_us, until_us) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (limiter, key, place) DO UPDATE SET used = excluded.used,
         at_us = excluded.at_us, until_us = excluded.until_us`,
      ...[limiter, key, place, next.used, next.atUs, nowUs + answer.resetAfterUs],
    )
  }
  return { answer, charge }
}

function byCounter(
  transaction: Transaction,
  rule: RuleOf<'counter'>,
  { limiter, key, place }: Address,
  cost: number,
): Judged {
  const { nowUs } = transaction
  const row = transaction.get<{ counts: string; atUs: number }>(
    `SELECT counts, at_us AS atUs FROM counter ${HERE}`,
    limiter,
    key,
    place,
  )
  const state = row && { counts: JSON.parse(row.counts) as CounterState['counts'], atUs: row.atUs }
  const { next, ...answer } = judgeCounter(state, { ...rule, cost, nowUs })
  const charge = () => {
    transaction.run(
      `INSERT INTO counter (limiter, key, place, counts, at_us, until_us) VALUES (?, ?, ?, ?, ?, ?)
       ON CONFLICT (limiter, key, place) DO UPDATE SET counts = excluded.counts,
         at_us = excluded.at_us, until_us = excluded.until_us`,
      ...[limiter, key, place, JSON.stringify(next.counts), next.atUs],
      nowUs + answer.resetAfterUs,
    )
  }
  return { answer, charge }
}

function byLog(
  transaction: Transaction,
  { limit, perUs }: RuleOf<'slidingLog'>,
  { limiter, key, place }: Address,
  cost: number,
): Judged {
  const found = transaction.get<{ id: number }>(
    `SELECT id FROM sliding_log ${HERE}`,
    limiter,
    key,
    place,
  )
  const verdict = judgeLog(transaction, found?.id ?? null, { limit, perUs, cost })
  const charge = () => {
    const row = transaction.get<{ id: number }>(
      `INSERT INTO sliding_log (limiter, key, place, until_us) VALUES (?, ?, ?, ?)
       ON CONFLICT (limiter, key, place) DO UPDATE SET until_us = excluded.until_us RETURNING id`,
      ...[limiter, key, place, transaction.nowUs + verdict.answer.resetAfterUs],
    )
    if (row) chargeLog(transaction, row.id, verdict.charge)
  }
  return { answer: verdict.answer, charge }
}

const TABLES = { funnel: 'funnel', bucket: 'bucket', counter: 'counter' } as const

/** Makes a state as good as new. */
export function forget(transaction: Transaction, kind: RuleKind, address: Address): void {
  const { limiter, key, place } = address
  if (kind === 'slidingLog') {
    // A long log is put aside, where sweeps remove it step by step.
    transaction.run(
      `UPDATE sliding_log SET place = -id, until_us = 0 ${HERE}`,
      ...[limiter, key, place],
    )
    return
  }
  transaction.run(`DELETE FROM ${TABLES[kind]} ${HERE}`, limiter, key, place)
}
