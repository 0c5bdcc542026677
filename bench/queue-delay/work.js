// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { percentile } from '../kit/contention.js'
import { expect, startWindow } from '../kit/window.js'
import { addOneByOne, payloadOf } from '../queue-process/work.js'

/**
 * @typedef {import('../queue-process/work.js').Open} Open
 * @typedef {{ jobs: number, others: number, overMs: number, firstAfterMs: number, warmUpJobs: number, warmUpMs: number }} Task
 */

const HOUR_MS = 3_600_000
const IN_A_CALL = 1_000
const PATIENCE_MS = 30_000
/** Peers count in milliseconds from a clock that shows whole ones, so they may seem that early. */
const RESOLUTION_MS = 1

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  const sizes = { jobs: 10, others: 1_000, overMs: 100, firstAfterMs: 500 }
  await measure(open, port, { ...sizes, warmUpJobs: 2, warmUpMs: 10 })
}

/**
 * Other jobs are for ours alone, which knows by `holdsManyWorkers` that it is ours.
 * @param {Open} open @param {number} port @param {Task} task
 */
export async function measure(open, port, { jobs, others, overMs, firstAfterMs, ...warmUp }) {
  const queue = await open(port)
  for (let index = 0; index < others && queue.holdsManyWorkers; index += IN_A_CALL) {
    const payloads = Array.from({ length: IN_A_CALL }, (_, at) => payloadOf(jobs + index + at))
    await queue.addBulk(payloads, HOUR_MS)
  }
  /** @type {number[]} */
  let lateMs = []
  let ended = 0
  const dueMs = new Map()
  await queue.work(100, async ({ index }) => {
    lateMs[index] = performance.now() - dueMs.get(index)
    ended++
  })

  /** Jobs that become due one after the other, and all have run. @param {number} count @param {number} spreadMs */
  async function spread(count, spreadMs) {
    lateMs = []
    ended = 0
    const startMs = performance.now() + firstAfterMs
    const all = Array.from({ length: count }, (_, index) => index)
    await addOneByOne(all, async (index) => {
      const nowMs = performance.now()
      // Whole milliseconds from now: not all libraries take fractions.
      const delayMs = Math.round(startMs + (index * spreadMs) / count - nowMs)
      dueMs.set(index, nowMs + delayMs)
      await queue.addOne(payloadOf(index), delayMs)
    })
    const deadlineMs = startMs + spreadMs + PATIENCE_MS
    while (ended < count && performance.now() < deadlineMs) await delay(5)
    expect(ended === count, `${ended} of ${count} jobs ran`)
  }

  await spread(warmUp.warmUpJobs, warmUp.warmUpMs)
  const end = startWindow(port)
  await spread(jobs, overMs)
  const outcome = await end(jobs)
  await queue.close()
  const values = {
    'p50-ms': percentile(lateMs, 0.5),
    'p99-ms': percentile(lateMs, 0.99),
    'max-ms': Math.max(...lateMs),
    early: lateMs.filter((ms) => ms < -RESOLUTION_MS).length,
  }
  return { ...outcome, values }
}
