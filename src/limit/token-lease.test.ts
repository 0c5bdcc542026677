import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { engines, type OpenedEngine } from '../../test/engines.ts'
import { EngineUnavailableError } from '../errors.ts'
import { faulty } from '../testing/faulty.ts'
import { createLimiter, type Limiter, type LimiterOptions } from './limiter.ts'
import { type Nearby, openNearby } from './nearby.ts'
import { type Admission, mostInAnyWindow, mostOverPace } from './oracle.contract.ts'
import { fixedWindow, funnel, type Rule, slidingCounter, slidingLog } from './rules.ts'
import { stillOwed } from './still-owed.ts'
import type { LimitStore, RateRule } from './store.ts'

const LOG = slidingLog({ limit: 100, per: '1m' })
const TOKENS = 8

// On the others it would be the same logic over the same contract.
const fast = engines.filter(({ label }) => label === 'memory' || label === 'redis')

describe.each(fast)('tokens taken in advance on $name', ({ open }) => {
  let opened: OpenedEngine
  let calls: string[]
  let failure: Error | null
  let store: LimitStore
  let nearby: Nearby

  beforeEach(async () => {
    opened = await open()
    calls = []
    failure = null
    store = faulty(opened.first.limit, ({ method, args: [request] }) => {
      calls.push(
        `${method} ${typeof request === 'object' && 'cost' in request ? request.cost : ''}`,
      )
      return failure === null ? undefined : { refuseWith: failure }
    })
    nearby = openNearby(store, opened.clock)
  })
  afterEach(() => opened.close())

  const limiterOf = (
    rule: Rule | Rule[],
    options: LimiterOptions = { lease: { tokens: TOKENS } },
  ) => createLimiter(store, 'it', rule, options, nearby)
  const takes = (limiter: Limiter, count: number, cost = 1) =>
    Promise.all(Array.from({ length: count }, () => limiter.take('key', { cost })))
  const left = async () => (await limiterOf(LOG, {}).peek('key', { cost: 0 })).remaining

  it('answer the takes of a tick with one call, and tell what is left', async () => {
    const verdicts = await takes(limiterOf(LOG), 5)
    expect(calls).toEqual(['takeAtMost 5'])
    expect(verdicts.map(({ remaining }) => remaining)).toEqual([99, 98, 97, 96, 95])
    expect(verdicts[0]).toMatchObject({
      allowed: true,
      source: 'lease',
      degraded: false,
      limit: 100,
    })
  })

  it('become more the faster they are used, up to what was told', async () => {
    const limiter = limiterOf(LOG)
    for (let take = 0; take < 40; take++) await limiter.take('key')
    await opened.idle()
    const asked = calls.map((call) => Number(call.replace('takeAtMost ', '')))
    expect(asked.slice(0, 2)).toEqual([1, 2])
    expect(Math.max(...asked)).toBeLessThanOrEqual(TOKENS)
    expect(asked.length).toBeLessThan(15)
    expect(await left()).toBeGreaterThanOrEqual(100 - 40 - TOKENS)
  })

  it('are given back when they are too old', async () => {
    const limiter = limiterOf(LOG)
    for (const _ of [1, 2]) await limiter.take('key')
    expect(await left()).toBe(97)
    await opened.clock.advance(999)
    expect(await left()).toBe(97)
    await opened.clock.advance(1)
    await opened.idle()
    expect(await left()).toBe(98)
  })

  it('are given back when it closes, and then each take asks', async () => {
    const limiter = limiterOf([LOG, fixedWindow({ limit: 50, per: '1d' })])
    for (const _ of [1, 2]) await limiter.take('key')
    await nearby.close()
    expect(
      await limiterOf([LOG, fixedWindow({ limit: 50, per: '1d' })], {}).peek('key', { cost: 0 }),
    ).toMatchObject({ rules: [{ remaining: 98 }, { remaining: 48 }] })
    expect(await limiter.take('key')).toMatchObject({ source: 'engine' })
  })

  it('are forgotten with a reset', async () => {
    const limiter = limiterOf(LOG)
    for (const _ of [1, 2]) await limiter.take('key')
    await limiter.reset('key')
    expect(await left()).toBe(100)
    await limiter.take('key')
    expect(await left()).toBe(99)
  })

  it('that run out are followed by a refusal of the engine, which is repeated', async () => {
    const limiter = limiterOf(slidingLog({ limit: 10, per: '1m' }))
    const verdicts = await takes(limiter, 13)
    expect(verdicts.map(({ source }) => source)).toEqual([
      ...new Array(10).fill('lease'),
      ...new Array(3).fill('engine'),
    ])
    expect(verdicts[12]).toMatchObject({ allowed: false, retryAfterMs: 60_000 })
    expect(await limiter.take('key')).toMatchObject({ allowed: false, source: 'denied-cache' })
  })

  it('serve large takes too, and leave those above them to the engine', async () => {
    const limiter = limiterOf(slidingLog({ limit: 20, per: '1m' }))
    const sources = [...(await takes(limiter, 2, 8)), ...(await takes(limiter, 1, 9))].map(
      ({ source, allowed }) => `${source} ${allowed}`,
    )
    expect(sources).toEqual(['lease true', 'lease true', 'engine false'])
  })

  it('leave a failure to its policy', async () => {
    failure = new EngineUnavailableError('away', { outcome: 'unknown', retryable: true })
    await expect(limiterOf(LOG).take('key')).rejects.toBe(failure)
    const options = { lease: { tokens: 5 }, onEngineFailure: 'deny' } as const
    expect(await limiterOf(LOG, options).take('key')).toMatchObject({ source: 'fallback' })
  })

  describe.each([
    { rule: slidingLog({ limit: 12, per: '10s' }), perUs: 10e6, most: 12 },
    { rule: slidingCounter({ limit: 12, per: '10s', strict: true }), perUs: 10e6, most: 12 },
    { rule: funnel({ capacity: 12, leak: 6, per: '10s' }), perUs: null, most: 12 },
  ])('of a $rule.kind', ({ rule, perUs, most }) => {
    it('let through no more than in a window longer by their time, nor than all of them more', async () => {
      const steps = fc.array(
        fc.record({
          pauseMs: fc.oneof(fc.constantFrom(0, 1, 500, 1_000, 9_000, 10_000), fc.nat(4_000)),
          counts: fc.tuple(fc.nat(9), fc.nat(9)),
        }),
        { minLength: 3, maxLength: 12 },
      )
      const clients = [nearby, openNearby((await opened.second()).limit, opened.clock)]
      let run = 0
      await fc.assert(
        fc.asyncProperty(steps, async (list) => {
          const name = `run ${run++}`
          const limiters = clients.map((client, index) =>
            createLimiter(
              index === 0 ? store : opened.first.limit,
              name,
              rule,
              { lease: { tokens: TOKENS } },
              client,
            ),
          )
          const admitted: Admission[] = []
          let atUs = 0
          for (const { pauseMs, counts } of list) {
            await opened.clock.advance(pauseMs)
            atUs += pauseMs * 1000
            const verdicts = await Promise.all(
              limiters.flatMap((limiter, index) => takes(limiter, counts[index] ?? 0)),
            )
            const units = verdicts.flat().filter(({ allowed }) => allowed).length
            admitted.push({ atUs, units })
          }
          const mostMore = clients.length * TOKENS
          if (perUs === null) {
            const excess = mostOverPace(admitted, { leak: 6, per: 10_000 })
            // What leaks in a second more is less than a unit.
            expect(excess).toBeLessThanOrEqual(most + 1)
          } else {
            expect(mostInAnyWindow(admitted, perUs - 1_000_000)).toBeLessThanOrEqual(most)
            expect(mostInAnyWindow(admitted, perUs)).toBeLessThanOrEqual(most + mostMore)
          }
        }),
        { numRuns: 15 },
      )
    })
  })
})

