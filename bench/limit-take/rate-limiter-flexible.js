// @ts-check
import { Redis } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { always } from '../kit/limiter.js'
import { isRefusal } from '../kit/rate-limiter-flexible.js'
import { RULE } from './work.js'

export const packageName = 'rate-limiter-flexible'
export const settings = 'RateLimiterRedis (fixed window from the first take), on ioredis 6'

/** @type {import('./work.js').Open} */
export async function open(port, { units, seconds } = RULE) {
  const redis = new Redis(port, '127.0.0.1')
  const limiter = new RateLimiterRedis({ storeClient: redis, points: units, duration: seconds })
  return {
    take: (key) => limiter.consume(key),
    isAllowed: always,
    isRefusal,
    close: () => redis.quit(),
  }
}
