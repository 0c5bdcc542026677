// A SQLite store with something of everything in it, ways to damage copies of it, and what came of
// using them.

import { createHash } from 'node:crypto'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { expect } from 'vitest'
import { systemClock } from '../../src/clock.ts'
import { loadDriver } from '../../src/engine/sqlite/driver.ts'
import type { SqliteEngine } from '../../src/engine/sqlite/engine.ts'
import { lazySqliteEngine } from '../../src/engine/sqlite/lazy.ts'
import { SluiceError, StoreCorruptError } from '../../src/errors.ts'
import { openLimitStore } from '../../src/limit/open.ts'
import type { LimitStore } from '../../src/limit/store.ts'
import { openLockStore } from '../../src/lock/open.ts'
import type { LockStore } from '../../src/lock/store.ts'
import { openQueueStore } from '../../src/queue/open.ts'
import type { ExchangeRequest, QueueStore } from '../../src/queue/store.ts'
import { ORDINARY } from '../lock-request.js'
import { timed } from '../stopwatch.ts'

export interface Stores {
  readonly engine: SqliteEngine
  readonly queue: QueueStore
  readonly lock: LockStore
  readonly limit: LimitStore
}

export const COMMAND_TIMEOUT_MS = 500
/** What a call may need beyond its deadline. */
export const GRACE_MS = 250

export function openStores(file: string, commandTimeoutMs = COMMAND_TIMEOUT_MS): Stores {
  const engine = lazySqliteEngine(file, {
    clock: systemClock,
    synchronous: 'normal',
    connectTimeoutMs: commandTimeoutMs,
    commandTimeoutMs,
    logger: { error() {} },
  })
  return {
    engine,
    queue: openQueueStore(engine),
    lock: openLockStore(engine),
    limit: openLimitStore(engine),
  }
}

let sequence = 0

export const addJobs = ({ queue }: Stores, name: string, payloads: string[], delayMs = 0) =>
  queue.add({
    queue: name,
    producer: 'fixture',
    sequence: ++sequence,
    jobs: payloads.map((payload) => ({ payload, maxAttempts: 3, delayMs })),
  })

export const exchangeRequest = (how: Partial<ExchangeRequest>): ExchangeRequest => ({
  queue: 'jobs',
  epoch: 'consumer',
  sequence: 1,
  leaseMs: 10_000,
  heldCount: 0,
  acks: [],
  retries: [],
  deaths: [],
  want: 0,
  maxCrashes: 3,
  ...how,
})

export const lockRequest = (name: string, owner: string, ttlMs = 1_000) => ({
  name,
  owner,
  ttlMs,
  claimMs: 500,
  enqueue: false,
  heartbeat: false,
  ...ORDINARY,
})

export const takeRequest = (key: string) => ({
  limiter: 'calls',
  key,
  rule: { kind: 'funnel', capacity: 10, emissionUs: 1_000_000 } as const,
  cost: 1,
  peek: false,
})

/** One call, and how it ended: its value, or what it threw. */
export interface Answer {
  call: string
  value?: unknown
  error?: unknown
}

/** Calls every store that a process would use; every table is met. */
export async function useStores(stores: Stores): Promise<Answer[]> {
  const { queue, lock, limit } = stores
  const answers: Answer[] = []
  async function tell<T>(call: string, work: () => Promise<T>): Promise<T | undefined> {
    try {
      const value = await work()
      answers.push({ call, value })
      return value
    } catch (error) {
      answers.push({ call, error })
      return undefined
    }
  }
  await tell('add', () => addJobs(stores, 'jobs', ['"new"']))
  const claimed = await tell('claim', () => queue.exchange(exchangeRequest({ want: 500 })))
  const acks = claimed?.tag === 'ok' ? claimed.jobs.map(({ id }) => id) : []
  const rest = { sequence: 2, acks, heldCount: acks.length }
  await tell('ack', () => queue.exchange(exchangeRequest(rest)))
  await tell('counts', () => queue.counts('jobs'))
  await tell('big', () => queue.exchange(exchangeRequest({ queue: 'big', want: 5 })))
  await tell('acquire', () => lock.acquire(lockRequest('new', 'me')))
  await tell('taken', () => lock.acquire(lockRequest('lock 7', 'me')))
  await tell('list', () => lock.list(100))
  await tell('take', () => limit.take(takeRequest('key 3')))
  return answers
}

/** A store's bytes: the file, and its log where a crash left one. */
export interface Bytes {
  main: Buffer
  log?: Buffer
}

