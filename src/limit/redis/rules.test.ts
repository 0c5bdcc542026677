import { randomUUID } from 'node:crypto'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest'
import { redisEngineAt } from '../../../test/redis-engine.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import { StoreCorruptError } from '../../errors.ts'
import { type TestClock, testClock } from '../../testing/clock.ts'
import { judgeBucket } from '../bucket.ts'
import { judgeCounter } from '../counter.ts'
import { createLimiter } from '../limiter.ts'
import { fixedWindow, funnel, type Rule, slidingCounter, slidingLog } from '../rules.ts'
import type { LimitStore, StoredRule } from '../store.ts'
import { redisLimitStore } from './store.ts'

const prefix = `test-${randomUUID()}`
let engine: RedisEngine
let store: LimitStore
let clock: TestClock

beforeEach(() => {
  clock = testClock()
  const timeouts = { commandTimeoutMs: 3_000 }
  engine = redisEngineAt(inject('redisUrl'), { prefix, clock, ...timeouts })
  store = redisLimitStore(engine)
})
afterEach(() => engine.close())

const keyOf = (name: string, part: string) => `${prefix}:limit:{it/${name}}:${part}`
const get = (name: string, part: string) => engine.command('GET', keyOf(name, part))
const set = (name: string, part: string, value: string) =>
  engine.command('SET', keyOf(name, part), value)
const numbersOf = (value: unknown) => String(value).split(' ').map(Number)

/** Behind and, from a clock that ran ahead, before the present. */
const ageUs = fc.oneof(fc.constantFrom(0, 1, -1, -1000), fc.integer({ min: -1e9, max: 1e9 }))
const units = fc.oneof(fc.constant(0), fc.nat(60))
/** From a second: by its own clock, the server must not drop the key before it is read back. */
const spanUs = fc.integer({ min: 1e6, max: 60e6 })

/** Peeks and takes; answers what is stored then, and null when nothing was written. */
async function play(name: string, part: string, rule: StoredRule, cost: number, expected: object) {
  const request = { limiter: 'it', key: name, rule, cost }
  expect(await store.take({ ...request, peek: true })).toEqual(expected)
  if (cost === 0 || !(expected as { allowed: boolean }).allowed) return null
  expect(await store.take({ ...request, peek: false })).toEqual(expected)
  return get(name, part)
}

describe('bucket.ts', () => {
  it('says the same as the script, from any state', async () => {
    const options = fc.record({
      ...{ capacity: fc.integer({ min: 1, max: 50 }), intervalUs: spanUs },
      ...{ share: fc.double({ min: 0, max: 1, noNaN: true }), isAligned: fc.boolean() },
    })
    const state = fc.option(fc.record({ used: units, ageUs }))
    const property = fc.asyncProperty(options, state, fc.nat(52), async (given, before, cost) => {
      const { share, ...rest } = given
      const refill = Math.max(1, Math.floor(given.capacity * share))
      const rule = { kind: 'bucket' as const, ...rest, refill }
      const name = randomUUID()
      const nowUs = Number(clock.storeUs())
      const atUs = nowUs - (before?.ageUs ?? 0)
      if (before) await set(name, 'bucket', `${before.used} ${atUs}`)
      const stored = before === null ? undefined : { used: before.used, atUs }
      const { next, ...expected } = judgeBucket(stored, { ...rule, cost, nowUs })
      const after = await play(name, 'bucket', rule, cost, expected)
      if (after !== null) expect(numbersOf(after)).toEqual([next.used, next.atUs])
    })
    await fc.assert(property, { numRuns: 400 })
  })
})

