// The biggest keys, against what is known to be there.
import { randomUUID } from 'node:crypto'
import { Redis } from 'ioredis'
import { createClient } from 'redis'
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest'
import { startServer } from '../../test/fault/servers.js'
import { type RedisTarget, withRedis } from './client.ts'
import { findBigKeys, preflight } from './index.ts'
import { PrefixSums } from './prefix-sums.ts'
import { TopList } from './top-list.ts'

const write = (target: RedisTarget, commands: readonly (readonly string[])[]) =>
  withRedis(target, 'test', async (redis) => {
    await Promise.all(
      commands.map(([name = '', ...args]) => redis.callFor(args[0] ?? '', name, args)),
    )
  })

/** A replica copies its primary in a second; beside much other work it takes longer. */
const PATIENT = { timeout: 12_000 }

const many = (count: number) => Array.from({ length: count }, (_, index) => index)

/** Small keys of all kinds, and some of each that are big: the higher the number, the bigger. */
function population(prefix: string): string[][] {
  const elements = (count: number) => many(count).map((index) => `element-${index}`)
  const pairs = (count: number) => many(count).flatMap((index) => [`${index}`, `element-${index}`])
  return [
    ...many(2_000).map((index) => ['SET', `${prefix}:session:${index}`, 'x'.repeat(index % 50)]),
    ...many(200).map((index) => ['RPUSH', `${prefix}:small:${index}`, 'a']),
    ...many(30).flatMap((rank) => {
      const size = 200 + rank * 20
      return [
        ['SET', `${prefix}:page:${rank}`, 'x'.repeat(10_000 + rank * 1_000)],
        ['RPUSH', `${prefix}:list:${rank}`, ...elements(size)],
        ['SADD', `${prefix}:set:${rank}`, ...elements(size)],
        ['ZADD', `${prefix}:zset:${rank}`, ...pairs(size)],
        ['HSET', `${prefix}:hash:${rank}`, ...pairs(size)],
      ]
    }),
    ...many(30).flatMap((rank) =>
      many(20 + rank).map(() => ['XADD', `${prefix}:stream:${rank}`, '*', 'f', 'v']),
    ),
    ['PEXPIRE', `${prefix}:zset:29`, '600000'],
  ]
}

/** The same, the slow way. */
async function measureAll(target: RedisTarget, keys: readonly string[]): Promise<string[]> {
  return withRedis(target, 'test', async (redis) => {
    const sized = keys.map(async (key) => {
      const bytes = Number(await redis.callFor(key, 'MEMORY', ['USAGE', key, 'SAMPLES', '0']))
      return { key, bytes }
    })
    return (await Promise.all(sized)).sort((a, b) => b.bytes - a.bytes).map(({ key }) => key)
  })
}

const targets: [string, () => RedisTarget][] = [
  ['one server', () => inject('redisUrl')],
  ['one server, by ioredis', () => new Redis(inject('redisUrl'), { lazyConnect: true })],
  ['one server, by node-redis', () => createClient({ url: inject('redisUrl') })],
  ['a cluster', () => inject('clusterUrl')],
]

describe.each(targets)('%s', (_, target) => {
  const prefix = `big-${randomUUID()}`
  const keys = [...new Set(population(prefix).map(([, key = '']) => key))]
  beforeAll(() => write(target(), population(prefix)))

  test('the biggest by memory are the true ones, in order', async () => {
    const report = await findBigKeys(target(), { match: `${prefix}:*`, samples: 0, depth: 2 })
    const truth = await measureAll(target(), keys)
    const sizes = report.biggest.map(({ size }) => size)
    expect(sizes).toEqual([...sizes].sort((a, b) => b - a))
    expect(new Set(report.biggest.map(({ key }) => key))).toEqual(new Set(truth.slice(0, 20)))
    expect(report).toMatchObject({ unit: 'bytes', keys: keys.length, gone: 0, neverExpire: null })
    expect(report.types.map(({ type }) => type)).toEqual([
      ...['string', 'list', 'set', 'zset', 'hash', 'stream'],
    ])
    for (const { type, biggest } of report.types) {
      expect(biggest, type).toHaveLength(20)
      for (const key of biggest) expect(key.bytes).toBe(key.size)
    }
    const zsets = report.types.find(({ type }) => type === 'zset')
    expect(zsets?.biggest[0]).toMatchObject({ key: `${prefix}:zset:29`, elements: 780 })
    expect(zsets?.biggest[0]?.expiresInMs).toBeGreaterThan(500_000)
    expect(zsets?.biggest[1]?.expiresInMs).toBeNull()
  })

  test('sums by beginning, server and expiry come to the whole', async () => {
    const terms = { match: `${prefix}:*`, by: 'elements', depth: 2, top: 3, expiry: 'all' } as const
    const report = await findBigKeys(target(), terms)
    expect(report.unit).toBe('elements')
    const sessions = report.prefixes.find((sum) => sum.prefix === `${prefix}:session:`)
    expect(sessions).toMatchObject({ keys: 2_000, size: 40 * 1_225 })
    const sum = (sums: readonly { keys: number; size: number }[]) =>
      sums.reduce((a, b) => ({ keys: a.keys + b.keys, size: a.size + b.size }))
    const { keys: count, size } = report
    expect(sum([...report.prefixes, report.otherPrefixes])).toMatchObject({ keys: count, size })
    expect(sum(report.servers)).toMatchObject({ keys: count, size })
    expect(report.neverExpire).toEqual({ keys: count - 1, size: size - 780 })
    const strings = report.types.find(({ type }) => type === 'string')
    expect(strings?.biggest.map(({ key }) => key)).toEqual(
      [29, 28, 27].map((rank) => `${prefix}:page:${rank}`),
    )
    expect(strings?.biggest[0]).toMatchObject({ size: 39_000, elements: 39_000 })
  })

  test('only the types that are asked for are looked at', async () => {
    const report = await findBigKeys(target(), { match: `${prefix}:*`, types: ['list'], top: 1 })
    expect(report.types).toHaveLength(1)
    expect(report).toMatchObject({ keys: 230, biggest: [{ key: `${prefix}:list:29` }] })
  })
})

