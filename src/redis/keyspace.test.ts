// Scanning, deleting and draining on real servers: one, and a cluster of three masters.
import { randomUUID } from 'node:crypto'
import { Cluster, Redis } from 'ioredis'
import { createClient, createCluster } from 'redis'
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest'
import { startServer } from '../../test/fault/servers.js'
import { type RedisConnections, type RedisTarget, withRedis } from './client.ts'
import { CommandError } from './errors.ts'
import { deleteKeys, drainKey, escapeGlob, openRedis, scanKeys } from './index.ts'

/** A primary that does not wait for more replicas before it sends its data to the first. */
const PROMPT_REPLICATION = ['--repl-diskless-sync-delay', '0']
const PATIENT = { timeout: 12_000 }

const hosts = (url: string) => {
  const addresses = url.replace(/^.*\/\//, '').split(',')
  return addresses.map((address) => {
    const [host = '', port] = address.split(':')
    return { host, port: Number(port) }
  })
}

const targets: [string, () => RedisTarget][] = [
  ['one server, by URL', () => inject('redisUrl')],
  [
    'one server, by ioredis',
    () => new Redis(inject('redisUrl'), { lazyConnect: true, keyPrefix: 'x' }),
  ],
  ['one server, by node-redis', () => createClient({ url: inject('redisUrl') })],
  ['a cluster, by URL', () => inject('clusterUrl')],
  ['a cluster, by ioredis', () => new Cluster(hosts(inject('clusterUrl')), { lazyConnect: true })],
  [
    'a cluster, by node-redis',
    () => createCluster({ rootNodes: hosts(inject('clusterUrl')).map((socket) => ({ socket })) }),
  ],
]

const write = (target: RedisTarget, commands: readonly (readonly string[])[]) =>
  withRedis(target, 'test', async (redis) => {
    await Promise.all(
      commands.map(([name = '', ...args]) => redis.callFor(args[0] ?? '', name, args)),
    )
  })
const ask = (target: RedisTarget, name: string, ...args: string[]) =>
  withRedis(target, 'test', (redis) => redis.callFor(args[0] ?? '', name, args))

const names = (prefix: string, count: number) =>
  Array.from({ length: count }, (_, index) => `${prefix}:${index}`)

async function listed(scan: AsyncIterable<string>): Promise<string[]> {
  const found = new Set<string>()
  for await (const key of scan) found.add(key)
  return [...found].sort()
}

describe.each(targets)('%s', (_, target) => {
  let prefix = ''
  let keys: string[] = []
  beforeAll(async () => {
    prefix = `keys-${randomUUID()}`
    keys = names(prefix, 3_000)
    await write(
      target(),
      keys.map((key) => ['SET', key, 'value']),
    )
    await write(
      target(),
      names(`${prefix}:list`, 20).map((key) => ['RPUSH', key, 'a', 'b']),
    )
  })

  test('every key is found, of all servers, by pattern and type', async () => {
    const scan = scanKeys(target(), { match: `${prefix}:*`, type: 'string', count: 100 })
    expect(await listed(scan)).toEqual([...keys].sort())
    // Other tests add and delete keys there meanwhile.
    expect(scan.progress.visited).toBeGreaterThanOrEqual(keys.length)
    expect(scan.progress.total).toBeGreaterThanOrEqual(keys.length)
    expect(await listed(scanKeys(target(), { match: `${prefix}:*`, type: 'list' }))).toHaveLength(
      20,
    )
    expect(await listed(scanKeys(target(), { match: `${prefix}:none:*` }))).toEqual([])
  })

  test('a scan goes on where another one was left, and misses nothing', async () => {
    const subject = { match: `${prefix}:*`, type: 'string', count: 50 }
    const first = scanKeys(target(), subject)
    const found = new Set<string>()
    for await (const key of first) {
      found.add(key)
      if (found.size === 1_000) break
    }
    const rest = await listed(scanKeys(target(), { ...subject, resume: first.resume }))
    // Only what stood in the same answers as the last ones comes again.
    expect(rest.length).toBeLessThan(2_300)
    for (const key of rest) found.add(key)
    expect([...found].sort()).toEqual([...keys].sort())
    // The same scan, looped over once more, does as well.
    expect((await listed(first)).length).toBeLessThan(2_300)
    expect(await listed(scanKeys(target(), { ...subject, resume: first.resume }))).toEqual([])
  })

  test('a dry run counts and measures, and deletes nothing', async () => {
    const report = await deleteKeys(target(), `${prefix}:*`, {
      dryRun: true,
      type: 'string',
      sample: 5,
    })
    expect(report).toMatchObject({ dryRun: true, matched: 3_000, deleted: 0, unreadable: 0 })
    expect(report.bytes).toBeGreaterThan(3_000 * 50)
    expect(new Set(report.sample).size).toBe(5)
    for (const key of report.sample) expect(keys).toContain(key)
    expect(await listed(scanKeys(target(), { match: `${prefix}:*`, type: 'string' }))).toHaveLength(
      3_000,
    )
  })

  test('what is meant is deleted, and nothing else', async () => {
    const [one, other] = [`${prefix}:*[a]`, `${prefix}:bb[a]`]
    await write(
      target(),
      [one, other].map((key) => ['SET', key, '']),
    )
    const exact = await deleteKeys(target(), escapeGlob(one))
    expect(exact).toMatchObject({ matched: 1, deleted: 1, sample: [one], bytes: null })
    expect(await ask(target(), 'EXISTS', other)).toBe(1)
    const given = await deleteKeys(target(), new Set([other, one]))
    expect(given).toMatchObject({ matched: 2, deleted: 1, resume: null })

    const progress: number[] = []
    const report = await deleteKeys(target(), `${prefix}:*`, {
      type: 'string',
      onProgress: ({ deleted }) => progress.push(deleted),
    })
    expect(report.deleted).toBe(3_000)
    // A table that shrinks meanwhile may name a key twice.
    expect(report.matched).toBeGreaterThanOrEqual(3_000)
    expect(progress.at(-1)).toBe(3_000)
    expect(progress.length).toBeGreaterThan(3)
    expect(await listed(scanKeys(target(), { match: `${prefix}:*` }))).toHaveLength(20)
  })
})

const engines: [string, () => string][] = [
  ['one server', () => inject('redisUrl')],
  ['a cluster', () => inject('clusterUrl')],
]

const fill: Record<string, (index: number) => string[]> = {
  list: (index) => ['RPUSH', `v${index}`],
  set: (index) => ['SADD', `v${index}`],
  zset: (index) => ['ZADD', `${index}`, `v${index}`],
  hash: (index) => ['HSET', `f${index}`, `v${index}`],
  stream: (index) => ['XADD', '*', `f${index}`, 'v'],
}

const makeBig = (url: string, key: string, type: string, elements: number) =>
  write(
    url,
    Array.from({ length: elements }, (_, index) => {
      const [command = '', ...args] = fill[type]?.(index) ?? []
      return [command, key, ...args]
    }),
  )

describe.each(engines)('a big key of %s', (_, url) => {
  test.each(Object.keys(fill))('that is a %s goes in steps', async (type) => {
    const key = `drain}{*:${randomUUID()}`
    await makeBig(url(), key, type, 2_000)
    await ask(url(), 'PEXPIRE', key, '600000')
    const lefts: number[] = []
    const states: unknown[] = []
    const report = await drainKey(url(), key, {
      onProgress({ left }) {
        lefts.push(left)
        states.push(ask(url(), 'EXISTS', key))
      },
    })
    expect(report).toMatchObject({ found: true, type, removed: 2_000 })
    expect(lefts.length).toBeGreaterThan(2)
    expect(lefts).toEqual([...lefts].sort((a, b) => b - a))
    expect(new Set(await Promise.all(states))).toEqual(new Set([0]))
    const trash = scanKeys(url(), { match: `sluice:trash:*${escapeGlob(key)}` })
    expect(await listed(trash)).toEqual([])
  })

  test('is drained to its end by the same call after an interruption', async () => {
    const key = `drain:${randomUUID()}`
    await makeBig(url(), key, 'zset', 3_000)
    await ask(url(), 'PEXPIRE', key, '600000')
    const stop = new AbortController()
    const interrupted = drainKey(url(), key, {
      onProgress: () => stop.abort(new Error('enough')),
      signal: stop.signal,
    })
    await expect(interrupted).rejects.toThrow('enough')
    const [tombstone = ''] = await listed(scanKeys(url(), { match: `sluice:trash:*${key}` }))
    expect(await ask(url(), 'PTTL', tombstone)).toBe(-1)
    // Somebody wrote the key anew meanwhile: that goes as well.
    await makeBig(url(), key, 'hash', 100)
    expect(await drainKey(url(), key)).toMatchObject({ found: true, type: 'hash' })
    expect(await ask(url(), 'EXISTS', key)).toBe(0)
    expect(await ask(url(), 'EXISTS', tombstone)).toBe(0)
    expect(await drainKey(url(), key)).toMatchObject({ found: false, type: null, removed: 0 })
  })

  test('that is a text, or small, goes at once', async () => {
    const key = `drain:${randomUUID()}`
    await write(url(), [['SET', key, 'x'.repeat(100_000)]])
    expect(await drainKey(url(), key)).toMatchObject({ found: true, type: 'string', removed: 0 })
    await write(url(), [['SADD', key, 'a', 'b']])
    expect(await drainKey(url(), key)).toMatchObject({ found: true, type: 'set', removed: 2 })
  })

  test('whose fields are no UTF-8 goes as well', async () => {
    const key = `drain:${randomUUID()}`
    const script = "for i = 1, 300 do redis.call('HSET', KEYS[1], '\\255' .. i, i) end"
    await withRedis(url(), 'test', (redis) => redis.callFor(key, 'EVAL', [script, '1', key]))
    expect(await drainKey(url(), key)).toMatchObject({ found: true, removed: 300 })
    expect(await ask(url(), 'EXISTS', key)).toBe(0)
  })
})

describe('a deletion', () => {
  let server: Awaited<ReturnType<typeof startServer>>
  beforeAll(async () => {
    server = await startServer({ args: PROMPT_REPLICATION })
  })
  afterEach(() => server.command('FLUSHALL'))
  afterAll(() => server.close())

  test('goes on where it was interrupted', async () => {
    const keys = names('session', 4_000)
    await write(
      server.url,
      [...keys, 'other'].map((key) => ['SET', key, 'v']),
    )
    const stop = new AbortController()
    let last: { deleted: number; resume: string | null } | undefined
    const interrupted = deleteKeys(server.url, 'session:*', {
      onProgress(progress) {
        last = progress
        if (progress.deleted > 1_000) stop.abort(new Error('enough'))
      },
      signal: stop.signal,
    })
    await expect(interrupted).rejects.toThrow('enough')
    const { deleted = 0, resume } = last ?? {}
    expect(await server.command('DBSIZE')).toBe(4_001 - deleted)
    const rest = await deleteKeys(server.url, 'session:*', resume ? { resume } : {})
    expect(rest.matched).toBeLessThan(3_200)
    expect(rest.deleted).toBe(4_000 - deleted)
    expect(await server.command('DBSIZE')).toBe(1)
  })

  test('sends UNLINK, never DEL, a bounded number of keys at a time', async () => {
    await write(
      server.url,
      names('a', 2_000).map((key) => ['SET', key, 'v']),
    )
    await server.command('CONFIG', 'RESETSTAT')
    await deleteKeys(server.url, 'a:*')
    const stats = String(await server.command('INFO', 'commandstats'))
    expect(stats).not.toMatch(/cmdstat_del:/)
    expect(Number(/cmdstat_unlink:calls=(\d+)/.exec(stats)?.[1])).toBeGreaterThanOrEqual(4)
  })

  test('asks for more only when the last command was answered', async () => {
    const keys = names('session', 2_000)
    await write(
      server.url,
      keys.map((key) => ['SET', key, 'v']),
    )
    const watcher = new Redis(server.url)
    const commands: string[] = []
    const monitor = await watcher.monitor()
    monitor.on('monitor', (_, [command = '']: string[]) => commands.push(command.toUpperCase()))
    try {
      await deleteKeys(server.url, 'session:*')
      const seen = () => commands.filter((command) => /^(?:SCAN|UNLINK)$/.test(command))
      // While there are many keys, each answer of SCAN has some.
      await expect.poll(() => seen().slice(0, 2)).toEqual(['SCAN', 'UNLINK'])
    } finally {
      monitor.disconnect()
      watcher.disconnect()
    }
  })

  test('keeps to its pace', async () => {
    await write(
      server.url,
      names('a', 500).map((key) => ['SET', key, 'v']),
    )
    const startMs = performance.now()
    await deleteKeys(server.url, 'a:*', { pace: 1_000 })
    // The first portion is at once, and the others wait for those before them.
    expect(performance.now() - startMs).toBeGreaterThanOrEqual(240)
  })

  test('leaves names alone that are no UTF-8, and says so', async () => {
    const script = "redis.call('SET', 'b:\\255', 1) redis.call('SET', 'b:a', 1) return 1"
    await server.command('EVAL', script, 0)
    const report = await deleteKeys(server.url, 'b:*')
    expect(report).toMatchObject({ matched: 1, deleted: 1, unreadable: 1 })
    expect(await server.command('DBSIZE')).toBe(1)
  })

  test('over borrowed connections leaves them open', async () => {
    await using redis = openRedis(server.url)
    await write(redis, [['SET', 'a', '1']])
    expect(await deleteKeys(redis, ['a'])).toMatchObject({ deleted: 1 })
    expect(await listed(scanKeys(redis))).toEqual([])
  })

  test('of a replica fails with what the server says', { timeout: 40_000 }, async () => {
    const replica = await startServer({ args: ['--replicaof', '127.0.0.1', `${server.port}`] })
    try {
      await write(server.url, [['SET', 'a:1', '1']])
      await expect.poll(() => replica.command('DBSIZE'), PATIENT).toBe(1)
      const refused = deleteKeys(replica.url, 'a:*')
      await expect(refused).rejects.toMatchObject({ reply: 'READONLY' })
      await expect(refused).rejects.toBeInstanceOf(CommandError)
      // Reading is what a replica is for.
      const scan = scanKeys(server.url, { from: 'replicas' })
      await expect
        .poll(() => server.command('INFO', 'replication'), PATIENT)
        .toMatch(/state=online/)
      await replica.command('CONFIG', 'RESETSTAT')
      expect(await listed(scan)).toEqual(['a:1'])
      expect(String(await replica.command('INFO', 'commandstats'))).toMatch(/cmdstat_scan:/)
    } finally {
      await replica.close()
    }
  })
})

describe('a scan', () => {
  test('begins anew on a server that was restarted', async () => {
    const server = await startServer({ persist: 'always' })
    try {
      const keys = names('a', 300)
      await write(
        server.url,
        keys.map((key) => ['SET', key, 'v']),
      )
      const scan = scanKeys(server.url, { count: 10 })
      let seen = 0
      for await (const _ of scan) if (++seen === 150) break
      await server.restart()
      expect(await listed(scanKeys(server.url, { count: 10, resume: scan.resume }))).toHaveLength(
        300,
      )
    } finally {
      await server.close()
    }
  })

  test('that stops for its signal rejects with the reason', async () => {
    const signal = AbortSignal.abort(new Error('no more'))
    await expect(listed(scanKeys(inject('redisUrl'), { signal }))).rejects.toThrow('no more')
  })
})

/** On a cluster, the slot of some keys is on its way to another node. */
test('keys of a slot that is half moved are deleted', async () => {
  const { startCluster } = await import('../../test/fault/servers.js')
  const cluster = await startCluster()
  try {
    const keys = names('{moved}', 40)
    await write(
      cluster.url,
      keys.map((key) => ['SET', key, 'v']),
    )
    const source = await cluster.masterOf('{moved}')
    const target = cluster.nodes.find((node) => node !== source) ?? source
    const slot = Number(await source.command('CLUSTER', 'KEYSLOT', '{moved}'))
    await target.command('CLUSTER', 'SETSLOT', slot, 'IMPORTING', source.id)
    await source.command('CLUSTER', 'SETSLOT', slot, 'MIGRATING', target.id)
    const moved = keys.slice(0, 20)
    await source.command('MIGRATE', target.host, target.port, '', 0, 5_000, 'KEYS', ...moved)
    expect(await deleteKeys(cluster.url, keys)).toMatchObject({ matched: 40, deleted: 40 })
    await withRedis(cluster.url, 'test', async (redis: RedisConnections) => {
      const sizes = await Promise.all(
        (await redis.primaries()).map((node) => node.call('DBSIZE', [])),
      )
      expect(sizes).toEqual([0, 0, 0])
    })
  } finally {
    await cluster.close()
  }
})
