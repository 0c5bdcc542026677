// @ts-check
import { Queue, Worker } from 'bullmq'
import { addOneByOne } from './work.js'

export const packageName = 'bullmq'
export const settings = 'removeOnComplete, else defaults'

/** @param {number} port @returns {Promise<import('./work.js').BenchQueue & import('./work.js').Pausable>} */
export async function open(port) {
  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null }
  const queue = new Queue('bench', { connection, defaultJobOptions: { removeOnComplete: true } })
  await queue.waitUntilReady()
  /** @type {Worker | undefined} */
  let worker
  return {
    add: (payloads) => addOneByOne(payloads, (payload) => queue.add('job', payload)),
    addOne: (payload, delayMs = 0) => queue.add('job', payload, { delay: delayMs }),
    addBulk: (payloads) => queue.addBulk(payloads.map((data) => ({ name: 'job', data }))),
    async work(concurrency, handle) {
      worker = new Worker('bench', (job) => handle(job.data), { connection, concurrency })
    },
    left: () => queue.getJobCountByTypes('waiting', 'active', 'delayed', 'failed', 'completed'),
    async close() {
      await worker?.close()
      await queue.close()
    },
    pause: () => queue.pause(),
    resume: () => queue.resume(),
  }
}
