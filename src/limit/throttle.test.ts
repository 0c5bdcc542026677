import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { engines, type OpenedEngine } from '../../test/engines.ts'
import { seededNumbers } from '../../test/seeded.ts'
import { createLimiter, type Limiter } from './limiter.ts'
import { openNearby } from './nearby.ts'
import { funnel, type Rule } from './rules.ts'
import { type ThrottleNumbers, throttleNumbers } from './throttle.ts'

/**
 * `[ms, quantity, remaining, reset ms, retry ms, limited]` for 5 at once and 1 a second: cases that
 * throttled (github.com/throttled/throttled) and redis-cell (github.com/brandur/redis-cell) share,
 * and the last one of the former.
 */
const VECTORS: [number, number, number, number, number, boolean][] = [
  [0, 6, 5, 0, -1, true],
  [0, 1, 4, 1_000, -1, false],
  [0, 1, 3, 2_000, -1, false],
  [0, 1, 2, 3_000, -1, false],
  [0, 1, 1, 4_000, -1, false],
  [0, 1, 0, 5_000, -1, false],
  [0, 1, 0, 5_000, 1_000, true],
  [3_000, 1, 2, 3_000, -1, false],
  [3_100, 1, 1, 3_900, -1, false],
  [4_000, 1, 1, 4_000, -1, false],
  [8_000, 1, 4, 1_000, -1, false],
  [9_500, 1, 4, 1_000, -1, false],
  [9_500, 0, 4, 1_000, -1, false],
  [9_500, 2, 2, 3_000, -1, false],
  [9_500, 5, 2, 3_000, 3_000, true],
  [15_000, 6, 5, 0, -1, true],
]

const SEQUENCES = 10_000
const RULES = 50
const STEPS = 12

interface Quota {
  maxBurst: number
  count: number
  periodSeconds: number
}

/** As ITU-T I.371 has it: one theoretical arrival time, in whole fractions of a microsecond. */
function arrivalModel({ maxBurst, count, periodSeconds }: Quota) {
  const emission = BigInt(periodSeconds) * 1_000_000n
  const tolerance = emission * BigInt(maxBurst + 1)
  const second = BigInt(count) * 1_000_000n
  const seconds = (time: bigint) => Number((time + second - 1n) / second)
  let arrival = 0n
  return (nowUs: number, quantity: number): ThrottleNumbers => {
    const now = BigInt(nowUs) * BigInt(count)
    const due = arrival > now ? arrival : now
    const next = due + emission * BigInt(quantity)
    const earliest = next - tolerance
    const limited = earliest > now
    if (!limited) arrival = next
    const debt = (limited ? due : next) - now
    const isPossible = quantity <= maxBurst + 1
    return [
      limited ? 1 : 0,
      maxBurst + 1,
      Number((tolerance - debt) / emission),
      limited && isPossible ? seconds(earliest - now) : -1,
      seconds(debt),
    ]
  }
}

const throttle = async (limiter: Limiter, key: string, quantity: number) =>
  quantity === 0 ? limiter.peek(key, { cost: 0 }) : limiter.take(key, { cost: quantity })

// On the others it would be the same arithmetic by a longer way.
const fast = engines.filter(({ label }) => label === 'memory' || label === 'redis')

describe.each(fast)('the numbers of CL.THROTTLE on $name', ({ open }) => {
  let opened: OpenedEngine
  beforeEach(async () => {
    opened = await open()
  })
  afterEach(() => opened.close())
  const openLimiter = (name: string, rule: Rule) => {
    const store = opened.first.limit
    return createLimiter(store, name, rule, {}, openNearby(store, opened.clock))
  }

  it('are those of 16 vectors of throttled and redis-cell', async () => {
    // A hundred times as slow: the server drops keys by its own clock, which stands still beside.
    const rule = funnel({ capacity: 5, leak: 1, per: '100s' })
    const limiter = openLimiter('vectors', rule)
    const seconds = (ms: number) => (ms < 0 ? -1 : ms / 10)
    let passedMs = 0
    for (const [atMs, quantity, remaining, resetMs, retryMs, limited] of VECTORS) {
      await opened.clock.advance((atMs - passedMs) * 100)
      passedMs = atMs
      const numbers = throttleNumbers(await throttle(limiter, 'key', quantity))
      const expected = [limited ? 1 : 0, 5, remaining, seconds(retryMs), seconds(resetMs)]
      expect(numbers, `${quantity} after ${atMs} ms`).toEqual(expected)
    }
  })

  it('are whole seconds, rounded up: who waits for them is not refused again', async () => {
    const rule = funnel({ capacity: 1, leak: 1, per: '1m' })
    const limiter = openLimiter('rounded', rule)
    await limiter.take('key')
    await opened.clock.advance(58_999)
    expect(throttleNumbers(await limiter.take('key'))).toEqual([1, 1, 0, 2, 2])
  })

  it(`are those of an arrival time in whole numbers, in ${SEQUENCES} random sequences`, {
    timeout: 120_000,
  }, async () => {
    const random = seededNumbers(20_260_101)
    const below = (count: number) => Math.floor(random() * count)
    const sequences = Array.from({ length: SEQUENCES }, (_, index) => index)
    const quotas = Array.from({ length: RULES }, () => ({
      ...{ maxBurst: below(9), count: 1 + below(13), periodSeconds: 600 + below(6_000) },
    }))
    const limiters = quotas.map(({ maxBurst, count, periodSeconds }, index) => {
      const rule = funnel({ capacity: maxBurst + 1, leak: count, per: periodSeconds * 1_000 })
      return openLimiter(`quota ${index}`, rule)
    })
    const models = sequences.map((index) => arrivalModel(quotas[index % RULES] as Quota))
    let nowUs = 0
    for (let step = 0; step < STEPS; step++) {
      const pauseUs = below(4) === 0 ? 0 : below(600_000_000)
      await opened.clock.advance(pauseUs / 1_000)
      nowUs += pauseUs
      const quantities = sequences.map(() => below(6))
      const verdicts = await Promise.all(
        sequences.map((index) =>
          throttle(limiters[index % RULES] as Limiter, `key ${index}`, quantities[index] ?? 0),
        ),
      )
      const different = sequences.filter((index) => {
        const model = models[index]?.(nowUs, quantities[index] ?? 0)
        return String(verdicts[index] && throttleNumbers(verdicts[index])) !== String(model)
      })
      expect(different).toEqual([])
    }
  })
})
