import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { TakeAnswer } from '../store.ts'

interface Entry {
  upto: number
  atUs: number
  units: number
}

interface LogTake {
  limit: number
  perUs: number
  cost: number
}

export interface LogVerdict {
  answer: TakeAnswer
  /** What to write if the take is allowed and is no peek. */
  charge: { units: number; afterUnit: number; goneUpto: number }
}

const NEWEST = 'SELECT upto, at_us AS atUs, units FROM log_entry WHERE log = ?'

/**
 * Judges one take on the log, which is null for a key without one; changes nothing. A unit from the
 * future, left by a clock that ran ahead, counts as one of now, and is written as such by the next
 * charge. The same rules as `redis/sliding-log.lua`: both engines give the same answers.
 */
export function judgeLog(transaction: Transaction, log: number | null, take: LogTake): LogVerdict {
  const { limit, perUs, cost } = take
  const { nowUs } = transaction
  const newest = transaction.get<Entry>(`${NEWEST} ORDER BY upto DESC LIMIT 1`, log)
  const lastUnit = newest?.upto ?? 0
  const goneUpto = unitsUntil(transaction, log, nowUs - perUs, lastUnit)
  const isAhead = newest !== undefined && newest.atUs > nowUs
  const settledUpto = isAhead ? unitsUntil(transaction, log, nowUs, lastUnit) : lastUnit
  const [count, ahead] = [lastUnit - goneUpto, lastUnit - settledUpto]

  let fits = cost === 0 || count + cost <= limit
  let retryAfterUs: number | null = 0
  if (!fits && cost > limit) retryAfterUs = null
  else if (!fits) {
    // The newest `limit - cost` units may stay in the window; the one before them has to leave.
    retryAfterUs = timeOf(transaction, log, lastUnit - limit + cost) + perUs - nowUs
    // A refusal writes nothing, so it could not pull the future back: one take fits instead.
    fits = retryAfterUs > perUs
  }
  const settled = count - ahead
  const units = cost + Math.max(0, Math.min(ahead, limit - cost - settled))
  const charge = { units, afterUnit: settledUpto, goneUpto }
  if (fits && cost > 0) {
    const remaining = Math.max(0, limit - settled - units)
    return { answer: { allowed: true, remaining, retryAfterUs: 0, resetAfterUs: perUs }, charge }
  }
  const lastUs = Math.min(newest?.atUs ?? Number.NEGATIVE_INFINITY, nowUs)
  const answer = {
    allowed: fits,
    remaining: Math.max(0, limit - count),
    retryAfterUs,
    resetAfterUs: Math.max(0, lastUs + perUs - nowUs),
  }
  return { answer, charge }
}

/** Takes that one charge removes at most, beyond twice what it adds. */
const MOST_REMOVED = 100

/** Writes an allowed take: units from the future become units of now, and old ones go. */
export function chargeLog(
  transaction: Transaction,
  log: number,
  { units, afterUnit, goneUpto }: LogVerdict['charge'],
): void {
  transaction.run('DELETE FROM log_entry WHERE log = ? AND upto > ?', log, afterUnit)
  transaction.run(
    `DELETE FROM log_entry WHERE log = ?1 AND upto IN (
       SELECT upto FROM log_entry WHERE log = ?1 AND upto <= ?2
       ORDER BY upto LIMIT ${MOST_REMOVED})`,
    log,
    goneUpto,
  )
  transaction.run(
    'INSERT INTO log_entry (log, upto, at_us, units) VALUES (?, ?, ?, ?)',
    log,
    afterUnit + units,
    transaction.nowUs,
    units,
  )
}

/** The number of the last unit that was taken at `atUs` or before. */
function unitsUntil(
  transaction: Transaction,
  log: number | null,
  atUs: number,
  lastUnit: number,
): number {
  const first = transaction.get<Entry>(`${NEWEST} AND at_us > ? ORDER BY upto LIMIT 1`, log, atUs)
  return first ? first.upto - first.units : lastUnit
}

function timeOf(transaction: Transaction, log: number | null, unit: number): number {
  const entry = transaction.get<Entry>(`${NEWEST} AND upto >= ? ORDER BY upto LIMIT 1`, log, unit)
  return entry?.atUs ?? transaction.nowUs
}
