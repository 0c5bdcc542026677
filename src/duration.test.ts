import { describe, expect, it } from 'vitest'
import { BAD_DURATIONS, expectRefusal, title } from '../test/bad-input.ts'
import { type Duration, formatMs, LONGEST_MS, readDuration } from './duration.ts'

const ANY = { minMs: 0, maxMs: LONGEST_MS }

describe('readDuration', () => {
  const legal: [Duration, number][] = [
    [0, 0],
    [1500, 1500],
    [0.5, 0.5],
    ['250ms', 250],
    ['30s', 30_000],
    ['1.5s', 1_500],
    ['10m', 600_000],
    ['1h30m', 5_400_000],
    ['2d', 172_800_000],
    ['1d2h3m', 93_780_000],
  ]
  for (const [text, ms] of legal) {
    it(`reads ${title(text)} as ${ms} ms`, () => expect(readDuration(text, 'it', ANY)).toBe(ms))
  }

  for (const value of BAD_DURATIONS) {
    it(`refuses ${title(value)}`, () => expectRefusal(() => readDuration(value, 'it', ANY), 'it'))
  }

  it('keeps to its bounds, which belong to it', async () => {
    const bounds = { minMs: 100, maxMs: 1_000 }
    expect(readDuration(100, 'it', bounds)).toBe(100)
    expect(readDuration('1s', 'it', bounds)).toBe(1_000)
    await expectRefusal(() => readDuration('99ms', 'it', bounds), 'it')
    await expectRefusal(() => readDuration(1_000.001, 'it', bounds), 'it')
  })
})

it('formatMs says the shortest exact text', () => {
  expect([0, 1, 999, 1000, 1500, 90_000, 3_600_000, 86_400_000, 1234.5].map(formatMs)).toEqual([
    ...['0ms', '1ms', '999ms', '1s', '1.5s', '1.5m', '1h', '1d', '1234.5ms'],
  ])
})
