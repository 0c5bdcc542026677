// What `fair: false` does for those who wait in the same process, and what it asks of the store.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, inject, it } from 'vitest'
import { wipeRedis } from '../../test/audit/redis.ts'
import { redisAdmin } from '../../test/engines.ts'
import { watched } from '../../test/faults.ts'
import { openFaultyLocks } from '../../test/faulty-locks.ts'
import { createSluice } from '../sluice.ts'

const MOST_PASSES = 15
const cleanUps: (() => unknown)[] = []
afterEach(async () => {
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp()
})

const engines: { name: string; open(): { url: string; prefix?: string } }[] = [
  {
    name: 'a sqlite file',
    open() {
      const folder = mkdtempSync(path.join(tmpdir(), 'sluice-fair-'))
      cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
      return { url: `sqlite:${path.join(folder, 'sluice.db')}` }
    },
  },
  {
    name: 'redis',
    open() {
      const prefix = `fair-${randomUUID()}`
      cleanUps.push(() => wipeRedis(redisAdmin(), prefix))
      return { url: inject('redisUrl'), prefix }
    },
  },
]

describe.each(engines)('two processes on $name', ({ open }) => {
  function openTwo() {
    const { url, prefix } = open()
    const connect = () => {
      const sluice = createSluice(url, { commandTimeout: '10s', ...(prefix && { prefix }) })
      cleanUps.push(() => sluice.close())
      return sluice
    }
    return [connect(), connect()] as const
  }

  /** In which order a stranger and 16 of the holder’s own process get a lock, the stranger being first in line. */
  async function orderOf(fair: boolean): Promise<string[]> {
    const [own, strange] = openTwo()
    const settings = { fair, ttl: '1m' } as const
    const lock = own.lock('a', settings)
    const holder = await lock.acquire()
    const order: string[] = []
    const waiting: Promise<unknown>[] = []
    for (let place = 0; place <= MOST_PASSES + 1; place++) {
      const who = place === 0 ? 'stranger' : 'own'
      const waiter = place === 0 ? strange.lock('a', settings) : lock
      waiting.push(waiter.run(() => void order.push(who), { wait: '30s' }))
      await expect.poll(async () => (await lock.inspect()).waiters.length).toBe(place + 1)
    }
    await holder.release()
    await Promise.all(waiting)
    return order
  }

  it('come in their order where that matters', async () => {
    const order = await orderOf(true)
    expect(order.indexOf('stranger')).toBe(0)
    expect(order).toHaveLength(MOST_PASSES + 2)
  })

  it('where it does not, one passes the other 15 times in a row', async () => {
    const order = await orderOf(false)
    expect(order.indexOf('stranger')).toBe(MOST_PASSES)
    expect(order).toHaveLength(MOST_PASSES + 2)
  })
})

describe('fair', () => {
  it.each([
    [{}, true],
    [{ fair: undefined }, true],
    [{ fair: true }, true],
    [{ fair: false }, false],
  ])('%o is told to the store with every call', async (options, fair) => {
    const { locks, others, clock, calls } = openFaultyLocks()
    const holder = await others.lock('a').acquire()
    const lock = locks.lock('a', options as { fair?: boolean })
    const waiting = watched(lock.acquire({ wait: '2s' }))
    await clock.advance('2s')
    expect(waiting.isPending).toBe(false)
    await holder.release()
    const lease = await locks.lock(['a'], options as { fair?: boolean }).acquire()
    await lease.release()
    const demands = calls.map(({ method, args }) => [method, (args[0] as Request).demand])
    const asked = ['acquire', 'acquire', 'leave', 'acquire', 'release']
    expect(demands).toEqual(asked.map((method) => [method, { fair }]))
  })

  it('false takes what became free past one who waits for it', async () => {
    const { locks, others, clock, store } = openFaultyLocks()
    const owner = 'elsewhere:1:0.1'
    const ordinary = { metadata: '', replicas: 0, demand: { fair: true } }
    const request = { name: 'a', owner, claimMs: 3_000, enqueue: true, heartbeat: false }
    await store.acquire({ ...request, ...ordinary, ttlMs: 1_000 })
    await store.acquire({ ...request, ...ordinary, owner: 'elsewhere:1:0.2', ttlMs: 1_000 })
    await clock.advance('1s')
    expect(await locks.lock('a').tryAcquire()).toBe(null)
    const lease = await others.lock('a', { fair: false }).tryAcquire()
    expect(lease).not.toBe(null)
    expect((await locks.lock('a').inspect()).waiters).toMatchObject([{ owner: 'elsewhere:1:0.2' }])
  })
})

interface Request {
  demand: { fair: boolean }
}
