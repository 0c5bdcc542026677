// @ts-check
import { ExecutionError, Redlock } from '@sesamecare-oss/redlock'
import { Redis } from 'ioredis'
import { portsOf, TTL_MS } from './work.js'

export const packageName = '@sesamecare-oss/redlock'
export const settings = 'retryCount 0, on ioredis 6; acquire and release, no renewal'

/** @type {import('./work.js').Open} */
export async function open(ports) {
  const masters = portsOf(ports).map((port) => new Redis(port, '127.0.0.1'))
  const redlock = new Redlock(masters, { retryCount: 0 })
  return {
    async acquire(name) {
      try {
        return await redlock.acquire([name], TTL_MS)
      } catch (error) {
        if (error instanceof ExecutionError) return null
        throw error
      }
    },
    close: () => Promise.all(masters.map((redis) => redis.quit())),
  }
}
