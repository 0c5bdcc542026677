import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { ReleaseAnswer } from '../../gate/store.ts'
import type { LeaseRequest, LeaseRule } from '../store.ts'
import { type Address, HERE } from './rows.ts'
import type { Asked, Judged } from './rule.ts'

const HERE_AND_HELD = `${HERE} AND until_us > ?`

/**
 * Judges one take of units that are held by leases; changes nothing. What is given back is released
 * instead, so a cost below 0 changes nothing either. The same as `redis/leases.lua`.
 */
export function judgeLeases(
  transaction: Transaction,
  { limit, leaseUs }: LeaseRule,
  { limiter, key, place }: Address,
  { cost, owner = '' }: Asked,
): Judged {
  const { nowUs } = transaction
  const held = transaction.all<{ units: number; untilUs: number }>(
    `SELECT units, until_us AS untilUs FROM held ${HERE_AND_HELD} ORDER BY until_us`,
    ...[limiter, key, place, nowUs],
  )
  const count = held.reduce((sum, { units }) => sum + units, 0)
  const lastUs = held.at(-1)?.untilUs ?? nowUs
  const remaining = Math.max(0, limit - count)
  const charge = () => {
    if (cost <= 0) return
    transaction.run(`DELETE FROM held ${HERE} AND until_us <= ?`, limiter, key, place, nowUs)
    transaction.run(
      `INSERT OR REPLACE INTO held (limiter, key, place, owner, units, lease_us, until_us)
       VALUES (?, ?, ?, ?, ?, ?, ?)`,
      ...[limiter, key, place, owner, cost, leaseUs, nowUs + leaseUs],
    )
  }
  if (cost <= 0) {
    const answer = { allowed: true, remaining, retryAfterUs: 0, resetAfterUs: lastUs - nowUs }
    return { answer, charge }
  }
  if (count + cost <= limit) {
    const resetAfterUs = Math.max(leaseUs, lastUs - nowUs)
    const answer = { allowed: true, remaining: remaining - cost, retryAfterUs: 0, resetAfterUs }
    return { answer, charge }
  }
  let lacking = count + cost - limit
  const leaver = held.find(({ units }) => {
    lacking -= units
    return lacking <= 0
  })
  const retryAfterUs = cost > limit ? null : (leaver?.untilUs ?? nowUs) - nowUs
  return {
    answer: { allowed: false, remaining, retryAfterUs, resetAfterUs: lastUs - nowUs },
    charge,
  }
}

/**
 * The one write of a refusal: a clock that ran ahead gave leases that end too late, and nobody may be
 * let in beside them. From now on each lasts as long as it is.
 */
export function shortenLeases(transaction: Transaction, { limiter, key, place }: Address): void {
  transaction.run(
    `UPDATE held SET until_us = ?1 + lease_us
     WHERE limiter = ?2 AND key = ?3 AND place = ?4 AND until_us > ?1 + lease_us`,
    ...[transaction.nowUs, limiter, key, place],
  )
}

export function renewLeases(
  transaction: Transaction,
  { part: { limiter, key, place }, owner }: LeaseRequest,
): 'renewed' | 'lost' {
  const { nowUs } = transaction
  const renewed = transaction.run(
    `UPDATE held SET until_us = ? + lease_us ${HERE_AND_HELD} AND owner = ?`,
    ...[nowUs, limiter, key, place, nowUs, owner],
  )
  return renewed > 0 ? 'renewed' : 'lost'
}

export function releaseLeases(
  transaction: Transaction,
  { part: { limiter, key, place }, owner }: LeaseRequest,
): ReleaseAnswer {
  const held = transaction.get(
    `SELECT units FROM held ${HERE_AND_HELD} AND owner = ?`,
    ...[limiter, key, place, transaction.nowUs, owner],
  )
  transaction.run(`DELETE FROM held ${HERE} AND owner = ?`, limiter, key, place, owner)
  return { tag: held ? 'released' : 'lost' }
}
