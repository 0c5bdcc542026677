// What a refusal tells and what it leaves, by limiters of any single rule, as their users see it.
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { createLimiter, type Limiter } from '../../src/limit/limiter.ts'
import {
  fixedWindow,
  funnel,
  type Rule,
  slidingCounter,
  slidingLog,
  tokenBucket,
} from '../../src/limit/rules.ts'
import { engines, type OpenedEngine } from '../engines.ts'

/** Long enough that no key of an engine with a clock of its own expires during a run. */
const perMs = fc.integer({ min: 60_000, max: 90_000 })
const MOST_UNITS = 7
const units = fc.integer({ min: 1, max: MOST_UNITS })
const limit = fc.record({ limit: units, per: perMs })
const filled = units.chain((capacity) =>
  fc.record({
    capacity: fc.constant(capacity),
    refill: fc.integer({ min: 1, max: capacity }),
    per: perMs,
  }),
)
const uneven = fc.double({ min: 0.5, max: MOST_UNITS, noNaN: true })
const poured = fc.record({ capacity: units, leak: uneven, per: perMs })

const RULES: Record<string, fc.Arbitrary<Rule>> = {
  slidingLog: limit.map(slidingLog),
  fixedWindow: limit.map(fixedWindow),
  slidingCounter: limit.map(slidingCounter),
  'strict slidingCounter': limit.map((options) => slidingCounter({ ...options, strict: true })),
  funnel: poured.map(funnel),
  'greedy tokenBucket': poured.map(({ leak, ...rest }) => tokenBucket({ ...rest, refill: leak })),
  'interval tokenBucket': filled.map((options) => tokenBucket({ ...options, mode: 'interval' })),
  'aligned tokenBucket': filled.map((options) => tokenBucket({ ...options, mode: 'aligned' })),
}
const asks = fc.array(
  fc.record({
    pauseMs: fc.integer({ min: 0, max: 25_000_000 }).map((us) => us / 1_000),
    cost: units,
  }),
  { minLength: 3, maxLength: 7 },
)
const runs = { numRuns: 6 }

interface Refused {
  opened: OpenedEngine
  limiter: Limiter
  cost: number
  /** What was stored before it was asked. */
  before: string[]
}

describe.each(engines)('a refusal on $name', ({ open }) => {
  /** Asks a limiter that is empty at first, and hands over every refusal that will end. */
  async function eachRefusal(
    rules: fc.Arbitrary<Rule>,
    judge: (refused: Refused) => Promise<void>,
  ): Promise<number> {
    const opened = await open()
    let [limiterCount, refusals] = [0, 0]
    try {
      const property = fc.asyncProperty(rules, asks, async (rule, steps) => {
        const limiter = createLimiter(opened.first.limit, `exact-${++limiterCount}`, rule, {
          deniedCache: false,
        })
        await limiter.takeAtMost('key', MOST_UNITS)
        for (const { pauseMs, cost } of steps) {
          await opened.clock.advance(pauseMs)
          const before = await opened.dump()
          const { allowed, retryAfterMs } = await limiter.take('key', { cost })
          if (allowed || retryAfterMs === null) continue
          refusals++
          await judge({ opened, limiter, cost, before })
        }
      })
      await fc.assert(property, runs)
      return refusals
    } finally {
      await opened.close()
    }
  }

  it.each(Object.entries(RULES))(
    'of a %s ends exactly after retryAfterMs, not a millisecond before, nor a microsecond',
    async (_, rules) => {
      const refusals = await eachRefusal(rules, async ({ opened, limiter, cost }) => {
        let waitMs = (await limiter.peek('key', { cost })).retryAfterMs ?? Number.NaN
        expect(waitMs).toBeGreaterThan(0)
        for (const leftMs of [1, 0.001]) {
          if (waitMs < leftMs) continue
          await opened.clock.advance(waitMs - leftMs)
          const early = await limiter.take('key', { cost })
          expect(early.allowed).toBe(false)
          expect(early.retryAfterMs).toBeCloseTo(leftMs, 6)
          waitMs = leftMs
        }
        await opened.clock.advance(waitMs)
        expect(await limiter.take('key', { cost })).toMatchObject({ allowed: true })
      })
      expect(refusals).toBeGreaterThan(0)
    },
  )

  it.each(Object.entries(RULES))('of a %s leaves what is stored as it is', async (_, rules) => {
    const refusals = await eachRefusal(rules, async ({ opened, limiter, cost, before }) => {
      expect(await opened.dump()).toEqual(before)
      for (const units of [MOST_UNITS + 1, 1e9]) {
        expect((await limiter.take('key', { cost: units })).allowed).toBe(false)
      }
      await limiter.peek('key', { cost })
      expect(await opened.dump()).toEqual(before)
    })
    expect(refusals).toBeGreaterThan(0)
  })
})
