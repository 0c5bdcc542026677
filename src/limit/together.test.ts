// Waits, and takes of several limiters, while the engine fails and in shadow.
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { engines, type OpenedEngine } from '../../test/engines.ts'
import { redisEngineAt } from '../../test/redis-engine.ts'
import { timed } from '../../test/stopwatch.ts'
import { ArgumentError, EngineUnavailableError, StoreCorruptError } from '../errors.ts'
import { createSluice } from '../sluice.ts'
import { faulty } from '../testing/faulty.ts'
import { createLimiter, type Limiter, type LimiterOptions } from './limiter.ts'
import { type Nearby, openNearby } from './nearby.ts'
import { redisLimitStore } from './redis/store.ts'
import { concurrency, fixedWindow, funnel, type Rule, slidingLog } from './rules.ts'
import type { LimitStore } from './store.ts'
import { type TakeAllOptions, takeAll } from './take-all.ts'

const PACE = funnel({ capacity: 1, leak: 1, per: '1s' })
const FEW = fixedWindow({ limit: 3, per: '1m' })
const CONSISTENCIES = ['atomic', 'compensating'] as const
const failureOf = (work: Promise<unknown>) => work.catch((error: unknown) => error)

// On the others it would be the same logic over the same contract.
const fast = engines.filter(({ label }) => label === 'memory' || label === 'redis')

