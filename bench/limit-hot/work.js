// @ts-check
import { expectAllowed } from '../kit/limiter.js'
import { measureCalls } from '../kit/window.js'

export { check } from '../limit-take/work.js'

/**
 * @typedef {import('../limit-take/work.js').Rule} Rule
 * @typedef {import('../limit-take/work.js').BenchLimiter} BenchLimiter
 *
 * @typedef {(port: number, rule?: Rule, isLeased?: boolean) => Promise<BenchLimiter>} Open
 *
 * @typedef {object} Task
 * @property {boolean} isLeased whether units may be taken in advance, where that can be done
 * @property {number} inFlight
 * @property {number} warmUpMs
 * @property {number} durationMs
 */

/** More than a run can take. @type {Rule} */
export const RULE = { units: 1_000_000_000, seconds: 3_600 }
const KEY = 'user:1'

/** @param {Open} open @param {number} port @param {Task} task */
export async function measure(open, port, { isLeased, ...terms }) {
  const limiter = await open(port, RULE, isLeased)
  const outcome = await measureCalls(port, terms, () => limiter.take(KEY), expectAllowed(limiter))
  await limiter.close()
  return outcome
}
