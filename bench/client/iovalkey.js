// @ts-check
import { Redis } from 'iovalkey'

export const packageName = 'iovalkey'
export const settings = 'defaults'

/** @type {import('./work.js').Open} */
export async function open(port) {
  const redis = new Redis(port, '127.0.0.1')
  await redis.ping()
  return {
    get: (key) => redis.get(key),
    evalsha: (sha1, key, first, second) => redis.evalsha(sha1, 1, key, first, second),
    close: () => redis.quit(),
  }
}
