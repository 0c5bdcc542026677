import { randomUUID } from 'node:crypto'
import { describe, inject } from 'vitest'
import { openRedisEngine } from '../engine/redis/engine.ts'
import { readRedisUrl } from '../engine/redis/url.ts'
import { testClock } from '../testing/clock.ts'
import { limitContract } from './limit.contract.ts'
import { redisLimitStore } from './redis/store.ts'

describe('redis', () => {
  limitContract(() => {
    const clock = testClock()
    const engine = openRedisEngine({
      address: readRedisUrl(inject('redisUrl'), 'url'),
      prefix: `test-${randomUUID()}`,
      clock,
      commandTimeoutMs: 2000,
      connectTimeoutMs: 2000,
    })
    return { store: redisLimitStore(engine), clock, close: () => engine.close() }
  })
})
