// @ts-check
import { Redis } from 'ioredis'
import { Mutex } from 'redis-semaphore'
import { TTL_MS } from './work.js'

export const packageName = 'redis-semaphore'
export const settings =
  'Mutex, acquireAttemptsLimit 1, on ioredis 6; renewed by itself, as is its default'

/** @type {import('./work.js').Open} */
export async function open(port) {
  const redis = new Redis(port, '127.0.0.1')
  return {
    async acquire(name) {
      const mutex = new Mutex(redis, name, { lockTimeout: TTL_MS, acquireAttemptsLimit: 1 })
      return (await mutex.tryAcquire()) ? mutex : null
    },
    close: () => redis.quit(),
  }
}