describe.each(fast)('on $name', ({ open }) => {
  let opened: OpenedEngine
  let nearby: Nearby
  let store: LimitStore
  let calls: string[]
  /** What calls of the store are answered with instead: all, or the one of this number. */
  let failure: Error | null
  let failingCall: number | null

  beforeEach(async () => {
    opened = await open()
    calls = []
    failure = null
    failingCall = null
    store = faulty(opened.first.limit, ({ method }) => {
      calls.push(method)
      const fails = failure !== null && (failingCall === null || failingCall === calls.length)
      return fails && failure ? { refuseWith: failure } : undefined
    })
    nearby = openNearby(store, opened.clock)
  })
  afterEach(() => opened.close())

  const limiterOf = (rule: Rule | Rule[], options: LimiterOptions = {}, name = 'it') =>
    createLimiter(store, name, rule, options, nearby)
  const away = () => new EngineUnavailableError('away', { outcome: 'unknown', retryable: true })
  const take = (items: [Limiter, string, number?][], options: TakeAllOptions = {}) =>
    takeAll(
      store,
      nearby,
      items.map(([limiter, key, cost = 1]) => ({ limiter, key, cost })),
      options,
    )
  const countsOf = () =>
    nearby.readCounts().map(({ limiter, allowed, refused, degraded }) => ({
      ...{ limiter, allowed, refused, degraded },
    }))
  const leftOf = async (limiter: Limiter, key: string) =>
    (await limiter.peek(key, { cost: 0 })).remaining

  describe('a wait while the engine fails', () => {
    it('is refused at once with deny, let through at once with allow', async () => {
      failure = away()
      const denied = await limiterOf(PACE, { onEngineFailure: 'deny' }).wait('k')
      const words = { waitedMs: 0, source: 'fallback', degraded: true }
      expect(denied).toMatchObject({ ...words, allowed: false, retryAfterMs: 1_000 })
      const allowing = limiterOf(PACE, { onEngineFailure: 'allow' })
      expect(await allowing.wait('k')).toMatchObject({ ...words, allowed: true })
      expect(await allowing.wait('k', { cost: 2 })).toMatchObject({
        ...{ ...words, allowed: false, retryAfterMs: null },
      })
    })

    it('is thrown by default, and what is no failure of the engine always is', async () => {
      failure = away()
      await expect(limiterOf(PACE).wait('k')).rejects.toBe(failure)
      failure = new StoreCorruptError('key', 'what is this')
      const limiter = limiterOf(PACE, { onEngineFailure: 'local' })
      await expect(limiter.wait('k')).rejects.toBe(failure)
    })

    it('stands in the line of this process with local, by the same rules', async () => {
      const rules = [
        funnel({ capacity: 2, leak: 1, per: '1s' }),
        fixedWindow({ limit: 4, per: '10s' }),
      ]
      const limiter = limiterOf(rules, { onEngineFailure: 'local' })
      failure = away()
      const waits = Array.from({ length: 6 }, () => limiter.wait('k', { maxWait: '10s' }))
      await opened.clock.advance(0)
      for (let second = 0; second < 12; second++) await opened.clock.advance('1s')
      const verdicts = await Promise.all(waits)
      expect(verdicts.map(({ allowed, waitedMs }) => [allowed, waitedMs])).toEqual([
        ...[[true, 0] as const, [true, 0] as const, [true, 1_000] as const],
        ...[[true, 2_000] as const, [true, 10_000] as const, [true, 10_000] as const],
      ])
      expect(verdicts.every(({ degraded }) => degraded)).toBe(true)
      expect(countsOf()).toEqual([{ limiter: 'it', allowed: 6, refused: 0, degraded: 6 }])
      await limiter.wait('other')
      const never = await limiter.wait('other', { cost: 2, maxWait: 999 })
      expect(never).toMatchObject({ allowed: false, retryAfterMs: 1_000, refusedBy: [rules[0]] })
    })

    it('gives its place in that line back when it is given up', async () => {
      const limiter = limiterOf([PACE, fixedWindow({ limit: 2, per: '3s' })], {
        onEngineFailure: 'local',
      })
      failure = away()
      await limiter.wait('k')
      const stop = new AbortController()
      const given = failureOf(limiter.wait('k', { signal: stop.signal }))
      await opened.clock.advance(300)
      stop.abort(new Error('enough'))
      expect(await given).toMatchObject({ message: 'enough' })
      await opened.clock.advance(0)
      expect(await limiter.peek('k')).toMatchObject({ retryAfterMs: 700, source: 'fallback' })
    })

    it('does not ask an engine whose circuit is open', async () => {
      const limiter = limiterOf(PACE, { onEngineFailure: 'deny' })
      failure = away()
      for (const _ of [1, 2, 3, 4, 5]) await limiter.wait('k')
      expect(calls).toEqual(['reserve', 'reserve', 'reserve'])
      failure = null
      await opened.clock.advance(1_000)
      expect(await limiter.wait('k')).toMatchObject({ allowed: true, source: 'engine' })
    })
  })

  it('a wait in shadow delays nobody, and says for how long it would have', async () => {
    const limiter = limiterOf(PACE, { shadow: true })
    const first = await limiter.wait('k')
    expect(first).toMatchObject({ allowed: true, waitedMs: 0, source: 'engine' })
    expect(first).not.toHaveProperty('shadow')
    expect(await limiter.wait('k')).toMatchObject({
      ...{ allowed: true, waitedMs: 0, shadow: { allowed: true, waitedMs: 1_000 } },
    })
    expect(await limiter.wait('k', { maxWait: 500 })).toMatchObject({
      ...{ allowed: true, waitedMs: 0, retryAfterMs: 0, refusedBy: [] },
      shadow: { allowed: false, waitedMs: 0, retryAfterMs: 2_000 },
    })
    failure = away()
    expect(await limiter.wait('k')).toMatchObject({ allowed: true, degraded: true })
    expect(countsOf()).toEqual([{ limiter: 'it', allowed: 3, refused: 1, degraded: 1 }])
  })

  describe.each(CONSISTENCIES)('several limiters while the engine fails, %s', (consistency) => {
    it('are decided by the policy of each, all or none', async () => {
      const local = limiterOf(FEW, { onEngineFailure: 'local' }, 'local')
      const allow = limiterOf(FEW, { onEngineFailure: 'allow' }, 'allow')
      const deny = limiterOf(FEW, { onEngineFailure: 'deny' }, 'deny')
      failure = away()
      const both: [Limiter, string, number?][] = [
        [local, 'k', 2],
        [allow, 'k'],
      ]
      const words = { source: 'fallback', degraded: true }
      expect(await take(both, { consistency })).toMatchObject({ ...words, allowed: true })
      expect(await take(both, { consistency })).toMatchObject({
        ...{ ...words, allowed: false, retryAfterMs: 60_000, refusedBy: [{ limiter: local }] },
      })
      const refused = await take([...both.slice(1), [deny, 'k'], [local, 'k']], { consistency })
      expect(refused).toMatchObject({ ...words, allowed: false, refusedBy: [{ limiter: deny }] })
      expect(await leftOf(local, 'k')).toBe(1)
      expect(countsOf()).toEqual([
        { limiter: 'allow', allowed: 1, refused: 0, degraded: 1 },
        { limiter: 'deny', allowed: 0, refused: 1, degraded: 1 },
        { limiter: 'local', allowed: 1, refused: 1, degraded: 2 },
      ])
    })

    it('throw it where one of them does', async () => {
      const local = limiterOf(FEW, { onEngineFailure: 'local' }, 'local')
      failure = away()
      const items: [Limiter, string][] = [
        [local, 'k'],
        [limiterOf(FEW), 'k'],
      ]
      await expect(take(items, { consistency })).rejects.toBe(failure)
      expect(await leftOf(local, 'k')).toBe(3)
    })

    it('do not ask one whose circuit is open, and let nobody in without a lease', async () => {
      const held = limiterOf(concurrency({ limit: 1 }), { onEngineFailure: 'deny' }, 'held')
      const items: [Limiter, string][] = [
        [held, 'k'],
        [limiterOf(FEW, { onEngineFailure: 'allow' }), 'k'],
      ]
      failure = away()
      for (const _ of [1, 2, 3]) await take(items, { consistency })
      await nearby.holds.close()
      const before = calls.length
      const refused = await take(items, { consistency })
      expect(refused).toMatchObject({ allowed: false, refusedBy: [{ limiter: held }] })
      expect(refused).not.toHaveProperty('lease')
      expect(calls.length).toBe(before)
    })
  })

  it('what was taken in turn before the engine failed is given back', async () => {
    const [first, second] = ['a', 'b'].map((name) => limiterOf(FEW, {}, name))
    if (!first || !second) throw new Error('two limiters')
    failure = away()
    failingCall = 2
    const items: [Limiter, string, number][] = [
      [first, 'k', 2],
      [second, 'k', 1],
    ]
    await expect(take(items, { consistency: 'compensating' })).rejects.toBe(failure)
    await nearby.close()
    expect([await leftOf(first, 'k'), await leftOf(second, 'k')]).toEqual([3, 3])
  })

  describe.each(CONSISTENCIES)('several limiters in shadow, %s', (consistency) => {
    it('refuse nobody, and are not charged then; the others are', async () => {
      const shadow = limiterOf(FEW, { shadow: true }, 'shadow')
      const real = limiterOf(slidingLog({ limit: 5, per: '1m' }), {}, 'real')
      const items: [Limiter, string, number?][] = [
        [shadow, 'k', 2],
        [real, 'k', 2],
      ]
      const first = await take(items, { consistency })
      expect(first).toMatchObject({ allowed: true, source: 'engine', degraded: false })
      const second = await take(items, { consistency })
      expect(second).toMatchObject({ allowed: true, refusedBy: [], retryAfterMs: 0 })
      expect(second.verdicts).toMatchObject([
        { allowed: true, shadow: { allowed: false, refusedBy: [FEW] } },
        { allowed: true, remaining: 1 },
      ])
      const third = await take(items, { consistency })
      expect(third).toMatchObject({ allowed: false, refusedBy: [{ limiter: real }] })
      expect([await leftOf(shadow, 'k'), await leftOf(real, 'k')]).toEqual([1, 1])
      expect(countsOf()).toEqual([
        { limiter: 'real', allowed: 2, refused: 1, degraded: 0 },
        { limiter: 'shadow', allowed: 1, refused: 2, degraded: 0 },
      ])
      const alone = await take([[shadow, 'k', 2]], { consistency })
      expect(alone).toMatchObject({ allowed: true, verdicts: [{ shadow: { allowed: false } }] })
    })
  })
})

