// Pipelines keep every answer, on real servers and over both libraries.
import { Cluster } from 'ioredis'
import { createCluster } from 'redis'
import { afterAll, beforeAll, describe, expect, expectTypeOf, test } from 'vitest'
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
import { startProxy } from '../../test/fault/proxy.js'
import { ask, type RedisProcess, startRedis } from '../../test/redis.ts'
import { redisTargets } from '../../test/redis-targets.ts'
import { openRedis, type RedisTarget } from './client.ts'
import type { Command } from './command.ts'
import { CommandError, type CommandResult, PipelineError } from './errors.ts'
import { pipeline } from './pipeline.ts'

let server: RedisProcess
beforeAll(async () => {
  server = await startRedis()
})
afterAll(() => server.stop())

const host = '127.0.0.1'

describe.each(redisTargets(() => server))('a pipeline over %s', (_, target) => {
  test('has a typed result for each command', async () => {
    const [set, missing, sum, hash, unknown] = await pipeline(target(), [
      ['SET', 'text', 'value'],
      ['get', 'missing'],
      ['INCRBY', `sum:${Math.random()}`, 42],
      ['HGETALL', 'missing'],
      ['OBJECT', 'ENCODING', 'text'],
    ])
    expectTypeOf(set).toEqualTypeOf<CommandResult<string | null>>()
    expectTypeOf(sum).toEqualTypeOf<CommandResult<number>>()
    expectTypeOf(hash).toEqualTypeOf<CommandResult<Record<string, string>>>()
    expectTypeOf(unknown).toEqualTypeOf<CommandResult<unknown>>()
    expect([set, missing, sum, hash]).toEqual([
      { ok: true, value: 'OK' },
      { ok: true, value: null },
      { ok: true, value: 42 },
      { ok: true, value: {} },
    ])
    expect(unknown).toEqual({ ok: true, value: 'embstr' })
  })

  test('keeps what is around a command that fails', async () => {
    const results = await pipeline(target(), [
      ['SET', 'text', 'value'],
      ['LPUSH', 'text', 'a'],
      ['GET', 'text'],
      ['NOSUCHCOMMAND', 'text'],
      ['GET'],
      ['GET', 'text'],
    ])
    expect(results.map((result) => result.ok)).toEqual([true, false, true, false, false, true])
    expect(results[1]).toMatchObject({ outcome: 'not-applied', error: { reply: 'WRONGTYPE' } })
    expect(results[5]).toEqual({ ok: true, value: 'value' })
  })

  test('takes an error of any words for an answer, and not for a lost connection', async () => {
    const [odd, behind] = await pipeline(target(), [
      ['EVAL', "return redis.error_reply('odd words')", 0],
      ['ECHO', 'behind it'],
    ])
    expect(odd).toMatchObject({
      ok: false,
      error: { message: expect.stringContaining('odd words') },
    })
    expect(odd?.ok === false && odd.error).toBeInstanceOf(CommandError)
    expect(behind).toEqual({ ok: true, value: 'behind it' })
  })

  test('gives values, or throws all that is known, where that is asked for', async () => {
    const mode = 'throw'
    const values = await pipeline(
      target(),
      [
        ['SET', 'k', 'v'],
        ['STRLEN', 'k'],
      ],
      { mode },
    )
    expectTypeOf(values).toEqualTypeOf<[string | null, number]>()
    expect(values).toEqual(['OK', 1])
    const failing = pipeline(
      target(),
      [
        ['GET', 'k'],
        ['INCR', 'k'],
        ['STRLEN', 'k'],
      ],
      { mode },
    )
    const failure = (await failing.catch((error: unknown) => error)) as PipelineError
    expect(failure).toBeInstanceOf(PipelineError)
    expect(failure.failed).toEqual([1])
    expect(failure.results[2]).toEqual({ ok: true, value: 1 })
    expect(failure.message).toMatch(/^1 of 3 commands .* number 1: Redis answered INCR with: ERR/)
  })

  test('keeps the order over many chunks, cut by count and by bytes', async () => {
    const commands = Array.from(
      { length: 500 },
      (_, at): Command => ['ECHO', `${at}:${'x'.repeat(50)}`],
    )
    for (const limits of [{ chunk: 7 }, { maxBytes: 1_024 }, { chunk: 10_000 }]) {
      const values = await pipeline(target(), commands, { ...limits, mode: 'throw' })
      expect(values).toEqual(commands.map(([, text]) => text))
    }
    expect(await pipeline(target(), [])).toEqual([])
  })
})

