// Increments through transactions under faults, and the checkers that judge such a run. The whole
// run, with a seed to choose: node test/fault/runs/transaction.js --seed N
import { describe, expect, test } from 'vitest'
import { check, countLost } from './transactions/check.js'
import { type Increment, readProcess } from './transactions/history.js'
import { runTransactions } from './transactions/run.js'

const OPERATIONS = 2_000

test(`${OPERATIONS} increments by eight processes: what was acknowledged is in the sum`, {
  timeout: 120_000,
}, async () => {
  const outcome = await runTransactions({ seed: 7, operations: OPERATIONS, calmMs: [20, 200] })
  expect(outcome.violations).toEqual([])
  expect(outcome.stages.map(({ lost }) => lost)).toEqual([0, 0])
  expect(outcome.operations).toBeGreaterThanOrEqual(OPERATIONS)
  expect(outcome.stages.map(({ ends }) => ends.ok > 0)).toEqual([true, true])
})

describe('the record of a process', () => {
  test('leaves in doubt what has no end, and a line that was cut', () => {
    const lines = [
      '["begun",1,"a"]',
      '["begun",2,"b"]',
      '["ended",2,"ok",7]',
      '["begun",3,"a"]',
      '["ended",3,"fail"]',
      '["ended",1,"o',
    ]
    expect(readProcess('0', lines.join('\n'))).toEqual([
      { who: '0', number: 1, counter: 'a', end: 'unknown' },
      { who: '0', number: 2, counter: 'b', end: 'ok', value: 7 },
      { who: '0', number: 3, counter: 'a', end: 'fail' },
    ])
    expect(readProcess('0', '')).toEqual([])
  })
})

describe('the checker of increments', () => {
  let number = 0
  const one = (end: Increment['end'], value?: number): Increment => ({
    ...{ who: '0', number: ++number, counter: 'a', end },
    ...(value !== undefined && { value }),
  })
  const whats = (increments: Increment[], final: number) =>
    check(increments, new Map([['a', final]])).map(({ what }) => what)

  test.each<[string, Increment[], number]>([
    ['a counter that nobody touched', [], 0],
    ['one that all were told of', [one('ok', 1), one('ok', 2)], 2],
    ['one in doubt that happened', [one('ok', 1), one('unknown')], 2],
    ['one in doubt that did not', [one('ok', 1), one('unknown')], 1],
    ['one that did not happen', [one('fail'), one('ok', 1)], 1],
  ])('finds nothing wrong with %s', (_, increments, final) => {
    expect(whats(increments, final)).toEqual([])
  })

  test.each<[string, Increment[], number, RegExp]>([
    [
      'a lost increment',
      [one('ok', 1), one('ok', 2)],
      1,
      /^1 acknowledged increments of a are lost/,
    ],
    ['one from nowhere', [one('ok', 1), one('unknown')], 3, /^a has 1 increments that nobody/],
    ['one that was told not to be', [one('fail')], 1, /^a has 1 increments that nobody/],
    ['an update that was not seen', [one('ok', 1), one('ok', 1), one('unknown')], 2, /wrote 1$/],
    ['a counter that went back', [one('ok', 1), one('ok', 3), one('unknown')], 2, /ends at 2$/],
  ])('finds %s', (_, increments, final, expected) => {
    expect(whats(increments, final).join('\n')).toMatch(expected)
  })

  test('counts what was overwritten unseen', () => {
    const increments = [one('ok', 1), one('ok', 2), one('ok', 2), one('ok', 2), one('unknown')]
    expect(countLost(increments, new Map([['a', 2]]))).toBe(2)
  })
})
