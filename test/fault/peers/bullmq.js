// @ts-check
// bullmq as its guides "Going to production" and "Failing fast when Redis is down" have it.
import { loadPeer } from './systems.js'

/**
 * @typedef {object} Emitting
 * @property {(event: string, listener: (error?: unknown) => void) => unknown} on
 * @property {() => Promise<unknown>} waitUntilReady
 *
 * @typedef {Emitting & {
 *   add: (name: string, data: unknown) => Promise<unknown>,
 *   getJobCountByTypes: (...types: string[]) => Promise<number>,
 * }} BullQueue
 *
 * @typedef {object} Bullmq the part of it that is used here
 * @property {new (name: string, options: object) => BullQueue} Queue
 * @property {new (name: string, process: (job: {id: string, data: string}) => Promise<void>, options: object) => Emitting} Worker
 */

const NAME = 'peers'

/** @param {import('./systems.js').Place} place @returns {Promise<import('./systems.js').PeerQueue>} */
export async function openQueue({ host, port, tell }) {
  const { Queue, Worker } = /** @type {Bullmq} */ (loadPeer('bullmq'))
  /** @param {Emitting} emitter @param {string} who */
  const listen = (emitter, who) => {
    emitter.on('error', (error) => tell(`${who}: ${error}`))
    emitter.on('ioredis:close', () => tell(`${who}: the connection was closed`))
  }
  const queue = new Queue(NAME, {
    connection: { host, port, enableOfflineQueue: false },
    defaultJobOptions: { removeOnComplete: true },
  })
  listen(queue, 'Queue')
  await queue.waitUntilReady()
  return {
    add: (payload) => queue.add('job', payload),
    async work(handle) {
      const connection = { host, port, maxRetriesPerRequest: null }
      const worker = new Worker(NAME, async ({ data, id }) => handle(data, id), { connection })
      listen(worker, 'Worker')
      await worker.waitUntilReady()
    },
    left: () => queue.getJobCountByTypes('waiting', 'active', 'delayed', 'failed', 'completed'),
  }
}
