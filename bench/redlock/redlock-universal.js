// @ts-check
import { Redis } from 'ioredis'
import { createRedlock, IoredisAdapter, LockAcquisitionError } from 'redlock-universal'
import { portsOf, TTL_MS } from './work.js'

export const packageName = 'redlock-universal'
export const settings = 'createRedlock, retryAttempts 0, on ioredis 6; no renewal'

/** @type {import('./work.js').Open} */
export async function open(ports) {
  const masters = portsOf(ports).map((port) => new Redis(port, '127.0.0.1'))
  const adapters = masters.map((redis) => new IoredisAdapter(redis))
  return {
    async acquire(name) {
      const lock = createRedlock({ adapters, key: name, ttl: TTL_MS, retryAttempts: 0 })
      try {
        const handle = await lock.acquire()
        return { release: () => lock.release(handle) }
      } catch (error) {
        if (error instanceof LockAcquisitionError) return null
        throw error
      }
    },
    close: () => Promise.all(masters.map((redis) => redis.quit())),
  }
}
