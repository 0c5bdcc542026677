// The engines that every store must work on, each opened fresh and empty for one test.
import { randomUUID } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { Cluster, Redis } from 'ioredis'
import { createClient } from 'redis'
import { inject } from 'vitest'
import type { Engine } from '../src/engine/engine.ts'
import { adoptedSource } from '../src/engine/redis/adopted.ts'
import type { RedisEngine } from '../src/engine/redis/engine.ts'
import type { RedisSource } from '../src/engine/redis/source.ts'
import { lazySqliteEngine } from '../src/engine/sqlite/lazy.ts'
import { openLimitStore } from '../src/limit/open.ts'
import type { LimitStore } from '../src/limit/store.ts'
import type { LatchStore } from '../src/lock/latch-store.ts'
import { openLatchStore, openLockStore } from '../src/lock/open.ts'
import type { LockStore } from '../src/lock/store.ts'
import type { UserTransaction } from '../src/queue/bench.contract.ts'
import { openQueueStore } from '../src/queue/open.ts'
import type { QueueStore } from '../src/queue/store.ts'
import { openSemaphoreStore } from '../src/semaphore/open.ts'
import type { SemaphoreStore } from '../src/semaphore/store.ts'
import { type TestClock, testClock } from '../src/testing/clock.ts'
import { type Admin, auditRedis, dumpRedis, wipeRedis } from './audit/redis.ts'
import { auditSqlite, dumpSqlite, wipeSqlite } from './audit/sqlite.ts'
import { runFolderVariable } from './redis.ts'
import { redisEngineAt } from './redis-engine.ts'
import { storeHost } from './remote-stores.ts'
import { beginBy, beginByNodeRedis, beginOn } from './user-transactions.ts'

/** One client of the data: what one process, or one Sluice in it, has. */
export interface Client {
  readonly clientId: string
  readonly lock: LockStore
  readonly latch: LatchStore
  readonly semaphore: SemaphoreStore
  readonly readWriteLock: SemaphoreStore
  readonly queue: QueueStore
  readonly limit: LimitStore
}

/** An engine of a test's own. */
export interface OpenedEngine {
  readonly clock: TestClock
  /** For `createSluice`. Of a memory engine it opens another, empty one. */
  readonly url: string
  readonly prefix: string | undefined
  readonly engine: Engine
  readonly first: Client
  /** Another client of the same data; in a process of its own where the engine allows. */
  second(): Promise<Client>
  /** A transaction of a user's own client. Left out where nobody else can open the data. */
  begin?(): Promise<UserTransaction>
  /** Everything that is stored, one line each. */
  dump(): Promise<string[]>
  /** Forgets everything that is stored, behind the back of the clients. */
  wipe(): Promise<void>
  /** What is stored and should not be, one line each. */
  audit(): Promise<string[]>
  /** Resolves when no call is under way. */
  idle(): Promise<void>
  /** Closes everything, and removes the data. Rejects if the audit finds something. */
  close(): Promise<void>
}

export interface TestEngine {
  readonly name: string
  /** `ENGINES=redis,memory npx vitest run …` narrows a run by these. */
  readonly label: string
  open(options?: { clock?: TestClock }): Promise<OpenedEngine>
}

const COMMAND_TIMEOUT_MS = 10_000
const silent = { info() {}, warn() {}, error() {} }

function storesOf(engine: Engine): Client {
  return {
    clientId: engine.clientId,
    lock: openLockStore(engine),
    latch: openLatchStore(engine),
    semaphore: openSemaphoreStore(engine, 'semaphore'),
    readWriteLock: openSemaphoreStore(engine, 'read-write-lock'),
    queue: openQueueStore(engine),
    limit: openLimitStore(engine),
  }
}

/** What all engines share: the audit, when no call is under way any more. */
function openedOn(
  parts: Omit<OpenedEngine, 'audit' | 'close' | 'idle'> & {
    engines: { idle(): Promise<void> }[]
    findings(): Promise<string[]>
    dispose(): Promise<void>
  },
): OpenedEngine {
  const { engines, findings, dispose, ...rest } = parts
  const idle = async () => {
    await Promise.all(engines.map((engine) => engine.idle()))
  }
  async function audit(): Promise<string[]> {
    await idle()
    const found = await findings()
    if (found.length === 0) return found
    // Another client may have been in the middle of something. What is wrong stays wrong.
    await new Promise((resolve) => setTimeout(resolve, 100))
    return findings()
  }
  return {
    ...rest,
    audit,
    idle,
    async close() {
      const found = await audit().finally(dispose)
      if (found.length > 0) throw new Error(`left behind:\n${found.join('\n')}`)
    },
  }
}

let sharedAdmin: Redis | undefined
let sharedClusterAdmin: Cluster | undefined

/** A connection that belongs to no client under test. */
export function redisAdmin(): Redis {
  sharedAdmin ??= new Redis(inject('redisUrl'), { protocol: 2 })
  return sharedAdmin
}

function clusterAdmin(): Cluster {
  const hosts = new URL(inject('clusterUrl').replace(/,.*/, ''))
  sharedClusterAdmin ??= new Cluster([{ host: hosts.hostname, port: Number(hosts.port) }], {
    redisOptions: { protocol: 2 },
  })
  return sharedClusterAdmin
}

