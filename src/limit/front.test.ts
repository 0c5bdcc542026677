import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { engines, type OpenedEngine } from '../../test/engines.ts'
import { redisEngineAt } from '../../test/redis-engine.ts'
import { EngineUnavailableError } from '../errors.ts'
import { faulty } from '../testing/faulty.ts'
import { createLimiter, type LimiterOptions, type Verdict } from './limiter.ts'
import { type Nearby, openNearby } from './nearby.ts'
import { redisLimitStore } from './redis/store.ts'
import { fixedWindow, funnel, type Rule, slidingCounter, slidingLog, tokenBucket } from './rules.ts'
import type { LimitStore } from './store.ts'

const RULES: { kind: string; rule: Rule }[] = [
  { kind: 'funnel', rule: funnel({ capacity: 7, leak: 11, per: '1m' }) },
  { kind: 'sliding log', rule: slidingLog({ limit: 7, per: '1m' }) },
  { kind: 'fixed window', rule: fixedWindow({ limit: 7, per: '1m' }) },
  {
    kind: 'token bucket',
    rule: tokenBucket({ capacity: 7, refill: 3, per: '20s', mode: 'interval' }),
  },
  { kind: 'counter', rule: slidingCounter({ limit: 7, per: '1m' }) },
]
const FUNNEL = funnel({ capacity: 5, leak: 1, per: '1m' })

// On the others it would be the same logic over the same contract.
const fast = engines.filter(({ label }) => label === 'memory' || label === 'redis')

