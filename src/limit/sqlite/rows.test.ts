import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { SqliteEngine } from '../../engine/sqlite/engine.ts'
import { openSqliteEngine } from '../../engine/sqlite/open.ts'
import { type TestClock, testClock } from '../../testing/clock.ts'
import type { LimitStore, RateRule } from '../store.ts'
import { sqliteLimitStore } from './store.ts'

const HOUR_US = 3_600e6
const RULES: RateRule[] = [
  { kind: 'funnel', capacity: 8, emissionUs: HOUR_US },
  { kind: 'bucket', capacity: 8, refill: 8, intervalUs: HOUR_US, isAligned: false },
]

let folder: string
let clock: TestClock
let opened: SqliteEngine[]

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'sluice-rows-'))
  clock = testClock()
  opened = []
})
afterEach(async () => {
  for (const engine of opened) await engine.close()
  rmSync(folder, { recursive: true, force: true })
})

/** A connection of its own to the one file, as another process has. */
async function open(): Promise<{ engine: SqliteEngine; store: LimitStore }> {
  const engine = await openSqliteEngine(join(folder, 'limits.db'), {
    ...{ clock, synchronous: 'normal', connectTimeoutMs: 1_000 },
  })
  opened.push(engine)
  return { engine, store: sqliteLimitStore(engine) }
}

describe.each(RULES)('a $kind that is remembered', (rule) => {
  const request = { limiter: 'it', key: 'key', rule, cost: 1, peek: false }
  const remaining = async (store: LimitStore) => (await store.take(request)).remaining

  it('is read again when another connection has taken, reset or blocked', async () => {
    const { store: one } = await open()
    const { store: other } = await open()
    const left: number[] = []
    for (let turn = 0; turn < 3; turn++) left.push(await remaining(one), await remaining(other))
    expect(left).toEqual([7, 6, 5, 4, 3, 2])
    await one.reset({ limiter: 'it', key: 'key', rules: [rule] })
    expect(await remaining(other)).toBe(7)
    const parts = [{ limiter: 'it', key: 'key', tag: null, rule, place: 1, cost: 0 }]
    await other.block({ parts, forUs: HOUR_US })
    expect(await one.take(request)).toMatchObject({ allowed: false, remaining: 0 })
  })

  it('is read again when what was written is undone', async () => {
    const { engine, store } = await open()
    expect(await remaining(store)).toBe(7)
    const answer = remaining(store)
    const undone = engine.write((transaction) => {
      transaction.run('INSERT INTO blocked (limiter, key, until_us, for_us) VALUES (1, 1, 1, 0)')
    })
    await expect(undone).rejects.toThrow()
    expect(await answer).toBe(6)
    expect(await remaining(store)).toBe(5)
  })

  it('is written anew when it is gone, as after a clock that stepped back', async () => {
    const { engine, store } = await open()
    expect(await remaining(store)).toBe(7)
    await engine.write((transaction) => transaction.run(`DELETE FROM ${rule.kind}`))
    expect(await remaining(store)).toBe(6)
    const { store: other } = await open()
    expect(await remaining(other)).toBe(5)
  })

  it('is forgotten when it has expired, and swept not before', async () => {
    const { engine, store } = await open()
    expect(await remaining(store)).toBe(7)
    await clock.advance(HOUR_US / 1000)
    expect(await remaining(store)).toBe(7)
    await clock.advance(HOUR_US / 1000 + 20_000)
    await store.take({ ...request, key: 'other' })
    const keys = (transaction: { all<Row>(sql: string): Row[] }) =>
      transaction.all<{ key: string }>(`SELECT key FROM ${rule.kind}`).map(({ key }) => key)
    expect(await engine.read(keys)).toEqual(['other'])
  })
})
