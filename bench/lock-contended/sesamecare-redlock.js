// @ts-check
import { ExecutionError, Redlock } from '@sesamecare-oss/redlock'
import { Redis } from 'ioredis'
import { TTL_MS } from './work.js'

export const packageName = '@sesamecare-oss/redlock'

/**
 * @param {{ retryCount?: number, retryDelay?: number, retryJitter?: number }} retry
 * @returns {import('./work.js').Open}
 */
const openWith = (retry) => async (port) => {
  const redis = new Redis(port, '127.0.0.1')
  const redlock = new Redlock([redis], retry)
  return {
    everyMs: redlock.settings.retryDelay + redlock.settings.retryJitter,
    async acquire(name) {
      try {
        const lock = await redlock.acquire([name], TTL_MS)
        return () => lock.release()
      } catch (error) {
        if (error instanceof ExecutionError) return null
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
