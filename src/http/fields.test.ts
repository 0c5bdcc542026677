import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { draftFields, type Field, joined, legacyFields, retryAfterSeconds } from './fields.ts'
import type { Judgement } from './policies.ts'
import { quotaExceeded, reducedCapacity } from './refusal.ts'

type Said = Partial<Judgement['verdict'] & Judgement['policy']>

const judgement = ({ name = 'api', quota = 100, windowMs = 60_000, ...verdict }: Said = {}) => ({
  policy: { name, quota, windowMs },
  verdict: { allowed: true, remaining: 50, retryAfterMs: 0, resetAfterMs: 30_000, ...verdict },
})
const fieldOf = (name: string, fields: readonly Field[]) => new Map(fields).get(name)

describe('RateLimit and RateLimit-Policy', () => {
  test('are lists with an item for each policy', () => {
    const burst = judgement({ name: 'burst', quota: 100, remaining: 99, resetAfterMs: 600 })
    const daily = judgement({ name: 'daily', quota: 1000, windowMs: 86_400_000, remaining: 7 })
    expect(draftFields([burst, daily], true)).toEqual([
      ['RateLimit-Policy', '"burst";q=100;w=60, "daily";q=1000;w=86400'],
      ['RateLimit', '"burst";r=99;t=1, "daily";r=7;t=30'],
    ])
  })

  test('list after a refusal who refused, and until when', () => {
    const burst = judgement({ name: 'burst', allowed: false, remaining: 0, retryAfterMs: 2001 })
    const daily = judgement({ name: 'daily', resetAfterMs: 80_000_000 })
    const fields = draftFields([burst, daily], true)
    expect(fieldOf('RateLimit', fields)).toBe('"burst";r=0;t=3')
    expect(fieldOf('RateLimit-Policy', fields)).toBe('"burst";q=100;w=60, "daily";q=100;w=60')
  })

  test('say until the reset what never fits', () => {
    const refused = judgement({ allowed: false, remaining: 3, retryAfterMs: null })
    expect(fieldOf('RateLimit', draftFields([refused], true))).toBe('"api";r=3;t=30')
  })

  test('say what is left only when it was counted', () => {
    expect(draftFields([judgement()], false)).toEqual([['RateLimit-Policy', '"api";q=100;w=60']])
  })

  test.each([
    [250, '"api";q=100'],
    [999.999, '"api";q=100'],
    [1000, '"api";q=100;w=1'],
    [1000.001, '"api";q=100;w=2'],
  ])('round a window of %d ms up, from a second on', (windowMs, expected) =>
    expect(fieldOf('RateLimit-Policy', draftFields([judgement({ windowMs })], true))).toBe(
      expected,
    ),
  )

  test.each([
    ['a "b" \\c', String.raw`"a \"b\" \\c"`],
    ['每分钟', '"%E6%AF%8F%E5%88%86%E9%92%9F"'],
    ['käse🧀, 5', '"k%C3%A4se%F0%9F%A7%80, 5"'],
  ])('escape the name %s', (name, item) =>
    expect(fieldOf('RateLimit-Policy', draftFields([judgement({ name })], true))).toBe(
      `${item};q=100;w=60`,
    ),
  )

  test('are structured fields, whatever is in them', () => {
    // RFC 9651: sf-list of sf-string with parameters whose values are sf-integer.
    const item = '"(?:[ !#-[\\]-~]|\\\\["\\\\])*"(?:;[a-z]=-?[0-9]{1,15})*'
    const list = new RegExp(`^${item}(?:, ${item})*$`)
    const amount = fc.double({ min: 0, max: 1e300, noNaN: true })
    const any = fc.record({
      name: fc.string({ minLength: 1, unit: 'grapheme' }),
      quota: amount,
      windowMs: amount,
      allowed: fc.boolean(),
      remaining: amount,
      retryAfterMs: fc.option(amount),
      resetAfterMs: amount,
    })
    fc.assert(
      fc.property(fc.array(any, { minLength: 1, maxLength: 3 }), (all) => {
        for (const [, value] of draftFields(all.map(judgement), true)) expect(value).toMatch(list)
      }),
    )
  })

  test('add to what is there, and nothing else does', () => {
    expect(joined(['RateLimit', '"b";r=1'], '"a";r=0')).toBe('"a";r=0, "b";r=1')
    expect(joined(['RateLimit', '"b";r=1'], undefined)).toBe('"b";r=1')
    expect(joined(['RateLimit', '"b";r=1'], null)).toBe('"b";r=1')
    expect(joined(['Retry-After', '5'], '4')).toBe('5')
  })
})

