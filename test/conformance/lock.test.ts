import { describe, expect, it } from 'vitest'
import type { RedisEngine } from '../../src/engine/redis/engine.ts'
import { handOverContract } from '../../src/lock/hand-over.contract.ts'
import { lockContract } from '../../src/lock/lock.contract.ts'
import { engines, type OpenedEngine } from '../engines.ts'
import { ORDINARY } from '../lock-request.js'

describe.each(engines)('locks on $name', ({ name, open }) => {
  lockContract(open)
  if (name.startsWith('redis')) handOverContract(open)

  it('L10 an idle fence is kept for a day after the longest lease, and no longer', async () => {
    const opened = await open()
    await use(opened, 'a', 1)
    if (opened.engine.kind === 'redis') await expectTtlOfADay(opened.engine)
    else await expectSweepAfterADay(opened)
    await opened.close()
  })
})

const TTL_MS = 10_000
const DAY_MS = 86_400_000

async function use({ first }: OpenedEngine, name: string, number: number): Promise<void> {
  const owner = `${first.clientId}.${number}`
  const how = { ttlMs: TTL_MS, claimMs: 3_000, enqueue: false, heartbeat: false, ...ORDINARY }
  expect(await first.lock.acquire({ name, owner, ...how })).toMatchObject({ tag: 'acquired' })
  expect(await first.lock.release({ name, owner, ...ORDINARY })).toEqual({ tag: 'released' })
}

/** The server removes keys by its own clock, which the test cannot move. */
async function expectTtlOfADay(engine: RedisEngine): Promise<void> {
  const keys = await engine.scan(`${engine.keys.prefix}:*`, 10)
  const fences = keys.filter((key) => !key.startsWith(`${engine.keys.prefix}:store:`))
  expect(fences).toEqual([expect.stringContaining(':fence:{')])
  const ttlMs = await engine.command('PTTL', fences[0] ?? '')
  expect(ttlMs).toBeGreaterThan(2 * DAY_MS - TTL_MS)
  expect(ttlMs).toBeLessThanOrEqual(2 * DAY_MS)
}

/** Some of what is over is removed now and then, by whoever acquires anything. */
async function expectSweepAfterADay(opened: OpenedEngine): Promise<void> {
  const isKept = async () => (await opened.dump()).some((line) => line.includes('"name":"a"'))
  await opened.clock.advance(DAY_MS - 1)
  await use(opened, 'b', 2)
  expect(await isKept()).toBe(true)
  await opened.clock.advance(TTL_MS + 2_000)
  await use(opened, 'b', 3)
  expect(await isKept()).toBe(false)
}
