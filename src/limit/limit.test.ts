import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { redisEngineAt } from '../../test/redis-engine.ts'
import type { RedisEngine } from '../engine/redis/engine.ts'
import { ArgumentError, EngineUnavailableError } from '../errors.ts'
import { type TestClock, testClock } from '../testing/clock.ts'
import { judgeCounter } from './counter.ts'
import { judgeFunnel } from './funnel.ts'
import { createLimiter, type Limiter } from './limiter.ts'
import { type Nearby, openNearby } from './nearby.ts'
import { redisLimitStore } from './redis/store.ts'
import {
  fixedWindow,
  funnel,
  type Rule,
  readRule,
  slidingCounter,
  slidingLog,
  tokenBucket,
} from './rules.ts'
import type { LimitStore } from './store.ts'

/** What comes where a number should be. */
const BAD_NUMBERS: unknown[] = [
  ...[undefined, null, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  ...[-0.5, -1, 0.1, 1.5, 2 ** 53, 1e300, Number.MIN_VALUE, '', '1000', '5s', true, [], [5], {}],
  ...[10n, Symbol('5'), new Date(), () => 5, { valueOf: () => 5 }],
]
/** What comes where text should be. */
const BAD_TEXTS: unknown[] = [
  ...[undefined, null, '', ' ', 0, Number.NaN, true, [], ['a'], {}, 10n, Symbol('a'), () => 'a'],
  ...[new String('a'), Buffer.from('a'), { toString: () => 'a' }],
  ...['\ud800', 'a\0b', 'a\nb', 'a\u202eb', 'x'.repeat(1025)],
]
/** What comes where an object of options should be. */
const BAD_OPTIONS: unknown[] = [null, 5, 'x', true, [], [1], 10n, Symbol('x'), () => ({})]

const legal =
  (...values: unknown[]) =>
  (value: unknown) =>
    values.includes(value)
const without = (values: unknown[], isLegal: (value: unknown) => boolean) =>
  values.filter((value) => !isLegal(value))
const unchecked = <T>(value: unknown) => value as T

const RULE = funnel({ capacity: 5, leak: 1, per: '1m' })

let engine: RedisEngine
let clock: TestClock
/** The store of a real engine, and how often it was asked. */
let store: LimitStore
let takeCount: number
let nearby: Nearby

beforeEach(() => {
  clock = testClock()
  engine = openEngine(inject('redisUrl'))
  const real = redisLimitStore(engine)
  takeCount = 0
  store = {
    ...real,
    take(request) {
      takeCount++
      return real.take(request)
    },
    takeTimes(request, times) {
      takeCount++
      return real.takeTimes(request, times)
    },
    takeSeveral(request) {
      takeCount++
      return real.takeSeveral(request)
    },
    takeAtMost(request) {
      takeCount++
      return real.takeAtMost(request)
    },
    reset(request) {
      takeCount++
      return real.reset(request)
    },
  }
  nearby = openNearby(store, clock)
})
afterEach(() => engine.close())

function openEngine(url: string, timeoutMs = 10_000): RedisEngine {
  const timeouts = { commandTimeoutMs: timeoutMs, connectTimeoutMs: timeoutMs }
  return redisEngineAt(url, { prefix: `test-${randomUUID()}`, clock, ...timeouts })
}

/** What was thrown, at once or later; a value when nothing was. */
async function failureOf(work: () => unknown): Promise<unknown> {
  try {
    return { answered: await work() }
  } catch (error) {
    return error
  }
}

async function expectArgumentError(work: () => unknown, argument: string): Promise<void> {
  const failure = await failureOf(work)
  expect(failure).toBeInstanceOf(ArgumentError)
  if (!(failure instanceof ArgumentError)) return
  expect(failure).toMatchObject({ argument, code: 'SLUICE_ARGUMENT', retryable: false })
  expect(failure.expected).toMatch(/\w/)
  expect(failure.received).toMatch(/\w|-|""|" "/)
  expect(failure.received.length).toBeLessThanOrEqual(80)
  expect(failure.message).toContain(argument)
  expect(failure.message).not.toMatch(/[\p{Cc}\p{Cs}\u202e]/u)
}

/** Every way in, and what is wrong there. */
interface BadInput {
  argument: string
  values: unknown[]
  pass: (value: unknown, limiter: Limiter) => unknown
}

const log = (options: unknown) => slidingLog(unchecked(options))
const pour = (options: unknown) => funnel(unchecked(options))
const make = (name: unknown, rule: unknown, options?: unknown) =>
  createLimiter(store, unchecked(name), unchecked(rule), unchecked(options), nearby)

const BAD_INPUTS: BadInput[] = [
  {
    argument: 'slidingLog.limit',
    values: [...BAD_NUMBERS, 0, -0, 10_001],
    pass: (limit) => log({ limit, per: '1m' }),
  },
  {
    argument: 'slidingLog.per',
    values: [
      ...without(BAD_NUMBERS, legal(1.5, '5s')),
      0,
      -0,
      0.999,
      '0ms',
      '11y',
      '3651d',
      'm',
      '1m ',
    ],
    pass: (per) => log({ limit: 5, per }),
  },
  { argument: 'slidingLog', values: BAD_OPTIONS, pass: (options) => log(options) },
  {
    argument: 'funnel.capacity',
    values: [...BAD_NUMBERS, 0, -0, 1e9 + 1],
    pass: (capacity) => pour({ capacity, leak: 1, per: '1m' }),
  },
  {
    argument: 'funnel.leak',
    values: [...without(BAD_NUMBERS, legal(0.1, 1.5)), 0, -0, 1e-9, 60e9 + 1e6],
    pass: (leak) => pour({ capacity: 1, leak, per: '1m' }),
  },
  {
    argument: 'funnel.leak',
    values: [1e-3, 0.099],
    pass: (leak) => pour({ capacity: 1000, leak, per: '365d' }),
  },
  {
    argument: 'funnel.per',
    values: [...without(BAD_NUMBERS, legal(1.5, '5s')), 0, -0, 0.999, '0ms', '3651d', '1M', '-1m'],
    pass: (per) => pour({ capacity: 5, leak: 1, per }),
  },
  { argument: 'funnel', values: BAD_OPTIONS, pass: (options) => pour(options) },
  {
    argument: 'fixedWindow.limit',
    values: [...BAD_NUMBERS, 0, -0, 1e9 + 1],
    pass: (limit) => fixedWindow(unchecked({ limit, per: '1m' })),
  },
  {
    argument: 'fixedWindow.per',
    values: [...without(BAD_NUMBERS, legal(1.5, '5s')), 0, 0.999, '3651d'],
    pass: (per) => fixedWindow(unchecked({ limit: 5, per })),
  },
  {
    argument: 'fixedWindow',
    values: BAD_OPTIONS,
    pass: (options) => fixedWindow(unchecked(options)),
  },
  {
    argument: 'slidingCounter.limit',
    values: [...BAD_NUMBERS, 0, -0, 1e9 + 1],
    pass: (limit) => slidingCounter(unchecked({ limit, per: '1m' })),
  },
  {
    argument: 'slidingCounter.per',
    values: [...without(BAD_NUMBERS, legal(1.5, '5s')), 0, 0.999, '3651d'],
    pass: (per) => slidingCounter(unchecked({ limit: 5, per })),
  },
  {
    argument: 'slidingCounter.strict',
    values: [null, 0, 1, '', 'yes', 'true', [], {}],
    pass: (strict) => slidingCounter(unchecked({ limit: 5, per: '1m', strict })),
  },
  {
    argument: 'slidingCounter',
    values: BAD_OPTIONS,
    pass: (options) => slidingCounter(unchecked(options)),
  },
  {
    argument: 'tokenBucket.capacity',
    values: [...BAD_NUMBERS, 0, -0, 1e9 + 1],
    pass: (capacity) => tokenBucket(unchecked({ capacity, refill: 1, per: '1m' })),
  },
  {
    argument: 'tokenBucket.refill',
    values: [...without(BAD_NUMBERS, legal(0.1, 1.5)), 0, -0, 1e-9, 60e9 + 1e6],
    pass: (refill) => tokenBucket(unchecked({ capacity: 1, refill, per: '1m' })),
  },
  {
    argument: 'tokenBucket.refill',
    values: [...BAD_NUMBERS, 0, 6],
    pass: (refill) => tokenBucket(unchecked({ capacity: 5, refill, per: '1m', mode: 'interval' })),
  },
  {
    argument: 'tokenBucket.refill',
    values: [1, 9],
    pass: (refill) =>
      tokenBucket(unchecked({ capacity: 100, refill, per: '365d', mode: 'aligned' })),
  },
  {
    argument: 'tokenBucket.per',
    values: [...without(BAD_NUMBERS, legal(1.5, '5s')), 0, 0.999, '3651d'],
    pass: (per) => tokenBucket(unchecked({ capacity: 5, refill: 1, per })),
  },
  {
    argument: 'tokenBucket.mode',
    values: [null, '', 'Greedy', 'evenly', true, 1, ['greedy'], 'toString', '__proto__'],
    pass: (mode) => tokenBucket(unchecked({ capacity: 5, refill: 1, per: '1m', mode })),
  },
  {
    argument: 'tokenBucket',
    values: BAD_OPTIONS,
    pass: (options) => tokenBucket(unchecked(options)),
  },
  {
    argument: 'limiter.rule',
    values: [[], [RULE, RULE, RULE, RULE, RULE], new Array(17).fill(RULE)],
    pass: (rules) => make('it', rules),
  },
  {
    argument: 'limiter.rule[1]',
    values: [null, {}, 'funnel', RULE, [RULE], { ...RULE }],
    pass: (rule) => make('it', [RULE, rule]),
  },
  { argument: 'limiter.name', values: BAD_TEXTS, pass: (name) => make(name, RULE) },
  {
    argument: 'limiter.rule',
    values: [
      ...[undefined, null, 5, 'funnel', {}, [], funnel, () => RULE, { ...RULE }, 10n, Symbol('x')],
      ...[Object.create(RULE), JSON.parse(JSON.stringify(RULE)), { kind: 'toString' }],
    ],
    pass: (rule) => make('it', rule),
  },
  { argument: 'limiter', values: BAD_OPTIONS, pass: (options) => make('it', RULE, options) },
  {
    argument: 'limiter.onEngineFailure',
    values: [null, '', 'maybe', 'Throw', 'toString', true, 5, ['throw'], {}],
    pass: (onEngineFailure) => make('it', RULE, { onEngineFailure }),
  },
  { argument: 'take.key', values: BAD_TEXTS, pass: (key, it) => it.take(unchecked(key)) },
  {
    argument: 'takeAtMost.key',
    values: BAD_TEXTS,
    pass: (key, it) => it.takeAtMost(unchecked(key), 1),
  },
  {
    argument: 'takeAtMost.units',
    values: [...BAD_NUMBERS, 0, -5, '1'],
    pass: (units, it) => it.takeAtMost('key', unchecked(units)),
  },
  { argument: 'refund.key', values: BAD_TEXTS, pass: (key, it) => it.refund(unchecked(key)) },
  {
    argument: 'refund.units',
    values: [...without(BAD_NUMBERS, legal(undefined)), 0, -5, '1'],
    pass: (units, it) => it.refund('key', unchecked(units)),
  },
  { argument: 'reset.key', values: BAD_TEXTS, pass: (key, it) => it.reset(unchecked(key)) },
  { argument: 'peek.key', values: BAD_TEXTS, pass: (key, it) => it.peek(unchecked(key)) },
  {
    argument: 'take.cost',
    values: [...without(BAD_NUMBERS, legal(undefined)), 0, -0, -5, '1'],
    pass: (cost, it) => it.take('key', unchecked({ cost })),
  },
  {
    argument: 'peek.cost',
    values: [...without(BAD_NUMBERS, legal(undefined)), -5, '1'],
    pass: (cost, it) => it.peek('key', unchecked({ cost })),
  },
  {
    argument: 'take',
    values: BAD_OPTIONS,
    pass: (options, it) => it.take('key', unchecked(options)),
  },
  {
    argument: 'peek',
    values: BAD_OPTIONS,
    pass: (options, it) => it.peek('key', unchecked(options)),
  },
]

const label = (value: unknown) =>
  typeof value === 'string'
    ? JSON.stringify(value).slice(0, 20)
    : `${typeof value} ${stringOf(value)}`
const stringOf = (value: unknown) =>
  typeof value === 'object' && value !== null
    ? Object.prototype.toString.call(value)
    : String(value)

describe.each(BAD_INPUTS)('bad input: $argument', ({ argument, values, pass }) => {
  it.each(values.map((value) => ({ value, text: label(value) })))(
    'refuses $text before anything is sent',
    async ({ value }) => {
      const limiter = createLimiter(store, 'it', RULE, {}, nearby)
      await expectArgumentError(() => pass(value, limiter), argument)
      expect(takeCount).toBe(0)
      expect(await store.list(10)).toEqual([])
    },
  )
})

describe('unknown options', () => {
  const cases: { argument: string; nearest: string; pass: (limiter: Limiter) => unknown }[] = [
    { argument: 'slidingLog.limits', nearest: 'limit', pass: () => log({ limits: 5, per: '1m' }) },
    { argument: 'slidingLog.window', nearest: '', pass: () => log({ limit: 5, window: '1m' }) },
    {
      argument: 'funnel.capasity',
      nearest: 'capacity',
      pass: () => pour({ capasity: 5, leak: 1, per: 1 }),
    },
    {
      argument: 'funnel.Leak',
      nearest: 'leak',
      pass: () => pour({ capacity: 5, Leak: 1, per: 1 }),
    },
    {
      argument: 'limiter.onEngineFailur',
      nearest: 'onEngineFailure',
      pass: () => make('it', RULE, { onEngineFailur: 'throw' }),
    },
    {
      argument: 'take.costs',
      nearest: 'cost',
      pass: (it) => it.take('key', unchecked({ costs: 2 })),
    },
    {
      argument: 'peek.cots',
      nearest: 'cost',
      pass: (it) => it.peek('key', unchecked({ cots: 2 })),
    },
    {
      argument: 'take.__proto__',
      nearest: '',
      pass: (it) => it.take('key', JSON.parse('{"__proto__":{"cost":2}}')),
    },
  ]

  it.each(cases)(
    '$argument is refused, with the nearest one there is',
    async ({ argument, nearest, pass }) => {
      const limiter = createLimiter(store, 'it', RULE, {}, nearby)
      await expectArgumentError(() => pass(limiter), argument)
      const { message } = (await failureOf(() => pass(limiter))) as ArgumentError
      if (nearest !== '') expect(message).toContain(`Did you mean ${nearest}?`)
      expect(takeCount).toBe(0)
    },
  )

  it('options that are only inherited do not count', async () => {
    const limiter = createLimiter(store, 'it', RULE, {}, nearby)
    expect(await limiter.take('key', Object.create({ cost: 4 }))).toMatchObject({ remaining: 4 })
  })
})

describe('rules', () => {
  it('are frozen, and say what was asked for', () => {
    const rules = [
      slidingLog({ limit: 5, per: '1m' }),
      funnel({ capacity: 5, leak: 0.5, per: 1.5 }),
    ]
    expect(rules).toEqual([
      { kind: 'slidingLog', limit: 5, perMs: 60_000 },
      { kind: 'funnel', capacity: 5, leak: 0.5, perMs: 1.5 },
    ])
    expect(rules.every((rule) => Object.isFrozen(rule))).toBe(true)
  })

  it.each<[Rule, object]>([
    [slidingLog({ limit: 1, per: 1 }), { limit: 1, perUs: 1_000 }],
    [slidingLog({ limit: 10_000, per: '3650d' }), { limit: 10_000, perUs: 315_360_000e6 }],
    [slidingLog({ limit: 5, per: 1.1 }), { perUs: 1_100 }],
    [slidingLog({ limit: 5, per: '1h30m' }), { perUs: 5_400e6 }],
    [funnel({ capacity: 1, leak: 1, per: 1 }), { capacity: 1, emissionUs: 1_000 }],
    [funnel({ capacity: 5, leak: 3, per: '1s' }), { emissionUs: 1e6 / 3 }],
    [funnel({ capacity: 5, leak: 0.1, per: '250ms' }), { emissionUs: 2_500_000 }],
    [funnel({ capacity: 1e9, leak: 1e6, per: 1 }), { capacity: 1e9, emissionUs: 0.001 }],
    [funnel({ capacity: 1, leak: 1, per: '3650d' }), { emissionUs: 315_360_000e6 }],
  ])('%j is kept in microseconds', (rule, stored) => {
    expect(readRule(rule, 'rule')).toMatchObject({ kind: rule.kind, ...stored })
  })

  it.each<[Rule, object]>([
    [
      fixedWindow({ limit: 5, per: '1s' }),
      { kind: 'bucket', capacity: 5, refill: 5, intervalUs: 1e6, isAligned: false },
    ],
    [
      tokenBucket({ capacity: 5, refill: 2, per: '1h', mode: 'aligned' }),
      { kind: 'bucket', capacity: 5, refill: 2, intervalUs: 3_600e6, isAligned: true },
    ],
    [
      tokenBucket({ capacity: 5, refill: 0.5, per: '1s' }),
      { kind: 'funnel', capacity: 5, emissionUs: 2e6 },
    ],
    [
      slidingCounter({ limit: 5, per: 1.5 }),
      { kind: 'counter', limit: 5, slices: 1, sliceUs: 1_500, isStrict: false },
    ],
    [
      slidingCounter({ limit: 5, per: 1.001, strict: true }),
      { kind: 'counter', limit: 5, slices: 10, sliceUs: 101, isStrict: true },
    ],
  ])('%j is kept as %j', (rule, stored) => {
    expect(readRule(rule, 'rule')).toEqual(stored)
    expect(Object.isFrozen(rule)).toBe(true)
  })

  it('a leak that no clock could tell apart says how much is possible', () => {
    expect(() => funnel({ capacity: 1, leak: 2e6, per: 1 })).toThrow(
      'funnel.leak must be at most a billion units a second, received 2000000 per 1ms.',
    )
    expect(() => funnel({ capacity: 100, leak: 1, per: '365d' })).toThrow(
      'funnel.leak must be enough to empty the funnel within 3650d, received 1 per 365d for a capacity of 100.',
    )
  })
})

describe('limiter', () => {
  it('answers a verdict in milliseconds, to the microsecond', async () => {
    const rule = slidingLog({ limit: 2, per: '1m' })
    const limiter = createLimiter(store, 'sms', rule, {}, nearby)
    const own = { source: 'engine', degraded: false }
    const first = { allowed: true, limit: 2, remaining: 1, retryAfterMs: 0, resetAfterMs: 60_000 }
    expect(await limiter.take('ada')).toEqual({
      ...{ ...first, ...own, refusedBy: [], rules: [{ rule, ...first }] },
    })
    await clock.advance(1.234)
    const waits = { retryAfterMs: 59_998.766, resetAfterMs: 59_998.766 }
    const second = { ...first, allowed: false, ...waits }
    expect(await limiter.take('ada', { cost: 2 })).toEqual({
      ...{ ...second, ...own, refusedBy: [rule], rules: [{ rule, ...second }] },
    })
    expect(await limiter.take('ada', { cost: 3 })).toMatchObject({
      allowed: false,
      retryAfterMs: null,
    })
    expect(await limiter.peek('ada')).toMatchObject({ allowed: true, remaining: 0 })
    expect(await limiter.peek('ada', { cost: 0 })).toMatchObject({ allowed: true, remaining: 1 })
    expect(limiter).toMatchObject({ name: 'sms', rules: [rule] })
  })

  it('by several rules says what each says, who refused, and when all will admit', async () => {
    const few = slidingLog({ limit: 2, per: '1m' })
    const many = fixedWindow({ limit: 3, per: '1d' })
    const limiter = createLimiter(store, 'sms', [few, many], {}, nearby)
    expect(limiter.rules).toEqual([few, many])
    const dayMs = 86_400_000
    expect(await limiter.take('ada', { cost: 2 })).toMatchObject({
      ...{ allowed: true, limit: 2, remaining: 0, retryAfterMs: 0, resetAfterMs: dayMs },
      rules: [
        { rule: few, allowed: true, limit: 2, remaining: 0, resetAfterMs: 60_000 },
        { rule: many, allowed: true, limit: 3, remaining: 1, resetAfterMs: dayMs },
      ],
      refusedBy: [],
    })
    expect(await limiter.take('ada')).toMatchObject({
      ...{ allowed: false, limit: 2, remaining: 0, retryAfterMs: 60_000, refusedBy: [few] },
    })
    expect(await limiter.take('ada', { cost: 2 })).toMatchObject({
      ...{ allowed: false, retryAfterMs: dayMs, refusedBy: [few, many] },
    })
    expect(await limiter.take('ada', { cost: 3 })).toMatchObject({
      ...{ allowed: false, retryAfterMs: null, refusedBy: [few, many] },
    })
    await clock.advance('1m')
    expect(await limiter.peek('ada', { cost: 2 })).toMatchObject({ refusedBy: [many] })
    expect(await limiter.take('ada')).toMatchObject({ allowed: true, limit: 3, remaining: 0 })
  })

  it('costs 1 unless told', async () => {
    const limiter = createLimiter(store, 'it', RULE, {}, nearby)
    expect(await limiter.take('key')).toMatchObject({ limit: 5, remaining: 4 })
    expect(await limiter.take('key', {})).toMatchObject({ remaining: 3 })
    expect(await limiter.take('key', unchecked({ cost: undefined }))).toMatchObject({
      remaining: 2,
    })
  })

  it('a retry after exactly retryAfterMs is allowed, whatever the pace', async () => {
    const rules = [
      funnel({ capacity: 3, leak: 7, per: '11m' }),
      slidingLog({ limit: 3, per: 61_234.567 }),
    ]
    for (const [index, rule] of rules.entries()) {
      const limiter = createLimiter(store, `pace-${index}`, rule, {}, nearby)
      for (let round = 0; round < 20; round++) {
        const { allowed, retryAfterMs } = await limiter.take('key', { cost: 1 + (round % 3) })
        if (allowed || retryAfterMs === null) continue
        await clock.advance(retryAfterMs)
        expect(await limiter.take('key', { cost: 1 + (round % 3) })).toMatchObject({
          allowed: true,
        })
      }
    }
  })

  it('a failure of the engine is thrown, and is no verdict', async () => {
    const unreachable = openEngine('redis://127.0.0.1:1', 300)
    try {
      const limiter = createLimiter(redisLimitStore(unreachable), 'it', RULE)
      for (const call of [() => limiter.take('key'), () => limiter.peek('key')]) {
        const failure = await failureOf(call)
        expect(failure).toBeInstanceOf(EngineUnavailableError)
        expect(failure).toMatchObject({ outcome: 'not-applied', retryable: true })
      }
    } finally {
      await unreachable.close()
    }
  })
})

describe('funnel arithmetic', () => {
  const nowUs = 1_767_225_600_000_000
  const take = { capacity: 5, emissionUs: 1_000, cost: 1, nowUs }

  it('R6 a step back takes nothing away from what is free', () => {
    const state = { debtUs: 4_000, atUs: nowUs + 10 }
    expect(judgeFunnel(state, take)).toMatchObject({ allowed: true, remaining: 0 })
    expect(judgeFunnel(state, { ...take, cost: 2 })).toMatchObject({ retryAfterUs: 1_010 })
  })

  it('R6 a state too far ahead to wait for lets one take through, and is full from now on', () => {
    const state = { debtUs: 5_000, atUs: nowUs + 4_001 }
    const verdict = judgeFunnel(state, take)
    const next = { debtUs: 5_000, atUs: nowUs }
    expect(verdict).toMatchObject({ allowed: true, remaining: 0, next })
    expect(judgeFunnel(verdict.next, take)).toMatchObject({ allowed: false, retryAfterUs: 1_000 })
    expect(judgeFunnel({ ...state, atUs: nowUs + 4_000 }, take)).toMatchObject({ allowed: false })
  })

  it('a debt under a larger capacity leaks on from when it was made', () => {
    const state = { debtUs: 900_000, atUs: nowUs - 4_500 }
    expect(judgeFunnel(state, take)).toMatchObject({ allowed: false, resetAfterUs: 895_500 })
  })
})

describe('counter arithmetic', () => {
  it('R4 is exact for a billion units in ten years, where products have no room for all digits', () => {
    const years = fc.record({
      limit: fc.integer({ min: 2, max: 1e9 }),
      sliceUs: fc.integer({ min: 1_000, max: 315_360_000e6 }),
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      elapsed: fc.double({ min: 0, max: 0.999, noNaN: true }),
      split: fc.double({ min: 0, max: 1, noNaN: true }),
    })
    const property = fc.property(years, ({ limit, sliceUs, share, elapsed, split }) => {
      const atUs = 1_767_225_600_000_000
      const old = Math.floor(limit * split)
      const state = { counts: [limit - old, old], atUs }
      const nowUs = atUs + Math.floor(sliceUs * elapsed)
      const cost = Math.max(1, Math.floor(limit * share))
      const take = { limit, slices: 1, sliceUs, isStrict: false, cost }
      const { allowed, retryAfterUs } = judgeCounter(state, { ...take, nowUs })
      if (allowed) return
      const dueUs = nowUs + (retryAfterUs ?? Number.NaN)
      expect(judgeCounter(state, { ...take, nowUs: dueUs })).toMatchObject({ allowed: true })
      const early = judgeCounter(state, { ...take, nowUs: dueUs - 1 })
      expect(early).toMatchObject({ allowed: false, retryAfterUs: 1 })
    })
    fc.assert(property, { numRuns: 20_000 })
  })
})
