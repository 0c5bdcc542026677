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
  /** It is charged whatever is left. */
  isPenalty?: boolean
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
  const { limit, perUs, isPenalty = false } = take
  const { nowUs } = transaction
  const newest = transaction.get<Entry>(`${NEWEST} ORDER BY upto DESC LIMIT 1`, log)
  const lastUnit = newest?.upto ?? 0
  const goneUpto = unitsUntil(transaction, log, nowUs - perUs, lastUnit)
  const isAhead = newest !== undefined && newest.atUs > nowUs
  const settledUpto = isAhead ? unitsUntil(transaction, log, nowUs, lastUnit) : lastUnit
  const [count, ahead] = [lastUnit - goneUpto, lastUnit - settledUpto]

  const cost = isPenalty ? Math.max(0, Math.min(take.cost, 2 * limit - count)) : take.cost
  let fits = isPenalty || cost <= 0 || count + cost <= limit
  let retryAfterUs: number | null = 0
  if (!fits && cost > limit) retryAfterUs = null
  else if (!fits) {
    // The newest `limit - cost` units may stay in the window; the one before them has to leave.
    retryAfterUs = timeOf(transaction, log, lastUnit - limit + cost) + perUs - nowUs
    // A refusal writes nothing, so it could not pull the future back: one take fits instead.
    fits = retryAfterUs > perUs
  }
  const settled = count - ahead
  const most = isPenalty ? 2 * limit : limit
  const units = cost + Math.max(0, Math.min(ahead, most - cost - settled))
  const charge = { units, afterUnit: settledUpto, goneUpto }
  if (fits && cost > 0) {
    const remaining = Math.max(0, limit - settled - units)
    return { answer: { allowed: true, remaining, retryAfterUs: 0, resetAfterUs: perUs }, charge }
  }
  // What is given back was taken last.
  const back = Math.min(count, Math.max(0, -cost))
  const kept = back === 0 ? newest : entryOf(transaction, log, lastUnit - back)
  const lastUs = Math.min(kept?.atUs ?? Number.NEGATIVE_INFINITY, nowUs)
  const answer = {
    allowed: fits,
    remaining: Math.max(0, limit - count + back),
    retryAfterUs,
    resetAfterUs: Math.max(0, lastUs + perUs - nowUs),
  }
  return { answer, charge: { units: -back, afterUnit: lastUnit - back, goneUpto } }
}

/** Takes that one charge removes at most, beyond twice what it adds. */
const MOST_REMOVED = 100

/** Writes an allowed take: units from the future become units of now, and old ones go. */
export function chargeLog(
  transaction: Transaction,
  log: number,
  { units, afterUnit, goneUpto }: LogVerdict['charge'],
): void {
  if (units <= 0) {
    shorten(transaction, log, afterUnit)
    return
  }
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

/** Removes the units after `lastUnit`; of the take that it belongs to, the rest stays. */
function shorten(transaction: Transaction, log: number, lastUnit: number): void {
  transaction.run('DELETE FROM log_entry WHERE log = ? AND upto - units >= ?', log, lastUnit)
  transaction.run(
    `UPDATE log_entry SET upto = ?2, units = units - (upto - ?2) WHERE log = ?1 AND upto > ?2`,
    log,
    lastUnit,
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

const timeOf = (transaction: Transaction, log: number | null, unit: number): number =>
  entryOf(transaction, log, unit)?.atUs ?? transaction.nowUs

/** The take that the unit belongs to. */
const entryOf = (transaction: Transaction, log: number | null, unit: number) =>
  transaction.get<Entry>(
    `${NEWEST} AND upto >= ?2 AND upto - units < ?2 ORDER BY upto LIMIT 1`,
    log,
    unit,
  )
