// @ts-check
import { Queue, Worker } from 'groupmq'
import { Redis } from 'ioredis'
import { addOneByOne } from './work.js'

export const packageName = 'groupmq'
/** One group would be one job at a time: it keeps the order within a group. */
export const settings = '1,000 groups, autoBatch off, atomicCompletion, else defaults; on ioredis 6'
const GROUPS = 1_000

/** @type {import('./work.js').Open} */
export const open = (port) => openWith(port, ({ index }) => `g${index % GROUPS}`)

/**
 * @param {number} port
 * @param {(payload: import('./work.js').Payload) => string} groupOf
 * @returns {Promise<import('./work.js').BenchQueue & import('./work.js').Pausable>}
 */
export async function openWith(port, groupOf) {
  const redis = new Redis(port, '127.0.0.1', { maxRetriesPerRequest: null })
  const queue = new Queue({ redis, namespace: 'bench' })
  /** @type {Worker | undefined} */
  let worker
  /** @param {import('./work.js').Payload} data @param {number} [delayMs] */
  const addOne = (data, delayMs = 0) => queue.add({ groupId: groupOf(data), data, delay: delayMs })
  /** @param {readonly import('./work.js').Payload[]} payloads */
  const addAll = (payloads) => addOneByOne(payloads, (data) => addOne(data))
  return {
    add: addAll,
    addOne,
    // It has no call for many.
    addBulk: addAll,
    async work(concurrency, handle) {
      worker = new Worker({ queue, concurrency, handler: (job) => handle(job.data) })
      void worker.run()
    },
    async left() {
      const { waiting, active, delayed } = await queue.getJobCounts()
      return waiting + active + delayed
    },
    async close() {
      await worker?.close()
      await queue.close()
      redis.disconnect()
    },
    pause: () => queue.pause(),
    resume: () => queue.resume(),
  }
}
