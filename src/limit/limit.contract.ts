import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Duration } from '../duration.ts'
import {
  admittedOnly,
  driveStore,
  longLog,
  type OpenLimitStore,
  stored,
} from './driver.contract.ts'
import {
  allowed,
  exactFunnel,
  FUNNEL_SPAN_US,
  FUNNEL_VECTORS,
  funnelOptions,
  LOG_PER_US,
  logOptions,
  logOracle,
  mostInAnyWindow,
  mostOverPace,
  refused,
  stepsOver,
} from './oracle.contract.ts'
import { fixedWindow, funnel, slidingCounter, slidingLog, tokenBucket } from './rules.ts'

type FunnelOptions = Parameters<typeof funnel>[0]
type LogOptions = Parameters<typeof slidingLog>[0]

const aFunnel = (options: FunnelOptions) => stored(funnel(options))
const aLog = (options: LogOptions) => stored(slidingLog(options))
const aBucket = (options: { capacity: number; refill: number; per: Duration }) =>
  stored(tokenBucket({ ...options, mode: 'interval' }))
const aCounter = (options: { limit: number; per: Duration; strict?: boolean }) =>
  stored(slidingCounter(options))

/** Names that have broken key layouts, patterns, objects and terminals. */
const HOSTILE_NAMES = [
  ...[
    'a',
    'A',
    'a/b',
    'a~1b',
    'a:b',
    'a%2Fb',
    'a b',
    'a{b',
    '}{',
    '{}',
    '{x}y',
    'x}',
    '*',
    '?',
    '[a]',
  ],
  ...[
    '\\',
    '%',
    '%25',
    '../x',
    "'; --",
    '"',
    'KEYS[1]',
    '__proto__',
    'constructor',
    'toString',
    '0',
  ],
  ...[
    'caf\u00e9',
    'cafe\u0301',
    '🔒',
    '👩‍👩‍👧',
    '限',
    'null',
    'undefined',
    'funnel',
    'log',
    'x'.repeat(1024),
  ],
]

