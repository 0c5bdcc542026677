import { afterEach, describe, expect, it } from 'vitest'
import { type RedisProcess, startRedis } from '../../../test/redis.ts'
import { redisEngineAt } from '../../../test/redis-engine.ts'
import { StoreCorruptError } from '../../errors.ts'
import * as limits from '../../limit/redis/scripts.gen.ts'
import * as locks from '../../lock/redis/scripts.gen.ts'
import type { RedisEngine } from './engine.ts'

const opened: { close(): Promise<void> }[] = []

async function openOwn(): Promise<{ engine: RedisEngine; admin: RedisEngine }> {
  const server: RedisProcess = await startRedis({ args: [] })
  opened.push({ close: () => server.stop() })
  const open = () => redisEngineAt(server.url, { prefix: 'calls-test' })
  const [engine, admin] = [open(), open()]
  opened.unshift(engine, admin)
  // What an engine writes of itself when it has connected is done too.
  for (const one of [engine, admin]) await take(one, 'warm', one.clientId)
  return { engine, admin }
}

afterEach(async () => {
  for (const one of opened.splice(0)) await one.close()
})

const LEASE = { leaseUs: '0000000060000000', leaseMs: '60000', metadata: '' }
const take = (engine: RedisEngine, name: string, owner = 'me', lease = LEASE) =>
  engine.call(locks.take, { lock: engine.keys.key('lock', name) }, { owner, ...lease })

const give = (engine: RedisEngine, name: string, owner = 'me') =>
  engine.call(locks.give, { lock: engine.keys.key('lock', name) }, { owner })

const charge = (engine: RedisEngine) =>
  engine.call(
    limits.takeFunnel,
    { state: engine.keys.key('limit', 'l') },
    { capacity: 10, emissionUs: 1_000_000, cost: 1, times: 1 },
  )

const takes = (
  engine: RedisEngine,
  count: number,
  ownerOf = (index: number): string => `o${index}`,
) => Array.from({ length: count }, (_, index) => take(engine, `n${index}`, ownerOf(index)))

const untilBlocked = (admin: RedisEngine) =>
  expect.poll(async () => String(await admin.command('CLIENT', 'LIST'))).toContain('flags=b')

/** More than leave before the tick is over, and a rest. */
const MANY = 70

const evaluationsOf = async (admin: RedisEngine) =>
  Number(
    /cmdstat_evalsha:calls=(\d+)/.exec(String(await admin.command('INFO', 'commandstats')))?.[1],
  )

describe('a call that leaves at once', () => {
  const giveAtOnce = (engine: RedisEngine, name: string) =>
    engine.callAtOnce(locks.give, { lock: engine.keys.key('lock', name) }, { owner: 'me' })

  it('is in front of what is asked in the same turn, which shares a call behind it', async () => {
    const { engine, admin } = await openOwn()
    await Promise.all(['a', 'b', 'c'].map((name) => take(engine, name)))
    await giveAtOnce(engine, 'none')
    const before = await evaluationsOf(admin)
    const answers = [giveAtOnce(engine, 'a'), give(engine, 'b'), give(engine, 'c')]
    expect((await Promise.all(answers)).map(({ tag }) => tag)).toEqual([
      'released',
      'released',
      'released',
    ])
    expect((await evaluationsOf(admin)) - before).toBe(2)
  })

  it('shares a call with what was asked before it', async () => {
    const { engine, admin } = await openOwn()
    await giveAtOnce(engine, 'none')
    const before = await evaluationsOf(admin)
    await Promise.all([give(engine, 'a'), giveAtOnce(engine, 'b')])
    expect((await evaluationsOf(admin)) - before).toBe(1)
  })
})

