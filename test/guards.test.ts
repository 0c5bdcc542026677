// The guards of examples/fence-guards against real zombies: processes that are frozen while they
// hold a lock, past their lease, and write on waking. What the guide shows is what is tested here.
import { type ChildProcess, execFile, fork } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { serve } from '@hono/node-server'
import { DatabaseSync } from '@photostructure/sqlite'
import { Redis } from 'ioredis'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { createApp } from '../examples/fence-guards/http.js'
import { setFenced, writeFields, writeValue } from '../examples/fence-guards/redis.js'
import { createTable, updateBalance } from '../examples/fence-guards/sql.js'
import { createSluice } from '../src/sluice.ts'
import { guards, resources, UNGUARDED } from './processes/guard-resources.js'
import { ask, startRedis } from './redis.ts'

const root = path.resolve(import.meta.dirname, '..')
/** Starting a process takes seconds on a machine that has other work. */
const STORY_TIMEOUT_MS = 90_000

type Guard = (typeof guards)[string]
const guardNames = Object.keys(guards)

const cleanUps: (() => unknown)[] = []
async function cleanUp() {
  for (const step of cleanUps.splice(0).reverse()) await step()
}

/** Where locks live, and how their data gets lost. */
interface Locks {
  url: string
  prefix: string
  forget(): Promise<unknown>
}

const engines = [
  { engine: 'redis', open: openRedisLocks },
  { engine: 'sqlite file', open: openFileLocks },
]

/** A server of its own: it forgets everything. */
async function openRedisLocks(): Promise<Locks> {
  const server = await startRedis()
  cleanUps.push(() => server.stop())
  return { url: server.url, prefix: 'guards', forget: () => ask(server.port, 'FLUSHALL') }
}

async function openFileLocks(): Promise<Locks> {
  const file = path.join(makeFolder(), 'locks.db')
  return {
    url: `sqlite:${file}`,
    prefix: '',
    async forget() {
      const database = new DatabaseSync(file, { timeout: 10_000 })
      const tables = database.prepare("SELECT name FROM sqlite_schema WHERE type = 'table'").all()
      for (const { name } of tables as { name: string }[]) database.exec(`DELETE FROM "${name}"`)
      database.close()
    },
  }
}

function makeFolder(): string {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-guard-'))
  cleanUps.push(() => rmSync(folder, { recursive: true, force: true }))
  return folder
}

