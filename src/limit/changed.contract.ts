import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { driveStore, longLog, type OpenLimitStore, stored } from './driver.contract.ts'
import { allowed, logOracle, refused } from './oracle.contract.ts'
import { fixedWindow, slidingCounter, slidingLog, tokenBucket } from './rules.ts'
import { partsOf, type StoredRule } from './store.ts'

const MINUTE_US = 60e6
const strict = (limit: number) => stored(slidingCounter({ limit, per: '1m', strict: true }))
const plain = (limit: number) => stored(slidingCounter({ limit, per: '1m' }))
const interval = (capacity: number, refill: number) =>
  stored(tokenBucket({ capacity, refill, per: '1m', mode: 'interval' }))
const aligned = (capacity: number, refill: number) =>
  stored(tokenBucket({ capacity, refill, per: '1m', mode: 'aligned' }))

const limit = fc.integer({ min: 1, max: 8 })
const changes = fc.array(
  fc.record({
    ...{ limit, isLong: fc.boolean() },
    cost: fc.integer({ min: 1, max: 9 }),
    pauseUs: fc.oneof(fc.constantFrom(0, 1, MINUTE_US - 1, MINUTE_US), fc.nat(25e6)),
  }),
  { minLength: 2, maxLength: 20 },
)

/** What every engine must do when the rule of a limiter changes while its keys are in use. */
export function changedContract(open: OpenLimitStore): void {
  const driver = driveStore(open)
  const { newKey, later, take, peek } = driver

  describe('a sliding log', () => {
    it('R1 keeps what was taken, however it was kept, and judges by its limit', async () => {
      const property = fc.asyncProperty(changes, async (steps) => {
        const [key, units] = [newKey(), [] as number[]]
        let nowUs = 0
        for (const { limit, isLong, cost, pauseUs } of steps) {
          await later(pauseUs)
          nowUs += pauseUs
          const rule = isLong
            ? longLog({ limit, per: '1m' })
            : stored(slidingLog({ limit, per: '1m' }))
          const expected = logOracle(limit, MINUTE_US, units)(nowUs, cost)
          expect(await take(rule, key, cost)).toEqual(expected)
        }
      })
      await fc.assert(property, { numRuns: 40 })
    })

    it.each([
      [true, false],
      [false, true],
    ])(
      'R11 R13 R14 gives back, owes and is blocked in either layout: %s, then %s',
      async (...layouts) => {
        const [before, after] = layouts.map((isLong) => ({
          ...(stored(slidingLog({ limit: 5, per: '1m' })) as StoredRule & { kind: 'slidingLog' }),
          isLong,
        }))
        if (!before || !after) throw new Error('two layouts')
        const key = newKey()
        const parts = (rule: StoredRule, cost: number) =>
          partsOf({ limiter: 'contract', key, rules: [rule], cost })
        await take(before, key, 3)
        await later(1e6)
        await driver.store.block({ parts: parts(after, 0), forUs: 10e6 })
        expect(await take(after, key)).toMatchObject({ allowed: false, retryAfterUs: 10e6 })
        await driver.store.penalize(parts(after, 4))
        expect(await take(before, key)).toMatchObject({ allowed: false })
        await later(10e6)
        expect(await peek(after, key, 0)).toMatchObject({ remaining: 0, resetAfterUs: 50e6 })
        expect(await take(before, key, -5)).toMatchObject({ remaining: 3 })
        expect(await take(after, key, 3)).toEqual(allowed(0, MINUTE_US))
        await driver.store.reset({ limiter: 'contract', key, rules: [before] })
        expect(await take(before, key, 5)).toEqual(allowed(0, MINUTE_US))
      },
    )
  })

  describe('a strict counter', () => {
    it('R9 keeps what was taken when its limit changes, and frees it when it would have', async () => {
      const key = newKey()
      expect(await take(strict(8), key, 6)).toEqual(allowed(2, 66e6))
      await later(20e6)
      expect(await take(strict(4), key)).toEqual(refused(0, 46e6, 46e6))
      expect(await take(strict(10), key, 3)).toEqual(allowed(1, 64e6))
      await later(46e6 - 1)
      expect(await take(strict(4), key)).toEqual(refused(0, 1, 18e6 + 1))
      await later(1)
      expect(await take(strict(4), key)).toEqual(allowed(0, MINUTE_US + 6e6))
    })

    it('R9 never admits above the limit of the moment, whatever it was before', async () => {
      const property = fc.asyncProperty(changes, async (steps) => {
        const [key, taken] = [newKey(), [] as { atUs: number; units: number }[]]
        let nowUs = 0
        for (const { limit, cost, pauseUs } of steps) {
          await later(pauseUs)
          nowUs += pauseUs
          const answer = await take(strict(limit), key, cost)
          if (!answer.allowed) continue
          taken.push({ atUs: nowUs, units: cost })
          const inside = taken.filter(({ atUs }) => atUs > nowUs - MINUTE_US)
          expect(inside.reduce((sum, { units }) => sum + units, 0)).toBeLessThanOrEqual(limit)
        }
      })
      await fc.assert(property, { numRuns: 30 })
    })

    it('R9 that is strict no longer counts all of its tenths as what came before', async () => {
      const key = newKey()
      await take(strict(10), key, 6)
      await later(30e6)
      await take(strict(10), key, 3)
      // 6 of the slice that is leaving, of which all is still inside, and 3 of the newest.
      expect(await peek(plain(10), key, 0)).toMatchObject({ remaining: 1, allowed: true })
      await later(30e6)
      // Half of the 6 has left.
      expect(await take(plain(10), key, 5)).toMatchObject({ allowed: false, remaining: 4 })
      expect(await take(plain(10), key, 4)).toMatchObject({ allowed: true, remaining: 0 })
    })

    it('R9 R6 that becomes strict counts its slices as tenths, and refuses nobody for longer than a period', async () => {
      const key = newKey()
      await take(plain(4), key, 4)
      expect(await take(strict(4), key)).toEqual(refused(0, 66e6, 66e6))
      await later(66e6)
      expect(await take(strict(4), key, 4)).toEqual(allowed(0, 66e6))
    })

    it('counts its slices as if they were of the new length when `per` changes', async () => {
      const key = newKey()
      await take(strict(4), key, 4)
      const hourly = stored(slidingCounter({ limit: 4, per: '1h', strict: true }))
      expect(await take(hourly, key)).toEqual(refused(0, 66 * MINUTE_US, 66 * MINUTE_US))
      expect(await take(strict(4), key)).toEqual(refused(0, 66e6, 66e6))
    })
  })

  describe.each([
    ['an interval bucket', interval],
    ['an aligned bucket', aligned],
  ])('%s', (_, bucket) => {
    it('R8 keeps what is missing when its capacity or refill changes', async () => {
      const key = newKey()
      expect(await take(bucket(10, 5), key, 8)).toEqual(allowed(2, 2 * MINUTE_US))
      // 8 are missing of 5: with the next one 4 have to come first, 2 by 2.
      expect(await take(bucket(5, 2), key)).toEqual(refused(0, 2 * MINUTE_US, 4 * MINUTE_US))
      expect(await take(bucket(20, 20), key, 12)).toEqual(allowed(0, MINUTE_US))
      await later(MINUTE_US)
      // 5 of the 20 that are missing have come back.
      expect(await take(bucket(10, 5), key, 10)).toEqual(refused(0, 3 * MINUTE_US, 3 * MINUTE_US))
    })

    it('R8 never has more free than the bucket of the moment lacks', async () => {
      const property = fc.asyncProperty(changes, async (steps) => {
        const key = newKey()
        // Only takes of the minute that is under way are sure to be missing still.
        let [nowUs, thisMinute, minute] = [0, 0, -1]
        const startUs = Number((driver.clock.storeUs() ?? 0) % MINUTE_US)
        for (const { limit, cost, pauseUs } of steps) {
          await later(pauseUs)
          nowUs += pauseUs
          const current = Math.floor((startUs + nowUs) / MINUTE_US)
          if (current !== minute) [thisMinute, minute] = [0, current]
          const answer = await take(aligned(limit, limit), key, cost)
          if (!answer.allowed) continue
          thisMinute += cost
          expect(thisMinute).toBeLessThanOrEqual(limit)
        }
      })
      await fc.assert(property, { numRuns: 20 })
    })
  })

  describe('a bucket whose steps change', () => {
    it('R8 is one still: windows, intervals and the clock share what is missing', async () => {
      const [key, window] = [newKey(), stored(fixedWindow({ limit: 6, per: '1m' }))]
      await later(15e6)
      expect(await take(window, key, 4)).toEqual(allowed(2, MINUTE_US))
      expect(await peek(interval(6, 2), key, 3)).toEqual(refused(2, MINUTE_US, 2 * MINUTE_US))
      expect(await peek(aligned(6, 2), key, 3)).toEqual(refused(2, 45e6, 105e6))
      expect(await take(aligned(6, 2), key, 2)).toEqual(allowed(0, 165e6))
      await later(45e6)
      expect(await take(interval(6, 2), key, 3)).toEqual(refused(2, MINUTE_US, 2 * MINUTE_US))
      expect(await take(interval(6, 2), key, 2)).toEqual(allowed(0, 3 * MINUTE_US))
    })

    it('R6 refuses nobody for longer than its new steps take', async () => {
      const key = newKey()
      const daily = stored(tokenBucket({ capacity: 4, refill: 1, per: '1d', mode: 'interval' }))
      await take(daily, key, 4)
      expect(await take(interval(4, 1), key, 2)).toEqual(refused(0, 2 * MINUTE_US, 4 * MINUTE_US))
      await later(2 * MINUTE_US)
      expect(await take(interval(4, 1), key, 2)).toMatchObject({ allowed: true })
    })
  })
}
