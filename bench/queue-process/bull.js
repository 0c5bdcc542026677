// @ts-check
import Bull from 'bull'
import { addOneByOne } from './work.js'

export const packageName = 'bull'
export const settings = 'removeOnComplete, else defaults; on its own ioredis 5'

/** @type {import('./work.js').Open} */
export async function open(port) {
  const queue = new Bull('bench', {
    redis: { host: '127.0.0.1', port },
    defaultJobOptions: { removeOnComplete: true },
  })
  await queue.isReady()
  return {
    add: (payloads) => addOneByOne(payloads, (payload) => queue.add(payload)),
    addOne: (payload, delayMs = 0) => queue.add(payload, { delay: delayMs }),
    addBulk: (payloads) => queue.addBulk(payloads.map((data) => ({ data }))),
    async work(concurrency, handle) {
      void queue.process(concurrency, (job) => handle(job.data))
    },
    async left() {
      const { waiting, active, delayed, failed, completed } = await queue.getJobCounts()
      return waiting + active + delayed + failed + completed
    },
    close: () => queue.close(),
  }
}
