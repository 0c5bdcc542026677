// What limiters do above the store: waiting, leases, and takes of several limiters.
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ArgumentError, ClosedError, LockLostError } from '../errors.ts'
import { createSluice, type Sluice } from '../sluice.ts'
import { type TestClock, testClock } from '../testing/clock.ts'
import { judgeFunnel } from './funnel.ts'
import { concurrency, fixedWindow, funnel, slidingLog } from './rules.ts'

let clock: TestClock
let sluice: Sluice

beforeEach(() => {
  clock = testClock()
  sluice = createSluice('memory:', { clock })
})
afterEach(() => sluice.close())

const PACE = funnel({ capacity: 1, leak: 1, per: '1s' })
const failureOf = (work: Promise<unknown>) => work.catch((error: unknown) => error)

describe('wait', () => {
  it('admits each in its turn, and says how long it stood in line', async () => {
    const limiter = sluice.limiter('api', PACE)
    const order: number[] = []
    const waits = [0, 1, 2].map(async (number) => {
      const verdict = await limiter.wait('k')
      order.push(number)
      return verdict
    })
    await limiter.peek('k')
    expect(order).toEqual([0])
    await clock.advance(999.999)
    expect(order).toEqual([0])
    await clock.advance(0.001)
    expect(order).toEqual([0, 1])
    await clock.advance('1s')
    const verdicts = await Promise.all(waits)
    expect(verdicts.map(({ allowed, waitedMs }) => [allowed, waitedMs])).toEqual([
      [true, 0],
      [true, 1000],
      [true, 2000],
    ])
  })

  it('refuses at once what takes too long or never fits', async () => {
    const limiter = sluice.limiter('api', PACE)
    await limiter.wait('k')
    const late = await limiter.wait('k', { maxWait: 999 })
    expect(late).toMatchObject({ allowed: false, retryAfterMs: 1000, waitedMs: 0 })
    const never = await limiter.wait('k', { cost: 2 })
    expect(never).toMatchObject({ allowed: false, retryAfterMs: null, waitedMs: 0 })
  })

  it('gives its place back when it is cancelled', async () => {
    const limiter = sluice.limiter('api', PACE)
    await limiter.wait('k')
    const stop = new AbortController()
    const given = failureOf(limiter.wait('k', { signal: stop.signal }))
    await clock.advance(300)
    stop.abort(new Error('enough'))
    expect(await given).toMatchObject({ message: 'enough' })
    await clock.advance(0)
    expect(await limiter.peek('k')).toMatchObject({ retryAfterMs: 700 })
    expect(await failureOf(limiter.wait('k', { signal: stop.signal }))).toBe(stop.signal.reason)
  })

  it('ends when the Sluice is closed', async () => {
    const limiter = sluice.limiter('api', PACE)
    await limiter.wait('k')
    const waiting = failureOf(limiter.wait('k'))
    await clock.advance(1)
    await sluice.close()
    expect(await waiting).toBeInstanceOf(ClosedError)
  })

  it.each([slidingLog({ limit: 1, per: '1s' }), concurrency({ limit: 1 })])(
    'is refused for rules that know no turns: $kind',
    async (rule) => {
      const failure = await failureOf(sluice.limiter('api', [PACE, rule]).wait('k'))
      expect(failure).toBeInstanceOf(ArgumentError)
      expect(failure).toMatchObject({ argument: 'wait.limiter' })
    },
  )
})

describe('concurrency', () => {
  it('holds its units until they are released, and renews them meanwhile', async () => {
    const limiter = sluice.limiter('jobs', concurrency({ limit: 1, lease: '3s' }))
    const first = await limiter.take('k')
    expect(first.lease?.remainingMs).toBeGreaterThan(2_900)
    for (let second = 0; second < 20; second++) {
      await clock.advance('1s')
      await limiter.peek('k')
    }
    first.lease?.assertHeld()
    const refused = await limiter.take('k')
    expect([refused.allowed, refused.lease]).toEqual([false, undefined])
    expect(await first.lease?.release()).toBe('released')
    expect(await first.lease?.release()).toBe('released')
    const second = await limiter.take('k')
    expect(second.allowed).toBe(true)
    await second.lease?.[Symbol.asyncDispose]()
    expect(await limiter.take('k', { requestId: 'a' })).toMatchObject({ allowed: true })
  })

  it('a lease that was taken away aborts its signal', async () => {
    const limiter = sluice.limiter('jobs', concurrency({ limit: 2, lease: '3s' }))
    const { lease } = await limiter.takeAtMost('k', 9)
    const signal = lease?.signal
    await limiter.reset('k')
    await clock.advance('1s')
    expect(signal?.reason).toBeInstanceOf(LockLostError)
    expect(await lease?.release()).toBe('lost')
    expect(await limiter.takeAtMost('k', 1)).toMatchObject({ taken: 1 })
  })

  it('is not combined with what lets in without a lease', () => {
    const rule = concurrency({ limit: 1 })
    for (const options of [
      { onEngineFailure: 'allow' },
      { onEngineFailure: 'local' },
      { shadow: true },
    ] as const) {
      expect(() => sluice.limiter('jobs', rule, options)).toThrow(ArgumentError)
    }
  })

  it('knows neither penalties nor blocks by itself', async () => {
    const limiter = sluice.limiter('jobs', concurrency({ limit: 1 }))
    expect(await failureOf(limiter.penalize('k', 1))).toBeInstanceOf(ArgumentError)
    expect(await failureOf(limiter.block('k', '1s'))).toBeInstanceOf(ArgumentError)
  })
})