describe('items of one call', () => {
  it('are answered at once, fail or wait for a server that takes no writes, each for itself', async () => {
    const { engine, admin } = await openOwn()
    await take(engine, 'held')
    await engine.command('RPUSH', engine.keys.key('lock', 'list'), 'x')
    await admin.command('CONFIG', 'SET', 'min-replicas-to-write', '1')
    let isServed = false
    const refused = give(engine, 'held').then((answer) => ({ answer, isServed }))
    const corrupt = give(engine, 'list').catch((error: unknown) => error)
    expect(await give(engine, 'free')).toMatchObject({ tag: 'gone' })
    expect(await corrupt).toBeInstanceOf(StoreCorruptError)
    isServed = true
    await admin.command('CONFIG', 'SET', 'min-replicas-to-write', '0')
    expect(await refused).toMatchObject({ answer: { tag: 'released' }, isServed: true })
  })

  it('are all repeated when the connection is lost, and say that they may have run before', async () => {
    const { engine, admin } = await openOwn()
    await admin.command('CLIENT', 'PAUSE', '5000', 'WRITE')
    const answers = Promise.all(takes(engine, MANY))
    await untilBlocked(admin)
    await admin.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await admin.command('CLIENT', 'UNPAUSE')
    for (const answer of await answers) {
      expect(answer).toMatchObject({ tag: 'acquired', mayHaveRun: true })
    }
    expect(await Promise.all(takes(engine, MANY, () => 'another'))).toMatchObject(
      Array.from({ length: MANY }, (_, index) => ({ tag: 'held', holder: `o${index}` })),
    )
    expect(await take(engine, 'later')).toMatchObject({ tag: 'acquired', mayHaveRun: false })
  })

  it('that are not safe to repeat all have an unknown outcome when the connection is lost', async () => {
    const { engine, admin } = await openOwn()
    await admin.command('CLIENT', 'PAUSE', '5000', 'WRITE')
    const outcomes = Promise.allSettled(Array.from({ length: 3 }, () => charge(engine)))
    await untilBlocked(admin)
    await admin.command('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes')
    await admin.command('CLIENT', 'UNPAUSE')
    for (const outcome of await outcomes) {
      expect(outcome).toMatchObject({ status: 'rejected', reason: { outcome: 'unknown' } })
    }
  })

  it('travel with the text of the script where the server has lost it', async () => {
    const { engine, admin } = await openOwn()
    await admin.command('SCRIPT', 'FLUSH')
    const answers = await Promise.all(takes(engine, MANY))
    for (const answer of answers) {
      expect(answer).toMatchObject({ tag: 'acquired', mayHaveRun: false })
    }
  })

  it('share what they have in common, and travel apart where that differs', async () => {
    const { engine } = await openOwn()
    const told = ['one', 'two', 'one', 'three']
    await Promise.all(
      told.map((metadata, index) => take(engine, `${index}`, 'me', { ...LEASE, metadata })),
    )
    const states = await Promise.all(
      told.map((_, index) => engine.command('GET', engine.keys.key('lock', `${index}`))),
    )
    expect(states.map((state) => String(state).split(' ').at(-1))).toEqual(told)
  })

  it('answer in their order, whether all answers are numbers or some are not', async () => {
    const { engine } = await openOwn()
    await take(engine, 'held', 'another')
    const free = await Promise.all(takes(engine, 3))
    expect(new Set(free.map((answer) => answer.tag))).toEqual(new Set(['acquired']))
    const names = ['a', 'held', 'b']
    const mixed = await Promise.all(names.map((name) => take(engine, name)))
    expect(mixed.map(({ tag }) => tag)).toEqual(['acquired', 'held', 'acquired'])
  })

  it('may be of any text', async () => {
    const { engine } = await openOwn()
    const owners = ['plain', 'żółć', '鎖', '🔒', '\u00e9']
    await Promise.all(owners.map((owner, index) => take(engine, `${index} ${owner}`, owner)))
    const holders = await Promise.all(
      owners.map((owner, index) => take(engine, `${index} ${owner}`, 'another')),
    )
    expect(holders).toMatchObject(owners.map((holder) => ({ tag: 'held', holder })))
  })
})

it('nothing is under way any more when all calls have failed at once', async () => {
  const { engine } = await openOwn()
  await engine.close()
  const failures = Promise.allSettled(takes(engine, MANY))
  const idle = engine.idle()
  expect(await failures).toMatchObject(
    Array.from({ length: MANY }, () => ({ reason: { code: 'SLUICE_CLOSED' } })),
  )
  await idle
})
