// @ts-check
import { emptyServer } from '../kit/server.js'
import { measure as measureJobs } from '../queue-process/work.js'

/**
 * @typedef {import('../queue-process/work.js').BenchQueue} BenchQueue
 * @typedef {import('../queue-process/work.js').Payload} Payload
 * @typedef {import('../queue-process/work.js').Task} Task
 *
 * @typedef {(port: number, lock?: (payload: Payload) => string) => Promise<BenchQueue>} Open
 */

const lockOf = (/** @type {Payload} */ { index }) => `user:${index}`

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  await measure(open, port, { concurrency: 3, warmUpJobs: 10, jobs: 20 })
}

/**
 * Without gates first: code that has never seen one is at its fastest.
 * @param {Open} open @param {number} port @param {Task} task
 */
export async function measure(open, port, task) {
  const without = await measureJobs((on) => open(on), port, task)
  await emptyServer(port)
  const outcome = await measureJobs((on) => open(on, lockOf), port, task)
  const [plain, gated] = [speedOf(without), speedOf(outcome)]
  const values = {
    'gated-vs-plain': gated / plain,
    // The client is the slower side, and other programs move this less.
    'cpu-ratio': without.cpuUs / outcome.cpuUs,
    ...{ gated, plain },
  }
  return { ...outcome, values }
}

/** Jobs per second. @param {import('../kit/competitor.js').Outcome} outcome */
const speedOf = ({ count, elapsedMs }) => (count / elapsedMs) * 1_000
