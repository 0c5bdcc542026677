// @ts-check
import BeeQueue from 'bee-queue'
import { addOneByOne } from './work.js'

export const packageName = 'bee-queue'
export const settings =
  'events and job store off, removeOnSuccess, as its docs advise for speed; on its own redis 3'

/** @type {import('./work.js').Open} */
export const open = (port) => openWith(port, {})

/**
 * @param {number} port
 * @param {BeeQueue.QueueSettings} more
 * @returns {Promise<import('./work.js').BenchQueue>}
 */
export async function openWith(port, more) {
  const queue = new BeeQueue('bench', {
    ...more,
    redis: { host: '127.0.0.1', port },
    ...{ getEvents: false, sendEvents: false, storeJobs: false, removeOnSuccess: true },
  })
  await queue.ready()
  return {
    add: (payloads) => addOneByOne(payloads, (payload) => queue.createJob(payload).save()),
    addOne: (payload, delayMs = 0) => {
      const job = queue.createJob(payload)
      return (delayMs > 0 ? job.delayUntil(Date.now() + delayMs) : job).save()
    },
    addBulk: (payloads) => queue.saveAll(payloads.map((payload) => queue.createJob(payload))),
    async work(concurrency, handle) {
      queue.process(concurrency, (job) => handle(job.data))
    },
    async left() {
      const { waiting, active, delayed, failed, succeeded } = await queue.checkHealth()
      return waiting + active + delayed + failed + succeeded
    },
    close: () => queue.close(),
  }
}
