import { describe, expect, it } from 'vitest'
import type { RedisEngine } from '../../src/engine/redis/engine.ts'
import { latchContract } from '../../src/lock/latch.contract.ts'
import { engines, type OpenedEngine } from '../engines.ts'

const KEEP_MS = 60_000

describe.each(engines)('latches on $name', ({ open }) => {
  latchContract(open)

  it('LA6 nothing is left of a latch that is kept no longer', async () => {
    const opened = await open()
    const { latch } = opened.first
    await latch.arrive({ name: 'shut', count: 2, keepMs: KEEP_MS, id: 'x' })
    await latch.watch({ name: 'watched', count: 2, keepMs: KEEP_MS })
    await latch.arrive({ name: 'open', count: 1, keepMs: KEEP_MS, id: 'x' })
    if (opened.engine.kind === 'redis') await expectTtls(opened.engine)
    else await expectSweep(opened)
    await opened.close()
  })
})

/** Tables hold nothing else. */
const redisEngines = engines.filter(({ label }) => label !== 'memory' && label !== 'file')
const DAMAGE: [part: string | undefined, command: string, ...values: string[]][] = [
  [undefined, 'SET', 'x'],
  [undefined, 'SADD', 'x'],
  [undefined, 'HSET', 'count', 'two'],
  ['arrived', 'SET', 'x'],
  ['watchers', 'SET', 'x'],
]

describe.each(redisEngines)('latches on $name', ({ open }) => {
  it.each(DAMAGE)(
    'LA2 what is no latch is left as it is: %s %s',
    async (part, command, ...values) => {
      const opened = await open()
      const engine = opened.engine as RedisEngine
      await engine.command(command, engine.keys.key('latch', 'a', part), ...values)
      const before = await opened.dump()
      const { latch } = opened.first
      const request = { name: 'a', count: 2, keepMs: KEEP_MS }
      for (const call of [latch.arrive({ ...request, id: 'x' }), latch.watch(request)]) {
        await expect(call).rejects.toMatchObject({ code: 'SLUICE_STORE_CORRUPT' })
      }
      expect(await opened.dump()).toEqual(before)
      await opened.wipe()
      await opened.close()
    },
  )
})

/** The server removes keys by its own clock, which the test cannot move. */
async function expectTtls(engine: RedisEngine): Promise<void> {
  for (const name of ['shut', 'watched', 'open']) {
    const keys = await engine.scan(`${engine.keys.prefix}:*{${name}}*`, 100)
    expect(keys.length, name).toBeGreaterThan(0)
    for (const key of keys) {
      const ttlMs = Number(await engine.command('PTTL', key))
      expect(ttlMs, key).toBeGreaterThan(0)
      expect(ttlMs, key).toBeLessThanOrEqual(KEEP_MS)
    }
  }
}

/** One that is over is removed with each arrival, no more often than once a second when there is none. */
async function expectSweep(opened: OpenedEngine): Promise<void> {
  await opened.clock.advance(KEEP_MS)
  for (let round = 0; round < 3; round++) {
    await opened.first.latch.arrive({ name: 'b', count: 9, keepMs: KEEP_MS, id: 'x' })
  }
  const kept = (await opened.dump()).filter((line) => line.startsWith('latch '))
  expect(kept).toHaveLength(1)
}
