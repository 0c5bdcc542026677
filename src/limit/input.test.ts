// What no limiter may accept, and what must not matter: beside the tables of `limit.test.ts`.
import { randomUUID } from 'node:crypto'
import { describe, expect, inject, it } from 'vitest'
import {
  BAD_DURATIONS,
  BAD_NUMBERS,
  BAD_OPTIONS,
  BAD_TEXTS,
  expectRefusal,
  title,
  unchecked,
  untouchable,
  without,
} from '../../test/bad-input.ts'
import { HOSTILE_NAMES } from '../../test/hostile-names.ts'
import { redisEngineAt } from '../../test/redis-engine.ts'
import { systemClock } from '../clock.ts'
import { createSluice } from '../sluice.ts'
import { testClock } from '../testing/clock.ts'
import { createTestSluice } from '../testing/index.ts'
import { createLimiter } from './limiter.ts'
import { redisLimitStore } from './redis/store.ts'
import { fixedWindow, funnel, type Rule, slidingCounter, slidingLog, tokenBucket } from './rules.ts'
import type { LimitStore } from './store.ts'

const CAPACITY = 5
/** Each rule, for so many units. */
const RULES: Record<string, (units: number) => Rule> = {
  slidingLog: (limit) => slidingLog({ limit, per: '1m' }),
  fixedWindow: (limit) => fixedWindow({ limit, per: '1m' }),
  slidingCounter: (limit) => slidingCounter({ limit, per: '1m' }),
  'strict slidingCounter': (limit) => slidingCounter({ limit, per: '1m', strict: true }),
  funnel: (capacity) => funnel({ capacity, leak: 1, per: '1m' }),
  'greedy tokenBucket': (capacity) => tokenBucket({ capacity, refill: 1, per: '1m' }),
  'interval tokenBucket': (capacity) =>
    tokenBucket({ capacity, refill: 1, per: '1m', mode: 'interval' }),
  'aligned tokenBucket': (capacity) =>
    tokenBucket({ capacity, refill: 1, per: '1m', mode: 'aligned' }),
}
const LARGEST = Number.MAX_SAFE_INTEGER
const always = { deniedCache: false } as const

interface Row {
  argument: string
  values: unknown[]
  pass: (value: unknown) => unknown
}
const rule = funnel({ capacity: CAPACITY, leak: 1, per: '1m' })
const make = (options: unknown) =>
  createLimiter(untouchable<LimitStore>(), 'it', rule, unchecked(options))

const ROWS: Row[] = [
  { argument: 'limiter.lease', values: BAD_OPTIONS, pass: (lease) => make({ lease }) },
  {
    argument: 'limiter.lease.tokens',
    values: [...BAD_NUMBERS, undefined, 0, -0, CAPACITY + 1],
    pass: (tokens) => make({ lease: { tokens } }),
  },
  {
    argument: 'limiter.lease.for',
    values: [...without(BAD_NUMBERS, '5s'), 0, 9.9, '9ms', '61s', '1h'],
    pass: (time) => make({ lease: { tokens: 1, for: time } }),
  },
  {
    argument: 'limiter.lease.share',
    values: [0, 0.5, 1.1],
    pass: (share) => make({ lease: { tokens: 1, share } }),
  },
  {
    argument: 'limiter.onEngineFailure',
    values: [null, '', 'maybe', 'Deny', 'open', 'toString', '__proto__', true, 0, ['deny']],
    pass: (onEngineFailure) => make({ onEngineFailure }),
  },
  {
    argument: 'limiter.rule',
    values: ['toString', '__proto__', 'constructor', { kind: '__proto__' }, { kind: 'funnel' }],
    pass: (value) => createLimiter(untouchable<LimitStore>(), 'it', unchecked(value)),
  },
  {
    argument: 'limiter.tag',
    values: [...without(BAD_TEXTS, undefined), ''].filter((tag) => typeof tag !== 'function'),
    pass: (tag) => make({ tag }),
  },
  ...(['wait', 'penalize', 'block'] as const).map((call) => ({
    argument: `${call}.key`,
    values: BAD_TEXTS,
    pass: (key: unknown) => make({})[call](unchecked(key), unchecked(call === 'wait' ? {} : 5)),
  })),
  {
    argument: 'wait',
    values: BAD_OPTIONS,
    pass: (options) => make({}).wait('k', unchecked(options)),
  },
  {
    argument: 'wait.cost',
    values: [...without(BAD_NUMBERS, undefined), 0, -0, -5],
    pass: (cost) => make({}).wait('k', unchecked({ cost })),
  },
  {
    argument: 'wait.maxWait',
    values: [...without(BAD_DURATIONS, undefined), -1, '61m', 3_600_001],
    pass: (maxWait) => make({}).wait('k', unchecked({ maxWait })),
  },
  {
    argument: 'wait.signal',
    values: [null, {}, 'abort', true, new AbortController()],
    pass: (signal) => make({}).wait('k', unchecked({ signal })),
  },
  {
    argument: 'penalize.units',
    values: [...BAD_NUMBERS, undefined, 0, -0, -5],
    pass: (units) => make({}).penalize('k', unchecked(units)),
  },
  {
    argument: 'block.duration',
    values: [...BAD_DURATIONS, undefined, -1, 0, 0.9, '366d'],
    pass: (length) => make({}).block('k', unchecked(length)),
  },
  {
    argument: 'take.requestId',
    values: without(BAD_TEXTS, undefined),
    pass: (requestId) => make({}).take('k', unchecked({ requestId })),
  },
]

