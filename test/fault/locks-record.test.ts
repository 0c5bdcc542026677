// What is read from the records of a run of the locks under faults, and what the checker makes of it.
import { describe, expect, it } from 'vitest'
import { check } from './locks/check.js'
import { emptyHistory, readParent, readProcess } from './locks/history.js'

/** The leases last 500 ms, and state an end 7 ms before. */
const NAME = 'hot-0'
const VALID_MS = 493

/** What processes wrote, in the form in which they write it. */
function read(files: Record<string, unknown[][]>, parent: unknown[][] = []) {
  const lines = (records: unknown[][]) => records.map((one) => `${JSON.stringify(one)}\n`).join('')
  const all = emptyHistory()
  for (const [who, records] of Object.entries(files)) readProcess(all, who, lines(records))
  readParent(all, lines(parent))
  return all
}

// After what public tests of other lock services found; the shapes are theirs, the records are ours.
describe('histories as others had them', () => {
  it('finds two holders: a lease that ran out while its owner waited for the lock', () => {
    const found = check(
      read({
        // It got a lease, waited in line for longer than that lasts, and was let in with it.
        a: [
          ['acquired', 900, 1, NAME, 7, 0, 1_393],
          ['releasing', 1_000, 1, 1_393],
          ['released', 1_001, 1, 'released'],
        ],
        b: [
          ['acquired', 950, 1, NAME, 8, 100, 1_443],
          ['held', 960, 1, 1_443],
          ['releasing', 990, 1, 1_443],
          ['released', 991, 1, 'released'],
        ],
      }),
    ).map(({ what }) => what)
    expect(found).toContain(`lock ${NAME} had two holders for 40.000 ms`)
  })

  it('finds two holders: both sides of a partition grant the lock, with the same fence', () => {
    const side = (ms: number): unknown[][] => [
      ['acquired', ms + 2, 1, NAME, 3, ms, ms + VALID_MS],
      ['releasing', ms + 100, 1, ms + VALID_MS],
      ['released', ms + 103, 1, 'released'],
    ]
    const found = check(read({ a: side(0), b: side(5) })).map(({ what }) => what)
    expect(found).toContain(`lock ${NAME} had two holders for 93.000 ms`)
    expect(found).toContain(`lock ${NAME} gave fence 3 twice`)
  })

  it('finds a release that was accepted from one that did not hold', () => {
    const found = check(
      read({
        a: [
          ['acquired', 2, 1, NAME, 1, 0, VALID_MS],
          ['told', VALID_MS + 1, 1, 'expired', 0],
          // Another one has it by now, and loses it by this.
          ['releasing', 700, 1, 0],
          ['released', 702, 1, 'released'],
        ],
        b: [
          ['acquired', 600, 1, NAME, 2, 10, 600 + VALID_MS],
          ['releasing', 800, 1, 600 + VALID_MS],
          ['released', 801, 1, 'released'],
        ],
      }),
    ).map(({ what }) => what)
    expect(found).toEqual([
      `a release of ${NAME} was accepted from one that did not hold it any more`,
    ])
  })
})

describe('the record of a run', () => {
  it('puts the lines of all processes together', () => {
    const all = read(
      {
        a: [
          ['acquired', 2, 1, NAME, 1, 0, 500],
          ['held', 100, 1, 600],
          ['missed', 110, 'hot-1', 105, 'taken'],
          ['stalled', 400, 200],
          ['told', 601, 1, 'expired', 0.5],
          ['held', 602, 1, 900],
          ['crashed', 700, 'oh'],
        ],
      },
      [
        ['write', 3, 'a', 1, NAME, 1, true],
        ['idle', 400, 'a', 150],
        ['killed', 710, 'a'],
        ['fault', 9, 'FLUSHALL', 8, 'lossy'],
      ],
    )
    expect(all.holds).toMatchObject([
      { who: 'a', validUntilMs: 900, toldMs: 601, idleMs: 0.5, isRevived: true },
    ])
    expect(all.misses).toEqual([
      { who: 'a', name: 'hot-1', invokedMs: 105, atMs: 110, why: 'taken' },
    ])
    expect(all.lives.get('a')).toEqual({
      ...{ firstMs: 0, lastMs: 700, killedMs: 710 },
      idle: [
        { fromMs: 200, toMs: 400 },
        { fromMs: 150, toMs: 400 },
      ],
    })
    expect(all.writes).toMatchObject([{ who: 'a', number: 1, fence: 1, isAccepted: true }])
    expect(all.faults).toEqual([{ what: 'FLUSHALL', effect: 'lossy', fromMs: 8, toMs: 9 }])
    expect(all.crashes).toMatchObject([{ message: 'oh' }])
  })

  it('leaves out the line that a process was killed in', () => {
    const all = emptyHistory()
    readProcess(all, 'a', `["acquired",2,1,"${NAME}",1,0,500]\n["releasing",7`)
    expect(all.holds).toMatchObject([{ fence: 1 }])
    expect(all.lives.get('a')?.lastMs).toBe(2)
    readProcess(all, 'b', '')
    expect(all.lives.get('b')?.lastMs).toBe(0)
  })
})