describe('a real outage', () => {
  it('of waits and takes of several limiters is answered by the deadline, and at once after it', async () => {
    const timeouts = { commandTimeoutMs: 300, connectTimeoutMs: 300 }
    const prefix = `test-${process.pid}`
    const engine = redisEngineAt('redis://127.0.0.1:1', { prefix, ...timeouts })
    const store = redisLimitStore(engine)
    const nearby = openNearby(store, engine.clock)
    const [a, b] = (['local', 'deny'] as const).map((onEngineFailure) =>
      createLimiter(store, onEngineFailure, PACE, { onEngineFailure }, nearby),
    )
    if (!a || !b) throw new Error('two limiters')
    const items = [a, b].map((limiter) => ({ limiter, key: 'k' }))
    const { result: verdicts, tookMs } = await timed(() =>
      Promise.all([
        ...[a.wait('k'), b.wait('k'), takeAll(store, nearby, items)],
        takeAll(store, nearby, items, { consistency: 'compensating' }),
      ]),
    )
    expect(tookMs).toBeLessThan(2 * timeouts.commandTimeoutMs)
    expect(verdicts.map(({ allowed }) => allowed)).toEqual([true, false, false, false])
    expect(verdicts.every(({ source }) => source === 'fallback')).toBe(true)
    await nearby.close()
    await engine.close()
  })
})