async function startService(): Promise<string> {
  const server = serve({ fetch: createApp().fetch, hostname: '127.0.0.1', port: 0 })
  cleanUps.push(() => server.close())
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

function openAdmin(): Redis {
  const redis = new Redis(inject('redisUrl'), { protocol: 2 })
  cleanUps.push(() => redis.disconnect())
  return redis
}

async function placeFor({ kind }: Guard): Promise<string> {
  if (kind === 'redis') return inject('redisUrl')
  return kind === 'http' ? startService() : path.join(makeFolder(), 'accounts.db')
}

function openAccount(name: string, place: string, id: string) {
  const resource = resources[name]?.open(place, id)
  if (resource === undefined) throw new Error(`nothing is guarded by ${name}`)
  cleanUps.push(() => resource.close())
  return resource
}

interface Told {
  fence?: number
  remainingMs?: number
  /** Whether each resource took its write. */
  written: Record<string, boolean>
}

/** A process that has written to all `places` and is frozen now. */
async function startZombie({ url, prefix }: Locks, id: string, places: Record<string, string>) {
  const file = path.join(import.meta.dirname, 'processes', 'guard-zombie.js')
  const child = fork(file, [url, prefix, id, JSON.stringify(places)])
  cleanUps.push(() => child.kill('SIGKILL'))
  return {
    ...(await hear(child)),
    /** Lets it go on, and answers what it tells of its late writes. */
    wake(): Promise<Told> {
      const told = hear(child)
      child.kill('SIGCONT')
      return told
    },
  }
}

/** The next message. One that came before nobody heard: a zombie that did not freeze has ended. */
async function hear(child: ChildProcess): Promise<Told> {
  const [message] = await Promise.race([
    once(child, 'message'),
    once(child, 'exit').then(([code]) => {
      throw new Error(`the zombie ended with ${code} before it had told what it wrote`)
    }),
  ])
  return message
}

/** What one resource answered to each write, and held after the last two. */
interface Account {
  first: boolean
  next: boolean
  late: boolean
  kept: number | null
  again: boolean
  last: number | null
}

/**
 * One holder writes and is frozen. The next one writes, the first one wakes up and writes, the next
 * one writes again. It gets the lock when the lease is over, or at once if all of it was `forgotten`.
 */
async function tellStory(locks: Locks, { forgotten = false } = {}) {
  const id = `account-${randomUUID()}`
  const names = Object.keys(resources)
  const placed: [string, string][] = []
  for (const name of names) placed.push([name, await placeFor(resources[name] as Guard)])
  const accounts = placed.map(([name, place]) => openAccount(name, place, id))
  const sluice = createSluice(locks.url, {
    commandTimeout: '10s',
    ...(locks.prefix && { prefix: locks.prefix }),
  })
  cleanUps.push(() => sluice.close())
  const writeToAll = (balance: number, fence: number) =>
    Promise.all(accounts.map((account) => account.write(balance, fence)))
  const readAll = () => Promise.all(accounts.map((account) => account.read()))

  const zombie = await startZombie(locks, id, Object.fromEntries(placed))
  if (forgotten) await locks.forget()
  const lease = await sluice.lock(id).acquire({ wait: forgotten ? 0 : '30s' })
  const next = await writeToAll(70, lease.fence)
  const { written: late, remainingMs } = await zombie.wake()
  const kept = await readAll()
  const again = await writeToAll(50, lease.fence)
  const last = await readAll()

  await (forgotten ? locks.forget() : lease.release())
  const { fence } = await sluice.lock(id).acquire({ wait: 0 })
  const story = names.map((name, index): [string, Partial<Account>] => [
    name,
    {
      ...{ first: zombie.written[name], next: next[index], late: late[name] },
      ...{ kept: kept[index], again: again[index], last: last[index] },
    } as Partial<Account>,
  ])
  return {
    accounts: Object.fromEntries(story),
    fences: [zombie.fence ?? 0, lease.fence, fence],
    remainingMs,
  }
}

const cases = engines.flatMap(({ engine, open }) => [
  { title: `on ${engine}`, open, forgotten: false },
  { title: `on ${engine} that lost its data`, open, forgotten: true },
])

describe.each(cases)('a zombie $title', ({ open, forgotten }) => {
  let story: Awaited<ReturnType<typeof tellStory>>
  beforeAll(async () => {
    story = await tellStory(await open(), { forgotten })
  }, STORY_TIMEOUT_MS)
  afterAll(cleanUp)

  test.for(guardNames)('is refused by the guard: %s', (name) => {
    const refused = { first: true, next: true, late: false, kept: 70, again: true, last: 50 }
    expect(story.accounts[name]).toEqual(refused)
  })

  test('writes where nothing guards, so that it is a real one', () => {
    expect(story.accounts[UNGUARDED]).toMatchObject({ next: true, late: true, kept: 666 })
  })

  test('has a lower fence than whoever comes after it', () => {
    const { fences } = story
    expect(fences.map(Number.isSafeInteger)).toEqual([true, true, true])
    expect(fences).toEqual([...new Set(fences)].sort((a, b) => a - b))
  })

  // A store that forgot the lease lets the next one in before the holder's own clock ends it.
  if (!forgotten) {
    test('finds its lease over when it looks', () => {
      expect(story.remainingMs).toBe(0)
    })
  }
})

describe('a guard', () => {
  afterEach(cleanUp)
  const LARGEST = Number.MAX_SAFE_INTEGER
  const today = 1_763_800_000_000_000

  test.for(guardNames)('compares fences as numbers, exactly: %s', async (name) => {
    const place = await placeFor(guards[name] as Guard)
    const resource = openAccount(name, place, `account-${randomUUID()}`)
    const answers: boolean[] = []
    for (const fence of [999, today, 999, today - 1, today, today + 1, LARGEST, LARGEST - 1]) {
      answers.push(await resource.write(answers.length, fence))
    }
    expect(answers).toEqual([true, true, false, false, true, true, true, false])
    expect(await resource.read()).toBe(6)
  })

  test('in SQL does not make a row that an update expects', async () => {
    const database = new DatabaseSync(':memory:')
    cleanUps.push(() => database.close())
    database.exec(createTable)
    expect(updateBalance(database, 'nobody', 1, today)).toBe(false)
  })

  test.for([
    { script: writeValue, keys: ['value', 'fence'], words: ['5'] },
    { script: writeFields, keys: ['hash'], words: ['balance', '5'] },
  ])('in Redis takes digits alone, and changes nothing otherwise: $keys', async (guard) => {
    const redis = openAdmin()
    const keys = guard.keys.map((key) => `guard-${randomUUID()}:${key}`)
    for (const fence of ['nan', 'NaN', '', '-1', '1e3', '0x10', 'undefined', ' 1']) {
      const call = redis.eval(guard.script, keys.length, ...keys, fence, ...guard.words)
      await expect(call, fence).rejects.toThrow('the fence must be a whole number')
    }
    expect(await redis.exists(...keys)).toBe(0)
  })

  test('in Redis leaves the value as it was that it refuses to change', async () => {
    const redis = openAdmin()
    const key = `guard-${randomUUID()}`
    cleanUps.push(() => redis.unlink(key, `${key}:fence`))
    await setFenced(redis, key, 'new', today)
    await setFenced(redis, key, 'old', today - 1)
    expect(await redis.mget(key, `${key}:fence`)).toEqual(['new', String(today)])
  })

  test('over HTTP says what is wrong, as a problem', async () => {
    const url = `${await startService()}/accounts/42`
    const put = (headers: Record<string, string>) =>
      fetch(url, { method: 'PUT', body: '{"balance":1}', headers })
    expect((await put({ Fence: `${today}` })).status).toBe(204)
    const refusals: [Record<string, string>, number, string][] = [
      [{ Fence: `${today - 1}` }, 412, 'Precondition Failed'],
      [{}, 428, 'Precondition Required'],
      [{ Fence: '' }, 400, 'Bad Request'],
      [{ Fence: 'latest' }, 400, 'Bad Request'],
      [{ Fence: '-1' }, 400, 'Bad Request'],
      [{ Fence: '9007199254740993' }, 400, 'Bad Request'],
    ]
    for (const [headers, status, title] of refusals) {
      const response = await put(headers)
      expect(response.headers.get('content-type')).toBe('application/problem+json')
      const problem = { type: 'about:blank', title, status, detail: expect.any(String) }
      expect([response.status, await response.json()]).toEqual([status, problem])
    }
  })

  test('over HTTP looks when it writes, not when the request began', async () => {
    const url = `${await startService()}/accounts/42`
    const headers = { Fence: `${today}`, Expect: '100-continue' }
    const slow = request(url, { method: 'PUT', headers })
    const answer = once(slow, 'response')
    slow.flushHeaders()
    await once(slow, 'continue')
    const quick = { method: 'PUT', body: '{"balance":70}', headers: { Fence: `${today + 1}` } }
    expect((await fetch(url, quick)).status).toBe(204)
    slow.end('{"balance":666}')
    const [{ statusCode }] = await answer
    expect(statusCode).toBe(412)
    expect(await (await fetch(url)).json()).toEqual({ balance: 70, fence: today + 1 })
  })
})

describe('the examples', { timeout: 60_000 }, () => {
  const runs = [
    { file: 'sql.js', refusals: 2, writes: 3 },
    { file: 'redis.js', refusals: 2, writes: 3 },
    { file: 'http.js', refusals: 1, writes: 3 },
  ]

  test.for(runs)('$file runs and shows a refusal', async ({ file, refusals, writes }) => {
    const { stdout } = await promisify(execFile)(
      process.execPath,
      [path.join('examples', 'fence-guards', file)],
      { cwd: root, env: { ...process.env, REDIS_URL: inject('redisUrl') }, timeout: 30_000 },
    )
    expect(stdout.match(/late: false|anew: false|hash: false/g)).toHaveLength(refusals)
    expect(stdout.match(/: true$/gm)).toHaveLength(writes)
  })

  test.for(['locks.md', 'locks.zh-CN.md'])('are what %s shows, word for word', (page) => {
    const shown = readFileSync(path.join(root, 'docs', 'guide', page), 'utf8')
    const blocks = [...shown.matchAll(/^```(sql|lua|js)\n([\s\S]*?)^```$/gm)]
    expect(new Set(blocks.map(([, language]) => language))).toEqual(new Set(['sql', 'lua', 'js']))
    const examples = runs.map(({ file }) =>
      readFileSync(path.join(root, 'examples', 'fence-guards', file), 'utf8'),
    )
    const strange = blocks.filter(
      ([, , code = '']) => !examples.some((example) => example.includes(code.trim())),
    )
    expect(strange.map(([block]) => block)).toEqual([])
  })
})
