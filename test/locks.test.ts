// Locks while processes and servers fail. The whole run, with a seed to choose:
// node test/fault/runs/locks.js --seed N
import { describe, expect, it } from 'vitest'
import { check, type Measures } from './fault/locks/check.js'
import { listGaps } from './fault/locks/check-waits.js'
import {
  emptyHistory,
  type Fault,
  type History,
  type Hold,
  LAST,
  type Life,
  type Write,
} from './fault/locks/history.js'
import { runLocks } from './fault/locks/run.js'

const OPERATIONS = 100_000
/** A minute where nothing else runs; it shares the machine with all other tests. */
const RUN_TIMEOUT_MS = 300_000

describe('runs with faults', () => {
  it(`find no two holders, no lower fence and no late news in ${OPERATIONS} operations`, {
    timeout: RUN_TIMEOUT_MS,
  }, async () => {
    const { violations, operations, stages, skipped } = await runLocks({
      ...{ seed: 4, operations: OPERATIONS },
    })
    for (const what of skipped) console.warn(`left out: ${what}`)
    expect(violations).toEqual([])
    expect(operations).toBeGreaterThanOrEqual(skipped.length > 0 ? 80_000 : OPERATIONS)
    expect(stages.length + skipped.length).toBe(3)
    for (const { faults, measures } of stages) {
      expect(faults.length).toBeGreaterThanOrEqual(9)
      expect(measures.told).toBeGreaterThan(0)
    }
    const sumOf = (field: keyof Measures) =>
      stages.reduce((sum, { measures }) => sum + measures[field], 0)
    expect(sumOf('killedWhileHeld')).toBeGreaterThan(0)
    expect(sumOf('refusedWrites')).toBeGreaterThan(0)
  })
})

/** Its leases last 500 ms, and state an end 7 ms before. */
const NAME = 'hot-0'
const TTL_MS = 500
const VALID_MS = 493

let holdCount = 0
function hold(who: string, fence: number, invokedMs: number, rest: Partial<Hold> = {}): Hold {
  const atMs = rest.atMs ?? invokedMs + 1
  const validUntilMs = Math.max(invokedMs, atMs - 1) + VALID_MS
  return {
    ...{ who, number: ++holdCount, name: NAME, fence, invokedMs, atMs, validUntilMs },
    ...rest,
  }
}
const released = (releasingMs: number, rest: Partial<Hold> = {}): Partial<Hold> => ({
  ...{ releasingMs, releasedMs: releasingMs + 1, answer: 'released' },
  ...rest,
})
const told = (toldMs: number, rest: Partial<Hold> = {}): Partial<Hold> => ({
  ...{ toldMs, reason: 'expired', idleMs: 0, releasingMs: toldMs, releasedMs: toldMs },
  ...{ answer: 'lost', ...rest },
})
const write = ({ who, number, name, fence }: Hold, atMs: number, isAccepted = true): Write => ({
  ...{ who, number, name, fence, atMs, isAccepted },
})
const fault = (effect: Fault['effect'], fromMs: number, toMs = fromMs): Fault => ({
  ...{ what: 'something', effect, fromMs, toMs },
})
interface Given extends Partial<Omit<History, 'lives'>> {
  lives?: Record<string, Omit<Life, 'firstMs'> & { firstMs?: number }>
}
/** Processes that have been there for long. */
const history = ({ lives = {}, ...rest }: Given): History => ({
  ...emptyHistory(),
  ...rest,
  lives: new Map(Object.entries(lives).map(([who, life]) => [who, { firstMs: -10_000, ...life }])),
})
const whats = (given: Given) => check(history(given)).map(({ what }) => what)

const expired = hold('a', 1, 0, told(VALID_MS + 1))
const first = hold('a', 1, 0, released(10))
const second = hold('b', 2, 9, { atMs: 12, ...released(20) })

