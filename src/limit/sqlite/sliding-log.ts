import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { StoredRule, TakeAnswer, TakeRequest } from '../store.ts'

interface Window {
  /** Units in the window, those of the future included. */
  count: number
  newestUs: number
  /** Units from the future: a clock ran ahead. They count as units of now. */
  ahead: number
}

/** A sliding log on the rows of one key. The same steps as `redis/sliding-log.lua`. */
export function takeLog(
  transaction: Transaction,
  { limiter, key, cost, peek }: TakeRequest,
  { limit, perUs }: StoredRule & { kind: 'slidingLog' },
): TakeAnswer {
  const { nowUs } = transaction
  const { count, newestUs, ahead } = readWindow(transaction, limiter, key, perUs)
  const leaverUs =
    cost > limit || cost === 0 || count + cost <= limit
      ? null
      : readLeaver(transaction, limiter, key, limit - cost + 1)
  const retryAfterUs = leaverUs === null ? 0 : leaverUs + perUs - nowUs
  // A refusal writes nothing, so it could not pull the future back: one take fits instead.
  const allowed = cost <= limit && (retryAfterUs <= 0 || retryAfterUs > perUs)
  if (!allowed || cost === 0) {
    return {
      allowed,
      remaining: Math.max(0, limit - count),
      retryAfterUs: cost > limit ? null : retryAfterUs,
      resetAfterUs: Math.max(0, Math.min(newestUs, nowUs) + perUs - nowUs),
    }
  }
  const settled = count - ahead
  const units = cost + Math.max(0, Math.min(ahead, limit - cost - settled))
  if (!peek) charge(transaction, { limiter, key, perUs, units, ahead })
  const remaining = Math.max(0, limit - settled - units)
  return { allowed, remaining, retryAfterUs: 0, resetAfterUs: perUs }
}

function readWindow(transaction: Transaction, limiter: string, key: string, perUs: number): Window {
  const { nowUs } = transaction
  const row = transaction.get<Window>(
    `SELECT ifnull(sum(units), 0) AS count, ifnull(max(at_us), 0) AS newestUs,
       ifnull(sum(CASE WHEN at_us > ?4 THEN units ELSE 0 END), 0) AS ahead
     FROM log_entry WHERE limiter = ?1 AND key = ?2 AND at_us > ?3`,
    limiter,
    key,
    nowUs - perUs,
    nowUs,
  )
  return row ?? { count: 0, newestUs: 0, ahead: 0 }
}

/** When the unit was admitted that is the `nth` newest: it has to leave before the take fits. */
function readLeaver(transaction: Transaction, limiter: string, key: string, nth: number): number {
  const row = transaction.get<{ atUs: number }>(
    `SELECT at_us AS atUs FROM (
       SELECT at_us, sum(units) OVER (ORDER BY at_us DESC) AS total
       FROM log_entry WHERE limiter = ? AND key = ?)
     WHERE total >= ? ORDER BY at_us DESC LIMIT 1`,
    limiter,
    key,
    nth,
  )
  return row?.atUs ?? 0
}

function charge(
  transaction: Transaction,
  entry: { limiter: string; key: string; perUs: number; units: number; ahead: number },
): void {
  const { nowUs } = transaction
  const { limiter, key, perUs, units, ahead } = entry
  if (ahead > 0) {
    transaction.run(
      'DELETE FROM log_entry WHERE limiter = ? AND key = ? AND at_us > ?',
      limiter,
      key,
      nowUs,
    )
  }
  transaction.run(
    `INSERT INTO log_entry (limiter, key, at_us, units, until_us) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (limiter, key, at_us) DO UPDATE SET units = units + excluded.units`,
    limiter,
    key,
    nowUs,
    units,
    nowUs + perUs,
  )
}
