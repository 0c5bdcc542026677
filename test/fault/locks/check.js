// @ts-check
// All that must hold of a history.
import { checkFences, measureWrites } from './check-fences.js'
import { checkHolds, measureHolds } from './check-holds.js'
import { checkWaits, measureWaits } from './check-waits.js'

/**
 * @typedef {import('./history.js').History} History
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {ReturnType<typeof measure>} Measures
 */

/** @param {History} history @returns {Violation[]} */
export function check(history) {
  return [
    ...checkHolds(history),
    ...checkFences(history),
    ...checkWaits(history),
    ...history.crashes.map((crash) => ({ what: 'an error reached no caller', witness: [crash] })),
  ]
}

/** @param {History} history */
export const measure = (history) => ({
  ...measureHolds(history),
  ...measureWrites(history),
  ...measureWaits(history),
})
