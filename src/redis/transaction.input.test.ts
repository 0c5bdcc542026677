// What a transaction refuses, and how it lives on a cluster.
import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  BAD_NUMBERS,
  BAD_OPTIONS,
  BAD_TEXTS,
  expectRefusal,
  title,
  unchecked,
  without,
} from '../../test/bad-input.ts'
import { type Cluster as ServerCluster, startCluster } from '../../test/fault/cluster.js'
import { ask, type RedisProcess, startRedis } from '../../test/redis.ts'
import { type OpenRedis, openRedis, type RedisTarget } from './client.ts'
import type { Command } from './command.ts'
import { transaction } from './transaction.ts'

const NOWHERE = 'redis://nowhere:1'

describe('what is refused before anything is sent', () => {
  // What names of ours may not be, keys may.
  const KEYS = without(BAD_TEXTS, ' ', 'a\0b', 'a\nb', 'a\u202eb', 'x'.repeat(1025))
  const cases: [args: unknown[], argument: string][] = [
    ...[undefined, null, [], 'key', {}, 5, new Array(1_001).fill('k')].map(
      (keys): [unknown[], string] => [[keys, () => {}], '.keys'],
    ),
    ...KEYS.map((key): [unknown[], string] => [[['k', key], () => {}], '.keys[1]']),
    ...[undefined, null, 'f', {}].map((f): [unknown[], string] => [[['k'], f], '.callback']),
    ...BAD_OPTIONS.map((options): [unknown[], string] => [[['k'], () => {}, options], '']),
    ...BAD_NUMBERS.map((retries): [unknown[], string] => [
      [['k'], () => {}, { retries }],
      '.retries',
    ]),
    [[['k'], () => {}, { signal: {} }], '.signal'],
    [[['k'], () => {}, { retry: 5 }], '.retry'],
  ]
  test.each(cases.map(([args, at]) => [`${at} ${title(args)}`, args, at] as const))(
    '%s',
    async (_, args, at) => {
      const [keys, callback, options] = args.map(unchecked)
      await expectRefusal(
        () => transaction(NOWHERE, keys as never, callback as never, options),
        `transaction${at}`,
      )
    },
  )

  test('a database that is embedded, and a signal that has aborted', async () => {
    await expectRefusal(() => transaction('sqlite:x.db', ['k'], () => {}), 'transaction.redis')
    const signal = AbortSignal.abort(new Error('enough'))
    await expect(transaction(NOWHERE, ['k'], () => {}, { signal })).rejects.toBe(signal.reason)
  })
})