/** A closed store, and the same as a crash leaves it, with its last ten jobs in the log alone. */
export async function makeStores(): Promise<{ closed: Bytes; crashed: Bytes }> {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-damage-'))
  const file = path.join(folder, 'store.db')
  const stores = openStores(file)
  for (let round = 0; round < 20; round++) {
    const payloads = Array.from({ length: 10 }, (_, index) => `"${round}.${index}"`)
    await addJobs(stores, 'jobs', payloads, round % 5 === 0 ? 1e6 : 0)
  }
  await addJobs(stores, 'big', [JSON.stringify('y'.repeat(40_000))])
  for (let index = 0; index < 40; index++) {
    await stores.lock.acquire(lockRequest(`lock ${index}`, 'other'.padEnd(100), 1e7))
    await stores.limit.take(takeRequest(`key ${index}`))
  }
  await addJobs(stores, 'gone', Array(500).fill(`"${'z'.repeat(60)}"`))
  await stores.engine.write((transaction) =>
    transaction.run("DELETE FROM job WHERE queue = (SELECT id FROM queue WHERE name = 'gone')"),
  )
  await stores.engine.close()
  const closed = { main: readFileSync(file) }
  const again = openStores(file)
  for (let index = 0; index < 10; index++) await addJobs(again, 'late', [`${index}`])
  const crashed = { main: readFileSync(file), log: readFileSync(`${file}-wal`) }
  await again.engine.close()
  rmSync(folder, { recursive: true })
  return { closed, crashed }
}

/** Puts bytes where a store is expected. */
export function place(folder: string, { main, log }: Bytes): string {
  const file = path.join(folder, 'store.db')
  writeFileSync(file, main)
  if (log) writeFileSync(`${file}-wal`, log)
  return file
}

/** What must not change when an open is refused. No log, and one with nothing in it, are the same. */
export const bytesOf = (file: string) => ['', '-wal'].map((suffix) => hashOf(file + suffix))

export function hashOf(file: string): string {
  const bytes = existsSync(file) ? readFileSync(file) : Buffer.alloc(0)
  return `${bytes.length} bytes, ${createHash('sha256').update(bytes).digest('hex')}`
}

/** Findings of SQLite's own check of pages and tables. */
export async function integrityOf(file: string, check = 'integrity_check'): Promise<string[]> {
  const database = (await loadDriver()).open(file, { readOnly: true })
  try {
    const rows = database.prepare(`PRAGMA ${check}`).all() as Record<string, string>[]
    return rows.map((row) => row[check] ?? '')
  } finally {
    database.close()
  }
}

/** Which of the errors that users are promised it was. Anything else fails the test. */
export function codeOf({ call, error }: Answer, file: string): string | undefined {
  if (error === undefined) return undefined
  if (!(error instanceof SluiceError)) throw new Error(`${call} threw ${String(error)}`)
  if (error.code === 'SLUICE_INTERNAL') throw error
  expect(error.message).toContain(file)
  // It says what to do next.
  expect(error.message).toMatch(/[.:] (Restore|Give|Upgrade|Run|It was left|Free|Try|Look|Restart)/)
  if (error instanceof StoreCorruptError) expect(error.key).toBe(file)
  return error.code
}

export interface Outcome {
  /** Codes of the errors, each once. */
  codes: string[]
  worked: string[]
  failed: string[]
  tookMs: number
}

/** Uses a store, and closes it. */
export async function outcomeOf(file: string): Promise<Outcome> {
  const stores = openStores(file)
  const { result: answers, tookMs } = await timed(() => useStores(stores))
  await stores.engine.close()
  const codes = answers.map((answer) => codeOf(answer, file))
  return {
    codes: [...new Set(codes.filter((code) => code !== undefined))],
    worked: answers.filter(({ error }) => error === undefined).map(({ call }) => call),
    failed: answers.filter(({ error }) => error !== undefined).map(({ call }) => call),
    tookMs,
  }
}

/** Every call fails with the error, and the file stays as it is. */
export async function expectRefused(file: string, code = 'SLUICE_STORE_CORRUPT'): Promise<void> {
  const before = bytesOf(file)
  const outcome = await outcomeOf(file)
  expect(outcome).toMatchObject({ codes: [code], worked: [] })
  expect(bytesOf(file)).toEqual(before)
}

/** Nothing is wrong with it, as far as can be told. */
export async function expectWorks(file: string): Promise<void> {
  expect(await outcomeOf(file)).toMatchObject({ codes: [] })
  expect(await integrityOf(file)).toEqual(['ok'])
}
