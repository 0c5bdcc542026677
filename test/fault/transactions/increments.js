// @ts-check
// Two ways to read a number and write the next one, if nobody came in between.
import { setTimeout as pause } from 'node:timers/promises'
import { Redis } from 'ioredis'
import { COMMAND_TIMEOUT_MS } from './plan.js'

/**
 * @typedef {'sluice' | 'ioredis'} Way
 * @typedef {['ok', number] | ['fail' | 'unknown']} End
 * @typedef {{increment: (counter: string) => Promise<End>, close: () => Promise<unknown>}} Increments
 */

const dist = new URL('../../../dist/redis/index.js', import.meta.url)
/** @type {typeof import('../../../src/redis/index.ts')} */
const { openRedis, transaction } = await import(dist.href)

/** @param {{url: string, way: Way}} plan @param {() => Promise<void>} think between reading and writing @returns {Increments} */
export const openIncrement = ({ url, way }, think) =>
  way === 'sluice' ? overSluice(url, think) : overIoredis(url, think)

/** @param {string} url @param {() => Promise<void>} think @returns {Increments} */
function overSluice(url, think) {
  const redis = openRedis(url, { commandTimeout: COMMAND_TIMEOUT_MS })
  return {
    async increment(counter) {
      try {
        const value = await transaction(redis, [counter], async (tx) => {
          const next = Number(await tx.read('GET', counter)) + 1
          await think()
          tx.queue('SET', counter, next)
          return next
        })
        return ['ok', value]
      } catch (error) {
        const { outcome } = /** @type {{outcome?: string}} */ (error)
        return [outcome === 'not-applied' ? 'fail' : 'unknown']
      }
    },
    close: () => redis.close(),
  }
}

/**
 * As its documentation does it, on a connection for this alone, with its defaults.
 *
 * @param {string} url @param {() => Promise<void>} think @returns {Increments}
 */
function overIoredis(url, think) {
  const redis = new Redis(url)
  redis.on('error', () => {})
  return {
    async increment(counter) {
      try {
        for (;;) {
          await redis.watch(counter)
          const next = Number(await redis.get(counter)) + 1
          await think()
          const answers = await redis.multi().set(counter, next).exec()
          if (answers?.[0]?.[1] === 'OK') return ['ok', next]
          await pause(Math.random() * 5)
        }
      } catch {
        return ['unknown']
      }
    },
    close: async () => redis.disconnect(),
  }
}
