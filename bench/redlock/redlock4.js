// @ts-check
import { Redis } from 'ioredis'
// @ts-expect-error: it brings no types
import Redlock from 'redlock4'
import { portsOf, TTL_MS } from './work.js'

export const packageName = 'redlock4'
export const settings = 'retryCount 0, on ioredis 6; no renewal'

/** @type {import('./work.js').Open} */
export async function open(ports) {
  const masters = portsOf(ports).map((port) => new Redis(port, '127.0.0.1'))
  const redlock = new Redlock(masters, { retryCount: 0 })
  return {
    async acquire(name) {
      try {
        const lock = await redlock.lock(name, TTL_MS)
        return { release: () => lock.unlock() }
      } catch (error) {
        if (error instanceof Redlock.LockError) return null
        throw error
      }
    },
    close: () => Promise.all(masters.map((redis) => redis.quit())),
  }
}
