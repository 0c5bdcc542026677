// @ts-check
// What redlock 5 and its fork have in common: the same calls, the same settings.
import { Redis } from 'ioredis'
import { TTL_MS } from './work.js'

/**
 * @typedef {{ retryCount?: number, retryDelay?: number, retryJitter?: number }} Retry
 *
 * @typedef {object} Redlock
 * @property {{ retryDelay: number, retryJitter: number }} settings
 * @property {(names: string[], ttlMs: number) => Promise<{ release(): Promise<unknown> }>} acquire
 */

/**
 * @param {(redis: Redis, retry: Retry) => Redlock} make
 * @param {new (...args: any[]) => Error} ExecutionError
 */
export function variantsOf(make, ExecutionError) {
  /** @param {Retry} retry @returns {import('./work.js').Open} */
  const openWith = (retry) => async (port) => {
    const redis = new Redis(port, '127.0.0.1')
    const redlock = make(redis, retry)
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
  return {
    defaults: { settings: 'retryCount 10, retryDelay 200, retryJitter 100', open: openWith({}) },
    tuned: {
      settings: 'retryCount -1 (without end), retryDelay 40, retryJitter 40',
      open: openWith({ retryCount: -1, retryDelay: 40, retryJitter: 40 }),
    },
  }
}