test('a command that was sent and not answered is unknown, those behind it were not sent', async () => {
  await using redis = openRedis(server.url, { commandTimeout: 200 })
  await pipeline(redis, [['SET', 'n', 0]])
  server.pause()
  const startedMs = performance.now()
  const results = await pipeline(redis, [
    ['INCR', 'n'],
    ['INCR', 'n'],
  ]).finally(() => server.resume())
  expect(performance.now() - startedMs).toBeLessThan(2_000)
  for (const result of results) expect(result).toMatchObject({ ok: false, outcome: 'unknown' })
  await expect.poll(() => ask(server.port, 'GET n'), { interval: 5 }).toContain('2')
})

test('a command that could not be sent is not applied', async () => {
  const proxy = await startProxy({ to: { port: server.port } })
  await proxy.close()
  await using redis = openRedis(`redis://${host}:${proxy.port}`, { commandTimeout: 100 })
  const [result] = await pipeline(redis, [['SET', 'never', '1']])
  expect(result).toMatchObject({ ok: false, outcome: 'not-applied' })
})

test('a script that fails may have written', async () => {
  const script = "redis.call('SET', KEYS[1], 'x') return redis.call('INCR', KEYS[1])"
  const [failed, missing] = await pipeline(server.url, [
    ['EVAL', script, 1, 'script'],
    ['EVALSHA', 'f'.repeat(40), 0],
  ])
  expect(failed).toMatchObject({ ok: false, outcome: 'unknown' })
  expect(missing).toMatchObject({ ok: false, outcome: 'not-applied', error: { reply: 'NOSCRIPT' } })
})

test('an abort tells what was sent from what was not', async () => {
  const stop = new AbortController()
  const { signal } = stop
  await using redis = openRedis(server.url)
  await pipeline(redis, [['PING']])
  server.pause()
  const running = pipeline(
    redis,
    [
      ['INCR', 'a'],
      ['INCR', 'a'],
      ['INCR', 'a'],
    ],
    { chunk: 2, signal },
  )
  await new Promise((resolve) => setImmediate(resolve))
  stop.abort()
  const results = await running.finally(() => server.resume())
  const outcomes = results.map((result) => (result.ok ? 'ok' : result.outcome))
  expect(outcomes).toEqual(['unknown', 'unknown', 'not-applied'])
  await expect(pipeline(redis, [['PING']], { signal })).rejects.toBe(signal.reason)
})

describe('what is refused before anything is sent', () => {
  const NAMES = [...BAD_TEXTS, 'GET k', 'GÉT', '*1', '$3', 'a\r\nb']
  const ARGUMENTS = [
    ...[Number.NaN, Number.POSITIVE_INFINITY, null, undefined, {}, [], true, 5n, new Date()],
    ...[Buffer.from('a'), '\ud800', () => 'a', Symbol('a'), new String('a')],
  ]
  const STATEFUL = [
    ...['MULTI', 'exec', 'WATCH', 'DISCARD', 'UNWATCH', 'SUBSCRIBE', 'psubscribe', 'SSUBSCRIBE'],
    ...['MONITOR', 'SELECT', 'AUTH', 'HELLO', 'QUIT', 'RESET', 'SYNC', 'PSYNC', 'ASKING'],
  ]
  const BLOCKING = ['BLPOP', 'brpop', 'BRPOPLPUSH', 'BLMOVE', 'BLMPOP', 'BZPOPMIN', 'WAIT']
  const cases: [commands: unknown, argument: string][] = [
    ...[undefined, null, 'GET k', { 0: ['PING'] }, 5].map((one) => pair(one, '')),
    ...['GET', null, {}, 7, new Set(['PING'])].map((one) => pair([['PING'], one], '[1]')),
    ...NAMES.map((one) => pair([[one]], '[0][0]')),
    ...ARGUMENTS.map((one) => pair([['SET', 'k', one]], '[0][2]')),
    ...STATEFUL.map((one) => pair([[one, 'x']], '[0]')),
    ...BLOCKING.map((one) => pair([['PING'], [one, 'k', '0']], '[1]')),
    pair([['CLIENT', 'REPLY', 'OFF']], '[0]'),
    pair([['XREAD', 'BLOCK', '0', 'STREAMS', 's', '$']], '[0]'),
  ]
  function pair(commands: unknown, place: string): [unknown, string] {
    return [commands, `pipeline.commands${place}`]
  }
  test.each(cases.map(([commands, argument]) => [title(commands), commands, argument] as const))(
    '%s',
    async (_, commands, argument) => {
      await expectRefusal(() => pipeline('redis://nowhere:1', unchecked(commands)), argument)
    },
  )

  const badOptions: [unknown, string][] = [
    ...BAD_OPTIONS.map((one): [unknown, string] => [one, '']),
    ...without(BAD_NUMBERS, 1).map((chunk): [unknown, string] => [{ chunk }, '.chunk']),
    ...BAD_NUMBERS.map((maxBytes): [unknown, string] => [{ maxBytes }, '.maxBytes']),
    ...[null, 'all', 1].map((mode): [unknown, string] => [{ mode }, '.mode']),
    ...[null, {}, 1].map((signal): [unknown, string] => [{ signal }, '.signal']),
    [{ chunks: 5 }, '.chunks'],
  ]
  test.each(badOptions.map(([options, at]) => [title(options), options, at] as const))(
    'the options %s',
    async (_, options, at) => {
      const pass = () => pipeline('redis://nowhere:1', [['PING']], unchecked(options))
      await expectRefusal(pass, `pipeline${at}`)
    },
  )

  test('a stream whose key is called BLOCK is read', async () => {
    const [result] = await pipeline(server.url, [['XREAD', 'STREAMS', 'BLOCK', '0']])
    expect(result).toEqual({ ok: true, value: null })
  })
})

