// @ts-check
// What processes were answered by their limiters and what befell the server, as it was written
// down: one array for each line. Refusals are counted, not written down. All times are of the
// machine's monotonic clock, which its processes share.
import { recordsOf } from '../records.js'

/**
 * @typedef {object} Admission takes of one key that were asked for together and allowed
 * @property {string} who the process
 * @property {number} plan place in PLANS
 * @property {number} key
 * @property {number} sentMs before they were asked for
 * @property {number} atMs when all were answered
 * @property {number} units
 *
 * @typedef {object} Late takes that settled late, or never did
 * @property {string} who
 * @property {number} plan
 * @property {number} sentMs
 * @property {number | null} tookMs without the time in which the process could not run; null for never
 *
 * @typedef {object} Oddity an answer that no take may have
 * @property {string} who
 * @property {number} plan
 * @property {string} what
 *
 * @typedef {object} KeyLook what the server said of a key
 * @property {string} key
 * @property {number} atMs
 * @property {number} ttlMs -1 without one
 *
 * What a fault changes. A step is one of the server's clock, back by `backMs`.
 * @typedef {object} Step
 * @property {number} fromMs
 * @property {number} toMs
 * @property {number} backMs
 *
 * @typedef {object} History
 * @property {Admission[]} admissions
 * @property {Late[]} late
 * @property {Oddity[]} oddities
 * @property {KeyLook[]} looks
 * @property {Step[]} steps
 * @property {object[]} crashes
 *
 * @typedef {object} Violation
 * @property {string} what
 * @property {object[]} witness the fewest records that show it
 */

/** @returns {History} */
export const emptyHistory = () => ({
  ...{ admissions: [], late: [], oddities: [], looks: [], steps: [], crashes: [] },
})

/**
 * Reads the lines of one process.
 *
 * @param {History} history what they are added to
 * @param {string} who
 * @param {string} text
 */
export function readProcess(history, who, text) {
  for (const [tag, atMs, ...fields] of recordsOf(text)) {
    if (tag === 'admitted') {
      const [plan, key, sentMs, units] = fields
      history.admissions.push({ who, plan, key, sentMs, atMs, units })
    } else if (tag === 'late') {
      const [plan, sentMs, tookMs] = fields
      history.late.push({ who, plan, sentMs, tookMs })
    } else if (tag === 'odd') history.oddities.push({ who, plan: fields[0], what: fields[1] })
    else if (tag === 'crashed') history.crashes.push({ who, atMs, message: fields[0] })
  }
}

/** Reads what the process wrote that started the others. @param {History} history @param {string} text */
export function readParent(history, text) {
  for (const [tag, atMs, ...fields] of recordsOf(text)) {
    if (tag === 'key') history.looks.push({ key: fields[0], atMs, ttlMs: fields[1] })
    else if (tag === 'step') {
      history.steps.push({ fromMs: fields[0], toMs: atMs, backMs: fields[1] })
    }
  }
}
