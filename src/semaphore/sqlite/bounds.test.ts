// Much at once is done in several short transactions, and as if it had been one.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { auditSqlite, dumpSqlite } from '../../../test/audit/sqlite.ts'
import type { SqliteEngine } from '../../engine/sqlite/engine.ts'
import { lazySqliteEngine } from '../../engine/sqlite/lazy.ts'
import { type TestClock, testClock } from '../../testing/clock.ts'
import type { SemaphoreStore } from '../store.ts'
import { sqliteSemaphoreStore } from './store.ts'

const MANY = 500
const TTL_MS = 10_000
const CLAIM_MS = 3_000
const DAY_MS = 86_400_000

let clock: TestClock
let engine: SqliteEngine
let store: SemaphoreStore
let ownerCount = 0

beforeEach(() => {
  clock = testClock()
  engine = lazySqliteEngine(':memory:', { clock, synchronous: 'normal', connectTimeoutMs: 1_000 })
  store = sqliteSemaphoreStore(engine, 'semaphore')
})

afterEach(async () => {
  expect(await auditSqlite(engine)).toEqual([])
  await engine.close()
})

const newOwner = () => `${engine.clientId}.${++ownerCount}`
const demandFor = (weight: number) => ({ weight, permits: MANY, solo: false })

async function acquire(name: string, weight: number, owner = newOwner()) {
  const how = { ttlMs: TTL_MS, claimMs: CLAIM_MS, enqueue: true, heartbeat: false }
  const demand = demandFor(weight)
  const answer = await store.acquire({ name, owner, ...how, metadata: '', replicas: 0, demand })
  return { owner, answer }
}

const acquireMany = (name: string) =>
  Promise.all(Array.from({ length: MANY }, () => acquire(name, 1)))

describe('much at once', () => {
  it('S4 a run that takes several transactions is granted when the release is answered', async () => {
    const writer = await acquire('a', MANY)
    const readers = await acquireMany('a')
    const told: string[] = []
    store.onGrant(({ owner }) => told.push(owner))
    await store.release({ name: 'a', owner: writer.owner, demand: demandFor(MANY) })
    expect(told).toEqual(readers.map(({ owner }) => owner))
    expect(await store.inspect('a')).toMatchObject({ used: MANY, waiters: [] })
  })

  it('S1 S4 nobody gets in between two transactions of one run', async () => {
    const writer = await acquire('a', MANY)
    const readers = await acquireMany('a')
    const [, newcomer] = await Promise.all([
      store.release({ name: 'a', owner: writer.owner, demand: demandFor(MANY) }),
      acquire('a', 1),
    ])
    expect(newcomer.answer).toMatchObject({ tag: 'waiting' })
    const { used, waiters } = await store.inspect('a')
    expect([used, waiters.map(({ owner }) => owner)]).toEqual([MANY, [newcomer.owner]])
    const again = readers.map(({ owner }) => acquire('a', 1, owner))
    for (const { answer } of await Promise.all(again)) expect(answer.tag).toBe('acquired')
  })

  it('S3 leases that are over are all gone for the next call', async () => {
    const holders = await acquireMany('a')
    await clock.advance(TTL_MS)
    const late = holders[MANY - 1]?.owner ?? ''
    expect(await store.renew({ name: 'a', owner: late, ttlMs: TTL_MS, replicas: 0 })).toEqual({
      tag: 'lost',
    })
    expect((await acquire('a', MANY)).answer).toMatchObject({ tag: 'acquired' })
  })

  it('S14 holders who died together are gone a day later, whatever is used then', async () => {
    for (const name of ['a', 'b', 'c']) await acquireMany(name)
    const isKept = async () => (await dumpSqlite(engine)).some((line) => /:[abc]"/.test(line))
    await clock.advance(DAY_MS + TTL_MS - 1)
    await acquire('other', 1)
    expect(await isKept()).toBe(true)
    await clock.advance(1_001)
    for (let call = 0; call < 3 * Math.ceil(MANY / 64) + 1; call++) await acquire('other', 1)
    expect(await isKept()).toBe(false)
  })

  it('S3 each of those who released lately may repeat it, and nobody whose lease was over', async () => {
    const holders = await Promise.all(Array.from({ length: 16 }, () => acquire('a', 1)))
    const demand = demandFor(1)
    for (const { owner } of holders) await store.release({ name: 'a', owner, demand })
    for (const { owner } of holders) {
      expect(await store.release({ name: 'a', owner, demand })).toEqual({ tag: 'released' })
    }
    const owner = holders[0]?.owner ?? ''
    await acquire('a', 1, owner)
    await clock.advance(TTL_MS)
    expect(await store.release({ name: 'a', owner, demand })).toEqual({ tag: 'lost' })
  })
})