describe('on a cluster', () => {
  let cluster: ServerCluster
  beforeAll(async () => {
    cluster = await startCluster({ masters: 3 })
  })
  afterAll(() => cluster.close())

  const nodes = () => cluster.nodes.map(({ port }) => ({ host, port }))
  const clusterTargets: [string, () => { target: RedisTarget; end: () => void }][] = [
    ['a URL', () => ({ target: cluster.url, end() {} })],
    [
      'ioredis',
      () => {
        const client = new Cluster(nodes(), { lazyConnect: true })
        return { target: client, end: () => client.disconnect() }
      },
    ],
    [
      'node-redis',
      () => ({
        target: createCluster({ rootNodes: nodes().map((socket) => ({ socket })) }),
        end() {},
      }),
    ],
  ]

  test.each(clusterTargets)(
    '10,000 commands, some of which fail, while slots move, over %s',
    async (_, make) => {
      const { target, end } = make()
      const own = `{${Math.random()}}`
      const keys = Array.from({ length: 100 }, (_, at) =>
        at % 4 === 0 ? `${own}:${at}` : `${own.slice(1, -1)}:${at}`,
      )
      await using redis = openRedis(target)
      await pipeline(
        redis,
        keys.map((key): Command => ['SET', key, key]),
        { mode: 'throw' },
      )
      const commands = Array.from({ length: 10_000 }, (_, at): Command => {
        const key = keys[at % keys.length] ?? ''
        if (at % 10 === 3) return ['LPUSH', key, at]
        return at % 10 === 7 ? ['NOSUCHCOMMAND', key, at] : ['EVAL', 'return ARGV[1]', 1, key, at]
      })
      let moves = 0
      const stop = new AbortController()
      const moving = (async () => {
        while (!stop.signal.aborted) {
          const moved = keys[(moves * 8) % keys.length] ?? ''
          const owner = await cluster.masterOf(moved)
          const other = cluster.nodes.find((node) => node !== owner)
          if (other) await cluster.moveSlot(moved, other)
          moves++
        }
      })()
      try {
        for (let round = 0; round < 3 || moves < 3; round++) {
          const results = await pipeline(redis, commands)
          expect(results).toHaveLength(10_000)
          for (const [at, result] of results.entries()) {
            if (at % 10 === 3)
              expect(result).toMatchObject({ ok: false, error: { reply: 'WRONGTYPE' } })
            else if (at % 10 === 7)
              expect(result).toMatchObject({ ok: false, error: { command: 'NOSUCHCOMMAND' } })
            else expect(result).toEqual({ ok: true, value: String(at) })
          }
        }
      } finally {
        stop.abort()
        await moving
        end()
      }
    },
  )

  test('finds keys wherever a command has them, and asks for one', async () => {
    await using redis = openRedis(cluster.url)
    const results = await pipeline(redis, [
      ['XGROUP', 'CREATE', 'stream', 'group', '$', 'MKSTREAM'],
      ['OBJECT', 'ENCODING', 'stream'],
      ['MEMORY', 'USAGE', 'stream'],
      ['ZUNIONSTORE', '{z}:out', 2, '{z}:a', '{z}:b'],
      ['XREAD', 'COUNT', 1, 'STREAMS', 'stream', '0'],
      ['EVAL', 'return KEYS[1]', 1, 'other'],
      ['PUBLISH', 'channel', 'message'],
    ])
    expect(results.map((result) => result.ok)).toEqual(results.map(() => true))
    await expect(pipeline(redis, [['GET', 'a'], ['DBSIZE']])).rejects.toThrow(
      /^pipeline.commands\[1\] must be a command with a key, .* received DBSIZE/,
    )
    const [crossing] = await pipeline(redis, [['MGET', 'a', 'b']])
    expect(crossing).toMatchObject({ ok: false, error: { reply: 'CROSSSLOT' } })
    expect(crossing?.ok === false && crossing.error).toBeInstanceOf(CommandError)
  })
})
