// @ts-check
import { Redis } from 'ioredis'
import { RedisStore } from 'rate-limit-redis'
import { RULE } from './work.js'

export const packageName = 'rate-limit-redis'
export const settings =
  'its store alone (fixed window), called as express-rate-limit calls it, on ioredis 6'

/** @type {import('./work.js').Open} */
export async function open(port, { units, seconds } = RULE) {
  const redis = new Redis(port, '127.0.0.1')
  const store = new RedisStore({
    sendCommand: (/** @type {string} */ command, /** @type {string[]} */ ...args) =>
      /** @type {Promise<import('rate-limit-redis').RedisReply>} */ (redis.call(command, ...args)),
  })
  const options = /** @type {Parameters<RedisStore['init']>[0]} */ ({ windowMs: seconds * 1_000 })
  await store.init(options)
  return {
    take: (key) => store.increment(key),
    isAllowed: ({ totalHits }) => totalHits <= units,
    close: () => redis.quit(),
  }
}
