import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { testClock } from '../testing/clock.ts'
import { stored } from './driver.contract.ts'
import { LocalJudge } from './local-judge.ts'
import { type Admission, mostInAnyWindow, mostOverPace } from './oracle.contract.ts'
import { fixedWindow, funnel, slidingLog } from './rules.ts'

const PER_US = 10_000_000
const LOG = stored(slidingLog({ limit: 5, per: '10s' }))
const FUNNEL = stored(funnel({ capacity: 4, leak: 3, per: '10s' }))

describe('rules judged by one process', () => {
  const steps = fc.array(
    fc.record({
      pauseMs: fc.oneof(fc.constantFrom(0, 1, 1_000, 9_999, 10_000), fc.nat(4_000)),
      stepMs: fc.constantFrom(0, 0, 0, -60_000, 60_000),
      costs: fc.array(fc.integer({ min: 1, max: 4 }), { maxLength: 4 }),
      isAtMost: fc.boolean(),
    }),
    { maxLength: 20 },
  )

  it.each([
    { rule: LOG, excess: (admitted: Admission[]) => mostInAnyWindow(admitted, PER_US) - 5 },
    {
      rule: FUNNEL,
      excess: (admitted: Admission[]) => mostOverPace(admitted, { leak: 3, per: 10_000 }) - 4,
    },
  ])(
    'keep to the bound of a $rule.kind, whatever the clock of the machine does',
    async ({ rule, excess }) => {
      await fc.assert(
        fc.asyncProperty(steps, async (list) => {
          const clock = testClock()
          const judge = new LocalJudge([rule], clock)
          const admitted: Admission[] = []
          for (const { pauseMs, stepMs, costs, isAtMost } of list) {
            await clock.advance(pauseMs)
            clock.stepWall(stepMs)
            const atUs = clock.monotonicMs() * 1000
            for (const cost of costs) {
              if (isAtMost) admitted.push({ atUs, units: judge.takeAtMost('key', cost).units })
              else if (judge.take('key', cost, false)[0]?.allowed)
                admitted.push({ atUs, units: cost })
            }
          }
          expect(excess(admitted)).toBeLessThanOrEqual(0)
        }),
        { numRuns: 60 },
      )
    },
  )

  it('are charged together or not at all, and a peek charges nothing', () => {
    const judge = new LocalJudge([LOG, FUNNEL], testClock())
    expect(judge.take('key', 5, false).map(({ allowed }) => allowed)).toEqual([true, false])
    judge.take('key', 4, true)
    expect(judge.takeAtMost('key', 9)).toMatchObject({
      units: 4,
      answers: [{ remaining: 1 }, { remaining: 0 }],
    })
    expect(judge.takeAtMost('key', 9)).toMatchObject({
      units: 0,
      answers: [{}, { allowed: false }],
    })
  })

  it('have room for so many keys: further ones share one state until it is as good as new', async () => {
    const clock = testClock()
    const judge = new LocalJudge([stored(fixedWindow({ limit: 2, per: '10s' }))], clock, 2)
    const take = (key: string) => judge.take(key, 1, false)[0]?.allowed
    expect([take('a'), take('b')]).toEqual([true, true])
    await clock.advance(5_000)
    expect([take('c'), take('d'), take('e')]).toEqual([true, true, false])
    expect([take('a'), take('a')]).toEqual([true, false])
    // There is room again, but who shared would begin anew.
    await clock.advance(9_999)
    expect([take('c'), take('new')]).toEqual([false, false])
    await clock.advance(1)
    expect([take('c'), take('c'), take('c')]).toEqual([true, true, false])
  })
})
