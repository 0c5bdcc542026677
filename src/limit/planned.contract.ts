import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  admittedOnly,
  driveStore,
  longLog,
  type OpenLimitStore,
  stored,
} from './driver.contract.ts'
import {
  type Admission,
  allowed,
  mostInAnyWindow,
  mostOverPace,
  refused,
} from './oracle.contract.ts'
import {
  concurrency,
  fixedWindow,
  funnel,
  slidingCounter,
  slidingLog,
  tokenBucket,
} from './rules.ts'
import { partsOf, REQUEST_MEMORY_US, type StoredRule } from './store.ts'

const RATES: { kind: string; rule: StoredRule; periodUs: number }[] = [
  { kind: 'sliding log', rule: stored(slidingLog({ limit: 5, per: '1m' })), periodUs: 60e6 },
  { kind: 'long sliding log', rule: longLog({ limit: 5, per: '1m' }), periodUs: 60e6 },
  { kind: 'funnel', rule: stored(funnel({ capacity: 5, leak: 5, per: '1m' })), periodUs: 60e6 },
  { kind: 'fixed window', rule: stored(fixedWindow({ limit: 5, per: '1m' })), periodUs: 60e6 },
  {
    kind: 'token bucket',
    rule: stored(tokenBucket({ capacity: 5, refill: 2, per: '20s', mode: 'interval' })),
    periodUs: 60e6,
  },
  { kind: 'counter', rule: stored(slidingCounter({ limit: 5, per: '30s' })), periodUs: 60e6 },
  {
    kind: 'strict counter',
    rule: stored(slidingCounter({ limit: 5, per: '1m', strict: true })),
    periodUs: 66e6,
  },
]
const LEASES = stored(concurrency({ limit: 3, lease: '30s' }))

