// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { countCommands } from '../kit/monitor.js'
import { expect, startWindow } from '../kit/window.js'
import { payloadOf } from '../queue-process/work.js'

/**
 * @typedef {import('../queue-process/work.js').Open} Open
 * @typedef {{ workers: number, settleMs: number, durationMs: number }} Task
 */

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  await measure(open, port, { workers: 3, settleMs: 100, durationMs: 100 })
}

/** @param {Open} open @param {number} port @param {Task} task */
export async function measure(open, port, { workers, settleMs, durationMs }) {
  const queue = await open(port)
  const queues = [queue]
  let ran = 0
  for (let index = 0; index < workers; index++) {
    const own = index === 0 || queue.holdsManyWorkers ? queue : await open(port)
    if (own !== queue) queues.push(own)
    await own.work(1, async () => {
      ran++
    })
  }
  await delay(settleMs)
  const end = startWindow(port)
  const stop = await countCommands(port)
  await delay(durationMs)
  const { commands, pings } = await stop()
  const outcome = await end(commands)
  // They are idle, and not dead.
  await queue.addOne(payloadOf(0))
  for (let waitedMs = 0; ran === 0 && waitedMs < 20_000; waitedMs += 10) await delay(10)
  expect(ran === 1, `${ran} workers ran one job`)
  for (const one of queues) await one.close()
  const perSecond = (/** @type {number} */ count) => count / (durationMs / 1_000)
  const note = `${perSecond(pings).toFixed(2)} pings/s beside it`
  return { ...outcome, values: { 'commands-per-second': perSecond(commands) }, note }
}
