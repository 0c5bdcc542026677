// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { percentile } from '../kit/contention.js'
import { expect, startWindow } from '../kit/window.js'
import { payloadOf, waitUntilDone } from '../queue-process/work.js'

/**
 * @typedef {import('../queue-process/work.js').Open} Open
 * @typedef {{ everyMs: number, warmUpEveryMs: number, warmUpJobs: number, jobs: number }} Task
 */

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  await measure(open, port, { everyMs: 5, warmUpEveryMs: 1, warmUpJobs: 2, jobs: 10 })
}

/** @param {Open} open @param {number} port @param {Task} task */
export async function measure(open, port, { everyMs, warmUpEveryMs, warmUpJobs, jobs }) {
  const queue = await open(port)
  const total = warmUpJobs + jobs
  /** @type {number[]} */
  const startedMs = []
  await queue.work(10, async ({ index }) => {
    startedMs[index] = performance.now()
  })
  // Workers that look for jobs first are idle by then.
  await delay(200)
  /** @type {number[]} */
  const addedMs = []
  let end = startWindow(port)
  for (let index = 0; index < total; index++) {
    if (index === warmUpJobs) end = startWindow(port)
    await delay(index < warmUpJobs ? warmUpEveryMs : everyMs)
    addedMs.push(performance.now())
    await queue.addOne(payloadOf(index))
  }
  const outcome = await end(jobs)
  await waitUntilDone(queue)
  const latencies = addedMs.map((ms, index) => (startedMs[index] ?? Number.NaN) - ms)
  expect(latencies.every(Number.isFinite), 'a job was never handled')
  await queue.close()
  const measured = latencies.slice(warmUpJobs)
  const values = { 'p50-ms': percentile(measured, 0.5), 'p99-ms': percentile(measured, 0.99) }
  return { ...outcome, values }
}