describe('what is refused before anything is written', () => {
  let server: RedisProcess
  let redis: OpenRedis
  beforeAll(async () => {
    server = await startRedis()
    redis = openRedis(server.url)
  })
  afterAll(async () => {
    await redis.close()
    await server.stop()
  })

  const queued: [Command, string][] = [
    ...['BLPOP', 'brpop', 'BLMOVE', 'BZPOPMIN', 'WAIT'].map((name): [Command, string] => [
      [name, 'k', '0'],
      'does not block',
    ]),
    ...['SUBSCRIBE', 'PSUBSCRIBE', 'SSUBSCRIBE', 'MONITOR', 'SELECT'].map(
      (name): [Command, string] => [[name, '1'], 'leaves the connection'],
    ),
    ...['MULTI', 'EXEC', 'WATCH', 'DISCARD'].map((name): [Command, string] => [[name], 'MULTI']),
    [['NOSUCHCOMMAND', 'k'], 'that this Redis has'],
    [['GET'], 'GET with 1 arguments, received 0'],
    [['GET', 'k', 'more'], 'GET with 1 arguments, received 2'],
    [['SET', 'k'], 'SET with 2 or more arguments, received 1'],
    [['OBJECT', 'ENCODING'], 'arguments'],
    [['SET', 'k', unchecked(Number.NaN)], 'text or a finite number'],
  ]
  test.each(queued)('%j', async (command, expected) => {
    const work = transaction(redis, ['k'], (tx) => {
      tx.queue('SET', 'k', 'written')
      tx.queue(...command)
    })
    await expect(work).rejects.toThrow(expected)
    await expect(work).rejects.toMatchObject({ code: 'SLUICE_ARGUMENT' })
    expect(await ask(server.port, 'EXISTS k')).toContain(':0')
  })

  test.each<[Command, string]>([
    [['GET', 'other'], 'a command on the keys of the transaction, received "other"'],
    [['MGET', 'k', 'other'], 'received "other"'],
    [['SET', 'k', '1'], 'a command that only reads, received SET'],
    [['GET'], 'GET with 1 arguments'],
    [['NOSUCHCOMMAND'], 'that this Redis has'],
    [['BLPOP', 'k', '0'], 'does not block'],
  ])('reading by %j', async (command, expected) => {
    const work = transaction(redis, ['k'], (tx) => tx.read(...command))
    await expect(work).rejects.toThrow(expected)
    await expect(work).rejects.toMatchObject({ code: 'SLUICE_ARGUMENT' })
  })

  test('a user without the right to ask about commands is served all the same', async () => {
    await ask(server.port, 'ACL SETUSER quiet on >pass ~* &* +@all -command')
    const url = server.url.replace('://', '://quiet:pass@')
    expect(await transaction(url, ['n'], (tx) => tx.queue('INCR', 'n'))).toBe(1)
  })

  test('a user without the right to transactions is told so, and writes nothing', async () => {
    await ask(server.port, 'ACL SETUSER lone on >pass ~* &* +@all -multi')
    const lone = openRedis(server.url.replace('://', '://lone:pass@'), { connectTimeout: 200 })
    const work = transaction(lone, ['m'], (tx) => tx.queue('INCR', 'm'))
    await expect(work).rejects.toThrow(/NOPERM/)
    await lone.close()
    expect(await ask(server.port, 'EXISTS m')).toContain(':0')
  })
})

describe('on a cluster', () => {
  let cluster: ServerCluster
  beforeAll(async () => {
    cluster = await startCluster({ masters: 3 })
  })
  afterAll(() => cluster.close())

  const nodes = () => cluster.nodes.map(({ port }) => ({ host: '127.0.0.1', port }))
  const targets: [string, () => RedisTarget & object][] = [
    ['ioredis', () => new Cluster(nodes(), { lazyConnect: true })],
    ['node-redis', () => createCluster({ rootNodes: nodes().map((socket) => ({ socket })) })],
  ]

  test.each(targets)('it goes where its slot is, and follows it, over %s', async (name, target) => {
    await using redis = openRedis(target())
    const keys = [`{${name}}:a`, `{${name}}:b`]
    const [first = '', second = ''] = keys
    const increment = () =>
      transaction(redis, keys, async (tx) => {
        const value = Number(await tx.read('GET', first)) + 1
        if (tx.attempt === 1 && value === 3) await move()
        return [tx.queue('SET', first, value), tx.queue('INCR', second)]
      })
    async function move() {
      const owner = await cluster.masterOf(first)
      const other = cluster.nodes.find((node) => node !== owner)
      if (other) await cluster.moveSlot(first, other)
    }
    for (let value = 1; value <= 5; value++) expect(await increment()).toEqual(['OK', value])
    const owner = await cluster.masterOf(first)
    expect(await owner.command('MGET', first, second)).toEqual(['5', '5'])
  })

  test('keys of two slots are refused before anything is sent, and written ones before EXEC', async () => {
    await using redis = openRedis(cluster.url)
    await expectRefusal(() => transaction(redis, ['a', 'b'], () => {}), 'transaction.keys')
    const work = transaction(redis, ['a'], (tx) => {
      tx.queue('SET', 'a', '1')
      tx.queue('SET', 'b', '1')
    })
    await expect(work).rejects.toThrow(
      /^tx\.queue\[1\] must be of the same slot as "a", received "b"/,
    )
    expect(await (await cluster.masterOf('a')).command('EXISTS', 'a')).toBe(0)
  })
})
