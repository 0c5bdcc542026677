import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { driveStore, longLog, type OpenLimitStore, stored } from './driver.contract.ts'
import { fixedWindow, funnel, slidingCounter, slidingLog, tokenBucket } from './rules.ts'
import type { StoredRule } from './store.ts'

/** Paces mostly without an end in binary, and periods that do not fit whole steps. */
const RULES: { kind: string; rule: StoredRule }[] = [
  { kind: 'sliding log', rule: stored(slidingLog({ limit: 12, per: '1m' })) },
  { kind: 'long sliding log', rule: longLog({ limit: 12, per: '1m' }) },
  { kind: 'funnel', rule: stored(funnel({ capacity: 12, leak: 7, per: '1m' })) },
  { kind: 'fast funnel', rule: stored(funnel({ capacity: 9, leak: 13, per: 101 })) },
  { kind: 'fixed window', rule: stored(fixedWindow({ limit: 12, per: '1m' })) },
  {
    kind: 'token bucket',
    rule: stored(tokenBucket({ capacity: 12, refill: 5, per: '20s', mode: 'interval' })),
  },
  {
    kind: 'aligned bucket',
    rule: stored(tokenBucket({ capacity: 12, refill: 7, per: '37s', mode: 'aligned' })),
  },
  { kind: 'counter', rule: stored(slidingCounter({ limit: 12, per: '30s' })) },
  { kind: 'strict counter', rule: stored(slidingCounter({ limit: 12, per: '1m', strict: true })) },
]

const STEPS = fc.array(
  fc.record({
    pauseUs: fc.oneof(fc.constantFrom(0, 1, 999_999, 20e6, 37e6, 60e6), fc.nat(25e6)),
    // Below 0 a clock steps back: what is stored is then from the future.
    stepUs: fc.oneof({ weight: 4, arbitrary: fc.constant(0) }, fc.integer({ min: -90e6, max: 0 })),
    cost: fc.integer({ min: 1, max: 14 }),
    times: fc.integer({ min: 1, max: 20 }),
  }),
  { minLength: 1, maxLength: 8 },
)

/** What every engine must do with equal takes that are judged at once. */
export function timesContract(open: OpenLimitStore): void {
  const driver = driveStore(open)
  const { newKey, later, takeAll, peek } = driver

  describe.each(RULES)('$kind', ({ rule }) => {
    it('R7 are answered, and leave the key, as if they came one after the other', async () => {
      await fc.assert(
        fc.asyncProperty(STEPS, async (steps) => {
          const [together, apart, other] = [newKey(), newKey(), newKey()]
          for (const { pauseUs, stepUs, cost, times } of steps) {
            await later(pauseUs)
            driver.clock.stepWall(stepUs / 1000)
            const request = { limiter: 'contract', key: together, rule, cost, peek: false }
            // A store may forget some of what is over with any take: not between the two, after a step back.
            await driver.take(rule, other)
            // Of one tick, so that both meet the same moment.
            const [merged, single] = await Promise.all([
              driver.store.takeTimes(request, times),
              takeAll(rule, apart, new Array(times).fill(cost)),
            ])
            expect(merged).toEqual(single)
            const [left, leftApart] = await Promise.all([
              peek(rule, together, 0),
              peek(rule, apart, 0),
            ])
            expect(left).toEqual(leftApart)
          }
          // It forgets sixteen at a time: of many, one of the two might be left.
          for (const key of [together, apart, other]) {
            await driver.store.reset({ limiter: 'contract', key, rules: [rule] })
          }
        }),
        { numRuns: 25 },
      )
    })

    it('R7 stand in the order of calls with takes of their tick', async () => {
      const key = newKey()
      const request = { limiter: 'contract', key, rule, cost: 2, peek: false }
      const limit = 'capacity' in rule ? rule.capacity : rule.limit
      const [first, several, last] = await Promise.all([
        driver.store.take({ ...request, cost: 1 }),
        driver.store.takeTimes(request, 3),
        driver.store.take({ ...request, cost: 1 }),
      ])
      const left = [first, ...several, last].map(({ remaining }) => limit - remaining)
      expect(left).toEqual([1, 3, 5, 7, 8])
    })
  })
}
