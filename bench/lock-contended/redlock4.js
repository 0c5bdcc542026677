// @ts-check
import { Redis } from 'ioredis'
// @ts-expect-error: it brings no types
import Redlock from 'redlock4'
import { TTL_MS } from './work.js'

export const packageName = 'redlock4'

/**
 * @param {{ retryCount?: number, retryDelay?: number, retryJitter?: number }} retry
 * @returns {import('./work.js').Open}
 */
const openWith = (retry) => async (port) => {
  const redis = new Redis(port, '127.0.0.1')
  const redlock = new Redlock([redis], retry)
  return {
    everyMs: redlock.retryDelay + redlock.retryJitter,
    async acquire(name) {
      try {
        const lock = await redlock.lock(name, TTL_MS)
        return () => lock.unlock()
      } catch (error) {
        if (error instanceof Redlock.LockError) return null
        throw error
      }
    },
    close: () => redis.quit(),
  }
}

export const variants = {
  defaults: { settings: 'retryCount 10, retryDelay 200, retryJitter 100', open: openWith({}) },
  tuned: {
    settings: 'retryCount -1 (without end), retryDelay 40, retryJitter 40',
    open: openWith({ retryCount: -1, retryDelay: 40, retryJitter: 40 }),
  },
}
