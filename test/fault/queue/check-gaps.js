// @ts-check
// Work goes on: soon after everything works again, for the queue and in each place that has workers.

import { lengthOf, without } from '../locks/spans.js'
import { groupBy } from '../outcomes/history.js'
import { ALL } from './history.js'
import { placeOf } from './plan.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Violation} Violation
 *
 * @typedef {object} Gap
 * @property {string} where
 * @property {number} fromMs
 * @property {number} toMs
 * @property {number} healedMs how much of it nothing was wrong
 */

const MOST_MS = 10_000

/** @param {History} history @returns {Violation[]} */
export function checkGaps(history) {
  return listGaps(history)
    .filter(({ healedMs }) => healedMs > MOST_MS)
    .map((gap) => ({
      what: `nothing was worked on for ${Math.round(gap.healedMs)} ms at ${gap.where}`,
      witness: [gap],
    }))
}

/** Of all, and of each place. @param {History} history @returns {Gap[]} */
export function listGaps({ deliveries, faults, quietMs }) {
  const busy = deliveries.filter(({ beganMs }) => beganMs < quietMs)
  const groups = groupBy(busy, ({ who }) => placeOf(who))
  return [[ALL, busy], ...groups].flatMap(([where, group]) => {
    const place = String(where)
    const wrong = faults.filter(({ hit }) => hit === ALL || placeOf(hit) === place)
    const times = /** @type {import('./history.js').Delivery[]} */ (group)
      .map(({ beganMs }) => beganMs)
      .sort((a, b) => a - b)
    return [...times.slice(1), quietMs].flatMap((toMs, index) => {
      const fromMs = times[index] ?? toMs
      // Most are milliseconds: only what lasts is looked at closely.
      if (toMs === Number.POSITIVE_INFINITY || toMs - fromMs < 1_000) return []
      return [{ where: place, fromMs, toMs, healedMs: lengthOf(without({ fromMs, toMs }, wrong)) }]
    })
  })
}

/** For the report. @param {History} history */
export const measureGaps = (history) => ({
  longestGapMs: Math.round(
    listGaps(history).reduce((longest, { healedMs }) => Math.max(longest, healedMs), 0),
  ),
})