describe('counter.ts', () => {
  it('says the same as the script, from any state', async () => {
    const options = fc.record({
      ...{ limit: fc.integer({ min: 1, max: 50 }), sliceUs: spanUs },
      ...{ slices: fc.constantFrom(1, 2, 10), isStrict: fc.boolean() },
    })
    const counts = fc.array(units, { minLength: 1, maxLength: 12 })
    const state = fc.option(fc.record({ counts, ageUs }))
    const property = fc.asyncProperty(options, state, fc.nat(52), async (given, before, cost) => {
      const rule = { kind: 'counter' as const, ...given }
      const name = randomUUID()
      const nowUs = Number(clock.storeUs())
      const atUs = nowUs - (before?.ageUs ?? 0)
      if (before) await set(name, 'counter', `${atUs} ${before.counts.join(' ')}`)
      const stored = before === null ? undefined : { counts: before.counts, atUs }
      const { next, ...expected } = judgeCounter(stored, { ...rule, cost, nowUs })
      const after = await play(name, 'counter', rule, cost, expected)
      if (after === null) return
      const [afterUs, ...kept] = numbersOf(after)
      expect({ counts: next.counts.map((_, age) => kept[age] ?? 0), atUs: afterUs }).toEqual(next)
    })
    await fc.assert(property, { numRuns: 400 })
  })
})

const GARBAGE: [part: string, rule: Rule, values: string[]][] = [
  [
    'bucket',
    fixedWindow({ limit: 5, per: '1m' }),
    ['', ' ', '5', '5 ', 'x 5', '-1 5', '1.5 5', '1 2 3', '99999999999999999 5', '5 -5'],
  ],
  [
    'counter',
    slidingCounter({ limit: 5, per: '1m' }),
    ['', '5', 'x 5', '5 x', '5 -1', '1.5 5', '5 1,2'],
  ],
]

describe.each(GARBAGE)('%s', (part, rule, values) => {
  it.each(values)(
    'a value that it did not write (%j) is reported, and is not changed',
    async (value) => {
      const name = randomUUID()
      await set(name, part, value)
      const failure = await createLimiter(store, 'it', rule, { deniedCache: false })
        .take(name)
        .catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(StoreCorruptError)
      expect(failure).toMatchObject({ key: keyOf(name, part) })
      expect(await get(name, part)).toBe(value)
    },
  )
})

describe('several rules', () => {
  const rules = [
    funnel({ capacity: 5, leak: 1, per: '1h' }),
    slidingCounter({ limit: 3, per: '1h' }),
    slidingLog({ limit: 9, per: '1h' }),
    funnel({ capacity: 4, leak: 1, per: '1d' }),
  ]
  const parts = ['funnel', 'counter', 'log', 'funnel:2']
  const dump = (name: string) =>
    Promise.all(parts.map((part) => engine.command('DUMP', keyOf(name, part))))

  it('R3 R10 a refusal by one leaves the keys of all as they are, to the byte', async () => {
    const name = randomUUID()
    const limiter = createLimiter(store, 'it', rules, { deniedCache: false })
    await limiter.take(name, { cost: 2 })
    await clock.advance('7s')
    const before = await dump(name)
    expect(before).not.toContain(null)
    expect(await limiter.take(name, { cost: 2 })).toMatchObject({ refusedBy: [rules[1]] })
    await limiter.take(name, { cost: 6 })
    await limiter.peek(name)
    expect(await dump(name)).toEqual(before)
  })

  it('R5 each key lives as long as its own rule needs it', async () => {
    const name = randomUUID()
    await createLimiter(store, 'it', rules, { deniedCache: false }).take(name)
    const ttls = await Promise.all(parts.map((part) => engine.command('PTTL', keyOf(name, part))))
    const hours = ttls.map((ttl) => Math.round(Number(ttl) / 3_600_000))
    expect(hours).toEqual([1, 2, 1, 24])
  })

  it.each([0, 1, 3])(
    'a key that holds something else, of rule %i, is reported, and none is charged',
    async (place) => {
      const name = randomUUID()
      const part = parts[place] ?? ''
      await set(name, part, 'what is this')
      const failure = await createLimiter(store, 'it', rules, { deniedCache: false })
        .take(name)
        .catch((error: unknown) => error)
      expect(failure).toBeInstanceOf(StoreCorruptError)
      expect(failure).toMatchObject({ key: keyOf(name, part) })
      const others = parts.filter((other) => other !== part)
      const there = others.map((other) => engine.command('EXISTS', keyOf(name, other)))
      expect(await Promise.all(there)).toEqual([0, 0, 0])
    },
  )
})
