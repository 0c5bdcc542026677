import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { startRedis } from '../../../test/redis.ts'
import { redisEngineAt } from '../../../test/redis-engine.ts'
import { systemClock } from '../../clock.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { EngineUnavailableError, StoreCorruptError, StoreFullError } from '../../errors.ts'
import { type TestClock, testClock } from '../../testing/clock.ts'
import { judgeFunnel } from '../funnel.ts'
import { createLimiter } from '../limiter.ts'
import { funnel, type Rule, slidingCounter, slidingLog, tokenBucket } from '../rules.ts'
import type { LimitStore } from '../store.ts'
import { redisLimitStore } from './store.ts'

const prefix = `test-${randomUUID()}`
const LOG = slidingLog({ limit: 5, per: '1m' })
const FUNNEL = funnel({ capacity: 5, leak: 5, per: '1m' })
/** `lifeMs`: how long a key lives on after so many units of an empty one were taken. */
const KINDS: {
  part: string
  rule: Rule
  foreign: string[]
  lifeMs: (units: number) => number
}[] = [
  { part: 'log', rule: LOG, foreign: ['SET', 'value'], lifeMs: () => 60_000 },
  {
    part: 'funnel',
    rule: FUNNEL,
    foreign: ['ZADD', '1', 'value'],
    lifeMs: (units) => 12_000 * units,
  },
  {
    part: 'bucket',
    rule: tokenBucket({ capacity: 5, refill: 2, per: '20s', mode: 'interval' }),
    foreign: ['ZADD', '1', 'value'],
    lifeMs: (units) => 20_000 * Math.ceil(units / 2),
  },
  {
    part: 'counter',
    rule: slidingCounter({ limit: 5, per: '30s' }),
    foreign: ['ZADD', '1', 'value'],
    lifeMs: () => 60_000,
  },
]
/** How the test makes a key of a type that no limiter has. */
const OTHER_TYPES = [
  ['LPUSH', 'value'],
  ['SADD', 'value'],
  ['HSET', 'field', 'value'],
  ['XADD', '*', 'field', 'value'],
]

let engine: RedisEngine
let store: LimitStore
let clock: TestClock

beforeEach(() => {
  clock = testClock()
  engine = openOn(inject('redisUrl'), clock)
  store = redisLimitStore(engine)
})
afterEach(() => engine.close())

function openOn(url: string, engineClock = systemClock) {
  return redisEngineAt(url, { prefix, clock: engineClock, commandTimeoutMs: 3_000 })
}

/** A key of its own for each test, and how to look at it. */
function newKey(part: string) {
  const name = randomUUID()
  const redisKey = `${prefix}:limit:{it/${name}}:${part}`
  const command = (word: string, ...args: string[]) => engine.command(word, redisKey, ...args)
  return { name, redisKey, command }
}