/** What every engine must do with requests by id, penalties, blocks, reservations and leases. */
export function plannedContract(open: OpenLimitStore): void {
  const driver = driveStore(open)
  const { newKey, later, take, takeAll, peek } = driver
  const parts = (rules: readonly StoredRule[], key: string, cost = 1) =>
    partsOf({ limiter: 'contract', key, rules, cost })
  const block = (rule: StoredRule, key: string, forUs: number) =>
    driver.store.block({ parts: parts([rule], key, 0), forUs })
  const penalize = (rule: StoredRule, key: string, units: number) =>
    driver.store.penalize(parts([rule], key, units))
  const named = (rule: StoredRule, key: string, requestId: string, cost = 1) =>
    driver.store.take({ limiter: 'contract', key, rule, cost, peek: false, requestId })

  describe.each(RATES)('$kind', ({ rule, periodUs }) => {
    it('R12 a request is charged once, and a repeat is answered as it was', async () => {
      const key = newKey()
      const first = await named(rule, key, 'a')
      await take(rule, key, 2)
      await later(1_000_000)
      expect(await named(rule, key, 'a')).toEqual(first)
      expect(await named(rule, newKey(), 'a')).toEqual(first)
      expect(await named(rule, key, 'b')).toMatchObject({ allowed: true, remaining: 1 })
      const both = await Promise.all([named(rule, key, 'c'), named(rule, key, 'c')])
      expect(both.map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
        ...[
          [true, 0],
          [true, 0],
        ],
      ])
      expect(await named(rule, key, 'd')).toMatchObject({ allowed: false })
      await later(REQUEST_MEMORY_US)
      expect(await named(rule, key, 'a')).toMatchObject({ allowed: true, remaining: 4 })
    })

    it('R12 an id of another take is refused, and a refusal is not remembered', async () => {
      const key = newKey()
      await named(rule, key, 'a')
      await expect(named(rule, key, 'a', 2)).rejects.toThrow(/take\.requestId|requestId/)
      await take(rule, key, 4)
      expect(await named(rule, key, 'b')).toMatchObject({ allowed: false })
      await later(periodUs)
      expect(await named(rule, key, 'b')).toMatchObject({ allowed: true })
    })

    it('R13 a penalty is charged whatever is left, up to a bound', async () => {
      const key = newKey()
      await take(rule, key, 3)
      const [answer] = await penalize(rule, key, 4)
      expect(answer).toMatchObject({ allowed: true, remaining: 0 })
      const { retryAfterUs } = await take(rule, key)
      await later((retryAfterUs ?? 0) - 1)
      expect(await take(rule, key)).toMatchObject({ allowed: false, retryAfterUs: 1 })
      await later(1)
      expect(await take(rule, key)).toMatchObject({ allowed: true })
      await penalize(rule, key, 1_000_000)
      const { resetAfterUs } = await peek(rule, key, 0)
      expect(resetAfterUs).toBeGreaterThan(0)
      expect(resetAfterUs).toBeLessThanOrEqual(periodUs + 3_600e6)
      await later(resetAfterUs)
      expect(await peek(rule, key, 0)).toEqual(allowed(5, 0))
    })

    it('R13 units of a penalty are owed beside those that were taken', async () => {
      const [fined, plain] = [newKey(), newKey()]
      for (const key of [fined, plain]) await take(rule, key, 5)
      await later(31e6)
      await penalize(rule, fined, 3)
      const waits = await Promise.all([fined, plain].map((key) => peek(rule, key, 5)))
      const [longer = 0, shorter = 0] = waits.map(({ retryAfterUs }) => retryAfterUs ?? 0)
      expect(longer).toBeGreaterThan(shorter)
    })

    it('R13 R6 a penalty and a clock that ran a day ahead refuse nobody for longer than is owed', async () => {
      const key = newKey()
      driver.clock.stepWall(86_400_000)
      await penalize(rule, key, 8)
      const { resetAfterUs } = await peek(rule, key, 0)
      driver.clock.stepWall(-86_400_000)
      for (let tenth = 0; tenth <= 10; tenth++) {
        if ((await take(rule, key)).allowed) return
        await later(resetAfterUs / 10)
      }
      throw new Error('refused for longer than is owed')
    })

    it('R14 a block refuses until it is over, and not a microsecond longer', async () => {
      const key = newKey()
      await take(rule, key, 2)
      await block(rule, key, 600e6)
      await later(1_000_000)
      expect(await take(rule, key)).toMatchObject({
        allowed: false,
        retryAfterUs: 599e6,
        remaining: 0,
      })
      expect(await peek(rule, key, 6)).toMatchObject({ allowed: false, retryAfterUs: null })
      await block(rule, key, 1_000_000)
      await later(599e6 - 1)
      const answers = await takeAll(rule, key, [1, 5, 1])
      expect(answers.map(({ retryAfterUs }) => retryAfterUs)).toEqual([1, 1, 1])
      await later(1)
      expect((await takeAll(rule, key, [4, 1, 1])).map(admittedOnly)).toEqual([true, true, false])
    })

    it('R14 a block keeps what was taken, which is refused after it', async () => {
      const key = newKey()
      await take(rule, key, 5)
      const before = await peek(rule, key, 5)
      await block(rule, key, 2_000_000)
      expect(await peek(rule, key, 5)).toEqual({ ...before, remaining: 0 })
      await take(rule, key, -2)
      await penalize(rule, key, 1)
      expect(await take(rule, key)).toMatchObject({ allowed: false, retryAfterUs: 2_000_000 })
      await later(2_000_000)
      expect((await takeAll(rule, key, [2, 1])).map(admittedOnly)).toEqual([false, true])
    })

    it('R14 a reset lifts it, and a clock that steps back makes it at most twice as long', async () => {
      const [key, other] = [newKey(), newKey()]
      await block(rule, key, 60e6)
      await driver.store.reset({ limiter: 'contract', key, rules: [rule] })
      expect(await take(rule, key, 5)).toMatchObject({ allowed: true })
      await block(rule, other, 60e6)
      driver.clock.stepWall(-50_000)
      expect(await take(rule, other)).toMatchObject({ allowed: false, retryAfterUs: 110e6 })
      driver.clock.stepWall(-20_000)
      expect(await take(rule, other)).toMatchObject({ allowed: true })
    })

    it('R14 takes of one moment that are equal are refused together', async () => {
      const key = newKey()
      await block(rule, key, 60e6)
      const request = { limiter: 'contract', key, rule, cost: 1, peek: false }
      const answers = await driver.store.takeTimes(request, 3)
      expect(answers.map(({ allowed, retryAfterUs }) => [allowed, retryAfterUs])).toEqual(
        new Array(3).fill([false, 60e6]),
      )
    })
  })

  describe('reservations', () => {
    const FUNNEL = stored(funnel({ capacity: 2, leak: 1, per: '1s' }))
    const WINDOW = stored(fixedWindow({ limit: 2, per: '10s' }))
    const reserve = (rules: readonly StoredRule[], key: string, cost = 1, longestUs = 3_600e6) =>
      driver.store.reserve({ parts: parts(rules, key, cost), longestUs })
    const waitsOf = async (rule: StoredRule, key: string, count: number) => {
      const made = await Promise.all(Array.from({ length: count }, () => reserve([rule], key)))
      return made.map(({ waitUs }) => waitUs)
    }

    it('R15 stand in line in the order of calls', async () => {
      const key = newKey()
      expect(await waitsOf(FUNNEL, key, 5)).toEqual([0, 0, 1e6, 2e6, 3e6])
      expect(await take(FUNNEL, key)).toMatchObject({ allowed: false, retryAfterUs: 4e6 })
      expect(await waitsOf(WINDOW, key, 5)).toEqual([0, 0, 10e6, 10e6, 20e6])
    })

    it('R15 one that would be too late, or never, is refused and changes nothing', async () => {
      const key = newKey()
      await waitsOf(FUNNEL, key, 3)
      const before = await peek(FUNNEL, key)
      expect(await reserve([FUNNEL], key, 1, 1_999_999)).toEqual({
        ...{ waitUs: null, receipts: [], answers: [refused(0, 2e6, 3e6)] },
      })
      expect(await reserve([FUNNEL], key, 3)).toMatchObject({
        waitUs: null,
        answers: [{ retryAfterUs: null }],
      })
      expect(await peek(FUNNEL, key)).toEqual(before)
    })

    it.each([FUNNEL, WINDOW])('R15 what is given up is free again, of $kind', async (rule) => {
      const key = newKey()
      await take(rule, key, 2)
      await later(300_000)
      const before = await peek(rule, key)
      const { receipts } = await reserve([rule], key, 2)
      await later(100_000)
      await driver.store.cancel({ parts: parts([rule], key, 2), receipts })
      const after = await peek(rule, key)
      expect(after.retryAfterUs).toBe((before.retryAfterUs ?? 0) - 100_000)
      expect(after.resetAfterUs).toBe(before.resetAfterUs - 100_000)
    })

    it('R15 what others have reserved behind it is not', async () => {
      const key = newKey()
      await waitsOf(FUNNEL, key, 2)
      const first = await reserve([FUNNEL], key)
      await reserve([FUNNEL], key)
      await driver.store.cancel({ parts: parts([FUNNEL], key), receipts: first.receipts })
      expect(await waitsOf(FUNNEL, key, 1)).toEqual([3e6])
    })

    it('R15 R2 admits within the bound, whatever is reserved and given up', async () => {
      const steps = fc.array(
        fc.record({
          pauseUs: fc.nat(3e6),
          cost: fc.integer({ min: 1, max: 2 }),
          gives: fc.boolean(),
        }),
        { minLength: 3, maxLength: 14 },
      )
      await fc.assert(
        fc.asyncProperty(steps, async (list) => {
          const key = newKey()
          const admitted: Admission[] = []
          let atUs = 0
          for (const { pauseUs, cost, gives } of list) {
            await later(pauseUs)
            atUs += pauseUs
            const { waitUs, receipts } = await reserve([FUNNEL], key, cost)
            if (gives && (waitUs ?? 0) > 0) {
              await driver.store.cancel({ parts: parts([FUNNEL], key, cost), receipts })
            } else if (waitUs !== null) admitted.push({ atUs: atUs + waitUs, units: cost })
          }
          const inOrder = admitted.sort((a, b) => a.atUs - b.atUs)
          expect(mostOverPace(inOrder, { leak: 1, per: 1_000 })).toBeLessThanOrEqual(2)
        }),
        { numRuns: 15 },
      )
    })

    it('R15 R10 several rules begin together, each within its bound', async () => {
      const key = newKey()
      const admitted: Admission[] = []
      for (let count = 0; count < 7; count++) {
        const { waitUs } = await reserve([FUNNEL, WINDOW], key)
        admitted.push({ atUs: waitUs ?? 0, units: 1 })
      }
      expect(admitted.map(({ atUs }) => atUs)).toEqual([0, 0, 10e6, 10e6, 20e6, 20e6, 30e6])
      expect(mostOverPace(admitted, { leak: 1, per: 1_000 })).toBeLessThanOrEqual(2)
      expect(mostInAnyWindow(admitted, 10e6)).toBeLessThanOrEqual(2)
    })

    it('R15 R14 begin after a block', async () => {
      const key = newKey()
      await block(FUNNEL, key, 60e6)
      expect(await waitsOf(FUNNEL, key, 3)).toEqual([60e6, 60e6, 61e6])
    })
  })

  describe('leases', () => {
    const acquire = async (key: string, owner: string, cost = 1, rules = [LEASES]) =>
      driver.store.takeTogether({ parts: parts(rules, key, cost), peek: false, owner })
    const leaseOf = (key: string, owner: string, cost = 1) => {
      const [part] = parts([LEASES], key, cost)
      if (part === undefined) throw new Error('there is no rule')
      return { part, owner }
    }

    it('R16 holds the limit, and each unit until its lease is over', async () => {
      const key = newKey()
      expect(await acquire(key, 'a', 2)).toEqual([allowed(1, 30e6)])
      await later(10e6)
      expect(await acquire(key, 'b')).toEqual([allowed(0, 30e6)])
      expect(await acquire(key, 'c')).toEqual([refused(0, 20e6, 30e6)])
      expect(await acquire(key, 'c', 3)).toEqual([refused(0, 30e6, 30e6)])
      expect(await acquire(key, 'c', 4)).toEqual([{ ...refused(0, 0, 30e6), retryAfterUs: null }])
      await later(20e6 - 1)
      expect(await acquire(key, 'c')).toEqual([refused(0, 1, 10e6 + 1)])
      await later(1)
      expect(await acquire(key, 'c', 2)).toEqual([allowed(0, 30e6)])
    })

    it('R16 a renewal makes a lease longer, a release ends it', async () => {
      const key = newKey()
      await acquire(key, 'a', 3)
      await later(29e6)
      expect(await driver.store.renewLeases(leaseOf(key, 'a', 3))).toMatchObject({ tag: 'renewed' })
      await later(29e6)
      expect(await acquire(key, 'b')).toEqual([refused(0, 1e6, 1e6)])
      expect(await driver.store.releaseLeases(leaseOf(key, 'a', 3))).toMatchObject({
        tag: 'released',
      })
      expect(await driver.store.releaseLeases(leaseOf(key, 'a', 3))).toMatchObject({ tag: 'lost' })
      expect(await driver.store.renewLeases(leaseOf(key, 'a', 3))).toMatchObject({ tag: 'lost' })
      expect(await acquire(key, 'b', 3)).toEqual([allowed(0, 30e6)])
      expect(await driver.store.list(10)).toEqual([{ limiter: 'contract', key }])
    })

    it('R16 a lease that is over is lost, and a reset ends all', async () => {
      const key = newKey()
      await acquire(key, 'a')
      await later(30e6)
      expect(await driver.store.renewLeases(leaseOf(key, 'a'))).toMatchObject({ tag: 'lost' })
      await acquire(key, 'b', 3)
      await driver.store.reset({ limiter: 'contract', key, rules: [LEASES] })
      expect(await driver.store.renewLeases(leaseOf(key, 'b', 3))).toMatchObject({ tag: 'lost' })
      expect(await acquire(key, 'c', 3)).toEqual([allowed(0, 30e6)])
    })

    it('R16 R10 are given together with rates, or none is', async () => {
      const key = newKey()
      const rules = [LEASES, stored(fixedWindow({ limit: 2, per: '1m' }))]
      expect((await acquire(key, 'a', 2, rules)).map(admittedOnly)).toEqual([true, true])
      expect(await acquire(key, 'b', 1, rules)).toEqual([allowed(1, 30e6), refused(0, 60e6, 60e6)])
      await driver.store.releaseLeases(leaseOf(key, 'a', 2))
      await later(60e6)
      await acquire(key, 'c', 2, rules)
      await later(60e6)
      expect((await acquire(key, 'd', 3)).map(admittedOnly)).toEqual([true])
      expect(await acquire(key, 'e', 1, rules)).toEqual([refused(0, 30e6, 30e6), allowed(2, 0)])
    })

    it('R16 R6 leases of a clock that ran a day ahead let nobody in beside them, and end a lease from then', async () => {
      const key = newKey()
      driver.clock.stepWall(86_400_000)
      await acquire(key, 'a', 3)
      driver.clock.stepWall(-86_400_000)
      expect(await acquire(key, 'b')).toEqual([refused(0, 30e6, 30e6)])
      await later(30e6)
      expect((await acquire(key, 'b')).map(admittedOnly)).toEqual([true])
    })

    it('R12 R16 a request by id is given its leases once', async () => {
      const key = newKey()
      const request = { parts: parts([LEASES], key), peek: false, owner: 'a', requestId: 'a' }
      const first = await driver.store.takeTogether(request)
      expect(await driver.store.takeTogether(request)).toEqual(first)
      expect(await acquire(key, 'b', 2)).toEqual([allowed(0, 30e6)])
    })
  })

  it('R10 takes of several limiters and keys, each with its cost, are charged together or not', async () => {
    const [user, tenant] = [newKey(), newKey()]
    const perUser = stored(funnel({ capacity: 100, leak: 1, per: '1h' }))
    const perTenant = stored(fixedWindow({ limit: 2, per: '1m' }))
    const both = () =>
      driver.store.takeTogether({
        parts: [
          ...partsOf({ limiter: 'user', key: user, rules: [perUser], cost: 1, tag: 't' }),
          ...partsOf({ limiter: 'tenant', key: tenant, rules: [perTenant], cost: 2, tag: 't' }),
        ],
        peek: false,
      })
    expect((await both()).map(admittedOnly)).toEqual([true, true])
    expect((await both()).map(({ allowed, remaining }) => [allowed, remaining])).toEqual([
      ...[
        [true, 99],
        [false, 0],
      ],
    ])
    const request = { limiter: 'user', key: user, tag: 't', rule: perUser, cost: 0, peek: true }
    expect(await driver.store.take(request)).toMatchObject({ remaining: 99 })
    const listed = await driver.store.list(10)
    expect(listed).toContainEqual({ limiter: 'user', key: user })
    expect(listed).toContainEqual({ limiter: 'tenant', key: tenant })
  })

  describe('limits that change', () => {
    const narrow = {
      log: slidingLog({ limit: 2, per: '1m' }),
      window: fixedWindow({ limit: 2, per: '1m' }),
    }

    it.each([
      ['sliding log', slidingLog({ limit: 5, per: '1m' }), narrow.log, 60e6],
      ['fixed window', fixedWindow({ limit: 5, per: '1m' }), narrow.window, 180e6],
      [
        'counter',
        slidingCounter({ limit: 5, per: '30s' }),
        slidingCounter({ limit: 2, per: '30s' }),
        60e6,
      ],
      [
        ...(['funnel', funnel({ capacity: 5, leak: 1, per: '1s' })] as const),
        ...([funnel({ capacity: 2, leak: 1, per: '1s' }), 5e6] as const),
      ],
    ])(
      'a %s that becomes narrower keeps what is owed, and a wider one admits the rest',
      async (_, wide, less, owedUs) => {
        const [key, other] = [newKey(), newKey()]
        await take(stored(wide), key, 5)
        const answer = await take(stored(less), key)
        expect(answer.allowed).toBe(false)
        expect(answer.resetAfterUs).toBe(owedUs)
        await later(answer.retryAfterUs ?? 0)
        expect(await take(stored(less), key)).toMatchObject({ allowed: true })
        await take(stored(less), other, 2)
        expect(await take(stored(wide), other, 3)).toMatchObject({ allowed: true, remaining: 0 })
      },
    )
  })

  it('rates may be fractions, and periods parts of a second', async () => {
    const quick = [
      // Not shorter: a server ends keys by its own clock, which goes on while a busy machine waits.
      stored(funnel({ capacity: 2, leak: 0.25, per: 900 })),
      stored(slidingLog({ limit: 2, per: 902.5 })),
      stored(fixedWindow({ limit: 2, per: 901.25 })),
      stored(slidingCounter({ limit: 2, per: 901.5 })),
      stored(tokenBucket({ capacity: 2, refill: 0.5, per: 900 })),
    ]
    for (const rule of quick) {
      const key = newKey()
      const answers = await takeAll(rule, key, [1, 1, 1])
      expect(answers.map(admittedOnly)).toEqual([true, true, false])
      await later((answers[2]?.retryAfterUs ?? 0) - 1)
      expect(await take(rule, key)).toMatchObject({ allowed: false, retryAfterUs: 1 })
      await later(1)
      expect(await take(rule, key)).toMatchObject({ allowed: true })
    }
  })
}
