// Gates that are listed where there are very many: no command reads a whole bucket of looks.
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { redisEngineAt } from '../../../test/redis-engine.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { queueKeys } from './keys.ts'
import { gatesOf, parkedPage } from './listing-gates.ts'

const GATES = 3_000
/** As many as the server gives at once, and those of a place of its table beside them; it packs less than that in one anyway. */
const MOST_AT_ONCE = 1_500

describe('gates on Redis', () => {
  const prefix = `test-${randomUUID()}`
  let engine: RedisEngine
  const names = Array.from({ length: GATES }, (_, index) => `lock:${index}`)
  const sizes: number[] = []

  beforeEach(() => {
    engine = redisEngineAt(inject('redisUrl'), { prefix })
  })

  afterEach(async () => {
    for (const key of await engine.scan(`${prefix}:*`, 100_000)) await engine.command('UNLINK', key)
    await engine.close()
  })

  async function ask(command: string, ...args: string[]): Promise<string[]> {
    const reply = [await engine.command(command, ...args)].flat(2).map(String)
    sizes.push(reply.length / (command === 'ZSCAN' ? 2 : 1))
    return reply
  }

  it('are read from a bucket of looks some at a time, each told once', async () => {
    const keys = queueKeys(engine.keys)('q')
    await engine.command('ZADD', keys.buckets, '1', 'gates-07')
    for (const [index, name] of names.entries()) {
      await engine.command('ZADD', keys.timed('gates-07'), `${index}`, name)
      // Every third has nothing parked behind it any more.
      if (index % 3 === 0) continue
      await engine.command('HSET', keys.gate(name).gate, 'terms', '{}', 'parked', '00000000 1 1')
    }
    sizes.splice(0)
    const some = await gatesOf(ask, keys, { limit: 20 })
    expect(some).toHaveLength(20)
    // The bucket's name, one step of the bucket, and its gates.
    expect(sizes.length).toBeLessThan(GATES / 2)
    const all = await gatesOf(ask, keys, { limit: 10_000 })
    expect(all.map(({ name }) => name).sort()).toEqual(
      names.filter((_, index) => index % 3 !== 0).sort(),
    )
    const page = await parkedPage(ask, keys, { state: 'parked', limit: 10, cursor: null }, () => {
      throw new Error('there are no jobs')
    })
    expect(page).toEqual({ jobs: [], cursor: null })
    expect(Math.max(...sizes)).toBeLessThan(MOST_AT_ONCE)
  })
})
