// @ts-check
import { setTimeout as delay } from 'node:timers/promises'
import { expect, startWindow } from '../kit/window.js'

/**
 * @typedef {object} Payload of 200 bytes as JSON
 * @property {number} index
 * @property {string} filler
 *
 * @typedef {object} BenchQueue
 * @property {(payloads: readonly Payload[]) => Promise<unknown>} add all of them; in what way is its choice
 * @property {(payload: Payload, delayMs?: number) => Promise<unknown>} addOne
 * @property {(payloads: readonly Payload[], delayMs?: number) => Promise<unknown>} addBulk in one call where there is one; only ours is ever told a delay
 * @property {boolean} [holdsManyWorkers] whether one of these is what a process with many workers has
 * @property {(concurrency: number, handle: (payload: Payload) => Promise<void>) => Promise<unknown>} work
 * @property {() => Promise<number>} left how many jobs are waiting or being processed
 * @property {() => Promise<unknown>} close
 *
 * @typedef {object} Pausable
 * @property {() => Promise<unknown>} pause
 * @property {() => Promise<unknown>} resume
 *
 * @typedef {(port: number) => Promise<BenchQueue>} Open
 * @typedef {{ concurrency: number, warmUpJobs: number, jobs: number }} Task
 */

const PAYLOAD_BYTES = 200
const DRAIN_TIMEOUT_MS = 20_000
/** No call of any library is to run into its own time-out. */
const ADDED_AT_ONCE = 10_000

/** @param {number} index @returns {Payload} */
export function payloadOf(index) {
  const empty = JSON.stringify({ index, filler: '' })
  return { index, filler: 'x'.repeat(PAYLOAD_BYTES - empty.length) }
}

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  await measure(open, port, { concurrency: 3, warmUpJobs: 10, jobs: 20 })
}

/**
 * Counts between two jobs in the middle of the run: the worker is busy before the first and has
 * more waiting after the last, so neither its start nor its end is in the figure.
 *
 * @param {Open} open @param {number} port @param {Task} task
 */
export async function measure(open, port, { concurrency, warmUpJobs, jobs }) {
  const queue = await open(port)
  const total = warmUpJobs + jobs + 2 * concurrency
  const payloads = Array.from({ length: total }, (_, index) => payloadOf(index))
  for (let from = 0; from < total; from += ADDED_AT_ONCE) {
    await queue.add(payloads.slice(from, from + ADDED_AT_ONCE))
  }
  expect((await queue.left()) === total, `${await queue.left()} jobs wait after adding ${total}`)

  const times = new Uint8Array(total)
  let handled = 0
  /** @type {ReturnType<typeof startWindow> | undefined} */
  let end
  /** @type {Promise<import('../kit/competitor.js').Outcome> | undefined} */
  let outcome
  /** @type {() => void} */
  let finish
  const finished = new Promise((/** @type {(value?: undefined) => void} */ resolve) => {
    finish = resolve
  })
  await queue.work(concurrency, async ({ index, filler }) => {
    times[index] = (times[index] ?? 0) + 1
    if (filler.length !== payloads[index]?.filler.length) throw new Error('another payload came')
    handled++
    if (handled === warmUpJobs) end = startWindow(port)
    if (handled === warmUpJobs + jobs) outcome = end?.(jobs)
    if (handled === total) finish()
  })
  await Promise.race([finished, delay(DRAIN_TIMEOUT_MS * 3, undefined, { ref: false })])
  await waitUntilDone(queue)
  expect(handled === total, `${handled} of ${total} jobs were handled`)
  expect(
    times.every((count) => count === 1),
    'a job was handled twice, another never',
  )
  await queue.close()
  if (outcome === undefined) throw new Error('the run ended before its middle')
  return outcome
}

/** Handled is not yet done: every job must be acknowledged as well. @param {Pick<BenchQueue, 'left'>} queue */
export async function waitUntilDone(queue) {
  const deadlineMs = performance.now() + DRAIN_TIMEOUT_MS
  let left = await queue.left()
  while (left > 0 && performance.now() < deadlineMs) {
    await delay(5)
    left = await queue.left()
  }
  expect(left === 0, `${left} jobs are left after all were handled`)
}

/**
 * For queues that add one job a call, or fastest so. @template Item
 * @param {readonly Item[]} items @param {(item: Item) => Promise<unknown>} add
 */
export async function addOneByOne(items, add) {
  let next = 0
  const chain = async () => {
    while (next < items.length) await add(/** @type {Item} */ (items[next++]))
  }
  await Promise.all(Array.from({ length: 100 }, chain))
}
