// @ts-check
import { Redis } from 'ioredis'
import { RedlockMutex } from 'redis-semaphore'
import { portsOf, TTL_MS } from './work.js'

export const packageName = 'redis-semaphore'
export const settings =
  'RedlockMutex, acquireAttemptsLimit 1, on ioredis 6; renewed by itself, as is its default'

/** @type {import('./work.js').Open} */
export async function open(ports) {
  const masters = portsOf(ports).map((port) => new Redis(port, '127.0.0.1'))
  return {
    async acquire(name) {
      const mutex = new RedlockMutex(masters, name, {
        lockTimeout: TTL_MS,
        acquireAttemptsLimit: 1,
      })
      return (await mutex.tryAcquire()) ? mutex : null
    },
    close: () => Promise.all(masters.map((redis) => redis.quit())),
  }
}
