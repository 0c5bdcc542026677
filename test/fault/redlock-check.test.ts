// What runs of Redlock are judged by, on records that are wrong on purpose.
import { describe, expect, it } from 'vitest'
import { type Call, check, type Hold } from './redlock/check.js'

const hold = (who: string, fence: number, atMs: number, rest: Partial<Hold> = {}): Hold => ({
  ...{ who, number: fence, name: 'red', fence, atMs },
  ...{ invokedMs: atMs - 1, validUntilMs: atMs + 100 },
  ...rest,
})
const call = (rest: Partial<Call>): Call => ({
  ...{ who: 'a', op: 'acquire', invokedMs: 0, endedMs: 1, withinMs: 500 },
  ...rest,
})
const whats = (holds: Hold[], calls: Call[] = [], isExclusive = true) =>
  check({ holds, writes: [], calls, isExclusive }).map(({ what }) => what)

describe('the checker of Redlock', () => {
  it.each<[string, Hold[]]>([
    ['one after the other', [hold('a', 1, 0), hold('b', 2, 100)]],
    ['a release before the end', [hold('a', 1, 0, { releasingMs: 50 }), hold('b', 2, 52)]],
    ['a loss that was told before', [hold('a', 1, 0, { toldMs: 50 }), hold('b', 2, 52)]],
    ['two names', [hold('a', 1, 0), hold('b', 2, 50, { name: 'blue' })]],
    ['no fences at all', [hold('a', 0, 0), hold('b', 0, 100)]],
    [
      'a lease that a process found over when it went on',
      [hold('a', 1, 50, { validUntilMs: 40, idleMs: 20 })],
    ],
  ])('finds nothing wrong with %s', (_, holds) => {
    expect(whats(holds)).toEqual([])
  })

  it.each<[string, Hold[], string]>([
    ['two holders', [hold('a', 1, 0), hold('b', 2, 60)], 'two holders for 40.000 ms'],
    [
      'one that overlaps the one before the last',
      [
        hold('a', 1, 0, { validUntilMs: 300 }),
        hold('b', 2, 10, { releasingMs: 20 }),
        hold('c', 3, 200),
      ],
      'two holders for 100.000 ms',
    ],
    ['a fence that falls', [hold('a', 5, 0), hold('b', 4, 200)], 'fence 4 after 5'],
    ['a fence given twice', [hold('a', 5, 0), hold('b', 5, 200)], 'fence 5 twice'],
    ['a lease that was over', [hold('a', 1, 50, { validUntilMs: 50 })], 'nothing left'],
  ])('finds %s', (_, holds, words) => {
    expect(whats(holds).join('\n')).toContain(words)
  })

  it('leaves out exclusion where it is not claimed, and nothing else', () => {
    expect(whats([hold('a', 5, 0), hold('b', 6, 60)], [], false)).toEqual([])
    expect(whats([hold('a', 5, 0), hold('b', 4, 60)], [], false)).toHaveLength(1)
  })

  const open = call({})
  delete open.endedMs
  it.each<[string, Call, string]>([
    ['a call that never settles', open, 'never settled'],
    ['a late answer', call({ endedMs: 760 }), 'after 760 ms'],
  ])('finds %s', (_, one, words) => {
    expect(whats([], [one]).join('\n')).toContain(words)
  })

  it('counts no time in which a process could not run', () => {
    expect(whats([], [call({ endedMs: 740 }), call({ endedMs: 960, idleMs: 300 })])).toEqual([])
  })
})
