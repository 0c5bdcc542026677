// @ts-check
// What each increment was told, as it was written down: one array for each line.
import { recordsOf } from '../records.js'

/**
 * @typedef {object} Increment
 * @property {string} who the process
 * @property {number} number in its process
 * @property {string} counter
 * @property {'ok' | 'fail' | 'unknown'} end `unknown` too if the process ended before it was told
 * @property {number} [value] what it wrote, if that was acknowledged
 *
 * @typedef {object} Violation
 * @property {string} what
 * @property {object[]} witness the fewest records that show it
 */

/**
 * Reads the lines of one process.
 *
 * @param {string} who
 * @param {string} text
 * @returns {Increment[]}
 */
export function readProcess(who, text) {
  /** @type {Map<number, Increment>} */
  const increments = new Map()
  for (const [tag, number, what, value] of recordsOf(text)) {
    const known = increments.get(number)
    if (tag === 'begun') increments.set(number, { who, number, counter: what, end: 'unknown' })
    else if (known) Object.assign(known, { end: what, ...(what === 'ok' && { value }) })
  }
  return [...increments.values()]
}
