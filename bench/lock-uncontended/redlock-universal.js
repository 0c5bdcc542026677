// @ts-check
import { Redis } from 'ioredis'
import { createLock, IoredisAdapter, LockAcquisitionError } from 'redlock-universal'
import { TTL_MS } from './work.js'

export const packageName = 'redlock-universal'
export const settings = "performance 'lean', retryAttempts 0, on ioredis 6; no renewal"

/** @type {import('./work.js').Open} */
export async function open(port) {
  const redis = new Redis(port, '127.0.0.1')
  const adapter = new IoredisAdapter(redis)
  return {
    async acquire(name) {
      const terms = { adapter, key: name, ttl: TTL_MS, retryAttempts: 0 }
      const lock = createLock({ ...terms, performance: 'lean' })
      try {
        const handle = await lock.acquire()
        return { release: () => lock.release(handle) }
      } catch (error) {
        if (error instanceof LockAcquisitionError) return null
        throw error
      }
    },
    close: () => redis.quit(),
  }
}
