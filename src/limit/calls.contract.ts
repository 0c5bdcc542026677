import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { driveStore, longLog, type OpenLimitStore, stored } from './driver.contract.ts'
import { allowed, refused } from './oracle.contract.ts'
import { fixedWindow, funnel, slidingCounter, slidingLog, tokenBucket } from './rules.ts'
import type { StoredRule } from './store.ts'

const RULES: { kind: string; rule: StoredRule }[] = [
  { kind: 'sliding log', rule: stored(slidingLog({ limit: 5, per: '1m' })) },
  { kind: 'long sliding log', rule: longLog({ limit: 5, per: '1m' }) },
  { kind: 'funnel', rule: stored(funnel({ capacity: 5, leak: 0.7, per: '7s' })) },
  { kind: 'fixed window', rule: stored(fixedWindow({ limit: 5, per: '1m' })) },
  {
    kind: 'token bucket',
    rule: stored(tokenBucket({ capacity: 5, refill: 2, per: '20s', mode: 'interval' })),
  },
  { kind: 'counter', rule: stored(slidingCounter({ limit: 5, per: '30s' })) },
  { kind: 'strict counter', rule: stored(slidingCounter({ limit: 5, per: '1m', strict: true })) },
]
const SLOW = stored(funnel({ capacity: 3, leak: 1, per: '1h' }))

/** What every engine must do with calls other than take and peek. */
export function callsContract(open: OpenLimitStore): void {
  const driver = driveStore(open)
  const { newKey, later, take, takeAll, peek } = driver
  const demand = (rules: readonly StoredRule[], key: string, cost = 1) => ({
    ...{ limiter: 'contract', key, rules, cost, peek: false },
  })

  describe.each(RULES)('$kind', ({ rule }) => {
    it('R11 what is given back at once leaves the key as it was, also when it is given twice', async () => {
      const steps = fc.array(
        fc.record({
          pauseUs: fc.nat(20e6),
          cost: fc.integer({ min: 1, max: 5 }),
          units: fc.integer({ min: 1, max: 7 }),
        }),
        { minLength: 1, maxLength: 8 },
      )
      await fc.assert(
        fc.asyncProperty(steps, async (list) => {
          const key = newKey()
          for (const { pauseUs, cost, units } of list) {
            await later(pauseUs)
            const before = (await peek(rule, key, 0)).remaining
            const { allowed } = await take(rule, key, cost)
            const left = allowed ? before - cost : before
            const { remaining } = await take(rule, key, -units)
            // Of a counter, a unit of the slice that is leaving may free less than one.
            if (rule.kind !== 'counter') expect(remaining).toBe(Math.min(5, left + units))
            else if (allowed && units <= cost) expect(remaining).toBe(left + units)
            expect(remaining).toBeLessThanOrEqual(5)
            expect(await peek(rule, key, 0)).toMatchObject({ remaining })
          }
          await take(rule, key, -1000)
          expect(await peek(rule, key, 0)).toEqual(allowed(5, 0))
          expect((await takeAll(rule, key, [5, 1])).map((answer) => answer.allowed)).toEqual([
            ...[true, false],
          ])
        }),
        { numRuns: 12 },
      )
    })

    it('R11 takes among what is given back in the same microsecond are all counted', async () => {
      const wide = { ...rule, ...('capacity' in rule ? { capacity: 50 } : { limit: 50 }) }
      const key = newKey()
      const answers = await takeAll(wide, key, [12, -1, 1, -3, 3, -11, 11, 38, 1])
      const left = [38, 39, 38, 41, 38, 49, 38, 0, 0]
      expect(answers.map(({ remaining }) => remaining)).toEqual(left)
    })

    it('R11 what is given back of nothing leaves no key', async () => {
      await take(rule, newKey(), -3)
      expect(await driver.store.list(10)).toEqual([])
    })

    it('R11 the wait is worked out anew', async () => {
      const key = newKey()
      await takeAll(rule, key, [3, 2])
      await later(1_000_000)
      await take(rule, key, -1)
      const { retryAfterUs } = await peek(rule, key, 2)
      expect(retryAfterUs).toBeGreaterThan(0)
      await later((retryAfterUs ?? 0) - 1)
      expect(await peek(rule, key, 2)).toMatchObject({ allowed: false, retryAfterUs: 1 })
      await later(1)
      expect(await take(rule, key, 2)).toMatchObject({ allowed: true })
    })

    it('a reset makes it as good as new, and only it', async () => {
      const [key, other] = [newKey(), newKey()]
      await take(rule, key, 5)
      await take(rule, other, 5)
      await driver.store.reset({ limiter: 'contract', key, rules: [rule] })
      expect(await peek(rule, key, 0)).toEqual(allowed(5, 0))
      expect(await driver.store.list(10)).toEqual([{ limiter: 'contract', key: other }])
      expect(await take(rule, key, 5)).toMatchObject({ allowed: true })
      expect(await take(rule, key)).toMatchObject({ allowed: false })
      await driver.store.reset({ limiter: 'contract', key, rules: [rule] })
      await driver.store.reset({ limiter: 'contract', key: newKey(), rules: [rule] })
      expect(await peek(rule, key, 0)).toMatchObject({ remaining: 5 })
    })

    it('takes at most what is left', async () => {
      const key = newKey()
      await take(rule, key, 2)
      const part = await driver.store.takeAtMost(demand([rule], key, 9))
      expect(part).toMatchObject({ units: 3, answers: [{ allowed: true, remaining: 0 }] })
      const none = await driver.store.takeAtMost(demand([rule], key, 9))
      expect(none).toEqual({ units: 0, answers: [await peek(rule, key, 1)] })
      expect(none.answers).toMatchObject([{ allowed: false }])
    })
  })

  describe('several rules', () => {
    const [minute] = RULES.map(({ rule }) => rule)
    if (minute === undefined) throw new Error('there is no rule')
    const rules = [minute, SLOW]

    it('R10 take at most what the narrowest has left, and all of them are charged as much', async () => {
      const key = newKey()
      expect(await driver.store.takeAtMost(demand(rules, key, 9))).toEqual({
        ...{ units: 3, answers: [allowed(2, 60e6), allowed(0, 3 * 3_600e6)] },
      })
      expect(await driver.store.takeAtMost(demand(rules, key, 1))).toEqual({
        ...{ units: 0, answers: [allowed(2, 60e6), refused(0, 3_600e6, 3 * 3_600e6)] },
      })
    })

    it('R10 R11 give back together, and are reset together', async () => {
      const key = newKey()
      await driver.store.takeSeveral(demand(rules, key, 3))
      const answers = await driver.store.takeSeveral(demand(rules, key, -2))
      expect(answers.map(({ remaining }) => remaining)).toEqual([4, 2])
      await driver.store.reset({ limiter: 'contract', key, rules })
      expect(await driver.store.list(10)).toEqual([])
      expect(await peek(SLOW, key, 0)).toEqual(allowed(3, 0))
    })
  })
}
