// @ts-check
// What ran when, where one at a time may run for each key.
import { expect } from './window.js'

/**
 * @typedef {object} Run in milliseconds of `nowMs` of `contention.js`
 * @property {string} key
 * @property {'holder' | 'job'} kind
 * @property {number} index of the job
 * @property {number} begunMs
 * @property {number} endedMs
 *
 * @typedef {{ last: Run, next: Run }} Turn two that ran one after the other
 */

/** By the time of the second one. Throws when two of a key ran at one time. @param {readonly Run[]} runs @returns {Turn[]} */
export function turnsOf(runs) {
  /** @type {Map<string, Run>} */
  const lasts = new Map()
  /** @type {Turn[]} */
  const turns = []
  for (const next of [...runs].sort((a, b) => a.begunMs - b.begunMs)) {
    const last = lasts.get(next.key)
    lasts.set(next.key, next)
    if (last === undefined) continue
    expect(next.begunMs >= last.endedMs, `two ran at one time for ${next.key}`)
    turns.push({ last, next })
  }
  return turns
}

/** Throws when one of them did not run, or ran twice. @param {readonly Run[]} runs @param {number} jobs */
export function expectEachOnce(runs, jobs) {
  const ran = new Set(runs.map(({ index }) => index))
  expect(ran.size === jobs && runs.length === jobs, `${runs.length} runs of ${jobs} jobs`)
}
