// @ts-check
import { Queue, RedisStorage } from '@platformatic/job-queue'
import { Redis } from 'ioredis'
import { addOneByOne } from './work.js'

export const packageName = '@platformatic/job-queue'
export const settings = 'defaults; it keeps every result for an hour'
const WORKER_ID = 'bench'

/** @typedef {import('@platformatic/job-queue').Job<import('./work.js').Payload>} Job */

/** @type {import('./work.js').Open} */
export async function open(port) {
  const storage = () => new RedisStorage({ url: `redis://127.0.0.1:${port}` })
  const producer = new Queue({ storage: storage() })
  await producer.start()
  const redis = new Redis(port, '127.0.0.1')
  /** @type {Queue<import('./work.js').Payload, null> | undefined} */
  let consumer
  /** @param {import('./work.js').Payload} payload */
  const addOne = (payload) => producer.enqueue(`${payload.index}`, payload)
  /** @param {readonly import('./work.js').Payload[]} payloads */
  const addAll = (payloads) => addOneByOne(payloads, addOne)
  return {
    add: addAll,
    addOne,
    // It has no call for many.
    addBulk: addAll,
    async work(concurrency, handle) {
      consumer = new Queue({ storage: storage(), concurrency, workerId: WORKER_ID })
      consumer.execute(async (/** @type {Job} */ job) => {
        await handle(job.payload)
        // A handler without a result fails there: undefined is no JSON.
        return null
      })
      await consumer.start()
    },
    /** The library counts nothing: these are its lists. */
    async left() {
      return (await redis.llen('jq:queue')) + (await redis.llen(`jq:processing:${WORKER_ID}`))
    },
    async close() {
      await consumer?.stop()
      await producer.stop()
      redis.disconnect()
    },
  }
}