describe.each(['atomic', 'compensating'] as const)('takeAll, %s', (consistency) => {
  const limiters = () => ({
    user: sluice.limiter('user', fixedWindow({ limit: 10, per: '1m' })),
    tenant: sluice.limiter('tenant', [
      fixedWindow({ limit: 3, per: '5m' }),
      concurrency({ limit: 2, lease: '10s' }),
    ]),
  })

  it('takes from all or from none, and says who refused and until when', async () => {
    const { user, tenant } = limiters()
    const one = { limiter: tenant, key: 't' }
    const items = [{ limiter: user, key: 'u', cost: 4 }, one]
    const first = await sluice.takeAll(items, { consistency })
    expect(first).toMatchObject({ allowed: true, refusedBy: [], retryAfterMs: 0 })
    expect(first.verdicts.map(({ remaining }) => remaining)).toEqual([6, 1])
    await sluice.takeAll(items, { consistency })
    const third = await sluice.takeAll(items, { consistency })
    expect(third).toMatchObject({ allowed: false, refusedBy: items, retryAfterMs: 60_000 })
    await first.lease?.release()
    expect((await user.peek('u', { cost: 0 })).remaining).toBe(2)
    const fourth = await sluice.takeAll([{ limiter: user, key: 'u' }, one], { consistency })
    expect(fourth.allowed).toBe(true)
    const fifth = await sluice.takeAll(
      [
        { limiter: user, key: 'u' },
        { limiter: tenant, key: 't' },
      ],
      { consistency },
    )
    expect(fifth).toMatchObject({ allowed: false, retryAfterMs: 300_000 })
    expect(fifth.refusedBy.map(({ key }) => key)).toEqual(['t'])
    expect((await user.peek('u', { cost: 0 })).remaining).toBe(1)
  })

  it('adds the costs of items of one limiter and key', async () => {
    const { user } = limiters()
    const item = { limiter: user, key: 'u', cost: 6 }
    expect(await sluice.takeAll([item, item], { consistency })).toMatchObject({
      allowed: false,
      retryAfterMs: null,
    })
    expect((await user.peek('u', { cost: 0 })).remaining).toBe(10)
  })
})

it('a debt of a funnel is cut to what fits and an hour of it', () => {
  const nowUs = 1_767_225_600_000_000
  const take = { capacity: 5, emissionUs: 1_000, cost: 1, nowUs }
  const state = { debtUs: 7_200e6, atUs: nowUs - 4_500 }
  expect(judgeFunnel(state, take).resetAfterUs).toBe(5_000 + 3_600e6 - 4_500)
})

describe('takeAll', () => {
  it('refuses wrong items', async () => {
    const user = sluice.limiter('user', PACE)
    const same = sluice.limiter('user', fixedWindow({ limit: 1, per: '1s' }))
    const other = createSluice('memory:', { clock })
    const cases: [unknown, string][] = [
      [[], 'takeAll.items'],
      [null, 'takeAll.items'],
      [[{ limiter: {}, key: 'k' }], 'takeAll.items[0].limiter'],
      [[{ limiter: other.limiter('x', PACE), key: 'k' }], 'takeAll.items[0].limiter'],
      [[{ limiter: user, key: '' }], 'takeAll.items[0].key'],
      [[{ limiter: user, key: 'k', costs: 1 }], 'takeAll.items[0].costs'],
      [[{ limiter: user, key: 'k', cost: 0 }], 'takeAll.items[0].cost'],
      [
        [
          { limiter: user, key: 'k' },
          { limiter: same, key: 'k' },
        ],
        'takeAll.items[1].limiter',
      ],
    ]
    for (const [items, argument] of cases) {
      const failure = await failureOf(sluice.takeAll(items as never))
      expect(failure, argument).toBeInstanceOf(ArgumentError)
      expect(failure).toMatchObject({ argument })
    }
    await other.close()
  })
})
