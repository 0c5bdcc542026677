// @ts-check
// Many runs on all cores: each process gets some of them, and more when it is done.
import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import path from 'node:path'

/**
 * @typedef {import('./batch.js').Sum} Sum
 * @typedef {import('./batch.js').Order} Order
 */

const PROGRAM = path.join(import.meta.dirname, 'batch.js')
const AT_ONCE = 500
/** Seeds of one run after the other; those of the next seed begin so much later. */
const SEEDS_APART = 10_000_000

/** @param {number} seed @param {number} run */
export const seedOf = (seed, run) => seed * SEEDS_APART + run

/**
 * @param {object} options
 * @param {number} options.seed
 * @param {number} options.runs
 * @param {number} [options.first] the number of the first one
 * @param {import('./run.js').Without} [options.without]
 * @param {number} [options.processes]
 * @param {(sum: Sum) => void} [options.onProgress]
 * @returns {Promise<Sum>}
 */
export async function runBatches({ seed, runs, first = 0, without, ...options }) {
  const { processes = availableParallelism(), onProgress = () => {} } = options
  /** @type {Sum} */
  const sum = { runs: 0, operations: 0, grants: 0, faults: 0, kinds: {}, violations: [] }
  let given = 0

  /** @returns {Order | undefined} */
  function nextOrder() {
    const count = Math.min(AT_ONCE, runs - given)
    if (count <= 0) return undefined
    given += count
    return { from: seedOf(seed, first + given - count), count, ...(without && { without }) }
  }
  /** @param {Sum} part */
  function add(part) {
    for (const name of /** @type {const} */ (['runs', 'operations', 'grants', 'faults'])) {
      sum[name] += part[name]
    }
    for (const [kind, count] of Object.entries(part.kinds)) {
      sum.kinds[kind] = (sum.kinds[kind] ?? 0) + count
    }
    sum.violations.push(...part.violations)
    onProgress(sum)
  }

  await Promise.all(
    Array.from({ length: processes }, async () => {
      const child = fork(PROGRAM)
      try {
        for (let order = nextOrder(); order; order = nextOrder()) add(await ask(child, order))
      } finally {
        child.kill('SIGKILL')
      }
    }),
  )
  return sum
}

/** @param {import('node:child_process').ChildProcess} child @param {Order} order @returns {Promise<Sum>} */
function ask(child, order) {
  return new Promise((resolve, reject) => {
    const onExit = (/** @type {number | null} */ code) =>
      reject(
        new Error(`A process of the simulation ended with ${code} at seeds from ${order.from}.`),
      )
    child.once('exit', onExit)
    child.once('message', (message) => {
      child.off('exit', onExit)
      resolve(/** @type {Sum} */ (message))
    })
    child.send(order)
  })
}