/** Redis servers of some topology, by a client library. */
interface RedisWay {
  url(): string
  admin(): Admin
  /** Where the engine connects to; the URL if it is left out. */
  source?(): RedisSource
  /** Of another library than the admin's. */
  begin?(): Promise<UserTransaction>
}

const ways = {
  redis: { url: () => inject('redisUrl'), admin: redisAdmin },
  nodeRedis: {
    url: () => inject('redisUrl'),
    admin: redisAdmin,
    source: () => adoptedSource(createClient({ url: inject('redisUrl') }), 'client'),
    begin: beginByNodeRedis,
  },
  cluster: { url: () => inject('clusterUrl'), admin: clusterAdmin },
} satisfies Record<string, RedisWay>

const openRedis = (way: RedisWay) => (options?: { clock?: TestClock }) => openRedisBy(way, options)

async function openRedisBy(
  way: RedisWay,
  options: { clock?: TestClock } = {},
): Promise<OpenedEngine> {
  const clock = options.clock ?? testClock()
  const prefix = `test-${randomUUID()}`
  const url = way.url()
  const engines: Engine[] = []

  function connect(): RedisEngine {
    const timeouts = { commandTimeoutMs: COMMAND_TIMEOUT_MS, connectTimeoutMs: COMMAND_TIMEOUT_MS }
    const engine = redisEngineAt(way.source?.() ?? url, { prefix, clock, ...timeouts })
    engines.push(engine)
    return engine
  }

  async function clientOn(engine: RedisEngine): Promise<Client> {
    const client = storesOf(engine)
    // Grants are published: a client that does not listen yet is passed over.
    await new Promise<void>((resolve) => {
      client.lock.onDoubt(resolve)
      engine.inbox.start()
    })
    return client
  }

  const admin = way.admin()
  const engine = connect()
  return openedOn({
    engines,
    engine,
    clock,
    url,
    prefix,
    first: await clientOn(engine),
    second: () => clientOn(connect()),
    begin: way.begin ?? (async () => beginBy(admin)),
    dump: () => dumpRedis(admin, prefix),
    wipe: () => wipeRedis(admin, prefix),
    findings: () => auditRedis(admin, prefix),
    async dispose() {
      await Promise.all(engines.map((engine) => engine.close()))
      await wipeRedis(admin, prefix)
    },
  })
}

async function openMemory(options: { clock?: TestClock } = {}): Promise<OpenedEngine> {
  const clock = options.clock ?? testClock()
  const engine = lazySqliteEngine(':memory:', {
    clock,
    synchronous: 'full',
    connectTimeoutMs: COMMAND_TIMEOUT_MS,
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
    logger: silent,
  })
  return openedOn({
    engines: [engine],
    engine,
    clock,
    url: 'memory:',
    prefix: undefined,
    first: storesOf(engine),
    // Memory has one owner: another client is another set of stores on the same engine.
    second: async () => storesOf(engine),
    dump: () => dumpSqlite(engine),
    wipe: () => wipeSqlite(engine),
    findings: () => auditSqlite(engine),
    dispose: () => engine.close(),
  })
}

async function openFile(options: { clock?: TestClock } = {}): Promise<OpenedEngine> {
  const clock = options.clock ?? testClock()
  const folder = mkdtempSync(path.join(process.env[runFolderVariable] ?? tmpdir(), 'file-'))
  const file = path.join(folder, 'sluice.db')
  const settings = {
    synchronous: 'normal',
    connectTimeoutMs: COMMAND_TIMEOUT_MS,
    commandTimeoutMs: COMMAND_TIMEOUT_MS,
  } as const
  const engine = lazySqliteEngine(file, { clock, logger: silent, ...settings })
  const engines: Pick<Engine, 'idle' | 'close'>[] = [engine]
  return openedOn({
    engines,
    engine,
    clock,
    url: `sqlite:${file}`,
    prefix: undefined,
    first: storesOf(engine),
    async second() {
      const remote = await storeHost().open(file, clock, settings)
      engines.push(remote)
      return remote.client
    },
    async begin() {
      // It is Sluice that makes the file.
      await engine.read(() => {})
      return beginOn(file)
    },
    dump: () => dumpSqlite(engine),
    wipe: () => wipeSqlite(engine),
    findings: () => auditSqlite(engine),
    async dispose() {
      await Promise.all(engines.map((opened) => opened.close()))
      rmSync(folder, { recursive: true, force: true })
    },
  })
}

const all: readonly TestEngine[] = [
  { label: 'memory', name: 'sqlite memory', open: openMemory },
  { label: 'file', name: 'sqlite file, two processes', open: openFile },
  { label: 'redis', name: 'redis', open: openRedis(ways.redis) },
  { label: 'node-redis', name: 'redis by node-redis', open: openRedis(ways.nodeRedis) },
  { label: 'cluster', name: 'redis cluster', open: openRedis(ways.cluster) },
]

/** The engines of this run: all of them, unless `ENGINES` names some. */
export const engines: readonly TestEngine[] = chooseEngines(process.env.ENGINES)

export function chooseEngines(labels: string | undefined): readonly TestEngine[] {
  if (labels === undefined || labels === '') return all
  return labels.split(',').map((label) => {
    const engine = all.find((candidate) => candidate.label === label.trim())
    if (engine) return engine
    const known = all.map((candidate) => candidate.label).join(', ')
    throw new Error(`ENGINES names ${label}, which is none of ${known}`)
  })
}