describe('units that are still owed', () => {
  const charged = { allowed: true, remaining: 0, retryAfterUs: 0, resetAfterUs: 130e6 }
  const bucket = {
    kind: 'bucket',
    capacity: 9,
    refill: 3,
    intervalUs: 60e6,
    isAligned: false,
  } as const
  it.each<[string, RateRule, ageMs: number, owed: number]>([
    ['a slow funnel', { kind: 'funnel', capacity: 9, emissionUs: 3_600e6 }, 1_000, 4],
    ['a funnel that leaked', { kind: 'funnel', capacity: 9, emissionUs: 3e6 }, 1_000, 3],
    ['a fast funnel', { kind: 'funnel', capacity: 9, emissionUs: 1e6 }, 1_000, 0],
    // Two steps are 120 s, so the next one is 10 s away.
    ['a bucket before its refill', bucket, 4_999, 5],
    ['a bucket that may have been refilled', bucket, 5_000, 0],
    ['a log', { kind: 'slidingLog', limit: 9, perUs: 10e6, isLong: false }, 4_999, 5],
    [
      'a log that they left',
      { kind: 'slidingLog', limit: 9, perUs: 10e6, isLong: false },
      5_000,
      0,
    ],
    [
      'a counter',
      { kind: 'counter', limit: 9, slices: 1, sliceUs: 10e6, isStrict: false },
      4_999,
      5,
    ],
  ])('of %s', (_, rule, ageMs, owed) => {
    expect(stillOwed(rule, 5, ageMs, charged)).toBe(owed)
  })
})
