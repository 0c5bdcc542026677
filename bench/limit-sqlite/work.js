// @ts-check

import { expectAllowed, isTaken } from '../kit/limiter.js'
import { expect, measureCalls } from '../kit/window.js'
import { RULE } from '../limit-take/work.js'

/**
 * @typedef {'memory' | 'file-normal'} Store
 * @typedef {import('../limit-take/work.js').Rule} Rule
 * @typedef {import('../limit-take/work.js').BenchLimiter} BenchLimiter
 *
 * @typedef {(folder: string, store?: Store, rule?: Rule) => Promise<BenchLimiter>} Open
 *
 * @typedef {object} Task
 * @property {Store} store
 * @property {number} keys
 * @property {number} inFlight
 * @property {number} warmUpMs
 * @property {number} durationMs
 */

/** Far more than a run takes of one key. @type {Rule} */
const WIDE_RULE = { ...RULE, units: 1_000_000 }

/** @param {Open} open @param {string} folder */
export async function check(open, folder) {
  const limiter = await open(folder, 'file-normal', { units: 5, seconds: 600 })
  const answers = []
  for (let take = 0; take < 8; take++) answers.push((await isTaken(limiter, 'checked')) ? 1 : 0)
  expect(answers.join('') === '11111000', `8 takes of 5 are answered ${answers.join('')}`)
  expect(await isTaken(limiter, 'unchecked'), 'another key is refused as well')
  await limiter.close()
}

/** @param {Open} open @param {string} folder @param {Task} task */
export async function measure(open, folder, { store, keys: count, ...terms }) {
  const keys = Array.from({ length: count }, (_, index) => `user:${index}`)
  const limiter = await open(folder, store, WIDE_RULE)
  const check = expectAllowed(limiter)
  const take = (/** @type {number} */ index) => limiter.take(keys[index % count] ?? '')
  for (const answer of await Promise.all(keys.map((_, index) => take(index)))) check(answer)
  const outcome = await measureCalls(undefined, terms, take, check)
  await limiter.close()
  return { ...outcome, values: { [store]: (outcome.count / outcome.elapsedMs) * 1_000 } }
}
