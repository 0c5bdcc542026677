// @ts-check
// The clients under test, each reduced to the two calls that the bench makes.

import { Connection } from '../../dist/engine/redis/connection.js'
import { openIoredis } from '../../dist/engine/redis/ioredis.js'
import { OURS } from '../kit/report.js'

/**
 * @typedef {object} BenchClient
 * @property {(key: string) => Promise<unknown>} get
 * @property {(sha1: string, key: string, first: string, second: string) => Promise<unknown>} evalsha
 *
 * @typedef {(port: number) => Promise<BenchClient>} Open
 */

const DEADLINE_MS = 2_000

/** @type {Record<string, Open>} */
export const clients = {
  /** The client of the engine as the engine uses it: a deadline on each call, nothing sent twice. */
  async [OURS](port) {
    const connection = new Connection({
      label: 'bench',
      openClient: () =>
        openIoredis({ host: '127.0.0.1', port, database: 0, tls: false }, DEADLINE_MS),
      connectTimeoutMs: DEADLINE_MS,
    })
    const call = (/** @type {string} */ command, /** @type {string[]} */ args) =>
      connection.call(command, args, performance.now() + DEADLINE_MS)
    await call('PING', [])
    return {
      get: (key) => call('GET', [key]),
      evalsha: (sha1, key, first, second) => call('EVALSHA', [sha1, '1', key, first, second]),
    }
  },

  async ioredis(port) {
    const { Redis } = await import('ioredis')
    const redis = new Redis(port, '127.0.0.1')
    await redis.ping()
    return {
      get: (key) => redis.get(key),
      evalsha: (sha1, key, first, second) => redis.evalsha(sha1, 1, key, first, second),
    }
  },

  async iovalkey(port) {
    const { Redis } = await import('iovalkey')
    const redis = new Redis(port, '127.0.0.1')
    await redis.ping()
    return {
      get: (key) => redis.get(key),
      evalsha: (sha1, key, first, second) => redis.evalsha(sha1, 1, key, first, second),
    }
  },

  async redis(port) {
    const { createClient } = await import('redis')
    const client = createClient({ socket: { host: '127.0.0.1', port } })
    await client.connect()
    return {
      get: (key) => client.get(key),
      evalsha: (sha1, key, first, second) =>
        client.evalSha(sha1, { keys: [key], arguments: [first, second] }),
    }
  },
}