describe('Retry-After', () => {
  test.each([
    [0.001, '1'],
    [0, '1'],
    [1000, '1'],
    [1000.001, '2'],
    [59_999.999, '60'],
  ])('of %d ms is %s without jitter', (waitMs, seconds) =>
    expect(retryAfterSeconds(waitMs, 0, 1)).toBe(seconds),
  )

  test('is spread by a part of the wait, and by half a minute at most', () => {
    expect([0, 0.5, 1].map((random) => retryAfterSeconds(60_000, 0.1, random))).toEqual([
      ...['60', '63', '66'],
    ])
    expect(retryAfterSeconds(86_400_000, 0.1, 1)).toBe('86430')
  })

  test('never ends before the wait, nor before t', () => {
    const ms = fc.double({ min: 0.001, max: 1e9, noNaN: true })
    const part = fc.double({ min: 0, max: 1, noNaN: true })
    fc.assert(
      fc.property(ms, part, part, (retryAfterMs, jitter, random) => {
        const seconds = Number(retryAfterSeconds(retryAfterMs, jitter, random))
        const fields = draftFields([judgement({ allowed: false, retryAfterMs })], true)
        const windowSeconds = Number(/;t=(\d+)$/.exec(fieldOf('RateLimit', fields) ?? '')?.[1])
        expect(seconds * 1000).toBeGreaterThanOrEqual(retryAfterMs)
        expect(seconds).toBeGreaterThanOrEqual(windowSeconds)
        expect(seconds * 1000).toBeLessThan(retryAfterMs * (1 + jitter) + 1000)
      }),
    )
  })
})

describe('X-RateLimit-*', () => {
  test('are of the policy with the least room', () => {
    const wide = judgement({ quota: 100, remaining: 60, resetAfterMs: 1 })
    const tight = judgement({ quota: 1000, remaining: 500, resetAfterMs: 1500 })
    const nowMs = 1_800_000_000_000
    const expected = [
      ['X-RateLimit-Limit', '1000'],
      ['X-RateLimit-Remaining', '500'],
      ['X-RateLimit-Reset', '1800000002'],
    ]
    expect(legacyFields([wide, tight], nowMs)).toEqual(expected)
    expect(legacyFields([tight, wide], nowMs)).toEqual(expected)
  })

  test('are of a policy that refused, though it has more left', () => {
    const refused = judgement({ quota: 10, remaining: 9, allowed: false, retryAfterMs: 5 })
    const empty = judgement({ quota: 5, remaining: 0 })
    expect(fieldOf('X-RateLimit-Limit', legacyFields([empty, refused], 0))).toBe('10')
  })
})

describe('problems', () => {
  const burst = judgement({ name: 'bürst', allowed: false, remaining: 0, retryAfterMs: 100 })
  const never = judgement({ name: 'upload', allowed: false, retryAfterMs: null })
  const all = [burst, judgement({ name: 'daily' }), never]

  test('name who refused as the fields do', () => {
    const { status, body } = quotaExceeded(all, [])
    expect(status).toBe(429)
    expect(JSON.parse(body)).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#quota-exceeded',
      title: 'Quota Exceeded',
      status: 429,
      detail: '"b%C3%BCrst" allows 100 per 1m. The request costs more than "upload" ever allows.',
      'violated-policies': ['b%C3%BCrst', 'upload'],
    })
  })

  test('do not blame the client for an engine that is down', () => {
    const { status, body } = reducedCapacity(all, [['Retry-After', '1']])
    expect(status).toBe(503)
    expect(JSON.parse(body)).toEqual({
      type: 'https://iana.org/assignments/http-problem-types#temporary-reduced-capacity',
      title: 'Temporary Reduced Capacity',
      status: 503,
      'violated-policies': ['b%C3%BCrst', 'upload'],
    })
  })
})
