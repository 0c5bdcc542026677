// @ts-check
// All that must hold of a storm over gates: what holds of jobs in any storm, and of those who need the
// same things at one time.
import { check as checkJobs, measure as measureJobs, tracesOf } from '../queue/check.js'
import { checkHolds } from './check-holds.js'
import { checkWaits, measureWaits } from './check-waits.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {ReturnType<typeof measure>} Measures
 */

/** @param {History} history @returns {Violation[]} */
export function check(history) {
  return [
    ...checkJobs(history.jobs),
    ...tracesOf(history.jobs).flatMap(checkFirst),
    ...checkHolds(history),
    ...checkWaits(history),
  ]
}

/** However often a job was parked before it began, that spent nothing. @param {import('../queue/check.js').Trace} trace @returns {Violation[]} */
function checkFirst({ key, deliveries: [first] }) {
  if (!first || first.attempt === 1) return []
  return [{ what: `job ${key} began with attempt ${first.attempt}`, witness: [first] }]
}

/** For the report. @param {History} history */
export function measure(history) {
  const ofCallers = history.holds.filter(({ by }) => by === 'caller')
  return {
    ...measureJobs(history.jobs),
    holds: ofCallers.length,
    misses: history.misses,
    lostByJobs: history.holds.filter(({ by, isLost }) => by !== 'caller' && isLost).length,
    ...measureWaits(history),
  }
}
