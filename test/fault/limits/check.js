// @ts-check
// All that must hold of a history.
import { groupBy } from '../outcomes/history.js'
import { checkWindows } from './check-windows.js'
import { PLANS } from './plan.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {import('./plan.js').LimitPlan} LimitPlan
 */

/** Keys go at whole milliseconds, and are looked at a little after they were written. */
const TTL_GRACE_MS = 3

/** @param {History} history @param {readonly LimitPlan[]} [plans] @returns {Violation[]} */
export function check(history, plans = PLANS) {
  return [
    ...checkWindows(history, plans),
    ...checkKeys(history, plans),
    ...checkCalls(history, plans),
    ...history.crashes.map((crash) => ({ what: 'an error reached no caller', witness: [crash] })),
  ]
}

/**
 * A key goes when it is as good as new. What was written before the clock stepped back stays for as
 * much longer, and what a script wrote meanwhile for up to twice that.
 *
 * @param {History} history @param {readonly LimitPlan[]} plans @returns {Violation[]}
 */
function checkKeys({ looks, steps }, plans) {
  const found = []
  for (const look of looks) {
    const plan = plans.find(({ name }) => look.key.includes(`{${name}/`))
    if (plan === undefined) {
      found.push({ what: `${look.key} is no key of a limiter`, witness: [look] })
      continue
    }
    const backMs = steps
      .filter(({ fromMs }) => fromMs <= look.atMs)
      .reduce((sum, step) => sum + step.backMs, 0)
    const mostMs = plan.periodMs + 2 * backMs + TTL_GRACE_MS
    if (look.ttlMs < 0) found.push({ what: `${look.key} has no TTL`, witness: [look] })
    else if (look.ttlMs > mostMs) {
      const what = `${look.key} lives for ${look.ttlMs} ms, where ${mostMs} are enough`
      found.push({ what, witness: [look] })
    }
  }
  return found
}

/** @param {History} history @param {readonly LimitPlan[]} plans @returns {Violation[]} */
function checkCalls({ late, oddities }, plans) {
  const nameOf = (/** @type {number} */ plan) => plans[plan]?.name
  return [
    ...late.map((record) => ({
      what:
        record.tookMs === null
          ? `takes of ${nameOf(record.plan)} never settled`
          : `takes of ${nameOf(record.plan)} settled after ${Math.round(record.tookMs)} ms`,
      witness: [record],
    })),
    ...oddities.map((record) => ({
      what: `a take of ${nameOf(record.plan)} was answered with ${record.what}`,
      witness: [record],
    })),
  ]
}

/**
 * How near the limiters came to what they may let through: far from 1, a run shows nothing.
 *
 * @param {History} history
 * @param {readonly LimitPlan[]} [plans]
 */
export function measure({ admissions, looks, steps }, plans = PLANS) {
  const units = Object.fromEntries(plans.map(({ name }) => [name, 0]))
  for (const [index, same] of groupBy(admissions, ({ plan }) => `${plan}`)) {
    const name = plans[Number(index)]?.name ?? ''
    units[name] = same.reduce((sum, one) => sum + one.units, 0)
  }
  return { units, looks: looks.length, steps: steps.length }
}
