// An engine on a Redis of the test's choice, with nobody listening to what it tells.
import { systemClock } from '../src/clock.ts'
import {
  openRedisEngine,
  type RedisEngine,
  type RedisEngineOptions,
} from '../src/engine/redis/engine.ts'
import { urlSource } from '../src/engine/redis/ioredis.ts'
import type { RedisSource } from '../src/engine/redis/source.ts'
import { readRedisUrl } from '../src/engine/redis/url.ts'

export type TestEngineOptions = { prefix: string } & Partial<Omit<RedisEngineOptions, 'source'>>

/** `at` is a URL, or where a client of another library leads. */
export function redisEngineAt(at: string | RedisSource, options: TestEngineOptions): RedisEngine {
  return openRedisEngine({
    source: typeof at === 'string' ? urlSource(readRedisUrl(at, 'url')) : at,
    clock: systemClock,
    commandTimeoutMs: 10_000,
    connectTimeoutMs: 5_000,
    tell() {},
    warn() {},
    ...options,
  })
}