test('a replica is asked, and its primary only when there is none', {
  timeout: 40_000,
}, async () => {
  const primary = await startServer({ args: ['--repl-diskless-sync-delay', '0'] })
  const replica = await startServer({ args: ['--replicaof', '127.0.0.1', `${primary.port}`] })
  try {
    await write(primary.url, [['SADD', 'a', 'b', 'c']])
    await expect.poll(() => replica.command('EXISTS', 'a'), PATIENT).toBe(1)
    await expect.poll(() => primary.command('INFO', 'replication'), PATIENT).toMatch(/state=online/)
    const report = await findBigKeys(primary.url)
    expect(report.biggest).toMatchObject([{ key: 'a', place: `127.0.0.1:${replica.port}` }])
    const here = await findBigKeys(primary.url, { from: 'primaries' })
    expect(here.biggest).toMatchObject([{ key: 'a', place: `127.0.0.1:${primary.port}` }])
    await replica.stop()
    expect(await findBigKeys(primary.url)).toMatchObject({ keys: 1 })
  } finally {
    await Promise.all([primary.close(), replica.close()])
  }
})

test('progress is told while it goes on', async () => {
  const prefix = `progress-${randomUUID()}`
  await write(
    inject('redisUrl'),
    many(3_000).map((index) => ['SET', `${prefix}:${index}`, 'v']),
  )
  const seen: number[] = []
  const onProgress = ({ visited, total }: { visited: number; total: number }) =>
    seen.push(visited / total)
  await findBigKeys(inject('redisUrl'), { match: `${prefix}:*`, count: 100, onProgress })
  expect(seen.length).toBeGreaterThan(0)
  for (const share of seen) expect(share).toBeLessThanOrEqual(1)
})

describe('preflight', () => {
  let server: Awaited<ReturnType<typeof startServer>>
  beforeAll(async () => {
    server = await startServer()
  })
  afterAll(() => server.close())

  test('says what to change and why, and is content afterwards', async () => {
    const report = await preflight(server.url)
    expect(report.ok).toBe(false)
    const about = report.findings.map((finding) => finding.about)
    expect(about).toContain('lazyfree-lazy-user-del')
    for (const { level, change } of report.findings)
      if (level === 'warning') expect(change).toBeTruthy()
    expect(report.servers).toMatchObject([
      { role: 'master', product: 'redis', evictionPolicy: 'noeviction', appendOnly: false },
    ])
    for (const setting of ['user-del', 'expire', 'server-del']) {
      await server.command('CONFIG', 'SET', `lazyfree-lazy-${setting}`, 'yes')
    }
    expect(await preflight(server.url)).toMatchObject({ ok: true })
  })

  test('warns of a replica', async () => {
    const replica = await startServer({ args: ['--replicaof', '127.0.0.1', `${server.port}`] })
    try {
      const { findings } = await preflight(replica.url)
      expect(findings).toContainEqual(expect.objectContaining({ level: 'warning', about: 'role' }))
    } finally {
      await replica.close()
    }
  })

  test('says what it may not ask, and judges by the rest', async () => {
    const rules = ['on', '>secret', '~*', '+@all', '-config', '-info']
    await server.command('ACL', 'SETUSER', 'guest', ...rules)
    const url = server.url.replace('//', '//guest:secret@')
    const { findings, servers } = await preflight(url)
    expect(servers).toMatchObject([{ version: null, lazyFree: null, role: null }])
    expect(findings.filter(({ about }) => about === 'rights')).toHaveLength(2)
  })

  test('says once what is true of all nodes of a cluster', async () => {
    const { findings, servers } = await preflight(inject('clusterUrl'))
    expect(servers).toHaveLength(3)
    const userDel = findings.filter(({ about }) => about === 'lazyfree-lazy-user-del')
    expect(userDel).toMatchObject([{ places: { length: 3 } }])
  })
})

describe('in memory', () => {
  test('a list of the greatest holds each name once', () => {
    const list = new TopList<{ key: string; size: number }>(3, ({ size }) => size)
    for (const [key, size] of [
      ['a', 1],
      ['b', 5],
      ['b', 5],
      ['c', 3],
      ['d', 4],
      ['a', 9],
    ] as const) {
      list.offer({ key, size })
    }
    expect(list.list().map(({ key }) => key)).toEqual(['a', 'b', 'd'])
    list.offer({ key: 'c', size: 6 })
    expect(list.list().map(({ key }) => key)).toEqual(['a', 'c', 'b'])
  })

  test('sums of beginnings stay bounded, and keep the biggest', () => {
    const sums = new PrefixSums(':', 1, 10)
    for (const index of many(1_000)) {
      sums.add('big:one', 100)
      sums.add(`id${index}:x`, 1)
    }
    expect(sums.list().length).toBeLessThanOrEqual(20)
    expect(sums.list()[0]).toEqual({ prefix: 'big:', keys: 1_000, size: 100_000 })
    sums.add('none', 1)
    expect(sums.list().map(({ prefix }) => prefix)).toContain('')
  })
})
