// @ts-check
import { expectAllowed, isTaken } from '../kit/limiter.js'
import { expect, measureCalls } from '../kit/window.js'

/**
 * @typedef {object} Rule
 * @property {number} units for each key
 * @property {number} seconds
 *
 * @typedef {import('../kit/limiter.js').BenchLimiter} BenchLimiter
 * @typedef {(port: number, rule?: Rule) => Promise<BenchLimiter>} Open
 *
 * @typedef {object} Task
 * @property {number} keys
 * @property {number} touchMs how long making the keys may take
 * @property {number} inFlight
 * @property {number} warmUpMs
 * @property {number} durationMs
 */

/**
 * A unit leaks out in 18 s: a funnel's key goes when it is empty, and here it must stay, like the
 * keys of fixed windows. Far more than a run takes of one key. @type {Rule}
 */
export const RULE = { units: 200, seconds: 3_600 }
const TIGHT_RULE = { units: 5, seconds: 600 }
const TOUCHING_IN_FLIGHT = 200

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  const [one, other] = [await open(port, TIGHT_RULE), await open(port, TIGHT_RULE)]
  const verdicts = []
  for (let take = 0; take < 8; take++)
    verdicts.push(await isTaken(take % 2 ? other : one, 'checked'))
  const expected = '11111000'
  const answered = verdicts.map((allowed) => (allowed ? 1 : 0)).join('')
  expect(answered === expected, `8 takes of 5 are answered ${answered}, not ${expected}`)
  expect(await isTaken(one, 'unchecked'), 'another key is refused as well')
  await one.close()
  await other.close()
}

/** @param {Open} open @param {number} port @param {Task} task */
export async function measure(open, port, { keys: count, touchMs, ...terms }) {
  const keys = Array.from({ length: count }, (_, index) => `user:${index}`)
  const limiter = await open(port)
  const check = expectAllowed(limiter)
  const take = (/** @type {number} */ index) => limiter.take(keys[index % count] ?? '')
  const endMs = performance.now() + touchMs
  let touched = 0
  const touch = async () => {
    while (touched < count && performance.now() < endMs) check(await take(touched++))
  }
  await Promise.all(Array.from({ length: TOUCHING_IN_FLIGHT }, touch))
  const outcome = await measureCalls(port, terms, take, check)
  await limiter.close()
  return outcome
}