describe('limits that are asked together', () => {
  it('take of each, in their order, a key or a key and a cost', async () => {
    const sluice = createSluice('memory:')
    const user = sluice.limiter('user', FEW)
    const tenant = sluice.limiter('tenant', fixedWindow({ limit: 9, per: '1m' }))
    const both = sluice.limits([tenant, user])
    expect(both.limiters).toEqual([tenant, user])
    const verdict = await both.take(['t', { key: 'u', cost: 2 }])
    expect(verdict.verdicts.map(({ remaining }) => remaining)).toEqual([8, 1])
    const refused = await both.take(['t', { key: 'u', cost: 2 }])
    expect(refused).toMatchObject({ allowed: false, refusedBy: [{ limiter: user, key: 'u' }] })
    await sluice.close()
  })

  it('refuse what is no list of limiters of this Sluice, and what is not one item for each', async () => {
    const sluice = createSluice('memory:')
    const other = createSluice('memory:')
    const user = sluice.limiter('user', FEW)
    const cases: [unknown, string][] = [
      ...[[], null, 'user', user, {}].map((value): [unknown, string] => [value, 'limits.limiters']),
      [new Array(33).fill(user), 'limits.limiters'],
      [[user, {}], 'limits.limiters[1]'],
      [[other.limiter('user', FEW)], 'limits.limiters[0]'],
    ]
    for (const [value, argument] of cases) {
      expect(() => sluice.limits(value as never), argument).toThrow(
        expect.objectContaining({ argument }),
      )
    }
    const wrong = { consistency: 'maybe' } as never
    expect(() => sluice.limits([user], wrong)).toThrow(ArgumentError)
    const one = sluice.limits([user])
    const items: [unknown, string][] = [
      ...[[], null, 'k', ['k', 'k'], {}].map((value): [unknown, string] => [
        value,
        'limits.take.items',
      ]),
      [[''], 'limits.take.items[0].key'],
      [[{ cost: 1 }], 'limits.take.items[0].key'],
      ...[5, null, []].map((value): [unknown, string] => [[value], 'limits.take.items[0]']),
      [[{ key: 'k', cost: 0 }], 'limits.take.items[0].cost'],
      [[{ key: 'k', costs: 1 }], 'limits.take.items[0].costs'],
      [[{ key: 'k', limiter: user }], 'limits.take.items[0].limiter'],
    ]
    for (const [value, argument] of items) {
      expect(await failureOf(one.take(value as never)), argument).toMatchObject({ argument })
    }
    for (const { close } of [sluice, other]) await close()
  })

  it('are refused at once on a cluster, where their keys are in several slots', async () => {
    const sluice = createSluice(inject('clusterUrl'))
    const limiter = (name: string, tag?: LimiterOptions['tag']) =>
      sluice.limiter(name, FEW, tag === undefined ? {} : { tag })
    const ofKey = (key: string) => key.split('/')[0] ?? ''
    const apart: [Limiter[], RegExp][] = [
      [[limiter('a'), limiter('b')], /a in a slot for each of its keys, as it has no tag/],
      [[limiter('a', 'x'), limiter('b')], /a in slot \d+ by its tag .x., and b in a slot for each/],
      [
        [limiter('a', 'x'), limiter('b', 'y')],
        /a in slot \d+ .*, and b in slot \d+ by its tag .y./,
      ],
      [[limiter('a', ofKey), limiter('b')], /b in a slot for each of its keys/],
    ]
    for (const [limiters, words] of apart) {
      expect(() => sluice.limits(limiters)).toThrow(words)
      expect(() => sluice.limits(limiters)).toThrow(/consistency: 'compensating'/)
      expect(sluice.limits(limiters, { consistency: 'compensating' }).limiters).toEqual(limiters)
    }
    expect(sluice.limits([limiter('a')]).limiters.length).toBe(1)
    const tagged = sluice.limits([limiter('a', ofKey), limiter('b', ofKey)])
    const failure = await failureOf(tagged.take(['t7/anna', 't8']))
    expect(failure).toBeInstanceOf(ArgumentError)
    expect(failure).toMatchObject({ message: expect.stringMatching(/in slot \d+ and .* in slot/) })
    const name = `t${process.pid}`
    const same = sluice.limits([limiter('a', name), limiter('b', name)])
    expect(await same.take([name, `${name}/anna`])).toMatchObject({ allowed: true })
    expect(await tagged.take([name, `${name}/anna`])).toMatchObject({ allowed: true })
    await sluice.close()
  })
})
