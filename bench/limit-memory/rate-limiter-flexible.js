// @ts-check
import { Redis } from 'ioredis'
import { RateLimiterRedis } from 'rate-limiter-flexible'
import { LIMIT, SECONDS } from './work.js'

export const packageName = 'rate-limiter-flexible'
export const settings =
  'RateLimiterRedis on ioredis 6: a fixed window in every case, which is all that it has'

/** @type {import('./work.js').Open} */
export async function open(port) {
  const redis = new Redis(port, '127.0.0.1')
  const limiter = new RateLimiterRedis({
    ...{ storeClient: redis, keyPrefix: 'b', points: LIMIT, duration: SECONDS },
  })
  return {
    digits: 38,
    fill: async (key) => (await limiter.consume(key)).remainingPoints,
    close: () => redis.quit(),
  }
}
