// @ts-check
import { Redis } from 'ioredis'
import { ask } from '../kit/server.js'
import { expect, startWindow } from '../kit/window.js'
import { addOneByOne, payloadOf } from '../queue-process/work.js'

/**
 * @typedef {import('../queue-process/work.js').Open} Open
 * @typedef {{ jobs: number, delayMs: number, ours?: number }} Task
 */

const PAYLOAD_BYTES = 200
const IN_A_CALL = 1_000

/** @param {Open} open @param {number} port */
export async function check(open, port) {
  const { values } = await measure(open, port, { jobs: 1_000, delayMs: 3_600_000 })
  expect(values['delayed-overhead-bytes'] > 0, 'it stored less than the payloads')
}

/** @param {number} port */
async function usedMemory(port) {
  return Number(/^used_memory:(\d+)/m.exec(await ask(port, 'INFO memory'))?.[1])
}

/** @param {number} port */
async function largestKeyBytes(port) {
  const redis = new Redis(port, '127.0.0.1')
  let largest = 0
  for await (const keys of redis.scanStream({ count: 1_000 })) {
    for (const key of keys) {
      largest = Math.max(largest, Number(await redis.memory('USAGE', key, 'SAMPLES', 0)))
    }
  }
  redis.disconnect()
  return largest
}

/** @param {Open} open @param {number} port @param {Task} task */
export async function measure(open, port, { jobs, delayMs, ours }) {
  const queue = await open(port)
  const count = queue.holdsManyWorkers ? (ours ?? jobs) : jobs
  // Connections, scripts and the first keys are there before it begins.
  await queue.addOne(payloadOf(0), delayMs)
  const end = startWindow(port)
  const before = await usedMemory(port)
  if (queue.holdsManyWorkers) {
    for (let index = 0; index < count; index += IN_A_CALL) {
      const payloads = Array.from({ length: IN_A_CALL }, (_, at) => payloadOf(index + at))
      await queue.addBulk(payloads, delayMs)
    }
  } else {
    const all = Array.from({ length: count }, (_, index) => payloadOf(index))
    await addOneByOne(all, (payload) => queue.addOne(payload, delayMs))
  }
  const overhead = ((await usedMemory(port)) - before) / count - PAYLOAD_BYTES
  const outcome = await end(count)
  const largest = await largestKeyBytes(port)
  await queue.close()
  const values = {
    'waiting-overhead-bytes': overhead,
    'delayed-overhead-bytes': overhead,
    'largest-key-bytes': largest,
  }
  return ours === undefined ? { ...outcome, values } : { ...outcome, values, note: `${count} jobs` }
}
