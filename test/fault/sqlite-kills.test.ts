// Processes that are killed while they write to one SQLite file. The same with 500 kills, and a
// seed to choose: npm run fault -- sqlite-kills --seed N
import { describe, expect, it } from 'vitest'
import { contradictions, type Line, type Store } from './sqlite-history.js'
import { killWriters } from './sqlite-kill-run.js'

const KILLS = 30
const TEST_TIMEOUT_MS = 90_000

describe('kill -9 of writers', { timeout: TEST_TIMEOUT_MS }, () => {
  it(`E9 loses nothing that was answered, tears nothing and keeps nobody waiting, ${KILLS} times`, async () => {
    const { violations, faults, inTransaction, operations } = await killWriters({
      seed: 3,
      kills: KILLS,
    })
    expect(violations).toEqual([])
    expect(faults).toBe(KILLS)
    expect(inTransaction).toBeGreaterThan(5)
    expect(operations).toBeGreaterThan(500)
  })
})

describe('the checker of histories', () => {
  const line = (op: string, phase: Line['phase'], rest: Partial<Line> = {}): Line => ({
    ...{ who: 'a', op, phase, atMs: 0 },
    ...rest,
  })
  const both = (op: string, keys: string[]) => [
    line(op, 'asks', { keys }),
    line(op, 'got', { keys }),
  ]
  const held = (owner: string, fence: number, gotMs: number, askedMs = gotMs - 1) => [
    line('acquire', 'asks', { name: 'red', owner, ttlMs: 100, atMs: askedMs }),
    line('acquire', 'got', { name: 'red', owner, ttlMs: 100, atMs: gotMs, fence }),
  ]
  const taken = [line('take', 'asks'), line('take', 'got', { allowed: true })]
  const nothing: Store = { keys: [], charged: 0 }
  const released = (owner: string, atMs: number) =>
    line('release', 'asks', { name: 'red', owner, atMs })

  it.each<[string, Line[], Store]>([
    ['a job that was added and is there', both('add', ['1']), { keys: ['1'], charged: 0 }],
    ['a job that was settled', [...both('add', ['1']), ...both('settle', ['1'])], nothing],
    [
      'a job of which the end is not known',
      [...both('add', ['1']), line('settle', 'asks', { keys: ['1'] })],
      nothing,
    ],
    ['an add of which the end is not known', [line('add', 'asks', { keys: ['1', '2'] })], nothing],
    ['a take of which the end is not known', [line('take', 'asks')], { keys: [], charged: 1 }],
    ['owners one after the other', [...held('a', 1, 10), ...held('b', 2, 111)], nothing],
    [
      'a lock that was released',
      [...held('a', 1, 10), released('a', 12), ...held('b', 2, 14)],
      nothing,
    ],
  ])('finds nothing wrong with %s', (_, history, store) => {
    expect(contradictions(history, store)).toEqual([])
  })

  it.each<[string, Line[], Store, string]>([
    ['a lost job', both('add', ['1']), nothing, 'gone without'],
    [
      'half a batch',
      [line('add', 'asks', { keys: ['1', '2'] })],
      { keys: ['1'], charged: 0 },
      'only 1',
    ],
    ['a job from nowhere', [], { keys: ['1'], charged: 0 }, 'nobody added'],
    [
      'a refused job',
      [line('add', 'asks', { keys: ['1'] }), line('add', 'failed', { keys: ['1'] })],
      { keys: ['1'], charged: 0 },
      'was refused',
    ],
    ['a doubled job', both('add', ['1']), { keys: ['1', '1'], charged: 0 }, 'twice'],
    [
      'a job that is back',
      [...both('add', ['1']), ...both('settle', ['1'])],
      { keys: ['1'], charged: 0 },
      'again',
    ],
    [
      'a job settled twice',
      [...both('add', ['1']), ...both('settle', ['1']), ...both('settle', ['1'])],
      nothing,
      'settled twice',
    ],
    ['two holders', [...held('a', 1, 10), ...held('b', 2, 14)], nothing, 'held by two'],
    ['a fence that falls', [...held('a', 2, 10), ...held('b', 1, 200)], nothing, 'fence 1 after 2'],
    [
      'a fence given twice',
      [...held('a', 2, 10), ...held('b', 2, 200)],
      nothing,
      'fence 2 after 2',
    ],
    ['a forgotten take', taken, nothing, 'only 0 are stored'],
    ['a take from nowhere', taken, { keys: [], charged: 2 }, 'only 1 were asked'],
  ])('finds %s', (_, history, store, words) => {
    const found = contradictions(history, store)
    expect(found).toHaveLength(1)
    expect(found[0]).toContain(words)
  })
})
