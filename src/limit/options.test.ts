import { describe, expect, it } from 'vitest'
import { systemClock } from '../clock.ts'
import { lazySqliteEngine } from '../engine/sqlite/lazy.ts'
import { ArgumentError } from '../errors.ts'
import { createLimiter, type LimiterOptions } from './limiter.ts'
import { funnel } from './rules.ts'
import { sqliteLimitStore } from './sqlite/store.ts'

const RULE = funnel({ capacity: 5, leak: 1, per: '1m' })
const BAD: { argument: string; options: unknown[] }[] = [
  {
    argument: 'limiter.deniedCache',
    options: [true, null, 0, '0ms', '2h', 0.5, Number.NaN, '1', [], {}].map((deniedCache) => ({
      deniedCache,
    })),
  },
  {
    argument: 'limiter.lease',
    options: [null, 5, 'x', true, [], [1], 10n, () => ({})].map((lease) => ({ lease })),
  },
  {
    argument: 'limiter.lease.tokens',
    options: [undefined, null, 0, -1, 6, 1.5, Number.NaN, '5', 10n].map((tokens) => ({
      lease: { tokens },
    })),
  },
  {
    argument: 'limiter.lease.for',
    options: ['9ms', '61s', null, -1, 0, '1', true, []].map((time) => ({
      lease: { tokens: 5, for: time },
    })),
  },
  { argument: 'limiter.lease.size', options: [{ lease: { tokens: 5, size: 1 } }] },
  {
    argument: 'limiter.shadow',
    options: [null, 0, 1, '', 'yes', 'true', [], {}].map((shadow) => ({ shadow })),
  },
]

describe.each(BAD)('bad input: $argument', ({ argument, options }) => {
  it.each(options.map((value, index) => ({ value, index })))(
    'refuses value $index at once',
    ({ value }) => {
      // Opened by its first call, and there is none.
      const engine = lazySqliteEngine(':memory:', {
        ...{ clock: systemClock, synchronous: 'full', connectTimeoutMs: 1_000 },
        ...{ commandTimeoutMs: 1_000, logger: console },
      })
      const make = () =>
        createLimiter(sqliteLimitStore(engine), 'it', RULE, value as LimiterOptions)
      expect(make).toThrow(ArgumentError)
      expect(make).toThrow(expect.objectContaining({ argument }))
    },
  )
})
