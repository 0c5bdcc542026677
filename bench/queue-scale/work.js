// @ts-check
import { Redis } from 'ioredis'
import { emptyServer } from '../kit/server.js'
import { expect, startWindow } from '../kit/window.js'
import { payloadOf } from '../queue-process/work.js'

/**
 * @typedef {import('../queue-process/work.js').Open} Open
 * @typedef {{ concurrency: number, few: number, many: number, warmUpJobs: number, jobs: number }} Task
 */

const IN_A_CALL = 1_000

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  const sizes = { few: 100, many: 10_000, warmUpJobs: 100, jobs: 1_000 }
  await measure(open, port, { concurrency: 100, ...sizes })
}

/** @param {Open} open @param {number} port @param {Task} task */
export async function measure(open, port, { concurrency, few, many, warmUpJobs, jobs }) {
  const redis = new Redis(port, '127.0.0.1')
  await redis.config('SET', 'slowlog-log-slower-than', '500', 'slowlog-max-len', '10000')
  await redis.slowlog('RESET')
  const terms = { concurrency, warmUpJobs, jobs }
  const ofMany = await processSome(open, port, { ...terms, left: many })
  await emptyServer(port)
  const ofFew = await processSome(open, port, { ...terms, left: few })
  const entries = /** @type {[number, number, number, string[]][]} */ (
    await redis.slowlog('GET', 10_000)
  )
  redis.disconnect()
  const scripts = entries.filter(([, , , [command = '']]) => /^eval/i.test(command))
  const slowestUs = Math.max(0, ...scripts.map(([, , us]) => us))
  const values = {
    'throughput-ratio': ofFew.elapsedMs / ofMany.elapsedMs,
    'script-max-ms': slowestUs / 1_000,
  }
  return { ...ofMany, values }
}

/**
 * Processes some while `left` go on waiting.
 * @param {Open} open @param {number} port
 * @param {{ concurrency: number, warmUpJobs: number, jobs: number, left: number }} terms
 */
async function processSome(open, port, { concurrency, warmUpJobs, jobs, left }) {
  const queue = await open(port)
  const total = warmUpJobs + jobs + left
  for (let index = 0; index < total; index += IN_A_CALL) {
    await queue.addBulk(Array.from({ length: IN_A_CALL }, (_, at) => payloadOf(index + at)))
  }
  let handled = 0
  let expected = 0
  /** @type {ReturnType<typeof startWindow> | undefined} */
  let end
  /** @type {(outcome: import('../kit/competitor.js').Outcome | Promise<import('../kit/competitor.js').Outcome>) => void} */
  let finish = () => {}
  const finished = new Promise((/** @type {typeof finish} */ resolve) => {
    finish = resolve
  })
  await queue.work(concurrency, async ({ index }) => {
    if (index === handled) expected++
    handled++
    if (handled === warmUpJobs) end = startWindow(port)
    if (handled === warmUpJobs + jobs && end) finish(end(jobs))
  })
  const outcome = await finished
  expect(expected === handled, 'jobs did not start in the order in which they were added')
  await queue.close()
  return outcome
}
