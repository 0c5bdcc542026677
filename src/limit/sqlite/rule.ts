import type { Transaction } from '../../engine/sqlite/engine.ts'
import { type BucketState, judgeBucket } from '../bucket.ts'
import { type CounterState, judgeCounter } from '../counter.ts'
import { type FunnelState, judgeFunnel } from '../funnel.ts'
import type { RuleKind, StoredRule, TakeAnswer } from '../store.ts'
import { judgeLeases } from './leases.ts'
import { type Address, HERE, rowsOf } from './rows.ts'
import { chargeLog, judgeLog } from './sliding-log.ts'

export interface Judged {
  answer: TakeAnswer
  /** Writes what an allowed take changes. */
  charge: () => void
}

/** What is unusual about a take. */
export interface How {
  /** It may be so far in the future. */
  putOffUs?: number
  /** It is charged whatever the rule says. */
  isPenalty?: boolean
  /** Of leases. */
  owner?: string
}

/** A take, as rules are asked about it. */
export interface Asked extends How {
  cost: number
}

type RuleOf<Kind extends RuleKind> = StoredRule & { kind: Kind }

/** Judges one take by one rule; changes nothing itself. */
export function judge(
  transaction: Transaction,
  rule: StoredRule,
  address: Address,
  cost: number,
  how: How = {},
): Judged {
  switch (rule.kind) {
    case 'funnel':
      return byFunnel(transaction, rule, address, { cost, ...how })
    case 'bucket':
      return byBucket(transaction, rule, address, { cost, ...how })
    case 'counter':
      return byCounter(transaction, rule, address, { cost, ...how })
    case 'slidingLog':
      return byLog(transaction, rule, address, { cost, ...how })
    case 'concurrency':
      return judgeLeases(transaction, rule, address, { cost, ...how })
  }
}

/** A row stays for so long after it is as good as new: keys come back, and sweeps have time. */
const SPARE_US = 10e6

const funnelColumns = { debtUs: 'debt_us', atUs: 'at_us' }
export const funnels = rowsOf<FunnelState>('funnel', funnelColumns, SPARE_US)
/** When a bucket may go moves by whole steps, and mostly stays. */
export const buckets = rowsOf<BucketState>('bucket', { used: 'used', atUs: 'at_us' }, 0)

function byFunnel(
  transaction: Transaction,
  { capacity, emissionUs }: RuleOf<'funnel'>,
  address: Address,
  take: Asked,
): Judged {
  const { nowUs } = transaction
  const state = funnels.read(transaction, address)
  const { next, ...answer } = judgeFunnel(state, { capacity, emissionUs, nowUs, ...take })
  return { answer, charge: () => funnels.write(transaction, address, next, answer.resetAfterUs) }
}

function byBucket(
  transaction: Transaction,
  rule: RuleOf<'bucket'>,
  address: Address,
  take: Asked,
): Judged {
  const { nowUs } = transaction
  const state = buckets.read(transaction, address)
  const { next, ...answer } = judgeBucket(state, { ...rule, nowUs, ...take })
  return { answer, charge: () => buckets.write(transaction, address, next, answer.resetAfterUs) }
}

function byCounter(
  transaction: Transaction,
  rule: RuleOf<'counter'>,
  { limiter, key, place }: Address,
  take: Asked,
): Judged {
  const { nowUs } = transaction
  const row = transaction.get<{ counts: string; atUs: number }>(
    `SELECT counts, at_us AS atUs FROM counter ${HERE}`,
    limiter,
    key,
    place,
  )
  const state = row && { counts: JSON.parse(row.counts) as CounterState['counts'], atUs: row.atUs }
  const { next, ...answer } = judgeCounter(state, { ...rule, nowUs, ...take })
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
  take: Asked,
): Judged {
  const found = transaction.get<{ id: number }>(
    `SELECT id FROM sliding_log ${HERE}`,
    limiter,
    key,
    place,
  )
  const verdict = judgeLog(transaction, found?.id ?? null, { limit, perUs, ...take })
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

/** Makes a state as good as new. */
export function forget(transaction: Transaction, kind: RuleKind, address: Address): void {
  const { limiter, key, place } = address
  switch (kind) {
    case 'funnel':
      return funnels.forget(transaction, address)
    case 'bucket':
      return buckets.forget(transaction, address)
    case 'counter':
      transaction.run(`DELETE FROM counter ${HERE}`, limiter, key, place)
      return
    case 'concurrency':
      transaction.run(`DELETE FROM held ${HERE}`, limiter, key, place)
      return
    case 'slidingLog':
      // A long log is put aside, where sweeps remove it step by step.
      transaction.run(
        `UPDATE sliding_log SET place = -id, until_us = 0 ${HERE}`,
        ...[limiter, key, place],
      )
  }
}
