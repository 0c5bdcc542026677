// @ts-check
import { expect, keepInFlight, startWindow } from '../kit/window.js'
import { payloadOf } from '../queue-process/work.js'

/**
 * @typedef {import('../queue-process/work.js').Open} Open
 * @typedef {{ inFlight: number, jobsPerCall: number, warmUpMs: number, durationMs: number }} Task
 */

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  const queue = await open(port)
  await queue.addOne(payloadOf(0))
  await queue.addBulk(Array.from({ length: 20 }, (_, index) => payloadOf(index + 1)))
  expect((await queue.left()) === 21, `${await queue.left()} jobs wait after adding 21`)
  await queue.close()
}

/** @param {Open} open @param {number} port @param {Task} task */
export async function measure(open, port, { inFlight, jobsPerCall, warmUpMs, durationMs }) {
  const queue = await open(port)
  /** @param {number} call */
  const add = (call) => {
    if (jobsPerCall === 1) return queue.addOne(payloadOf(call))
    const first = call * jobsPerCall
    return queue.addBulk(
      Array.from({ length: jobsPerCall }, (_, index) => payloadOf(first + index)),
    )
  }
  const warmCalls = await keepInFlight({ inFlight, durationMs: warmUpMs }, add)
  const end = startWindow(port)
  const calls = await keepInFlight({ inFlight, durationMs }, add, warmCalls)
  const outcome = await end(calls * jobsPerCall)
  const added = (warmCalls + calls) * jobsPerCall
  expect((await queue.left()) === added, `${await queue.left()} jobs wait after adding ${added}`)
  await queue.close()
  return outcome
}
