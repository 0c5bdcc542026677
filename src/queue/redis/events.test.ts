// What events of queues are on Redis: how big, and what else may lie where they are.
import { randomUUID } from 'node:crypto'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { redisEngineAt } from '../../../test/redis-engine.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { StoreCorruptError } from '../../errors.ts'
import { named } from '../desk.contract.ts'
import type { QueueStore } from '../store.ts'
import { redisQueueStore } from './store.ts'

const MOST_BYTES = 4_000_000

describe('events of queues on Redis', () => {
  const prefix = `test-${randomUUID()}`
  const [events, watchers] = ['events', 'watchers'].map((part) => `${prefix}:queue:{q}:${part}`)
  let engine: RedisEngine
  let store: QueueStore
  let sequence = 0

  beforeEach(() => {
    engine = redisEngineAt(inject('redisUrl'), { prefix })
    store = redisQueueStore(engine).keepingEvents(100_000)
  })

  afterEach(async () => {
    for (const key of await engine.scan(`${prefix}:*`, 100_000)) await engine.command('UNLINK', key)
    await engine.close()
  })

  const addNamed = (names: string[]) =>
    store.addNamed({
      ...{ queue: 'q', producer: 'p', sequence: ++sequence },
      jobs: names.map((name) => named(name)),
    })

  it('never take more than 4 MB, and the newest stay, whatever the names', async () => {
    const longest = '限'.repeat(120)
    let last = ''
    for (let batch = 0; batch < 110; batch++) {
      const names = Array.from({ length: 100 }, (_, index) => `${batch}.${index}${longest}`)
      last = names.at(-1) ?? ''
      await addNamed(names)
    }
    const bytes = Number(await engine.command('MEMORY', 'USAGE', events ?? '', 'SAMPLES', '0'))
    expect(bytes).toBeLessThan(MOST_BYTES)
    expect(bytes).toBeGreaterThan(MOST_BYTES / 2)
    let place = 'start'
    let newest: string | undefined
    for (;;) {
      const page = await store.readEvents('q', place)
      if (page.events.length === 0) break
      newest = page.events.at(-1)?.name
      place = page.place
    }
    expect(newest).toBe(last)
    expect(Number(await engine.command('PTTL', events ?? ''))).toBeGreaterThan(6 * 86_400_000)
  })

  it.each([
    ['events', events ?? ''],
    ['watchers', watchers ?? ''],
  ])('something else at %s is refused before anything is written', async (_, key) => {
    await engine.command('SET', key, 'mine')
    const add = { queue: 'q', producer: 'p', sequence: 1 }
    const jobs = [{ payload: '1', maxAttempts: 1, delayMs: 0 }]
    await expect(store.add({ ...add, jobs })).rejects.toBeInstanceOf(StoreCorruptError)
    await expect(addNamed(['a'])).rejects.toBeInstanceOf(StoreCorruptError)
    await expect(store.pause('q')).rejects.toBeInstanceOf(StoreCorruptError)
    await expect(store.readEvents('q', 'start')).rejects.toBeInstanceOf(StoreCorruptError)
    expect(await engine.scan(`${prefix}:queue:*`, 100)).toEqual([key])
    expect(await engine.command('GET', key)).toBe('mine')
  })

  it('tell a reader once, until it has looked again', async () => {
    await store.readEvents('q', 'now')
    expect(Number(await engine.command('ZCARD', watchers ?? ''))).toBe(1)
    expect(Number(await engine.command('PTTL', watchers ?? ''))).toBeLessThanOrEqual(60_000)
    await addNamed(['a'])
    expect(Number(await engine.command('ZCARD', watchers ?? ''))).toBe(0)
    await store.readEvents('q', 'start')
    expect(Number(await engine.command('ZCARD', watchers ?? ''))).toBe(0)
  })
})
