import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { driveStore, type OpenLimitStore, stored } from './driver.contract.ts'
import { bucketModel, counterModel, mostOverSteps } from './models.contract.ts'
import { allowed, mostInAnyWindow, refused, stepsOver } from './oracle.contract.ts'
import { fixedWindow, slidingCounter, tokenBucket } from './rules.ts'

/** Long enough that no key of an engine with a clock of its own expires during a run. */
const PER_US = 60_000_000

const bucketOptions = fc.integer({ min: 1, max: 8 }).chain((capacity) =>
  fc.record({
    capacity: fc.constant(capacity),
    refill: fc.integer({ min: 1, max: capacity }),
    mode: fc.constantFrom('interval' as const, 'aligned' as const),
  }),
)
const counterOptions = fc.record({
  limit: fc.integer({ min: 1, max: 8 }),
  /** Mostly ones that no number of slices divides. */
  per: fc.integer({ min: 50_000, max: 70_000 }),
  strict: fc.boolean(),
})
const runs = { numRuns: 15 }

/** What every engine must do with rules that count by steps and slices. */
export function countedContract(open: OpenLimitStore): void {
  const driver = driveStore(open)
  const { newKey, later, takeAll, take, peek, admissions, compare } = driver

  describe('R8 bucket', () => {
    it('R8 a fixed window begins with the first take, and ends for all of its units at once', async () => {
      const rule = stored(fixedWindow({ limit: 3, per: '1m' }))
      const key = newKey()
      await later(12_345_678)
      expect(await take(rule, key)).toEqual(allowed(2, 60e6))
      await later(59e6)
      expect(await take(rule, key, 2)).toEqual(allowed(0, 1e6))
      expect(await take(rule, key)).toEqual(refused(0, 1e6, 1e6))
      await later(1e6)
      // Two windows may meet: twice the limit in two seconds.
      expect(await take(rule, key, 3)).toEqual(allowed(0, 60e6))
    })

    it('R8 a bucket gets its refills at once, from its first take on', async () => {
      const rule = stored(tokenBucket({ capacity: 5, refill: 2, per: '1m', mode: 'interval' }))
      const key = newKey()
      expect(await take(rule, key, 5)).toEqual(allowed(0, 180e6))
      expect(await take(rule, key, 3)).toEqual(refused(0, 120e6, 180e6))
      await later(60e6)
      expect(await take(rule, key)).toEqual(allowed(1, 120e6))
      await later(200e6)
      expect(await take(rule, key, 5)).toEqual(allowed(0, 180e6))
    })

    it('R8 an aligned bucket gets them at multiples of its interval, the first one too', async () => {
      const rule = stored(tokenBucket({ capacity: 5, refill: 5, per: '1d', mode: 'aligned' }))
      const [hourUs, dayUs] = [3_600e6, 86_400e6]
      // The test's clock begins at midnight in UTC.
      await later(20 * hourUs)
      expect(await take(rule, 'user', 5)).toEqual(allowed(0, 4 * hourUs))
      expect(await take(rule, 'user')).toEqual(refused(0, 4 * hourUs, 4 * hourUs))
      await later(4 * hourUs)
      expect(await take(rule, 'user')).toEqual(allowed(4, dayUs))
    })

    it('R8 never admits more than it holds and its refills in any window', async () => {
      await fc.assert(
        fc.asyncProperty(bucketOptions, stepsOver(PER_US), async (options, steps) => {
          const rule = stored(tokenBucket({ ...options, per: '1m' }))
          const over = mostOverSteps(await admissions(rule, steps), {
            ...{ perStep: options.refill, stepUs: PER_US },
          })
          expect(over).toBeLessThanOrEqual(options.capacity)
        }),
        runs,
      )
    })

    it('R8 R4 answers as a bucket that is filled step by step', async () => {
      await fc.assert(
        fc.asyncProperty(bucketOptions, stepsOver(PER_US), async (options, steps) => {
          const rule = stored(tokenBucket({ ...options, per: '1m' }))
          const intervalUs = PER_US
          // How far the clock is past a minute, against the time that the steps are counted from.
          const gridUs = -Number((driver.clock.storeUs() ?? 0) % intervalUs)
          const grid = options.mode === 'aligned' ? gridUs : null
          await compare(rule, steps, bucketModel({ ...options, intervalUs, gridUs: grid }))
        }),
        runs,
      )
    })
  })

  describe('R9 counter', () => {
    it('R9 counts the last window by the share of it that is still inside', async () => {
      const rule = stored(slidingCounter({ limit: 4, per: '1m' }))
      const key = newKey()
      expect(await take(rule, key, 4)).toEqual(allowed(0, 120e6))
      expect(await take(rule, key)).toEqual(refused(0, 75e6, 120e6))
      await later(90e6)
      expect(await take(rule, key, 3)).toEqual(refused(2, 15e6, 30e6))
      expect(await take(rule, key, 2)).toEqual(allowed(0, 90e6))
    })

    it('R9 a strict one frees a unit when its tenth of the window has left whole', async () => {
      const rule = stored(slidingCounter({ limit: 2, per: '100s', strict: true }))
      const key = newKey()
      expect(await take(rule, key)).toEqual(allowed(1, 110e6))
      await later(25e6)
      expect(await take(rule, key)).toEqual(allowed(0, 105e6))
      expect(await take(rule, key)).toEqual(refused(0, 85e6, 105e6))
      await later(85e6)
      expect(await take(rule, key)).toEqual(allowed(0, 110e6))
    })

    it('R9 never admits twice the limit in any window, and a strict one never more than it', async () => {
      await fc.assert(
        fc.asyncProperty(counterOptions, stepsOver(PER_US), async (options, steps) => {
          const admitted = await admissions(stored(slidingCounter(options)), steps)
          const most = mostInAnyWindow(admitted, options.per * 1000)
          expect(most).toBeLessThan(options.strict ? options.limit + 1 : 2 * options.limit)
        }),
        runs,
      )
    })

    it('R9 R4 answers as a list of every admitted unit would, to the microsecond', async () => {
      await fc.assert(
        fc.asyncProperty(counterOptions, stepsOver(PER_US), async (options, steps) => {
          const slices = options.strict ? 10 : 1
          const sliceUs = Math.ceil((options.per * 1000) / slices)
          const model = { limit: options.limit, slices, sliceUs, isStrict: options.strict }
          await compare(stored(slidingCounter(options)), steps, counterModel(model))
        }),
        runs,
      )
    })

    it('R9 R4 large limits are told when they fit, and not a microsecond before', async () => {
      const sizes = fc.record({
        limit: fc.integer({ min: 2, max: 1e9 }),
        per: fc.integer({ min: 60_000, max: 86_400_000 }),
        share: fc.double({ min: 0.01, max: 0.99, noNaN: true }),
      })
      await fc.assert(
        fc.asyncProperty(sizes, async ({ limit, per, share }) => {
          const rule = stored(slidingCounter({ limit, per }))
          const key = newKey()
          const cost = Math.max(1, Math.floor(limit * share))
          await takeAll(rule, key, [limit - 1, 1])
          const { retryAfterUs } = await peek(rule, key, cost)
          await later((retryAfterUs ?? 0) - 1)
          expect(await peek(rule, key, cost)).toMatchObject({ allowed: false, retryAfterUs: 1 })
          await later(1)
          expect(await take(rule, key, cost)).toMatchObject({ allowed: true })
        }),
        runs,
      )
    })
  })
}