describe('the checker', () => {
  it.each<[string, Given]>([
    ['nothing', {}],
    ['one after the other', { holds: [first, second] }],
    [
      'a hand-over that was faster than the answer to the release',
      {
        holds: [hold('a', 1, 0, released(10, { releasedMs: 15 })), second],
      },
    ],
    [
      'the next one after a lease that ended',
      {
        holds: [expired, hold('b', 2, 3, { atMs: TTL_MS, ...released(510) })],
      },
    ],
    [
      'a renewal before the next one',
      {
        holds: [
          hold('a', 1, 0, { validUntilMs: 900, ...released(800) }),
          hold('b', 2, 700, { atMs: 801, ...released(810) }),
        ],
      },
    ],
    [
      'a lease that was over when its holder got it',
      {
        holds: [hold('a', 1, 0, { atMs: 700, validUntilMs: 0, ...told(701) })],
      },
    ],
    [
      'a holder that could not run when its lease ended',
      {
        holds: [hold('a', 1, 0, told(2_000, { idleMs: 1_500 }))],
      },
    ],
    [
      'a holder that was killed, and the next one after its lease',
      {
        holds: [hold('a', 1, 0), hold('b', 2, 50, { atMs: 600, ...released(610) })],
        lives: { a: { lastMs: 99, killedMs: 100, idle: [] } },
      },
    ],
    [
      'a killed holder that had released, which nobody wrote down',
      {
        holds: [hold('a', 1, 0), hold('b', 2, 50, { atMs: 98, ...released(99) })],
        lives: { a: { lastMs: 97, killedMs: 100, idle: [] } },
      },
    ],
    ['a lock that nobody asked for', { holds: [first, hold('b', 2, 90_000, released(90_001))] }],
    [
      'a line that waits while the server is silent',
      {
        holds: [first, hold('b', 2, 5, { atMs: 9_000, ...released(9_001) })],
        faults: [fault('silent', 100, 8_000)],
      },
    ],
    [
      'a waiter that could not run',
      {
        holds: [first, hold('b', 2, 5, { atMs: 9_000, ...released(9_001) })],
        lives: { b: { lastMs: 9_001, idle: [{ fromMs: 100, toMs: 8_990 }] } },
      },
    ],
    [
      'a waiter that has just been started',
      {
        holds: [first, hold('b', 2, 15, { atMs: 2_900, ...released(2_901) })],
        lives: { b: { firstMs: 15, lastMs: 2_901, idle: [] } },
      },
    ],
    [
      'two holders around a loss of data, of whom the old one is refused',
      {
        holds: [hold('a', 1, 0, told(400, { reason: 'reset' })), second],
        faults: [fault('lossy', 5)],
        writes: [write(second, 14), write(first, 15, false)],
      },
    ],
    [
      'a hand-over within a process of a lock that the server had lost and given to another one',
      {
        holds: [
          hold('b', 4, 0, released(10)),
          hold('a', 9, 0, released(12)),
          hold('b', 5, 20, { number: 95, ...released(30) }),
        ],
        writes: [{ who: 'b', number: 95, name: NAME, fence: 5, atMs: 21, isAccepted: false }],
        faults: [fault('lossy', 0, 40)],
      },
    ],
    [
      'such a hand-over whose write comes before that of the other one',
      {
        holds: [
          hold('b', 4, 0, released(10)),
          hold('a', 9, 0, { number: 96, ...released(25) }),
          hold('b', 5, 20, { number: 97, ...released(30) }),
        ],
        writes: [
          { who: 'b', number: 97, name: NAME, fence: 5, atMs: 21, isAccepted: true },
          { who: 'a', number: 96, name: NAME, fence: 9, atMs: 22, isAccepted: true },
        ],
        faults: [fault('lossy', 0, 40)],
      },
    ],
    [
      'a release that was answered after the clock of the server jumped',
      {
        holds: [hold('a', 1, 0, released(10, { releasedMs: 30, answer: 'lost' }))],
        faults: [fault('lossy', 20)],
      },
    ],
    [
      'a write that came late, and was refused',
      {
        holds: [first, second],
        writes: [write(first, 5), write(second, 14), write(first, 15, false)],
      },
    ],
  ])('finds nothing wrong with %s', (_, given) => {
    expect(whats(given)).toEqual([])
  })

  it.each<[string, Given, string]>([
    ['two holders at once', { holds: [first, hold('b', 2, 3, released(20))] }, 'two holders'],
    [
      'two holders for an instant',
      {
        holds: [
          hold('a', 1, 0, told(VALID_MS)),
          hold('b', 2, 3, { atMs: 492.9, ...released(500) }),
        ],
      },
      'two holders for 0.100 ms',
    ],
    [
      'a holder within the lease of one before the last',
      {
        holds: [
          hold('a', 1, 0, told(VALID_MS)),
          hold('b', 2, 100, released(110)),
          hold('c', 3, 300, released(310)),
        ],
      },
      `two holders for 9.000 ms\nlock ${NAME} had two holders for 9.000 ms`,
    ],
    [
      'a holder within what a renewal gave',
      {
        holds: [
          hold('a', 1, 0, { validUntilMs: 900, ...told(900) }),
          hold('b', 2, 600, released(610)),
        ],
      },
      'two holders',
    ],
    [
      'a killed holder that held until its last line',
      {
        holds: [hold('a', 1, 0), hold('b', 2, 50, { atMs: 98, ...released(105) })],
        lives: { a: { lastMs: 99, killedMs: 100, idle: [] } },
      },
      'two holders',
    ],
    [
      'two holders after a loss of data is over',
      {
        holds: [hold('a', 1, 100, released(120)), hold('b', 2, 105, released(110))],
        faults: [fault('lossy', 50, 60)],
      },
      'two holders',
    ],
    [
      'a fence that falls',
      {
        holds: [hold('a', 5, 0, released(10)), hold('b', 4, 20, released(30))],
      },
      'gave fence 4 after 5',
    ],
    [
      'a fence that falls after a loss of data',
      {
        holds: [hold('a', 5, 0, released(10)), hold('b', 4, 20, released(30))],
        faults: [fault('lossy', 0, 40)],
      },
      'gave fence 4 after 5',
    ],
    [
      'a fence that falls after a loss of data, though another process had the one before it',
      {
        holds: [
          hold('a', 9, 0, released(10)),
          hold('b', 4, 0, released(10)),
          hold('c', 5, 20, released(30)),
        ],
        faults: [fault('lossy', 0, 40)],
      },
      'gave fence 5 after 9',
    ],
    [
      'a fence after the one before it that falls, and nothing was lost',
      {
        holds: [
          hold('a', 9, 0, released(10)),
          hold('b', 4, 0, released(10)),
          hold('b', 5, 20, released(30)),
        ],
        faults: [fault('lossy', 31, 40)],
      },
      'gave fence 5 after 9',
    ],
    [
      'a fence given twice',
      {
        holds: [hold('a', 5, 0, released(10)), hold('b', 5, 20, released(30))],
      },
      'gave fence 5 twice',
    ],
    [
      'a fence given twice to those who asked at once',
      {
        holds: [hold('a', 5, 0, released(10)), hold('b', 5, 1, { atMs: 12, ...released(30) })],
      },
      'gave fence 5 twice',
    ],
    [
      'a resource that takes a lower fence',
      {
        holds: [first, second],
        writes: [write(second, 14), write(first, 15)],
      },
      'took a write with a lower fence',
    ],
    [
      'a stale write that a fence did not give away',
      {
        holds: [
          hold('a', 9, 0, { number: 91, ...released(2) }),
          hold('b', 3, 5, { number: 92, ...released(7) }),
        ],
        writes: [
          { who: 'b', number: 92, name: NAME, fence: 3, atMs: 6, isAccepted: true },
          { who: 'a', number: 91, name: NAME, fence: 9, atMs: 8, isAccepted: true },
        ],
      },
      'took a stale write',
    ],
    [
      'a stale write in a jump of the clock',
      {
        holds: [first, second],
        writes: [write(second, 14), write({ ...first, fence: 2 }, 15)],
        faults: [fault('lossy', 0, 40)],
      },
      'took a stale write',
    ],
    [
      'a newer holder whose write is refused',
      {
        holds: [
          hold('a', 9, 0, { number: 93, ...released(2) }),
          hold('b', 3, 5, { number: 94, ...released(7) }),
        ],
        writes: [
          { who: 'a', number: 93, name: NAME, fence: 9, atMs: 1, isAccepted: true },
          { who: 'b', number: 94, name: NAME, fence: 3, atMs: 6, isAccepted: false },
        ],
      },
      'refused a write of its newer holder',
    ],
    [
      'a loss that was told late',
      { holds: [hold('a', 1, 0, told(501))] },
      'told of its loss 8.0 ms late',
    ],
    [
      'a loss that was told late for more than the process could not run',
      {
        holds: [hold('a', 1, 0, told(2_000, { idleMs: 1_000 }))],
      },
      'told of its loss 507.0 ms late',
    ],
    [
      'a loss that was told late while the server was silent',
      {
        holds: [hold('a', 1, 0, told(4_033))],
        faults: [fault('silent', 100, 4_000)],
      },
      'late',
    ],
    [
      'a loss that was never told',
      {
        holds: [hold('a', 1, 0)],
        lives: { a: { lastMs: 600, idle: [] } },
      },
      'never told of its loss',
    ],
    [
      'a loss that was never told to a process that ran again',
      {
        holds: [hold('a', 1, 0)],
        lives: { a: { lastMs: 2_100, idle: [{ fromMs: 100, toMs: 2_000 }] } },
      },
      'never told of its loss',
    ],
    [
      'a release long after the end by one that was never told',
      {
        holds: [hold('a', 1, 0, released(600))],
      },
      'never told of its loss, and released it',
    ],
    [
      'a lease that was lost and is held again',
      {
        holds: [hold('a', 1, 0, told(VALID_MS, { isRevived: true }))],
      },
      'held after it told of its loss',
    ],
    [
      'a lease that was lost too early',
      {
        holds: [hold('a', 1, 0, { toldMs: 100, reason: 'taken', idleMs: 0 })],
      },
      'lost before the end',
    ],
    [
      'a release that was refused within the lease',
      {
        holds: [hold('a', 1, 0, released(10, { answer: 'lost' }))],
      },
      'lost before the end',
    ],
    [
      'a killed holder whose lock is granted late',
      {
        holds: [hold('a', 1, 0), hold('b', 2, 50, { atMs: 1_700, ...released(1_710) })],
        lives: { a: { lastMs: 99, killedMs: 100, idle: [] } },
      },
      'nobody got the lock for 1600 ms after it was killed, where 1500 ms are allowed',
    ],
    [
      'a killed waiter that delays the next one',
      {
        holds: [first, hold('b', 2, 5, { atMs: 1_600, ...released(1_601) })],
        lives: { c: { lastMs: 9, killedMs: 20, idle: [] } },
      },
      'nobody got the lock for 1589 ms after it was released, where 1500 ms are allowed',
    ],
    [
      'a lock that many ask for in vain',
      {
        holds: [first, hold('b', 2, 9_000, released(9_001))],
        misses: [20, 1_020, 2_020].map((invokedMs) => ({
          ...{
            who: 'b',
            name: NAME,
            invokedMs,
            atMs: invokedMs + 1_000,
            why: 'SLUICE_LOCK_TIMEOUT',
          },
        })),
      },
      'nobody got the lock for 3001 ms',
    ],
    [
      'a lock that is never granted again',
      {
        holds: [hold('a', 1, 0)],
        lives: { a: { lastMs: 99, killedMs: 100, idle: [] } },
        misses: [
          { who: LAST, name: NAME, invokedMs: 5_000, atMs: 12_000, why: 'SLUICE_LOCK_TIMEOUT' },
        ],
      },
      'kept from everybody',
    ],
    [
      'an error that no caller got',
      { crashes: [{ who: 'a', message: 'oh' }] },
      'reached no caller',
    ],
  ])('finds %s', (_, given, words) => {
    expect(whats(given).join('\n')).toContain(words)
  })

  it('counts how long a line waited without those who could not run', () => {
    const [gap] = listGaps(
      history({
        holds: [hold('a', 1, 0), hold('b', 2, 50, { atMs: 900, ...released(910) })],
        lives: {
          a: { lastMs: 99, killedMs: 100, idle: [] },
          b: { lastMs: 910, idle: [{ fromMs: 300, toMs: 500 }] },
        },
      }),
    )
    expect(gap).toMatchObject({ after: 'killed', waitedMs: 600, allowedMs: 1_500 })
  })
})
