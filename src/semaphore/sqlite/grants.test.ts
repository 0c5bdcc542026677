// What an owner is told of that another process, or a call of its own, has changed.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import type { SqliteEngine } from '../../engine/sqlite/engine.ts'
import { lazySqliteEngine } from '../../engine/sqlite/lazy.ts'
import type { Owner } from '../../gate/store.ts'
import { type TestClock, testClock } from '../../testing/clock.ts'
import type { SemaphoreStore } from '../store.ts'
import { sqliteSemaphoreStore } from './store.ts'

const HOW = { ttlMs: 10_000, claimMs: 3_000, enqueue: true, heartbeat: false }
const ALL = 5

let clock: TestClock
let folder: string
let here: SqliteEngine
let there: SqliteEngine

beforeEach(() => {
  clock = testClock()
  folder = mkdtempSync(path.join(tmpdir(), 'grants-'))
  const open = () =>
    lazySqliteEngine(path.join(folder, 'sluice.db'), {
      clock,
      synchronous: 'normal',
      connectTimeoutMs: 5_000,
    })
  here = open()
  there = open()
})

afterEach(async () => {
  await Promise.all([here.close(), there.close()])
  rmSync(folder, { recursive: true })
})

const demandFor = (weight: number) => ({ weight, permits: ALL, solo: false })

async function acquire(store: SemaphoreStore, owner: Owner, weight: number): Promise<string> {
  const request = { name: 'a', owner, ...HOW, metadata: '', replicas: 0 }
  return (await store.acquire({ ...request, demand: demandFor(weight) })).tag
}

const release = (store: SemaphoreStore, owner: Owner) =>
  store.release({ name: 'a', owner, demand: demandFor(1) })

function heardBy(store: SemaphoreStore): Owner[] {
  const heard: Owner[] = []
  store.onGrant(({ owner }) => heard.push(owner))
  return heard
}

it('S4 is told by the kind that was granted, though owners of both are called the same', async () => {
  const kinds = ['semaphore', 'read-write-lock'] as const
  const [semaphore, readWrite] = kinds.map((kind) => sqliteSemaphoreStore(here, kind)) as [
    SemaphoreStore,
    SemaphoreStore,
  ]
  const owner = `${here.clientId}.1`
  const holder = `${there.clientId}.1`
  const others = kinds.map((kind) => sqliteSemaphoreStore(there, kind))
  for (const other of others) expect(await acquire(other, holder, ALL)).toBe('acquired')
  for (const store of [semaphore, readWrite]) {
    expect(await acquire(store, owner, 1)).toBe('waiting')
  }
  const [heard, heardOther] = [heardBy(semaphore), heardBy(readWrite)]
  await others[1]?.release({ name: 'a', owner: holder, demand: demandFor(ALL) })
  await expect.poll(() => heardOther).toEqual([owner])
  expect(heard).toEqual([])
})

it('S12 is told to one that renews before it has heard that it has grown', async () => {
  const store = sqliteSemaphoreStore(here, 'semaphore')
  const other = sqliteSemaphoreStore(there, 'semaphore')
  const [owner, neighbour] = [`${here.clientId}.1`, `${there.clientId}.1`]
  await acquire(store, owner, 1)
  await acquire(other, neighbour, ALL - 1)
  const growing = { name: 'a', owner, weight: ALL, solo: false, ...HOW, replicas: 0 }
  expect(await store.reweigh(growing)).toMatchObject({ tag: 'waiting' })
  const heard = heardBy(store)
  await release(other, neighbour)
  await store.renew({ name: 'a', owner, ttlMs: HOW.ttlMs, replicas: 0 })
  expect(heard).toEqual([owner])
})

it('S6 one who comes back late has its place again, and is served at once if it fits', async () => {
  const store = sqliteSemaphoreStore(here, 'semaphore')
  const [holder, late, heavy] = [1, 2, 3].map((number) => `${here.clientId}.${number}`) as [
    Owner,
    Owner,
    Owner,
  ]
  await acquire(store, holder, ALL)
  expect(await acquire(store, late, 1)).toBe('waiting')
  await clock.advance(HOW.claimMs + 1)
  expect(await acquire(store, heavy, ALL)).toBe('waiting')
  const less = { name: 'a', owner: holder, weight: ALL - 1, solo: false, ...HOW, replicas: 0 }
  await store.reweigh(less)
  expect(await acquire(store, late, 1)).toBe('acquired')
})
