// @ts-check
import { Redis } from 'ioredis'
import { RateLimiterRedis, RateLimiterUnion } from 'rate-limiter-flexible'
import { takeBy } from '../kit/rate-limiter-flexible.js'
import { WINDOWS } from './work.js'

export const packageName = 'rate-limiter-flexible'
export const settings =
  'RateLimiterRedis on ioredis 6; RateLimiterUnion of three, which charges the others when one refuses'

/** @type {import('./work.js').Open} */
export async function open(port, windows = WINDOWS) {
  const redis = new Redis(port, '127.0.0.1')
  const limitersOf = (/** @type {string} */ name) =>
    windows.map(({ units: points, seconds: duration }, index) => {
      const keyPrefix = `${name}-${index}`
      return new RateLimiterRedis({ storeClient: redis, points, duration, keyPrefix })
    })
  const apart = limitersOf('apart').map(takeBy)
  const one = limitersOf('one').map(takeBy)[0] ?? (async () => false)
  return {
    ...{ one, apart },
    together: takeBy(new RateLimiterUnion(...limitersOf('together'))),
    close: () => redis.quit(),
  }
}