describe.each(KINDS)('$part', ({ part, rule, foreign, lifeMs }) => {
  it('lies under one key, whose hash tag is limiter and key', async () => {
    const { name, command } = newKey(part)
    await createLimiter(store, 'it', rule).take(name)
    expect(await command('EXISTS')).toBe(1)
    expect(await engine.scan(`*${name}*`, 10)).toHaveLength(1)
  })

  it('R3 a refused take and every peek leave the key as it is, to the byte', async () => {
    const { name, command } = newKey(part)
    const limiter = createLimiter(store, 'it', rule)
    await limiter.take(name, { cost: 3 })
    await clock.advance('7s')
    const before = await command('DUMP')
    await limiter.take(name, { cost: 4 })
    await limiter.take(name, { cost: 6 })
    for (const cost of [0, 1, 4, 6]) await limiter.peek(name, { cost })
    expect(await command('DUMP')).toBe(before)
    const untouched = newKey(part)
    await limiter.peek(untouched.name)
    expect(await untouched.command('EXISTS')).toBe(0)
  })

  it('R5 the key expires when it is as good as new: and not a millisecond before', async () => {
    const real = openOn(inject('redisUrl'))
    try {
      const limiter = createLimiter(redisLimitStore(real), 'it', rule)
      for (let round = 0; round < 20; round++) {
        const { name, redisKey } = newKey(part)
        await limiter.take(name, { cost: 1 + (round % 5) })
        const { untilMs, takenUs } = await readExpiry(redisKey)
        const { resetAfterMs } = await limiter.peek(name, { cost: 0 })
        const ownLifeMs = lifeMs(1 + (round % 5))
        const dueMs = Math.ceil(takenUs / 1000 + ownLifeMs)
        expect(untilMs).toBeGreaterThanOrEqual(dueMs)
        // What the server was kept from running for between two looks at its clock is not ours.
        expect(untilMs).toBeLessThanOrEqual(dueMs + 50)
        expect(resetAfterMs).toBeLessThanOrEqual(ownLifeMs)
      }
    } finally {
      await real.close()
    }
  })

  it('R5 every charge makes the key live as long as its verdict says', async () => {
    const { name, command } = newKey(part)
    const limiter = createLimiter(store, 'it', rule)
    for (const [cost, pause] of [
      [1, '0ms'],
      [2, '5s'],
      [1, '59s'],
      [4, '30s'],
    ] as const) {
      await clock.advance(pause)
      const { resetAfterMs } = await limiter.take(name, { cost })
      const ttlMs = Number(await command('PTTL'))
      expect(ttlMs).toBeLessThanOrEqual(Math.ceil(resetAfterMs) + 1)
      expect(ttlMs).toBeGreaterThan(resetAfterMs - 2_000)
    }
  })

  it.each([foreign, ...OTHER_TYPES])(
    'a key that holds something else (%s) is reported, and is not changed',
    async (...words) => {
      const [word = '', ...args] = words
      const { name, redisKey, command } = newKey(part)
      await command(word, ...args)
      const before = await command('DUMP')
      const limiter = createLimiter(store, 'it', rule)
      const well = newKey(part)
      const answers = await Promise.allSettled([
        limiter.take(well.name, { cost: 5 }),
        limiter.take(name),
        limiter.take(well.name),
        limiter.peek(name),
        limiter.take(newKey(part).name, { cost: 2 }),
      ])
      expect(
        answers.map((answer) =>
          answer.status === 'fulfilled' ? answer.value.allowed : answer.reason,
        ),
      ).toEqual([true, expect.any(StoreCorruptError), false, expect.any(StoreCorruptError), true])
      expect(answers[1]).toMatchObject({ reason: { key: redisKey, code: 'SLUICE_STORE_CORRUPT' } })
      expect(await command('DUMP')).toBe(before)
      expect(await command('PTTL')).toBe(-1)
    },
  )
})

describe('funnel', () => {
  const garbage = [
    '',
    ' ',
    'abc',
    '5',
    '5 ',
    '5 x',
    'x 5',
    '-1 5',
    'nan 5',
    'inf 5',
    '5 -5',
    '1 2 3',
    '1e300 5',
  ]

  it.each(garbage)(
    'a value that no funnel wrote (%j) is reported, and is not changed',
    async (value) => {
      const { name, redisKey, command } = newKey('funnel')
      await command('SET', value)
      const limiter = createLimiter(store, 'it', FUNNEL)
      const failure = await limiter.take(name).catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(StoreCorruptError)
      expect(failure).toMatchObject({ key: redisKey, message: expect.stringContaining(redisKey) })
      expect(await command('GET')).toBe(value)
    },
  )
})

describe('funnel.ts', () => {
  /** From a second: by its own clock, the server must not drop the key before it is read back. */
  const emission = fc.oneof(
    fc.integer({ min: 1e6, max: 60e6 }),
    fc.double({ min: 1e6, max: 60e6, noNaN: true }),
  )
  const state = fc.record({
    /** As a share of what fits: a funnel that was larger leaves more. */
    fullness: fc.oneof(fc.constantFrom(0, 0.5, 1), fc.double({ min: 0, max: 3, noNaN: true })),
    /** Behind and, from a clock that ran ahead, before the present. */
    ageUs: fc.oneof(fc.constantFrom(0, 1, -1, -1000), fc.integer({ min: -1e9, max: 1e9 })),
  })

  it('says the same as the script, from any state', async () => {
    const property = fc.asyncProperty(
      fc.integer({ min: 1, max: 50 }),
      emission,
      fc.option(state),
      fc.nat(52),
      async (capacity, emissionUs, stored, cost) => {
        const { name, command } = newKey('funnel')
        const nowUs = Number(clock.storeUs())
        const before = stored && {
          debtUs: stored.fullness * capacity * emissionUs,
          atUs: nowUs - stored.ageUs,
        }
        if (before) await command('SET', `${before.debtUs} ${before.atUs}`)
        const rule = { kind: 'funnel' as const, capacity, emissionUs }
        const request = { limiter: 'it', key: name, rule, cost }
        const { next, ...expected } = judgeFunnel(before ?? undefined, {
          capacity,
          emissionUs,
          cost,
          nowUs,
        })
        expect(await store.take({ ...request, peek: true })).toEqual(expected)
        if (!expected.allowed || cost === 0) return
        expect(await store.take({ ...request, peek: false })).toEqual(expected)
        const [debt, at] = String(await command('GET'))
          .split(' ')
          .map(Number)
        expect({ debtUs: debt, atUs: at }).toEqual(next)
      },
    )
    await fc.assert(property, { numRuns: 400 })
  })
})