describe.each(fast)('what stands before $name', ({ open }) => {
  let opened: OpenedEngine
  let nearby: Nearby
  /** Every call of the store, in order. */
  let calls: string[]
  let store: LimitStore
  /** What the next calls of the store are answered with instead, while there is any. */
  let failure: Error | null
  /** Answers of calls that are made now are held back until then. */
  let replyAfter: Promise<void> | undefined

  beforeEach(async () => {
    opened = await open()
    calls = []
    failure = null
    replyAfter = undefined
    store = faulty(opened.first.limit, ({ method, args }) => {
      calls.push(method === 'takeTimes' ? `takeTimes ${args[1]}` : method)
      if (replyAfter !== undefined) return { replyAfter }
      return failure === null ? undefined : { refuseWith: failure }
    })
    nearby = openNearby(store, opened.clock)
  })
  afterEach(() => opened.close())

  const limiterOf = (rule: Rule | Rule[], options: LimiterOptions = {}, name = 'it') =>
    createLimiter(store, name, rule, options, nearby)
  const away = () =>
    new EngineUnavailableError('the engine is away', { outcome: 'unknown', retryable: true })

  describe('takes of one tick', () => {
    it.each(RULES)('R7 by a $kind are told what each would be told alone', async ({ rule }) => {
      const steps = fc.array(
        fc.record({
          pauseMs: fc.nat(20_000),
          costs: fc.array(fc.constantFrom(1, 1, 1, 1, 2, 3, 8), { minLength: 1, maxLength: 12 }),
        }),
        { minLength: 1, maxLength: 5 },
      )
      const apart = createLimiter(
        opened.first.limit,
        'apart',
        rule,
        { deniedCache: false },
        openNearby(opened.first.limit, opened.clock),
      )
      const together = limiterOf(rule, { deniedCache: false })
      let count = 0
      await fc.assert(
        fc.asyncProperty(steps, async (list) => {
          const key = `key-${count++}`
          for (const { pauseMs, costs } of list) {
            await opened.clock.advance(pauseMs)
            const merged = await Promise.all(costs.map((cost) => together.take(key, { cost })))
            const single: Verdict[] = []
            for (const cost of costs) single.push(await apart.take(key, { cost }))
            expect(merged).toEqual(single)
          }
        }),
        { numRuns: 12 },
      )
    })

    it('of one key and cost are one evaluation, whoever makes them', async () => {
      const [one, other] = [limiterOf(FUNNEL), limiterOf(FUNNEL)]
      const verdicts = await Promise.all(
        [one, other, one, other].map((limiter) => limiter.take('key')),
      )
      expect(verdicts.map(({ remaining }) => remaining)).toEqual([4, 3, 2, 1])
      expect(calls).toEqual(['takeTimes 4'])
    })

    it('stay in the order of calls with other costs and other calls', async () => {
      const limiter = limiterOf(FUNNEL)
      const answers = await Promise.all([
        limiter.take('key'),
        limiter.take('key', { cost: 2 }),
        limiter.take('key'),
        limiter.peek('key', { cost: 0 }),
        limiter.refund('key'),
        limiter.take('key'),
        limiter.takeAtMost('key', 9),
      ])
      expect(answers.map(({ remaining }) => remaining)).toEqual([4, 2, 1, 1, 2, 1, 0])
    })

    it('of many keys are sent before the tick is over', async () => {
      const limiter = limiterOf(FUNNEL)
      const takes = Array.from({ length: 80 }, (_, index) => limiter.take(`key-${index}`))
      expect(calls.length).toBe(50)
      await Promise.all(takes)
      expect(calls.length).toBe(80)
    })

    it('that are very many of one key are sent in parts', async () => {
      const limiter = limiterOf(slidingLog({ limit: 1_000, per: '1m' }))
      const verdicts = await Promise.all(Array.from({ length: 600 }, () => limiter.take('key')))
      expect(verdicts.map(({ remaining }) => remaining)).toEqual(
        Array.from({ length: 600 }, (_, index) => 999 - index),
      )
      expect(calls).toEqual(['takeTimes 256', 'takeTimes 256', 'takeTimes 88'])
    })

    it('fail together, each with the error', async () => {
      const limiter = limiterOf(FUNNEL)
      failure = away()
      const takes = await Promise.allSettled([limiter.take('key'), limiter.take('key')])
      expect(takes).toEqual([
        { status: 'rejected', reason: failure },
        { status: 'rejected', reason: failure },
      ])
    })
  })

  describe('a refusal', () => {
    it('is repeated with what is left of its wait, until then', async () => {
      const limiter = limiterOf(funnel({ capacity: 1, leak: 1, per: 500 }))
      await limiter.take('key')
      expect(await limiter.take('key')).toMatchObject({ source: 'engine', retryAfterMs: 500 })
      await opened.clock.advance(200)
      const repeated = await limiter.take('key')
      expect(repeated).toMatchObject({
        ...{ allowed: false, remaining: 0, retryAfterMs: 300, resetAfterMs: 300 },
        ...{ source: 'denied-cache', degraded: false, refusedBy: limiter.rules },
      })
      expect(calls.length).toBe(2)
      await opened.clock.advance(300)
      expect(await limiter.take('key')).toMatchObject({ allowed: true, source: 'engine' })
    })

    it('is repeated for no longer than told: then what another process gave back is seen', async () => {
      const limiter = limiterOf(FUNNEL, { deniedCache: '250ms' })
      const elsewhere = createLimiter(opened.first.limit, 'it', FUNNEL)
      await limiter.take('key', { cost: 5 })
      await limiter.take('key')
      await elsewhere.reset('key')
      await opened.clock.advance(249)
      expect(await limiter.take('key')).toMatchObject({ source: 'denied-cache' })
      await opened.clock.advance(1)
      expect(await limiter.take('key')).toMatchObject({ allowed: true, source: 'engine' })
    })

    it.each([
      ['refund', (name: string) => limiterOf(FUNNEL).refund(name)],
      ['reset', (name: string) => limiterOf(FUNNEL).reset(name)],
    ])('is forgotten with a %s in this process', async (_, free) => {
      const limiter = limiterOf(FUNNEL)
      await limiter.take('key', { cost: 5 })
      await limiter.take('key')
      await free('key')
      expect(await limiter.take('key')).toMatchObject({ allowed: true, source: 'engine' })
    })

    it('is not learnt when units were given back before it arrived', async () => {
      const limiter = limiterOf(FUNNEL)
      await limiter.take('key', { cost: 5 })
      const held = { release: () => {} }
      replyAfter = new Promise<void>((resolve) => {
        held.release = resolve
      })
      const refused = limiter.take('key')
      await new Promise((resolve) => setImmediate(resolve))
      replyAfter = undefined
      await limiter.refund('key')
      held.release()
      expect(await refused).toMatchObject({ allowed: false, source: 'engine' })
      expect(await limiter.take('key')).toMatchObject({ allowed: true, source: 'engine' })
    })

    it('is that of its rule and cost alone', async () => {
      const limiter = limiterOf(FUNNEL)
      await limiter.take('key', { cost: 4 })
      expect(await limiter.take('key', { cost: 2 })).toMatchObject({ allowed: false })
      expect(await limiter.take('key')).toMatchObject({ allowed: true, source: 'engine' })
      await limiter.take('key')
      const raised = limiterOf(funnel({ capacity: 6, leak: 1, per: '1m' }))
      expect(await raised.take('key')).toMatchObject({ allowed: true, source: 'engine' })
    })

    it('of several rules is repeated until the first of their waits is over', async () => {
      const short = funnel({ capacity: 1, leak: 1, per: 200 })
      const limiter = limiterOf([short, funnel({ capacity: 1, leak: 1, per: 900 })])
      await limiter.take('key')
      await limiter.take('key')
      await opened.clock.advance(199)
      expect(await limiter.take('key')).toMatchObject({
        ...{ source: 'denied-cache', retryAfterMs: 701, rules: [{ retryAfterMs: 1 }, {}] },
      })
      await opened.clock.advance(1)
      const { source, refusedBy } = await limiter.take('key')
      expect([source, refusedBy]).toEqual(['engine', [limiter.rules[1]]])
    })

    it('is asked about each time without a cache', async () => {
      const limiter = limiterOf(FUNNEL, { deniedCache: false })
      await limiter.take('key', { cost: 5 })
      for (const _ of [1, 2, 3])
        expect(await limiter.take('key')).toMatchObject({ source: 'engine' })
    })
  })

  describe('an engine that fails', () => {
    const POLICIES = ['deny', 'allow', 'local'] as const

    it.each(POLICIES)('is told by degraded verdicts, with %s', async (onEngineFailure) => {
      const limiter = limiterOf(FUNNEL, { onEngineFailure })
      failure = away()
      const allowed = onEngineFailure !== 'deny'
      const words = { allowed, limit: 5, source: 'fallback', degraded: true }
      expect(await limiter.take('key')).toMatchObject(words)
      expect(await limiter.peek('key')).toMatchObject(words)
      expect(await limiter.takeAtMost('key', 3)).toMatchObject({ ...words, taken: allowed ? 3 : 0 })
      expect(await limiter.take('key', { cost: 6 })).toMatchObject({
        ...{ allowed: false, retryAfterMs: null, degraded: true },
      })
      await expect(limiter.refund('key')).rejects.toBe(failure)
      await expect(limiter.reset('key')).rejects.toBe(failure)
    })

    it('judged locally keeps to the rules in this process, also for a log and together', async () => {
      const rules = [
        slidingLog({ limit: 4, per: '1m' }),
        funnel({ capacity: 6, leak: 1, per: '1h' }),
      ]
      const limiter = limiterOf(rules, { onEngineFailure: 'local' })
      failure = away()
      const take = async () => (await limiter.take('key')).allowed
      expect([await take(), await take(), await take(), await take(), await take()]).toEqual([
        ...[true, true, true, true, false],
      ])
      expect(await limiter.take('other')).toMatchObject({ allowed: true, remaining: 3 })
      const { retryAfterMs } = await limiter.take('key')
      await opened.clock.advance(retryAfterMs ?? 0)
      expect([await take(), await take(), await take()]).toEqual([true, true, false])
      expect(await limiter.take('key')).toMatchObject({ refusedBy: [rules[1]], degraded: true })
    })

    it('is asked once a second after three failures, and closes the circuit with its first answer', async () => {
      const limiter = limiterOf(FUNNEL, { onEngineFailure: 'allow' })
      failure = away()
      for (const _ of [1, 2, 3, 4, 5, 6]) await limiter.take('key')
      expect(calls.length).toBe(3)
      await opened.clock.advance(999)
      await limiter.peek('key')
      expect(calls.length).toBe(3)
      await opened.clock.advance(1)
      await Promise.all([limiter.take('key'), limiter.take('other'), limiter.take('third')])
      expect(calls.length).toBe(4)
      failure = null
      await opened.clock.advance(1_000)
      expect(await limiter.take('key')).toMatchObject({ source: 'engine', degraded: false })
      expect(await limiter.take('key')).toMatchObject({ source: 'engine', remaining: 3 })
    })

    it('denied says when it is asked again', async () => {
      const limiter = limiterOf(FUNNEL, { onEngineFailure: 'deny' })
      failure = away()
      for (const _ of [1, 2, 3]) await limiter.take('key')
      await opened.clock.advance(400)
      expect(await limiter.take('key')).toMatchObject({ retryAfterMs: 600 })
    })

    it('is asked each time where failures are thrown', async () => {
      const limiter = limiterOf(FUNNEL)
      failure = away()
      for (const _ of [1, 2, 3, 4, 5]) await expect(limiter.take('key')).rejects.toBe(failure)
      expect(calls.length).toBe(5)
    })

    it('is not one that found something else in the key', async () => {
      const limiter = limiterOf(FUNNEL, { onEngineFailure: 'allow' })
      failure = new TypeError('a bug')
      await expect(limiter.take('key')).rejects.toBe(failure)
      await expect(limiter.peek('key')).rejects.toBe(failure)
    })
  })

  describe('in shadow', () => {
    it('refuses nobody, charges what fits, and tells what would have been', async () => {
      const limiter = limiterOf(FUNNEL, { shadow: true })
      expect(await limiter.take('key', { cost: 5 })).not.toHaveProperty('shadow')
      expect(await limiter.take('key')).toMatchObject({
        ...{ allowed: true, retryAfterMs: 0, refusedBy: [] },
        shadow: { allowed: false, retryAfterMs: 60_000, refusedBy: [FUNNEL] },
      })
      expect(await limiter.takeAtMost('key', 3)).toMatchObject({ allowed: true, taken: 3 })
      expect(nearby.readCounts()).toMatchObject([{ limiter: 'it', allowed: 1, refused: 2 }])
    })

    it('lets everything through while the engine fails', async () => {
      const limiter = limiterOf(FUNNEL, { shadow: true })
      failure = away()
      expect(await limiter.take('key')).toMatchObject({ allowed: true, degraded: true })
    })
  })

  it('counts what takes were told, by limiter, and who takes most', async () => {
    const limiter = limiterOf(FUNNEL, { onEngineFailure: 'allow' }, 'b')
    for (const key of ['x', 'y', 'x', 'x', 'x', 'x', 'x', 'x']) await limiter.take(key)
    await limiter.peek('z')
    failure = away()
    await limiter.take('z')
    limiterOf(FUNNEL, {}, 'a')
    expect(nearby.readCounts()).toEqual([
      {
        ...{ limiter: 'a', allowed: 0, refused: 0, degraded: 0 },
        topKeys: { keys: [], tooFew: 0 },
        topRefused: { keys: [], tooFew: 0 },
      },
      {
        ...{ limiter: 'b', allowed: 7, refused: 2, degraded: 1 },
        topKeys: {
          keys: [
            { key: 'x', count: 7 },
            { key: 'y', count: 1 },
            { key: 'z', count: 1 },
          ],
          tooFew: 0,
        },
        topRefused: { keys: [{ key: 'x', count: 2 }], tooFew: 0 },
      },
    ])
  })
})

describe('a real outage', () => {
  it('is answered by the deadline, and at once when the circuit is open', async () => {
    const timeouts = { commandTimeoutMs: 300, connectTimeoutMs: 300 }
    const prefix = `test-${randomUUID()}`
    const engine = redisEngineAt('redis://127.0.0.1:1', { prefix, ...timeouts })
    try {
      const store = redisLimitStore(engine)
      const limiter = createLimiter(store, 'it', FUNNEL, { onEngineFailure: 'local' })
      const takes = Array.from({ length: 8 }, (_, index) => limiter.take(`key-${index % 4}`))
      const verdicts = await Promise.all(takes)
      expect(verdicts.map(({ source }) => source)).toEqual(new Array(8).fill('fallback'))
      // Were it asked, the event loop would have to turn for the answer.
      let isLate = false
      setImmediate(() => {
        isLate = true
      })
      expect(await limiter.take('key-1')).toMatchObject({ source: 'fallback', remaining: 2 })
      expect(isLate).toBe(false)
    } finally {
      await engine.close()
    }
  })
})
