import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  admittedOnly,
  driveStore,
  longLog,
  type OpenLimitStore,
  stored,
} from './driver.contract.ts'
import { allowed, refused, stepsOver } from './oracle.contract.ts'
import { fixedWindow, funnel, slidingCounter, slidingLog, tokenBucket } from './rules.ts'
import type { StoredRule } from './store.ts'

const limit = fc.integer({ min: 1, max: 12 })
const per = fc.integer({ min: 60_000, max: 240_000 })
const anyRule: fc.Arbitrary<StoredRule> = fc.oneof(
  fc.record({ limit, per }).map((options) => stored(slidingLog(options))),
  fc.record({ limit, per }).map(longLog),
  fc.record({ limit, per }).map((options) => stored(fixedWindow(options))),
  fc.record({ limit, per, strict: fc.boolean() }).map((options) => stored(slidingCounter(options))),
  fc.record({ capacity: limit, leak: limit, per }).map((options) => stored(funnel(options))),
  fc
    .record({ capacity: limit, refill: fc.constant(1), per })
    .map((options) => stored(tokenBucket({ ...options, mode: 'aligned' }))),
)
const anyRules = fc.array(anyRule, { minLength: 2, maxLength: 4 })

const FEW_A_MINUTE = stored(slidingLog({ limit: 2, per: '1m' }))
const SOME_A_DAY = stored(fixedWindow({ limit: 5, per: '1d' }))

/** What every engine must do with several rules of one take. */
export function severalContract(open: OpenLimitStore): void {
  const driver = driveStore(open)
  const { newKey, later, take, peek } = driver
  const takeBoth = (rules: readonly StoredRule[], key: string, cost = 1, isPeek = false) =>
    driver.store.takeSeveral({ limiter: 'contract', key, rules, cost, peek: isPeek })

  describe('several rules', () => {
    it('R10 the narrow one refuses first, then the wide one, and neither is charged for the other', async () => {
      const rules = [FEW_A_MINUTE, SOME_A_DAY]
      const key = newKey()
      const day = 86_400e6
      expect(await takeBoth(rules, key, 2)).toEqual([allowed(0, 60e6), allowed(3, day)])
      expect(await takeBoth(rules, key)).toEqual([refused(0, 60e6, 60e6), allowed(3, day)])
      await later(60e6)
      expect(await takeBoth(rules, key, 2)).toEqual([allowed(0, 60e6), allowed(1, day - 60e6)])
      await later(60e6)
      const rest = day - 120e6
      expect(await takeBoth(rules, key, 2)).toEqual([allowed(2, 0), refused(1, rest, rest)])
      expect(await takeBoth(rules, key)).toEqual([allowed(1, 60e6), allowed(0, rest)])
    })

    it('R10 R4 answers as each rule alone would, charged together or not at all', async () => {
      await fc.assert(
        fc.asyncProperty(anyRules, stepsOver(60_000_000), async (rules, steps) => {
          const key = newKey()
          const alone = rules.map((rule) => ({ rule, key: newKey() }))
          for (const { pauseUs, costs } of steps) {
            await later(pauseUs)
            for (const cost of costs) {
              const peeks = await Promise.all(alone.map((one) => peek(one.rule, one.key, cost)))
              const isAllowed = peeks.every(admittedOnly)
              const expected = await Promise.all(
                alone.map(async (one, index) => {
                  if (isAllowed) return take(one.rule, one.key, cost)
                  return peeks[index]?.allowed ? peek(one.rule, one.key, 0) : peeks[index]
                }),
              )
              if (isAllowed) expect(await takeBoth(rules, key, cost, true)).toEqual(peeks)
              expect(await takeBoth(rules, key, cost)).toEqual(expected)
            }
          }
        }),
        { numRuns: 12 },
      )
    })

    it('R10 R4 all admit when the longest wait is over, and not a microsecond before', async () => {
      await fc.assert(
        fc.asyncProperty(anyRules, fc.nat(50e6), limit, async (rules, pauseUs, cost) => {
          const key = newKey()
          await takeBoth(rules, key)
          await later(pauseUs)
          await takeBoth(rules, key, cost)
          const waits = (await takeBoth(rules, key, cost)).map((answer) => answer.retryAfterUs)
          if (waits.includes(null) || waits.every((waitUs) => waitUs === 0)) return
          await later(Math.max(...waits.map(Number)) - 1)
          expect((await takeBoth(rules, key, cost)).every(admittedOnly)).toBe(false)
          await later(1)
          expect((await takeBoth(rules, key, cost)).every(admittedOnly)).toBe(true)
        }),
        { numRuns: 12 },
      )
    })

    it('R10 a cost that one of them can never admit says so of that one', async () => {
      const answers = await takeBoth([FEW_A_MINUTE, SOME_A_DAY], newKey(), 3)
      expect(answers).toEqual([{ ...refused(2, 0, 0), retryAfterUs: null }, allowed(5, 0)])
    })

    it('R3 a refusal and a peek change nothing', async () => {
      const rules = [SOME_A_DAY, FEW_A_MINUTE, stored(funnel({ capacity: 9, leak: 1, per: '1h' }))]
      const key = newKey()
      await takeBoth(rules, key, 2, true)
      await takeBoth(rules, key, 3)
      expect(await driver.store.list(10)).toEqual([])
      await takeBoth(rules, key)
      const before = await takeBoth(rules, key, 0, true)
      await takeBoth(rules, key, 2)
      await takeBoth(rules, key, 9)
      expect(await takeBoth(rules, key, 0, true)).toEqual(before)
      expect(await driver.store.list(10)).toEqual([{ limiter: 'contract', key }])
    })

    it('R7 takes of one tick are judged in call order, with those of a single rule among them', async () => {
      const rules = [FEW_A_MINUTE, SOME_A_DAY]
      const key = newKey()
      const answers = await Promise.all([2, 1, 1].map((cost) => takeBoth(rules, key, cost)))
      expect(answers.map((both) => both.every(admittedOnly))).toEqual([true, false, false])
      expect(await peek(FEW_A_MINUTE, key)).toMatchObject({ allowed: false })
    })

    it('R10 two rules of one kind keep apart, and a rule that is added leaves the first as it is', async () => {
      const slow = stored(slidingLog({ limit: 3, per: '1h' }))
      const key = newKey()
      await take(FEW_A_MINUTE, key, 2)
      const answers = await takeBoth([FEW_A_MINUTE, slow], key)
      expect(answers).toEqual([refused(0, 60e6, 60e6), allowed(3, 0)])
      await later(60e6)
      await takeBoth([FEW_A_MINUTE, slow], key, 2)
      expect(await peek(FEW_A_MINUTE, key, 0)).toMatchObject({ remaining: 0 })
      await later(60e6)
      expect((await takeBoth([FEW_A_MINUTE, slow], key, 2)).map(admittedOnly)).toEqual([
        ...[true, false],
      ])
    })

    it('R6 a clock that stepped back a day refuses nobody for longer than a period', async () => {
      const rules = [
        FEW_A_MINUTE,
        stored(fixedWindow({ limit: 2, per: '1m' })),
        stored(slidingCounter({ limit: 2, per: '30s' })),
      ]
      const key = newKey()
      await takeBoth(rules, key, 2)
      driver.clock.stepWall(-86_400_000)
      for (let tenth = 0; tenth <= 10; tenth++) {
        const answers = await takeBoth(rules, key)
        if (answers.every(admittedOnly)) return
        await later(6e6)
      }
      throw new Error('refused for longer than a period')
    })
  })
}
