// @ts-check
import { Redis } from 'ioredis'
import { createLock, IoredisAdapter, LockAcquisitionError } from 'redlock-universal'
import { TTL_MS } from './work.js'

export const packageName = 'redlock-universal'

const DEFAULT_RETRY_DELAY_MS = 100

/**
 * @param {{ retryAttempts?: number, retryDelay?: number, performance?: 'lean' }} settings
 * @returns {import('./work.js').Open}
 */
const openWith = (settings) => async (port) => {
  const redis = new Redis(port, '127.0.0.1')
  const adapter = new IoredisAdapter(redis)
  return {
    everyMs: settings.retryDelay ?? DEFAULT_RETRY_DELAY_MS,
    async acquire(name) {
      const lock = createLock({ adapter, key: name, ttl: TTL_MS, ...settings })
      try {
        const handle = await lock.acquire()
        return () => lock.release(handle)
      } catch (error) {
        if (error instanceof LockAcquisitionError) return null
        throw error
      }
    },
    close: () => redis.quit(),
  }
}

export const variants = {
  defaults: { settings: 'retryAttempts 3, retryDelay 100; it has no jitter', open: openWith({}) },
  tuned: {
    settings: "performance 'lean', retryAttempts 1,000,000, retryDelay 20",
    open: openWith({ performance: 'lean', retryAttempts: 1_000_000, retryDelay: 20 }),
  },
}
