// One server, in each of the ways in which users name it to the tools of `sluice/redis`.
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import type { RedisTarget } from '../src/redis/client.ts'
import type { RedisProcess } from './redis.ts'

/** For `describe.each`, which asks before there is a server. The prefix of a client is to be left out. */
export const redisTargets = (server: () => RedisProcess): [string, () => RedisTarget][] => [
  ['a URL', () => server().url],
  ['ioredis', () => new Redis(server().url, { lazyConnect: true, keyPrefix: 'own:' })],
  ['node-redis', () => createClient({ url: server().url })],
]
