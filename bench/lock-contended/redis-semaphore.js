// @ts-check
import { Redis } from 'ioredis'
import { Mutex } from 'redis-semaphore'
import { TTL_MS } from './work.js'

export const packageName = 'redis-semaphore'

const DEFAULT_RETRY_INTERVAL_MS = 10

/**
 * @param {{ retryInterval?: number, acquireTimeout?: number }} settings
 * @returns {import('./work.js').Open}
 */
const openWith = (settings) => async (port) => {
  const redis = new Redis(port, '127.0.0.1')
  return {
    everyMs: settings.retryInterval ?? DEFAULT_RETRY_INTERVAL_MS,
    async acquire(name) {
      const mutex = new Mutex(redis, name, { lockTimeout: TTL_MS, ...settings })
      return (await mutex.tryAcquire()) ? () => mutex.release() : null
    },
    close: () => redis.quit(),
  }
}

export const variants = {
  defaults: {
    settings: 'acquireTimeout 10000, retryInterval 10; renewed by itself; it has no jitter',
    open: openWith({}),
  },
  tuned: {
    settings: 'acquireTimeout 600000, retryInterval 20; renewed by itself',
    open: openWith({ acquireTimeout: 600_000, retryInterval: 20 }),
  },
}