/** The suite that every engine must pass; its titles carry the promises of `store.ts`. */
export function limitContract(open: OpenLimitStore): void {
  const driver = driveStore(open)
  const { newKey, later, takeAll, take, peek, admissions, compare } = driver

  describe.each([
    ['R1 sliding log', aLog],
    ['R1 long sliding log', longLog],
  ])('%s', (_, aLog) => {
    it('R1 admits the limit, refuses the next, and frees each unit when its window is over', async () => {
      const rule = aLog({ limit: 5, per: '1m' })
      const key = newKey()
      for (let unit = 4; unit >= 0; unit--) {
        expect(await take(rule, key)).toEqual(allowed(unit, 60_000_000))
        await later(1_000_000)
      }
      expect(await take(rule, key)).toEqual(refused(0, 55_000_000, 59_000_000))
      await later(55_000_000)
      expect(await take(rule, key)).toEqual(allowed(0, 60_000_000))
      expect(await take(rule, key)).toEqual(refused(0, 1_000_000, 60_000_000))
    })

    it('R1 never admits more than the limit in any window, whatever is tried', async () => {
      await fc.assert(
        fc.asyncProperty(logOptions, stepsOver(LOG_PER_US), async (options, steps) => {
          const admitted = await admissions(aLog(options), steps)
          expect(mostInAnyWindow(admitted, LOG_PER_US)).toBeLessThanOrEqual(options.limit)
        }),
        { numRuns: 15 },
      )
    })

    it('R1 R4 answers as a list of every admitted unit would', async () => {
      await fc.assert(
        fc.asyncProperty(logOptions, stepsOver(LOG_PER_US), async (options, steps) => {
          const oracle = logOracle(options.limit, LOG_PER_US)
          await compare(aLog(options), steps, oracle)
        }),
        { numRuns: 15 },
      )
    })

    it('R1 holds a long log, and one take of all of it', async () => {
      const rule = aLog({ limit: 10_000, per: '1h' })
      const key = newKey()
      expect(await take(rule, key, 9_999)).toEqual(allowed(1, 3_600e6))
      expect(await take(rule, key, 2)).toEqual(refused(1, 3_600e6, 3_600e6))
      expect(await take(rule, key, 1)).toEqual(allowed(0, 3_600e6))
      await later(3_600e6)
      expect(await take(rule, key, 10_000)).toEqual(allowed(0, 3_600e6))
    })

    it('R1 windows may be shorter than a second', async () => {
      const rule = aLog({ limit: 2, per: 1.5 })
      expect((await takeAll(rule, newKey(), [1, 1, 1])).map(admittedOnly)).toEqual([
        true,
        true,
        false,
      ])
    })
  })

  describe('R2 funnel', () => {
    it('R2 fills and leaks as worked out by hand', async () => {
      const rule = aFunnel({ capacity: 4, leak: 1, per: '100s' })
      const key = newKey()
      let now = 0
      for (const [at, cost, fits, remaining, retry, reset] of FUNNEL_VECTORS) {
        await later((at - now) * 100_000)
        now = at
        const retryAfterUs = retry === null ? null : retry * 100_000
        const expected = { allowed: fits, remaining, retryAfterUs, resetAfterUs: reset * 100_000 }
        const answer = cost === 0 ? await peek(rule, key, 0) : await take(rule, key, cost)
        expect(answer, `${cost} at ${at}`).toEqual(expected)
      }
    })

    it('R2 never admits more than its capacity and what leaked, in any window', async () => {
      await fc.assert(
        fc.asyncProperty(funnelOptions, stepsOver(FUNNEL_SPAN_US), async (options, steps) => {
          const admitted = await admissions(aFunnel(options), steps)
          expect(mostOverPace(admitted, options)).toBeLessThanOrEqual(options.capacity)
        }),
        { numRuns: 15 },
      )
    })

    it('R2 R4 answers as exact arithmetic would, for paces that no binary fraction holds', async () => {
      await fc.assert(
        fc.asyncProperty(funnelOptions, stepsOver(FUNNEL_SPAN_US), async (options, steps) => {
          await compare(aFunnel(options), steps, exactFunnel(options))
        }),
        { numRuns: 15 },
      )
    })

    it('R2 does not drift while a funnel of three units a microsecond stays full', async () => {
      const options = { capacity: 1e9, leak: 3_000, per: 1 }
      const rule = aFunnel(options)
      const oracle = exactFunnel(options)
      const key = newKey()
      expect(await take(rule, key, 1e9)).toEqual(oracle(0, 1e9))
      let atUs = 0
      for (let round = 0; round < 60; round++) {
        const costs = [412, 300, 100, 10, 1, 1]
        expect(await takeAll(rule, key, costs)).toEqual(costs.map((cost) => oracle(atUs, cost)))
        await later(137)
        atUs += 137
      }
    })

    it('R2 leaks fractions of a unit', async () => {
      const rule = aFunnel({ capacity: 1, leak: 0.5, per: '1s' })
      const key = newKey()
      expect(await take(rule, key)).toEqual(allowed(0, 2_000_000))
      expect(await take(rule, key)).toEqual(refused(0, 2_000_000, 2_000_000))
    })
  })

  describe.each([
    { kind: 'sliding log', rule: aLog({ limit: 5, per: '1m' }), emptyUs: 60e6 },
    { kind: 'long sliding log', rule: longLog({ limit: 5, per: '1m' }), emptyUs: 60e6 },
    { kind: 'funnel', rule: aFunnel({ capacity: 5, leak: 5, per: '1m' }), emptyUs: 60e6 },
    { kind: 'uneven funnel', rule: aFunnel({ capacity: 5, leak: 0.7, per: 7e3 }), emptyUs: 50e6 },
    { kind: 'fixed window', rule: stored(fixedWindow({ limit: 5, per: '1m' })), emptyUs: 60e6 },
    { kind: 'token bucket', rule: aBucket({ capacity: 5, refill: 2, per: '20s' }), emptyUs: 60e6 },
    { kind: 'sliding counter', rule: aCounter({ limit: 5, per: '30s' }), emptyUs: 60e6 },
    {
      kind: 'strict sliding counter',
      rule: aCounter({ limit: 5, per: '1m', strict: true }),
      emptyUs: 66e6,
    },
  ])('$kind', ({ rule, emptyUs }) => {
    it('R3 a refused take and a peek change no later answer', async () => {
      const steps = fc.array(fc.tuple(fc.nat(20e6), fc.integer({ min: 0, max: 9 })), {
        maxLength: 12,
      })
      await fc.assert(
        fc.asyncProperty(steps, async (list) => {
          const [plain, disturbed] = [newKey(), newKey()]
          for (const [pauseUs, cost] of list) {
            await later(pauseUs)
            const free = (await peek(rule, disturbed, 0)).remaining
            await takeAll(rule, disturbed, [1, 5], true)
            await takeAll(rule, disturbed, [free + 1, 6, 1000])
            if (cost > 0)
              expect(await take(rule, disturbed, cost)).toEqual(await take(rule, plain, cost))
          }
          expect(await peek(rule, disturbed, 0)).toEqual(await peek(rule, plain, 0))
        }),
        { numRuns: 12 },
      )
    })

    it('R3 a peek answers as the take would, and leaves no key', async () => {
      const key = newKey()
      const expected = await peek(rule, key, 3)
      expect(await peek(rule, key, 3)).toEqual(expected)
      expect(await take(rule, newKey(), 6)).toEqual(await peek(rule, key, 6))
      expect(await driver.store.list(10)).toEqual([])
      expect(await take(rule, key, 3)).toEqual(expected)
      expect(await peek(rule, key, 0)).toEqual(expected)
      expect(await peek(rule, key, 3)).toMatchObject({ allowed: false, remaining: 2 })
    })

    it('R4 a cost that can never fit is never allowed, and says so', async () => {
      const key = newKey()
      expect(await take(rule, key, 6)).toEqual({ ...refused(5, 0, 0), retryAfterUs: null })
      await take(rule, key, 5)
      for (const cost of [6, 7, 1e9, Number.MAX_SAFE_INTEGER]) {
        expect(await take(rule, key, cost)).toMatchObject({ allowed: false, retryAfterUs: null })
      }
    })

    it('R4 a refused take is allowed when it was told, and not a microsecond before', async () => {
      const steps = fc.array(fc.tuple(fc.nat(15e6), fc.integer({ min: 1, max: 5 })), {
        minLength: 4,
        maxLength: 10,
      })
      await fc.assert(
        fc.asyncProperty(steps, async (list) => {
          const key = newKey()
          for (const [pauseUs, cost] of list) {
            await later(pauseUs)
            const answer = await take(rule, key, cost)
            if (answer.allowed || answer.retryAfterUs === null) continue
            expect(answer.retryAfterUs).toBeGreaterThan(0)
            await later(answer.retryAfterUs - 1)
            expect(await take(rule, key, cost)).toMatchObject({ allowed: false, retryAfterUs: 1 })
            await later(1)
            expect(await take(rule, key, cost)).toMatchObject({ allowed: true, retryAfterUs: 0 })
          }
        }),
        { numRuns: 12 },
      )
    })

    it('R4 a key is as good as new when it was told, and not a microsecond before', async () => {
      const key = newKey()
      await take(rule, key, 3)
      await later(1_234_567)
      const { resetAfterUs } = await take(rule, key, 2)
      await later(resetAfterUs - 1)
      expect((await peek(rule, key, 0)).resetAfterUs).toBe(1)
      expect((await peek(rule, key, 0)).remaining).toBeLessThan(5)
      await later(1)
      expect(await peek(rule, key, 0)).toEqual(allowed(5, 0))
      expect(await take(rule, key, 5)).toEqual(allowed(0, emptyUs))
    })

    it('R6 a clock that stepped back a day refuses nobody for longer than a period', async () => {
      const key = newKey()
      await take(rule, key, 5)
      driver.clock.stepWall(-86_400_000)
      await expectServiceWithin(key, emptyUs)
      await expectLimitAgain(key)
    })

    it('R6 takes of a clock that ran a day ahead refuse nobody for longer than a period', async () => {
      const key = newKey()
      await take(rule, key, 2)
      driver.clock.stepWall(86_400_000)
      await take(rule, key, 5)
      driver.clock.stepWall(-86_400_000)
      await expectServiceWithin(key, emptyUs)
      await expectLimitAgain(key)
    })

    it('R6 a small step back opens no second burst', async () => {
      const key = newKey()
      await take(rule, key, 3)
      await later(2_000_000)
      await take(rule, key, 2)
      driver.clock.stepWall(-1)
      const answers = await takeAll(rule, key, [1, 1, 1])
      expect(answers.map(admittedOnly)).toEqual([false, false, false])
      for (const { retryAfterUs } of answers) expect(retryAfterUs).toBeLessThanOrEqual(emptyUs)
    })

    it('R7 takes of one tick on one key are judged in call order', async () => {
      const answers = await takeAll(rule, newKey(), [2, 2, 2, 6, 1, 1])
      expect(answers.map(admittedOnly)).toEqual([true, true, false, false, true, false])
      expect(answers.map(({ remaining }) => remaining)).toEqual([3, 1, 1, 1, 0, 0])
    })

    it('R7 hundreds of takes of one tick admit exactly the limit, the first ones', async () => {
      const key = newKey()
      const answers = await takeAll(rule, key, new Array<number>(600).fill(1))
      const admitted = answers.flatMap(({ allowed }, index) => (allowed ? [index] : []))
      expect(admitted).toEqual([0, 1, 2, 3, 4])
    })

    it('R7 a peek among the takes of one tick sees those before it', async () => {
      const key = newKey()
      const request = { limiter: 'contract', key, rule, cost: 1 }
      const answers = await Promise.all([
        driver.store.take({ ...request, peek: false }),
        driver.store.take({ ...request, cost: 0, peek: true }),
        driver.store.take({ ...request, peek: false }),
      ])
      expect(answers.map(({ remaining }) => remaining)).toEqual([4, 4, 3])
    })

    /** Tries, as an impatient client does: what refusals leave behind must not matter. */
    async function expectServiceWithin(key: string, periodUs: number): Promise<void> {
      for (let tenth = 0; tenth <= 10; tenth++) {
        const answer = await take(rule, key)
        expect(answer.retryAfterUs).toBeLessThanOrEqual(periodUs)
        expect(answer.resetAfterUs).toBeLessThanOrEqual(periodUs)
        if (answer.allowed) return
        await later(periodUs / 10)
      }
      throw new Error('refused for longer than a period')
    }

    async function expectLimitAgain(key: string): Promise<void> {
      await later(emptyUs)
      const answers = await takeAll(rule, key, [1, 1, 1, 1, 1, 1])
      expect(answers.map(admittedOnly)).toEqual([true, true, true, true, true, false])
    }
  })

  it('R5 a key that is as good as new is gone', async () => {
    const rules = [
      aLog({ limit: 2, per: '20ms' }),
      aFunnel({ capacity: 2, leak: 2, per: '20ms' }),
      aBucket({ capacity: 2, refill: 1, per: '10ms' }),
      aCounter({ limit: 2, per: '10ms' }),
    ]
    for (const [index, rule] of rules.entries()) await take(rule, `short-${index}`)
    await take(aLog({ limit: 2, per: '1h' }), 'long')
    await later(25_000)
    // The engine removes by its own clock, which the test cannot move.
    const deadlineMs = performance.now() + 5_000
    while ((await driver.store.list(10)).length > 1 && performance.now() < deadlineMs) {
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
    expect(await driver.store.list(10)).toEqual([{ limiter: 'contract', key: 'long' }])
  })

  it('keys of hostile names are kept apart, and listed as they are', async () => {
    const rule = aFunnel({ capacity: 1, leak: 1, per: '1h' })
    const pairs = [
      ...HOSTILE_NAMES.map((key) => ({ limiter: 'hostile', key })),
      ...HOSTILE_NAMES.map((limiter) => ({ limiter, key: 'hostile' })),
      ...[
        ['a', 'b/c'],
        ['a/b', 'c'],
        ['a', '/b'],
        ['a/', 'b'],
        ['a~1', 'b'],
        ['a:b', 'c'],
        ['a', 'b:c'],
      ].map(([limiter = '', key = '']) => ({ limiter, key })),
    ]
    const takeEach = () =>
      Promise.all(pairs.map((pair) => driver.store.take({ ...pair, rule, cost: 1, peek: false })))
    expect((await takeEach()).every(admittedOnly)).toBe(true)
    expect((await takeEach()).some(admittedOnly)).toBe(false)
    const listed = (await driver.store.list(1_000)).map((pair) => JSON.stringify(pair))
    const expected = pairs.map(({ limiter, key }) => JSON.stringify({ limiter, key }))
    expect(listed.sort()).toEqual(expected.sort())
    expect(await driver.store.list(3)).toHaveLength(3)
    expect(({} as Record<string, unknown>).a).toBeUndefined()
  })

  it('each limiter judges a shared key by its own rule', async () => {
    const key = newKey()
    const wide = aFunnel({ capacity: 100, leak: 100, per: '100s' })
    const narrow = aFunnel({ capacity: 5, leak: 5, per: '5s' })
    await take(wide, key, 100)
    const answer = await take(narrow, key)
    expect(answer).toEqual(refused(0, 96_000_000, 100_000_000))
    await later(96_000_000)
    expect(await take(narrow, key)).toMatchObject({ allowed: true })
    const [long, short] = [aLog({ limit: 5, per: '1m' }), aLog({ limit: 2, per: '1m' })]
    await take(long, key, 5)
    expect(await take(short, key)).toEqual(refused(0, 60e6, 60e6))
  })
}
