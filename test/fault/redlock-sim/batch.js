// @ts-check
// One process that does the runs that it is given, one after the other. It runs the built package.
import { simulate } from './run.js'

/**
 * @typedef {{from: number, count: number, without?: import('./run.js').Without}} Order runs by their seeds
 * @typedef {import('../locks/history.js').Violation & {seed: number}} SeededViolation
 *
 * @typedef {object} Sum
 * @property {number} runs
 * @property {number} operations
 * @property {number} grants
 * @property {number} faults
 * @property {Record<string, number>} kinds
 * @property {SeededViolation[]} violations of each run the first
 */

// Errors are ordinary answers here, and a stack for each is a good part of the time.
Error.stackTraceLimit = 0
const dist = new URL('../../../dist/', import.meta.url)
/** @type {import('./run.js').Product} */
const product = {
  ...(await import(new URL('redlock/redlock.js', dist).href)),
  ...(await import(new URL('errors.js', dist).href)),
}

/** @param {Order} order @returns {Promise<Sum>} */
async function work({ from, count, without }) {
  /** @type {Sum} */
  const sum = { runs: 0, operations: 0, grants: 0, faults: 0, kinds: {}, violations: [] }
  for (let seed = from; seed < from + count; seed++) {
    const { kind, operations, grants, faults, violations } = await simulate(seed, product, without)
    sum.runs++
    sum.operations += operations
    sum.grants += grants
    sum.faults += faults
    sum.kinds[kind] = (sum.kinds[kind] ?? 0) + 1
    const [first] = violations
    if (first) sum.violations.push({ ...first, seed })
  }
  return sum
}

process.on('message', async (message) => {
  process.send?.(await work(/** @type {Order} */ (message)))
})
process.once('disconnect', () => process.exit())
