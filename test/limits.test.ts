// Limits while processes, connections and servers fail, and while the server's clock steps back. The
// whole run, with a seed to choose: node test/fault/runs/limits.js --seed N
import { describe, expect, it } from 'vitest'
import { check } from './fault/limits/check.js'
import {
  type Admission,
  emptyHistory,
  type History,
  readParent,
  readProcess,
} from './fault/limits/history.js'
import type { LimitPlan } from './fault/limits/plan.js'
import { runLimits } from './fault/limits/run.js'

const DECISIONS = 50_000
/** A minute where nothing else runs; it shares the machine with all other tests. */
const RUN_TIMEOUT_MS = 300_000

describe('runs with faults', () => {
  it(`let nothing through beyond what is promised, in ${DECISIONS} decisions on each rule`, {
    timeout: RUN_TIMEOUT_MS,
  }, async () => {
    const outcome = await runLimits({ seed: 4, operations: DECISIONS })
    const { violations, stages, skipped } = outcome
    for (const what of skipped) console.warn(`left out: ${what}`)
    expect(violations).toEqual([])
    expect(stages.length + skipped.length).toBe(2)
    const share = DECISIONS / (stages.length + skipped.length)
    for (const { decisions, faults, measures } of stages) {
      expect(Math.min(...Object.values(decisions))).toBeGreaterThanOrEqual(share)
      // At their limits all the time, and with nobody who was locked out.
      expect(Math.min(...Object.values(measures.units))).toBeGreaterThan(1_000)
      expect(measures.refused).toBeGreaterThan(share)
      expect(measures.looks).toBeGreaterThan(100)
      expect(faults.length).toBeGreaterThanOrEqual(15)
    }
    expect(stages[1]?.measures.steps ?? 4).toBeGreaterThanOrEqual(4)
  })
})

/** Ten in any second, and one that leaks ten a second, of which five fit. */
const plans: LimitPlan[] = [
  {
    name: 'log',
    rule: ({ slidingLog }) => slidingLog({ limit: 10, per: '1s' }),
    ...{ periodMs: 1_000, longestMs: 1_000, bound: () => 10, ofStepUnits: 1 },
  },
  {
    name: 'funnel',
    rule: ({ funnel }) => funnel({ capacity: 5, leak: 10, per: '1s' }),
    ...{ periodMs: 500, longestMs: 3_000, bound: (ms) => 5 + ms / 100, ofStepUnits: 1 },
  },
]
const admitted = (sentMs: number, units: number, rest: Partial<Admission> = {}): Admission => ({
  ...{ who: 'a', plan: 0, key: 1, sentMs, atMs: sentMs + 5, units },
  ...rest,
})
const inFunnel = (sentMs: number, units: number) => admitted(sentMs, units, { plan: 1 })
const history = (rest: Partial<History>): History => ({ ...emptyHistory(), ...rest })
const whats = (rest: Partial<History>) => check(history(rest), plans).map(({ what }) => what)
const look = (key: string, ttlMs: number, atMs = 0) => ({
  ...{ key: `sluice:limit:{${key}/key-1}:log`, ttlMs, atMs },
})