describe('sliding log', () => {
  it('what has left the window never piles up', async () => {
    const { name, command } = newKey('log')
    const limiter = createLimiter(store, 'it', slidingLog({ limit: 500, per: '1h' }))
    await limiter.take(name, { cost: 500 })
    await clock.advance('1h')
    for (let unit = 0; unit < 10; unit++) await limiter.take(name)
    expect(await command('ZCARD')).toBe(10)
  })

  it('R6 units from a clock that ran ahead count as of now', async () => {
    const { name } = newKey('log')
    const limiter = createLimiter(store, 'it', LOG)
    await clock.advance('1h')
    await limiter.take(name, { cost: 2 })
    clock.stepWall(-3_600_000)
    const seen = { allowed: true, remaining: 3, resetAfterMs: 60_000 }
    expect(await limiter.peek(name, { cost: 0 })).toMatchObject(seen)
    await limiter.take(name)
    await clock.advance('1m')
    expect(await limiter.peek(name, { cost: 0 })).toMatchObject({ remaining: 5, resetAfterMs: 0 })
  })

  it('every unit has a member of its own, also when the clock stands still or comes back', async () => {
    const { name, command } = newKey('log')
    const limiter = createLimiter(store, 'it', slidingLog({ limit: 2_500, per: '1h' }))
    await Promise.all([limiter.take(name, { cost: 1_200 }), limiter.take(name), limiter.take(name)])
    await limiter.take(name, { cost: 1_000 })
    expect(await command('ZCARD')).toBe(2_202)
    await clock.advance('1s')
    await limiter.take(name, { cost: 100 })
    clock.stepWall(-1_000)
    expect(await limiter.take(name)).toMatchObject({ allowed: true, remaining: 197 })
    expect(await command('ZCARD')).toBe(2_303)
  })
})

describe('a server in trouble', () => {
  it('without memory: a take that would be charged is a failure, other answers still come', async () => {
    const server = await startRedis()
    const own = openOn(server.url, clock)
    try {
      const limiter = createLimiter(redisLimitStore(own), 'it', FUNNEL)
      await limiter.take('key', { cost: 4 })
      await own.command('CONFIG', 'SET', 'maxmemory', '1')
      await expect(limiter.take('key')).rejects.toBeInstanceOf(StoreFullError)
      expect(await limiter.take('key', { cost: 2 })).toMatchObject({ allowed: false, remaining: 1 })
      expect(await limiter.peek('key')).toMatchObject({ allowed: true, remaining: 0 })
      await own.command('CONFIG', 'SET', 'maxmemory', '0')
      expect(await limiter.take('key')).toMatchObject({ allowed: true, remaining: 0 })
    } finally {
      await own.close()
      await server.stop()
    }
  })

  it('silent: a take fails by its deadline and never looks like a refusal', async () => {
    const server = await startRedis()
    const own = openOn(server.url, clock)
    try {
      const limiter = createLimiter(redisLimitStore(own), 'it', FUNNEL)
      await limiter.take('key')
      server.pause()
      const failure = await limiter.take('key').catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(EngineUnavailableError)
      expect(failure).toMatchObject({ outcome: 'unknown' })
    } finally {
      await own.close()
      await server.stop()
    }
  })
})

/** When the key goes, in whole milliseconds of the server's clock, and when it was charged. */
async function readExpiry(key: string): Promise<{ untilMs: number; takenUs: number }> {
  const script = `local before = redis.call('TIME')
    local ttl = redis.call('PTTL', KEYS[1])
    local after = redis.call('TIME')
    local value = redis.call('TYPE', KEYS[1]).ok == 'zset'
      and redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
      or string.match(redis.call('GET', KEYS[1]), string.rep('%d', 16))
    return { ARGV[1], before[1], before[2], after[1], after[2], ttl, value }`
  for (;;) {
    const reply = (await engine.command('EVAL', script, '1', key, 'call')) as (string | number)[]
    const [, s1, us1, s2, us2, ttlMs = 0, takenUs = 0] = reply.map(Number)
    const [beforeMs, afterMs] = [wholeMs(s1, us1), wholeMs(s2, us2)]
    // A TTL tells the moment only if the clock did not tick around it.
    if (beforeMs === afterMs) return { untilMs: beforeMs + ttlMs, takenUs }
  }
}

const wholeMs = (seconds = 0, us = 0) => seconds * 1000 + Math.floor(us / 1000)