describe.each(ROWS)('bad input: $argument', ({ argument, values, pass }) => {
  it.each(values.map((value) => [title(value), value] as const))('refuses %s', (_, value) =>
    expectRefusal(() => pass(value), argument),
  )
})

describe.each(Object.entries(RULES))('%s', (_, ruleFor) => {
  const one = ruleFor(CAPACITY)
  const open = () => {
    const { sluice, clock } = createTestSluice()
    return { sluice, clock, limiter: sluice.limiter('it', one, always) }
  }

  it.each([CAPACITY + 1, 1e9, LARGEST])(
    'a cost of %d, which never fits, is refused at once and for ever',
    async (cost) => {
      const { sluice, clock, limiter } = open()
      for (const ask of [
        () => limiter.take('key', { cost }),
        () => limiter.peek('key', { cost }),
      ]) {
        expect(await ask()).toMatchObject({ allowed: false, retryAfterMs: null, remaining: 5 })
      }
      await clock.advance('10m')
      expect(await limiter.take('key', { cost })).toMatchObject({ retryAfterMs: null })
      expect(await limiter.takeAtMost('key', cost)).toMatchObject({ taken: CAPACITY })
      await sluice.close()
    },
  )

  it('sums that no number holds give nobody more than there is', async () => {
    const { sluice, limiter } = open()
    await limiter.take('key', { cost: 3 })
    const answers = await Promise.all([
      ...[LARGEST, LARGEST, 1].map((cost) => limiter.take('key', { cost })),
      ...[LARGEST, LARGEST].map((units) => limiter.refund('key', units)),
      ...[LARGEST, 5, 1].map((cost) => limiter.take('key', { cost })),
    ])
    expect(answers.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      ...[[false, 2] as const, [false, 2] as const, [true, 1] as const],
      ...[[true, 5] as const, [true, 5] as const],
      ...[[false, 5] as const, [true, 0] as const, [false, 0] as const],
    ])
    await sluice.close()
  })

  it('a refund of more than was taken, twice, frees what was taken', async () => {
    const { sluice, limiter } = open()
    await limiter.take('key', { cost: 2 })
    expect(await limiter.refund('key', 3)).toMatchObject({ remaining: CAPACITY })
    expect(await limiter.refund('key', 3)).toMatchObject({ remaining: CAPACITY })
    expect(await limiter.take('key', { cost: CAPACITY })).toMatchObject({ remaining: 0 })
    expect(await limiter.take('key')).toMatchObject({ allowed: false })
    await sluice.close()
  })

  it('hostile keys are only keys', async () => {
    const { sluice, limiter } = open()
    for (const name of HOSTILE_NAMES) {
      expect(await limiter.take(name, { cost: CAPACITY })).toMatchObject({ allowed: true })
      expect(await limiter.take(name)).toMatchObject({ allowed: false })
    }
    await sluice.close()
  })

  it.each([-1, -1_000, -61_000, -86_400_000])(
    'a clock that steps by %d ms while takes come lets no second burst through',
    async (stepMs) => {
      const { sluice, clock, limiter } = open()
      await limiter.take('key', { cost: CAPACITY })
      clock.stepWall(stepMs)
      const answers = await Promise.all(Array.from({ length: 20 }, () => limiter.take('key')))
      expect(answers.filter(({ allowed }) => allowed).length).toBeLessThanOrEqual(1)
      await sluice.close()
    },
  )

  it.each([Number.NaN, Number.POSITIVE_INFINITY])(
    'a clock that says %s lets nothing through',
    async (storeUs) => {
      const clock = { ...testClock(), storeUs: () => storeUs }
      const sluice = createSluice('memory:', { clock })
      const answer = await sluice
        .limiter('it', one, always)
        .take('key')
        .catch((error: unknown) => error)
      expect(answer).not.toMatchObject({ allowed: true })
      await sluice.close()
    },
  )

  it('programs with different limits for one key each judge by their own', async () => {
    const { sluice, limiter } = open()
    const narrow = sluice.limiter('it', ruleFor(2), always)
    await limiter.take('key', { cost: 4 })
    expect(await narrow.take('key')).toMatchObject({ allowed: false, limit: 2, remaining: 0 })
    expect(await limiter.take('key')).toMatchObject({ allowed: true, limit: 5, remaining: 0 })
    await sluice.close()
  })

  it('a key on Redis that has lost its TTL gets one with the next charge', async () => {
    const prefix = `test-${randomUUID()}`
    const engine = redisEngineAt(inject('redisUrl'), { prefix, clock: systemClock })
    try {
      const limiter = createLimiter(redisLimitStore(engine), 'it', one, always)
      await limiter.take('key')
      const [key = ''] = await engine.scan(`${prefix}:limit:*`, 10)
      await engine.command('PERSIST', key)
      expect(await engine.command('PTTL', key)).toBe(-1)
      await limiter.take('key')
      const ttlMs = Number(await engine.command('PTTL', key))
      expect(ttlMs).toBeGreaterThan(0)
      expect(ttlMs).toBeLessThanOrEqual(5 * 60_000)
    } finally {
      await engine.close()
    }
  })
})
