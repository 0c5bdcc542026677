// @ts-check
// The usual recipe: ask for the lock in the handler, and where it is taken put the job off.
import { DelayedError, Worker } from 'bullmq'
import { Redis } from 'ioredis'
// @ts-expect-error: it brings no types that its exports lead to
import Redlock, { ExecutionError } from 'redlock5'
import { open as openQueue } from '../queue-process/bullmq.js'
import { keyOf } from './work.js'

export const packageName = 'bullmq'
const TTL_MS = 30_000

/** @param {number} delayMs @returns {import('./work.js').Open} */
const openWith = (delayMs) => async (port) => {
  const connection = { host: '127.0.0.1', port, maxRetriesPerRequest: null }
  const queue = await openQueue(port)
  const redis = new Redis(port, '127.0.0.1')
  const redlock = new Redlock([redis], { retryCount: 0 })
  /** @type {Worker | undefined} */
  let worker
  return {
    ...queue,
    async work(concurrency, handle, waste) {
      worker = new Worker(
        'bench',
        async (job, token) => {
          const lock = await redlock.acquire([keyOf(job.data)], TTL_MS).catch(nullIfTaken)
          if (lock === null) {
            waste()
            await job.moveToDelayed(Date.now() + delayMs, token)
            throw new DelayedError()
          }
          await handle(job.data)
          await lock.release()
        },
        { connection, concurrency },
      )
    },
    async close() {
      await worker?.close()
      await queue.close()
      redis.disconnect()
    },
  }
}

/** @param {unknown} error */
function nullIfTaken(error) {
  if (error instanceof ExecutionError) return null
  throw error
}

/** @param {number} delayMs */
const variantOf = (delayMs) => ({
  settings: `redlock 5 with retryCount 0 in the handler; taken: moveToDelayed by ${delayMs} ms and DelayedError; removeOnComplete, else defaults`,
  open: openWith(delayMs),
})

export const variants = { '5ms': variantOf(5), '10ms': variantOf(10), '25ms': variantOf(25) }
