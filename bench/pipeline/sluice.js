// @ts-check
// Ours over each client, and the client's own pipeline, as its documentation writes it.
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { openRedis, pipeline } from '../../dist/redis/index.js'

export const settings = 'mode settle, defaults: a deadline of 5 s; ioredis and node-redis, defaults'

/** @type {import('./work.js').Open} */
export async function open(port) {
  const url = `redis://127.0.0.1:${port}`
  const ioredis = new Redis(url)
  const nodeRedis = createClient({ url })
  await nodeRedis.connect()
  const [overIoredis, overNodeRedis] = [openRedis(ioredis), openRedis(nodeRedis)]
  return {
    ways: {
      'overhead-ratio': {
        ours: (commands) => pipeline(overIoredis, commands),
        own(commands) {
          const own = ioredis.pipeline()
          for (const [, key, value] of commands) {
            if (value === undefined) own.get(key)
            else own.set(key, value)
          }
          return own.exec()
        },
      },
      'overhead-ratio-node-redis': {
        ours: (commands) => pipeline(overNodeRedis, commands),
        own(commands) {
          const own = nodeRedis.multi()
          for (const [, key, value] of commands) {
            if (value === undefined) own.get(key)
            else own.set(key, value)
          }
          return own.execAsPipeline()
        },
      },
    },
    async close() {
      await Promise.all([overIoredis.close(), overNodeRedis.close()])
      ioredis.disconnect()
      nodeRedis.destroy()
    },
  }
}