describe('the checker', () => {
  it.each<[string, Partial<History>]>([
    ['nothing', {}],
    ['as many as fit, twice', { admissions: [admitted(0, 10), admitted(1_001, 10)] }],
    ['one that may have been a window ago', { admissions: [admitted(0, 10), admitted(999, 1)] }],
    [
      'one that was asked for before the others were',
      { admissions: [admitted(0, 10), admitted(-5, 1, { atMs: 1_200 })] },
    ],
    [
      'as many of each key, and of each limiter',
      { admissions: [admitted(0, 10), admitted(1, 10, { key: 2 }), inFunnel(2, 5)] },
    ],
    [
      'what leaks out meanwhile',
      { admissions: [inFunnel(0, 5), inFunnel(100, 1), inFunnel(2_000, 5)] },
    ],
    [
      'one more after a step back of the clock',
      {
        admissions: [admitted(0, 10), admitted(600, 1)],
        steps: [{ fromMs: 500, toMs: 501, backMs: 7_000 }],
      },
    ],
    [
      'a key that lives longer as the clock stepped back',
      {
        looks: [look('log', 1_000, 400), look('log', 8_000, 600)],
        steps: [{ fromMs: 500, toMs: 501, backMs: 7_000 }],
      },
    ],
  ])('finds nothing wrong with %s', (_, given) => {
    expect(whats(given)).toEqual([])
  })

  it.each<[string, Partial<History>, string]>([
    [
      'one too many at once',
      { admissions: [admitted(0, 11)] },
      'log/key-1 admitted 11 units within 5.002 ms, where 10 are allowed',
    ],
    [
      'one too many of two processes',
      { admissions: [admitted(0, 6), admitted(3, 5, { who: 'b' })] },
      'log/key-1 admitted 11 units',
    ],
    [
      'one too many at the end of a window',
      { admissions: [admitted(0, 10), admitted(990, 1)] },
      'admitted 11 units within 995.002 ms',
    ],
    [
      'one too many in a window that others overlap',
      { admissions: [admitted(-900, 4), admitted(0, 5), admitted(300, 1), admitted(700, 5)] },
      'admitted 11 units within 705.002 ms',
    ],
    [
      'one too many of a funnel',
      { admissions: [inFunnel(0, 5), inFunnel(50, 1)] },
      'funnel/key-1 admitted 6 units within 55.002 ms, where 5 are allowed',
    ],
    [
      'a funnel that leaks too fast',
      { admissions: Array.from({ length: 60 }, (_, at) => inFunnel(at * 50, 1)) },
      'funnel/key-1 admitted',
    ],
    [
      'two more after a step back of the clock',
      {
        admissions: [admitted(0, 10), admitted(600, 2)],
        steps: [{ fromMs: 500, toMs: 501, backMs: 7_000 }],
      },
      'admitted 12 units within 605.002 ms, where 11 are allowed',
    ],
    [
      'one more before a step back of the clock',
      {
        admissions: [admitted(0, 10), admitted(600, 1)],
        steps: [{ fromMs: 700, toMs: 701, backMs: 7_000 }],
      },
      'admitted 11 units',
    ],
    ['a key without a TTL', { looks: [look('log', -1)] }, 'has no TTL'],
    ['a key that lives too long', { looks: [look('funnel', 600)] }, 'lives for 600 ms, where 503'],
    ['a key from nowhere', { looks: [look('other', 1)] }, 'is no key of a limiter'],
    [
      'a take that settled late',
      { late: [{ who: 'a', plan: 1, sentMs: 0, tookMs: 1_300.4 }] },
      'takes of funnel settled after 1300 ms',
    ],
    [
      'a take that never settled',
      { late: [{ who: 'a', plan: 0, sentMs: 0, tookMs: null }] },
      'takes of log never settled',
    ],
    [
      'an answer that no take may have',
      { oddities: [{ who: 'a', plan: 0, what: 'a wait of 86400000 ms' }] },
      'a take of log was answered with a wait of 86400000 ms',
    ],
    ['an error that no caller got', { crashes: [{ who: 'a' }] }, 'reached no caller'],
  ])('finds %s', (_, given, words) => {
    expect(whats(given).join('\n')).toContain(words)
  })

  it('shows the admissions of the worst window, and only these', () => {
    const [before, first, second] = [admitted(-800, 1), admitted(300, 9), admitted(400, 4)]
    const [violation] = check(history({ admissions: [before, first, second] }), plans)
    expect(violation?.witness).toEqual([first, second])
  })
})

describe('the record of a run', () => {
  it('puts the lines of all processes together, but for the one that a process was killed in', () => {
    const all = emptyHistory()
    const lines = (records: unknown[][]) => records.map((one) => JSON.stringify(one)).join('\n')
    const ofProcess = [
      ['admitted', 7, 0, 3, 2, 4],
      ['late', 1_400, 1, 2, 1_300.5],
      ['late', 9_000, 1, 3, null],
      ['odd', 8, 0, 'a wait of 9 ms'],
      ['crashed', 9, 'oh'],
    ]
    readProcess(all, 'a', `${lines(ofProcess)}\n["admitted",9,0,1`)
    readProcess(all, 'b', '')
    readParent(
      all,
      `${lines([
        ['fault', 9, 'CLIENT KILL of all connections', 8, 'silent'],
        ['key', 10, 'sluice:limit:{log/key-1}:log', 900],
        ['step', 12, 11, 5_000],
      ])}\n`,
    )
    expect(all).toEqual({
      admissions: [{ who: 'a', plan: 0, key: 3, sentMs: 2, atMs: 7, units: 4 }],
      late: [
        { who: 'a', plan: 1, sentMs: 2, tookMs: 1_300.5 },
        { who: 'a', plan: 1, sentMs: 3, tookMs: null },
      ],
      oddities: [{ who: 'a', plan: 0, what: 'a wait of 9 ms' }],
      crashes: [{ who: 'a', atMs: 9, message: 'oh' }],
      looks: [{ key: 'sluice:limit:{log/key-1}:log', atMs: 10, ttlMs: 900 }],
      steps: [{ fromMs: 11, toMs: 12, backMs: 5_000 }],
    })
  })
})
