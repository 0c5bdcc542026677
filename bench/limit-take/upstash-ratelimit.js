// @ts-check
import { createHash } from 'node:crypto'
import { Ratelimit } from '@upstash/ratelimit'
import { Redis } from 'ioredis'
import { RULE } from './work.js'

export const packageName = '@upstash/ratelimit'
export const settings =
  "tokenBucket, defaults, on ioredis 6 instead of HTTP; its scripts' first line #!lua taken off, which no Redis but Upstash's takes"

/** @typedef {ConstructorParameters<typeof Ratelimit>[0]['redis']} RatelimitRedis */

/** What the library calls of @upstash/redis. @param {Redis} redis */
function adapt(redis) {
  /** Its SHA1s of scripts as they are, and those without their first line. */
  const hashes = new Map()
  const argumentsOf = (/** @type {string[]} */ keys, /** @type {unknown[]} */ args) => [
    ...keys,
    ...args.map((value) => `${value}`),
  ]
  return {
    /** @param {string} hash @param {string[]} keys @param {unknown[]} args */
    evalsha(hash, keys, args) {
      const ownHash = hashes.get(hash)
      if (ownHash === undefined) return Promise.reject(new Error('NOSCRIPT of the adapter'))
      return redis.evalsha(ownHash, keys.length, ...argumentsOf(keys, args))
    },
    /** @param {string} script @param {string[]} keys @param {unknown[]} args */
    async eval(script, keys, args) {
      const plain = script.replace(/^#!lua[^\n]*\n/, '')
      const reply = await redis.eval(plain, keys.length, ...argumentsOf(keys, args))
      hashes.set(sha1(script), sha1(plain))
      return reply
    },
  }
}

/** @param {string} script */
const sha1 = (script) => createHash('sha1').update(script).digest('hex')

/** @type {import('./work.js').Open} */
export async function open(port, { units, seconds } = RULE) {
  const redis = new Redis(port, '127.0.0.1')
  const limiter = new Ratelimit({
    redis: /** @type {RatelimitRedis} */ (/** @type {unknown} */ (adapt(redis))),
    limiter: Ratelimit.tokenBucket(units, `${seconds} s`, units),
  })
  return {
    take: (key) => limiter.limit(key),
    isAllowed: ({ success }) => success,
    close: () => redis.quit(),
  }
}
