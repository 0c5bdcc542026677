import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { startRedis } from '../../../test/redis.ts'
import { redisEngineAt } from '../../../test/redis-engine.ts'
import { seededNumbers } from '../../../test/seeded.ts'
import { systemClock } from '../../clock.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { EngineUnavailableError, StoreCorruptError, StoreFullError } from '../../errors.ts'
import { type TestClock, testClock } from '../../testing/clock.ts'
import { judgeFunnel } from '../funnel.ts'
import { createLimiter } from '../limiter.ts'
import { logOracle } from '../oracle.contract.ts'
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
  /** Of five that fit each is so many units. */
  size?: number
}[] = [
  { part: 'log', rule: LOG, foreign: ['SET', 'value'], lifeMs: () => 60_000 },
  {
    part: 'log',
    rule: slidingLog({ limit: 130, per: '1m' }),
    foreign: ['SET', 'value'],
    lifeMs: () => 60_000,
    size: 26,
  },
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

it.each([
  funnel({ capacity: 300, leak: 1, per: '1h' }),
  tokenBucket({ capacity: 300, refill: 1, per: '1h', mode: 'interval' }),
  slidingCounter({ limit: 300, per: '1h' }),
  slidingLog({ limit: 300, per: '1h' }),
])(
  'so many takes of one key by a $kind that they leave at once do not overtake what was called before',
  async (rule) => {
    const limiter = createLimiter(store, 'full', rule, { deniedCache: false })
    const key = randomUUID()
    const first = limiter.take(key, { cost: 200 })
    const rest = await Promise.all(Array.from({ length: 600 }, () => limiter.take(key)))
    expect((await first).allowed).toBe(true)
    expect(rest.map(({ allowed }) => allowed)).toEqual(rest.map((_, index) => index < 100))
  },
)

describe.each(KINDS)('$part of $rule.kind, $size', ({ part, rule, foreign, lifeMs, size = 1 }) => {
  it('lies under one key, whose hash tag is limiter and key', async () => {
    const { name, command } = newKey(part)
    await createLimiter(store, 'it', rule, { deniedCache: false }).take(name)
    expect(await command('EXISTS')).toBe(1)
    expect(await engine.scan(`*${name}*`, 10)).toHaveLength(1)
  })

  it('R3 a refused take and every peek leave the key as it is, to the byte', async () => {
    const { name, command } = newKey(part)
    const limiter = createLimiter(store, 'it', rule, { deniedCache: false })
    await limiter.take(name, { cost: 3 * size })
    await clock.advance('7s')
    const before = await command('DUMP')
    await limiter.take(name, { cost: 4 * size })
    await limiter.take(name, { cost: 6 * size })
    for (const cost of [0, 1, 4, 6]) await limiter.peek(name, { cost: cost * size })
    expect(await command('DUMP')).toBe(before)
    const untouched = newKey(part)
    await limiter.peek(untouched.name)
    expect(await untouched.command('EXISTS')).toBe(0)
  })

  it('R5 the key expires when it is as good as new: and not a millisecond before', async () => {
    const real = openOn(inject('redisUrl'))
    try {
      const limiter = createLimiter(redisLimitStore(real), 'it', rule, { deniedCache: false })
      for (let round = 0; round < 20; round++) {
        const { name, redisKey } = newKey(part)
        await limiter.take(name, { cost: (1 + (round % 5)) * size })
        const { untilMs, storedUs } = await readExpiry(redisKey)
        const { resetAfterMs } = await limiter.peek(name, { cost: 0 })
        const ownLifeMs = lifeMs(1 + (round % 5))
        // A funnel keeps when it is empty, the others when they were charged.
        const dueMs = Math.ceil(storedUs / 1000 + (part === 'funnel' ? 0 : ownLifeMs))
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
    const limiter = createLimiter(store, 'it', rule, { deniedCache: false })
    for (const [cost, pause] of [
      [1, '0ms'],
      [2, '5s'],
      [1, '59s'],
      [4, '30s'],
    ] as const) {
      await clock.advance(pause)
      const { resetAfterMs } = await limiter.take(name, { cost: cost * size })
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
      const limiter = createLimiter(store, 'it', rule, { deniedCache: false })
      const well = newKey(part)
      const answers = await Promise.allSettled([
        limiter.take(well.name, { cost: 5 * size }),
        limiter.take(name),
        limiter.take(well.name),
        limiter.peek(name),
        limiter.take(newKey(part).name, { cost: 2 * size }),
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

describe('a limiter with a tag', () => {
  it.each<[string, string | ((key: string) => string)]>([
    ['one text', 'tenant'],
    ['what makes one of a key', () => 'tenant'],
  ])('keeps what it knows of a key in the slot of the tag: %s', async (_, tag) => {
    const name = randomUUID()
    const redisKey = `${prefix}:limit:{tenant}:it/${name}:funnel`
    const limiter = createLimiter(store, 'it', FUNNEL, { deniedCache: false, tag })
    const untagged = createLimiter(store, 'it', FUNNEL, { deniedCache: false })
    await limiter.take(name, { cost: 5 })
    expect(await engine.command('EXISTS', redisKey)).toBe(1)
    expect(await Promise.all([limiter.take(name), limiter.take(name)])).toMatchObject([
      { allowed: false },
      { allowed: false },
    ])
    expect(await untagged.take(name)).toMatchObject({ allowed: true, remaining: 4 })
    await limiter.reset(name)
    expect(await engine.command('EXISTS', redisKey)).toBe(0)
  })

  it('refuses a tag that is no name, before anything is sent', async () => {
    const limiter = createLimiter(store, 'it', FUNNEL, { tag: () => '' })
    await expect(limiter.take(randomUUID())).rejects.toMatchObject({ argument: 'limiter.tag' })
  })
})

describe('funnel', () => {
  const garbage = [
    '',
    ' ',
    'abc',
    '5',
    '123456789012345678',
    '01234567890123456789',
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
      const limiter = createLimiter(store, 'it', FUNNEL, { deniedCache: false })
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
        const text = String(await command('GET'))
        expect(debtIn(text, nowUs)).toEqual(next)
        const isNumber = next.debtUs % 1 === 0 && next.debtUs <= capacity * emissionUs
        expect(/^\d+$/.test(text)).toBe(isNumber)
      },
    )
    await fc.assert(property, { numRuns: 400 })
  })
})

/** What the value of a funnel says that was written now. */
function debtIn(text: string, nowUs: number): { debtUs: number; atUs: number } {
  const [debtUs = 0, atUs] = text.split(' ').map(Number)
  if (atUs !== undefined) return { debtUs, atUs }
  return { debtUs: Number(text.slice(0, -3)) - nowUs, atUs: nowUs }
}

describe('a funnel that owes whole microseconds', () => {
  /** 8 units of a second each, and what there is of it after so many takes. */
  const rule = { kind: 'funnel' as const, capacity: 8, emissionUs: 1e6 }
  async function filled(units: number) {
    const { name, redisKey, command } = newKey('funnel')
    const take = (other: Partial<typeof rule>, cost: number) =>
      store.take({ limiter: 'it', key: name, rule: { ...rule, ...other }, cost, peek: false })
    await take({}, units)
    return { take, redisKey, command }
  }

  it('is one number, which the server keeps without a text', async () => {
    const { redisKey, take } = await filled(8)
    const encoding = () => engine.command('OBJECT', 'ENCODING', redisKey)
    expect(await encoding()).toBe('int')
    await clock.advance('1s')
    await take({}, 1)
    expect(await encoding()).toBe('int')
  })

  it('leaks on when less fits, and is not taken for that of a clock that ran ahead', async () => {
    const { take } = await filled(8)
    expect(await take({ capacity: 2 }, 1)).toMatchObject({ allowed: false, retryAfterUs: 7e6 })
    await clock.advance('6999.999ms')
    expect(await take({ capacity: 2 }, 1)).toMatchObject({ allowed: false, retryAfterUs: 1 })
    await clock.advance('0.001ms')
    expect(await take({ capacity: 2 }, 1)).toMatchObject({ allowed: true, remaining: 0 })
  })

  it('owes no more than what fits when more does, or the clock stepped back', async () => {
    const { take } = await filled(8)
    expect(await take({ capacity: 20 }, 1)).toMatchObject({ allowed: true, remaining: 11 })
    const other = await filled(8)
    clock.stepWall(-3_000)
    expect(await other.take({}, 1)).toMatchObject({ allowed: false, retryAfterUs: 4e6 })
    await clock.advance('4s')
    expect(await other.take({}, 1)).toMatchObject({ allowed: true, remaining: 0 })
  })

  it.each([
    ['8000000 $now', 8],
    ['3500000.5 $now', 4],
  ])('goes on from %s, as it was written before', async (text, units) => {
    const { take, command } = await filled(1)
    await command('SET', text.replace('$now', String(clock.storeUs())))
    expect(await take({}, 9 - units)).toMatchObject({ allowed: false })
    if (units < 8) expect(await take({}, 8 - units)).toMatchObject({ allowed: true })
  })
})

describe('sliding log', () => {
  const limiterOf = (limit: number) =>
    createLimiter(store, 'it', slidingLog({ limit, per: '1h' }), { deniedCache: false })

  it.each([
    [128, 'zset', 'ZCARD'],
    [500, 'list', 'LLEN'],
  ])('of %i units is a %s, where what has left never piles up', async (limit, type, count) => {
    const { name, command } = newKey('log')
    const limiter = limiterOf(limit)
    await limiter.take(name, { cost: limit })
    expect([await command('TYPE'), await command(count)]).toEqual([type, limit])
    await clock.advance('1h')
    for (let unit = 0; unit < 10; unit++) await limiter.take(name)
    expect(await command(count)).toBe(10)
  })

  it('for many units takes few bytes for each, and one piece for few', async () => {
    const [many, few] = [newKey('log'), newKey('log')]
    await limiterOf(10_000).take(many.name, { cost: 10_000 })
    await limiterOf(128).take(few.name, { cost: 128 })
    const bytesOf = async (key: string) => Number(await engine.command('MEMORY', 'USAGE', key))
    expect((await bytesOf(many.redisKey)) / 10_000).toBeLessThan(12)
    expect(await engine.command('OBJECT', 'ENCODING', few.redisKey)).toMatch(/^(listpack|ziplist)$/)
    expect((await bytesOf(few.redisKey)) / 128).toBeLessThan(44)
  })

  it.each([
    [130, 100, 'zset'],
    [100, 130, 'list'],
  ])('of %i units that becomes one of %i keeps them, and is a %s', async (first, second, type) => {
    const { name, command } = newKey('log')
    const [before, after] = [limiterOf(first), limiterOf(second)]
    await before.take(name, { cost: 50 })
    await clock.advance('7m')
    const dump = await command('DUMP')
    const refusal = { allowed: false, remaining: second - 50, retryAfterMs: 53 * 60_000 }
    expect(await after.take(name, { cost: second - 49 })).toMatchObject(refusal)
    expect(await after.peek(name, { cost: second - 49 })).toMatchObject(refusal)
    expect(await command('DUMP')).toBe(dump)
    expect(await after.take(name, { cost: 20 })).toMatchObject({ remaining: second - 70 })
    expect(await command('TYPE')).toBe(type)
    const wait = { allowed: false, remaining: second - 70, retryAfterMs: 53 * 60_000 }
    expect(await after.take(name, { cost: second - 69 })).toMatchObject(wait)
    expect(await before.peek(name, { cost: 0 })).toMatchObject({ remaining: first - 70 })
  })

  it('of many units finds where its window begins, wherever that is', async () => {
    const { name } = newKey('log')
    const limiter = limiterOf(600)
    const oracle = logOracle(600, 3_600e6)
    const random = seededNumbers(7)
    let nowUs = 0
    for (let step = 0; step < 250; step++) {
      // Mostly a little, and now and then past half of them.
      const pauseUs = Math.floor(random() * (step % 40 === 39 ? 3_000e6 : 30e6))
      await clock.advance(pauseUs / 1000)
      nowUs += pauseUs
      const cost = 1 + Math.floor(random() * 9)
      const { allowed, remaining, retryAfterMs, resetAfterMs } = await limiter.take(name, { cost })
      const [retryAfterUs, resetAfterUs] = [retryAfterMs, resetAfterMs].map(
        (ms) => (ms ?? 0) * 1000,
      )
      const expected = oracle(nowUs, cost)
      expect({ allowed, remaining }).toEqual({
        allowed: expected.allowed,
        remaining: expected.remaining,
      })
      expect(retryAfterUs).toBeCloseTo(expected.retryAfterUs ?? 0, 3)
      expect(resetAfterUs).toBeCloseTo(expected.resetAfterUs, 3)
    }
  })

  it('of which the head is no time is reported, and is not changed', async () => {
    const { name, redisKey, command } = newKey('log')
    await command('RPUSH', 'blocked soon', '1790000000000000')
    const before = await command('DUMP')
    const failure = await limiterOf(500)
      .take(name)
      .catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(StoreCorruptError)
    expect(failure).toMatchObject({ key: redisKey })
    expect(await command('DUMP')).toBe(before)
  })

  it('R6 units from a clock that ran ahead count as of now', async () => {
    const { name } = newKey('log')
    const limiter = createLimiter(store, 'it', LOG, { deniedCache: false })
    await clock.advance('1h')
    await limiter.take(name, { cost: 2 })
    clock.stepWall(-3_600_000)
    const seen = { allowed: true, remaining: 3, resetAfterMs: 60_000 }
    expect(await limiter.peek(name, { cost: 0 })).toMatchObject(seen)
    await limiter.take(name)
    await clock.advance('1m')
    expect(await limiter.peek(name, { cost: 0 })).toMatchObject({ remaining: 5, resetAfterMs: 0 })
  })

  it.each([
    ['ZCARD', 1],
    ['LLEN', 20],
  ])(
    'every unit has a place of its own, also when the clock stands still or comes back: %s',
    async (count, size) => {
      const { name, command } = newKey('log')
      const limiter = limiterOf(125 * size)
      await Promise.all([
        limiter.take(name, { cost: 60 * size }),
        limiter.take(name),
        limiter.take(name),
      ])
      await limiter.take(name, { cost: 50 * size })
      expect(await command(count)).toBe(110 * size + 2)
      await clock.advance('1s')
      await limiter.take(name, { cost: 5 * size })
      clock.stepWall(-1_000)
      const { allowed, remaining } = await limiter.take(name)
      expect([allowed, remaining]).toEqual([true, 10 * size - 3])
      expect(await command(count)).toBe(115 * size + 3)
    },
  )
})

describe('a server in trouble', () => {
  it('without memory: a take that would be charged is a failure, other answers still come', async () => {
    const server = await startRedis()
    const own = openOn(server.url, clock)
    try {
      const limiter = createLimiter(redisLimitStore(own), 'it', FUNNEL, { deniedCache: false })
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
      const limiter = createLimiter(redisLimitStore(own), 'it', FUNNEL, { deniedCache: false })
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

/** When the key goes, in whole milliseconds of the server's clock, and the time that it keeps. */
async function readExpiry(key: string): Promise<{ untilMs: number; storedUs: number }> {
  const script = `local before = redis.call('TIME')
    local ttl = redis.call('PTTL', KEYS[1])
    local after = redis.call('TIME')
    local kind = redis.call('TYPE', KEYS[1]).ok
    local value = kind == 'zset' and redis.call('ZRANGE', KEYS[1], -1, -1, 'WITHSCORES')[2]
      or kind == 'list' and redis.call('LINDEX', KEYS[1], -1)
      or string.match(redis.call('GET', KEYS[1]), string.rep('%d', 16))
    return { ARGV[1], before[1], before[2], after[1], after[2], ttl, value }`
  for (;;) {
    const reply = (await engine.command('EVAL', script, '1', key, 'call')) as (string | number)[]
    const [, s1, us1, s2, us2, ttlMs = 0, storedUs = 0] = reply.map(Number)
    const [beforeMs, afterMs] = [wholeMs(s1, us1), wholeMs(s2, us2)]
    // A TTL tells the moment only if the clock did not tick around it.
    if (beforeMs === afterMs) return { untilMs: beforeMs + ttlMs, storedUs }
  }
}

const wholeMs = (seconds = 0, us = 0) => seconds * 1000 + Math.floor(us / 1000)
