// @ts-check
// What one process was told before the power went, and what was there afterwards.
import { recordsOf } from '../records.js'

/**
 * @typedef {object} Step an add or an acknowledgement, in the order in which one caller made them
 * @property {'add' | 'ack'} op
 * @property {string} key
 * @property {number} [toldMs] when it was answered; missing if it was not
 *
 * @typedef {object} History
 * @property {Step[]} steps
 * @property {number} cutMs when the power went
 * @property {string[]} found keys of the jobs that are there again
 * @property {number} inFlight jobs of the process that was killed, which nobody else has yet
 *
 * What may be lost: nothing that was answered, what was answered in the last seconds, the last of
 * it, however much, or of that acknowledgements alone.
 * @typedef {'nothing' | 'seconds' | 'the end' | 'acks'} Level
 *
 * @typedef {object} Violation
 * @property {string} what
 * @property {object[]} witness
 */

/** @param {string} text that the process wrote @returns {Step[]} */
export function readSteps(text) {
  /** @type {Step[]} */
  const steps = []
  for (const [tag, op, key, atMs] of recordsOf(text)) {
    const last = steps.at(-1)
    if (tag === 'asks') steps.push({ op, key })
    else if (last && last.key === key) last.toldMs = atMs
  }
  return steps
}
