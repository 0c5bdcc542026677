// @ts-check
import { expect, measureCalls } from '../kit/window.js'

/**
 * @typedef {object} Window
 * @property {number} units
 * @property {number} seconds
 *
 * @typedef {(key: string) => Promise<boolean>} Take whether it was allowed
 *
 * @typedef {object} BenchLimits
 * @property {Take} one by the first window
 * @property {Take} together by all three, in one call
 * @property {readonly Take[]} apart one for each window
 * @property {() => unknown} close
 *
 * @typedef {(port: number, windows?: readonly Window[]) => Promise<BenchLimits>} Open
 *
 * @typedef {object} Task
 * @property {number} keys
 * @property {number} inFlight
 * @property {number} warmUpMs
 * @property {number} durationMs
 */

const DAY_S = 86_400
/** More than a run takes of one key. @type {readonly Window[]} */
export const WINDOWS = [
  { units: 1_000_000, seconds: 60 },
  { units: 10_000_000, seconds: 3_600 },
  { units: 100_000_000, seconds: DAY_S },
]
const TIGHT_WINDOWS = [3, 4, 5].map((units) => ({ units, seconds: DAY_S }))

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  const limits = await open(port, TIGHT_WINDOWS)
  const answersOf = async (/** @type {Take} */ take, /** @type {string} */ key) => {
    const allowed = []
    for (let count = 0; count < 6; count++) allowed.push((await take(key)) ? 1 : 0)
    return allowed.join('')
  }
  const all = await Promise.all(
    [limits.one, limits.together, ...limits.apart].map((take, index) =>
      answersOf(take, `checked:${index}`),
    ),
  )
  const expected = ['111000', '111000', '111000', '111100', '111110']
  expect(all.join() === expected.join(), `takes are answered ${all}, not ${expected}`)
  await limits.close()
}

/** @param {Open} open @param {number} port @param {Task} task */
export async function measure(open, port, { keys: count, ...terms }) {
  const keys = Array.from({ length: count }, (_, index) => `user:${index}`)
  const limits = await open(port)
  /** @param {readonly Take[]} takes */
  const measureTakes = (takes) =>
    measureCalls(port, terms, async (index) => {
      const key = keys[index % count] ?? ''
      const allowed = await Promise.all(takes.map((take) => take(key)))
      if (allowed.includes(false)) throw new Error('a take within the limit was refused')
    })
  const costOf = (/** @type {import('../kit/competitor.js').Outcome} */ outcome) =>
    outcome.serverUs / outcome.count
  const one = costOf(await measureTakes([limits.one]))
  const apart = costOf(await measureTakes(limits.apart))
  const together = await measureTakes([limits.together])
  await limits.close()
  const values = {
    'cost-vs-one': costOf(together) / one,
    'cost-vs-three-calls': costOf(together) / apart,
    three: (together.count / together.elapsedMs) * 1_000,
  }
  return { ...together, values }
}
