// What callers are told where connections are reset after the request was sent. The whole run, with
// a seed to choose: node test/fault/runs/outcomes.js --seed N
import { describe, expect, it } from 'vitest'
import { checkCalls } from './fault/outcomes/check-calls.js'
import { checkJobs } from './fault/outcomes/check-jobs.js'
import { checkLimits } from './fault/outcomes/check-limits.js'
import { checkLocks } from './fault/outcomes/check-locks.js'
import {
  type Call,
  type Delivery,
  type Handled,
  type History,
  type Loss,
  readHistory,
  type Violation,
} from './fault/outcomes/history.js'
import { runOutcomes } from './fault/outcomes/run.js'
import type { StoredJob } from './fault/outcomes/store.js'

const OPERATIONS = 10_000
const RUN_TIMEOUT_MS = 60_000

let callCount = 0
const call = (op: string, rest: Partial<Call> = {}): Call => {
  const invokedMs = rest.invokedMs ?? 0
  const times = { invokedMs, endedMs: invokedMs + 1, stalledMs: 0, withinMs: 500 }
  return { who: '0', call: ++callCount, op, end: 'ok', ...times, ...rest }
}
const history = (rest: Partial<History> = {}): History => ({
  ...{ calls: [], deliveries: [], handled: [], losses: [], crashes: [] },
  ...rest,
})
const whats = (violations: Violation[]) => violations.map(({ what }) => what)

describe('runs with resets', () => {
  it(`tell nothing but the truth in ${OPERATIONS} operations, and each effect happens at most once`, {
    timeout: RUN_TIMEOUT_MS,
  }, async () => {
    const outcome = await runOutcomes({ seed: 11, operations: OPERATIONS })
    expect(outcome.violations).toEqual([])
    expect(outcome.operations).toBeGreaterThanOrEqual(OPERATIONS)
    expect(outcome.faults.resets + outcome.faults.storms).toBeGreaterThan(0)
    expect(outcome.ends.unknown).toBeGreaterThan(0)
  })
})

describe('the record of a run', () => {
  it('puts both ends of a call together, and keeps one that has no end', () => {
    const lines = [
      { who: '0', call: 1, op: 'ack', withinMs: 500, invokedMs: 5, id: '1' },
      { who: '1', call: 1, op: 'add', withinMs: 500, invokedMs: 3, keys: ['a'] },
      { who: '0', call: 1, endedMs: 9, end: 'unknown' },
      { who: '0', note: 'loss', owner: 'me', reason: 'expired', atMs: 4 },
    ].map((record) => JSON.stringify(record))
    const read = readHistory([...lines, ''])
    expect(read.calls).toMatchObject([{ op: 'add' }, { op: 'ack', id: '1', end: 'unknown' }])
    expect(read.calls[0]?.end).toBeUndefined()
    expect(read.losses).toMatchObject([{ reason: 'expired' }])
  })
})

describe('the checker of jobs', () => {
  const add = (keys: string[], end: Call['end'] = 'ok') =>
    call('add', { keys, end, ...(end === 'ok' && { ids: keys.map((key) => `id-${key}`) }) })
  const stored = (key: string, rest: Partial<StoredJob> = {}): StoredJob => ({
    ...{ queue: 'q', place: 'ready', key, id: `id-${key}`, attempt: 0 },
    ...rest,
  })
  const delivery = (key: string, fence: number, attempt = 1): Delivery => ({
    ...{ note: 'delivery', who: '0', queue: 'q', key, id: `id-${key}`, fence, attempt },
    atMs: fence,
  })
  const settle = (op: string, key: string, fence: number, end: Call['end'] = 'ok') =>
    call(op, { key, id: `id-${key}`, fence, end })
  const handled = (key: string, fence: number, how: Handled['how']): Handled => ({
    ...{ note: 'handled', who: '0', queue: 'q', key, id: `id-${key}`, fence, how },
    atMs: fence,
  })

  it.each<[string, Partial<History>, StoredJob[]]>([
    ['a job that waits', { calls: [add(['a'])] }, [stored('a')]],
    [
      'a job that is done',
      { calls: [add(['a']), settle('ack', 'a', 1)], deliveries: [delivery('a', 1)] },
      [],
    ],
    ['an add in doubt that happened', { calls: [add(['a'], 'unknown')] }, [stored('a')]],
    ['an add in doubt that did not', { calls: [add(['a'], 'unknown')] }, []],
    ['an add that did not happen', { calls: [add(['a'], 'fail')] }, []],
    [
      'an ack in doubt, and a second delivery',
      {
        calls: [add(['a']), settle('ack', 'a', 1, 'unknown'), settle('ack', 'a', 2)],
        deliveries: [delivery('a', 1), delivery('a', 2)],
      },
      [],
    ],
    [
      'a retry in doubt that counted',
      { calls: [add(['a']), settle('retry', 'a', 1, 'unknown')], deliveries: [delivery('a', 1)] },
      [stored('a', { attempt: 1 })],
    ],
    [
      'a worker that ended a job',
      { calls: [add(['a'])], deliveries: [delivery('a', 1)], handled: [handled('a', 1, 'ack')] },
      [],
    ],
    [
      'a job that was failed',
      { calls: [add(['a']), settle('fail', 'a', 1)], deliveries: [delivery('a', 1)] },
      [stored('a', { place: 'dead', attempt: 1 })],
    ],
  ])('finds nothing wrong with %s', (_, given, jobs) => {
    expect(whats(checkJobs(history(given), jobs))).toEqual([])
  })

  it.each<[string, Partial<History>, StoredJob[], string]>([
    ['a lost job', { calls: [add(['a'])] }, [], 'never seen again'],
    ['a job from nowhere', {}, [stored('a')], 'nobody added'],
    ['a lie about an add', { calls: [add(['a'], 'fail')] }, [stored('a')], 'told not to have'],
    ['half an addMany', { calls: [add(['a', 'b'], 'unknown')] }, [stored('a')], '1 of 2'],
    [
      'a doubled job',
      { calls: [add(['a'], 'unknown')] },
      [stored('a'), stored('a', { id: 'other' })],
      'added twice',
    ],
    ['another id than told', { calls: [add(['a'])] }, [stored('a', { id: '9' })], 'has the ids'],
    [
      'an id given twice',
      { calls: [add(['a'], 'unknown'), add(['b'], 'unknown')] },
      [stored('a', { id: '1' }), stored('b', { id: '1' })],
      'share id',
    ],
    [
      'an ack that was forgotten',
      { calls: [add(['a']), settle('ack', 'a', 1)], deliveries: [delivery('a', 1)] },
      [stored('a')],
      'still stored',
    ],
    [
      'a delivery after the ack',
      {
        calls: [add(['a']), settle('ack', 'a', 1)],
        deliveries: [delivery('a', 1), delivery('a', 2)],
      },
      [],
      'delivered again',
    ],
    [
      'a lie about an ack',
      { calls: [add(['a']), settle('ack', 'a', 1, 'fail')], deliveries: [delivery('a', 1)] },
      [],
      'is gone',
    ],
    [
      'a retry that counted twice',
      { calls: [add(['a']), settle('retry', 'a', 1)], deliveries: [delivery('a', 1)] },
      [stored('a', { attempt: 2 })],
      'then 2',
    ],
    [
      'a lie about a retry',
      {
        calls: [add(['a']), settle('retry', 'a', 1, 'fail')],
        deliveries: [delivery('a', 1), delivery('a', 2, 2)],
      },
      [stored('a', { attempt: 1 })],
      'then 1, where 0 to 0',
    ],
    [
      'one delivery given to two',
      { calls: [add(['a'])], deliveries: [delivery('a', 1), delivery('a', 1)] },
      [stored('a')],
      'twice under fence 1',
    ],
    [
      'a lie about a death',
      { calls: [add(['a']), settle('fail', 'a', 1, 'fail')], deliveries: [delivery('a', 1)] },
      [stored('a', { place: 'dead' })],
      'is dead',
    ],
  ])('finds %s', (_, given, jobs, words) => {
    expect(whats(checkJobs(history(given), jobs)).join('\n')).toContain(words)
  })
})

describe('the checker of locks', () => {
  const acquire = (owner: string, fence: number, invokedMs: number, validUntilMs: number) =>
    call('acquire', { lock: 'red', owner, fence, invokedMs, validUntilMs })
  const release = (owner: string, invokedMs: number, rest: Partial<Call> = {}) =>
    call('release', { owner, invokedMs, answer: 'released', ...rest })
  const loss = (owner: string, atMs: number): Loss => ({
    ...{ note: 'loss', who: '0', owner, reason: 'expired', atMs },
  })

  it.each<[string, Partial<History>]>([
    ['one after the other', { calls: [acquire('a', 1, 0, 100), acquire('b', 2, 100, 200)] }],
    [
      'a release before the end',
      {
        calls: [
          acquire('a', 1, 0, 100),
          release('a', 10, { validUntilMs: 100 }),
          acquire('b', 2, 11, 200),
        ],
      },
    ],
    [
      'a loss before another one got it',
      { calls: [acquire('a', 1, 0, 100), acquire('b', 2, 100, 200)], losses: [loss('a', 100)] },
    ],
    [
      'a lease that was over before its holder was told',
      { calls: [acquire('a', 1, 0, 1), acquire('b', 2, 0, 100)] },
    ],
  ])('finds nothing wrong with %s', (_, given) => {
    expect(whats(checkLocks(history(given), []))).toEqual([])
  })

  it.each<[string, Partial<History>, string]>([
    [
      'two holders',
      { calls: [acquire('a', 1, 0, 100), acquire('b', 2, 50, 200)] },
      'two holders for 49.0 ms',
    ],
    [
      'a fence that falls',
      { calls: [acquire('a', 5, 0, 10), acquire('b', 4, 20, 30)] },
      'fence 4 after 5',
    ],
    [
      'a fence given twice',
      { calls: [acquire('a', 5, 0, 10), acquire('b', 5, 20, 30)] },
      'fence 5 twice',
    ],
    [
      'a lease lost too early',
      { calls: [acquire('a', 1, 0, 100)], losses: [loss('a', 50)] },
      'before its end',
    ],
    [
      'a release that lies',
      {
        calls: [acquire('a', 1, 0, 100), release('a', 10, { validUntilMs: 100, answer: 'lost' })],
      },
      'told that the lease is lost',
    ],
    [
      'a lock that nobody gets any more',
      { calls: [call('acquire', { lock: 'red', isLast: true, end: 'fail' })] },
      'kept from everybody',
    ],
  ])('finds %s', (_, given, words) => {
    expect(whats(checkLocks(history(given), [])).join('\n')).toContain(words)
  })

  it('finds a lock that an acquire left behind', () => {
    const left = { name: 'red', owner: 'a', remainingMs: 1_000 }
    expect(whats(checkLocks(history(), [left])).join()).toContain('nobody holds it any more')
  })
})

describe('the checker of limits', () => {
  const plans = [
    { name: 'large-log', limit: 3, perMs: 3_600_000 },
    { name: 'moving-log', limit: 2, perMs: 300 },
  ]
  const take = (rest: Partial<Call> = {}) =>
    call('limit', { limiter: 'large-log', key: 'k', cost: 1, allowed: true, ...rest })
  const charged = (units: number) => [{ limiter: 'large-log', key: 'k', units }]
  const first = take({ remaining: 2 })
  const moving = (invokedMs: number) => take({ limiter: 'moving-log', invokedMs })

  it.each<[string, Call[], number]>([
    ['a take', [first], 1],
    ['a take in doubt that was charged', [first, take({ end: 'unknown' })], 2],
    ['a take in doubt that was not', [first, take({ end: 'unknown' })], 1],
    ['a take that did not happen', [first, take({ end: 'fail' })], 1],
    ['a refusal of a full one', [take({ cost: 3, remaining: 0 }), take({ allowed: false })], 3],
  ])('finds nothing wrong with %s', (_, calls, units) => {
    expect(whats(checkLimits(history({ calls }), charged(units), plans))).toEqual([])
  })

  it.each<[string, Call[], number, string]>([
    ['a take that was not charged', [first], 0, '0 are charged'],
    ['a take that was charged twice', [first], 2, 'at most 1'],
    ['a lie about a take', [first, take({ end: 'fail' })], 2, 'at most 1'],
    ['one unit given to two', [first, take({ remaining: 2 })], 2, 'same units'],
    ['a refusal without a reason', [take({ allowed: false })], 0, 'refused a take'],
    ['more than the limit', [take({ cost: 2, remaining: 1 }), take({ cost: 2 })], 4, 'within'],
    ['a key from nowhere', [], 1, 'nobody took'],
  ])('finds %s', (_, calls, units, words) => {
    const found = whats(checkLimits(history({ calls }), charged(units), plans))
    expect(found.join('\n')).toContain(words)
  })

  it('finds too much in a window that moves, and not what is in two', () => {
    const [close, wide] = [
      [0, 100, 200],
      [0, 299.5, 600],
    ].map((times) => history({ calls: times.map(moving) }))
    expect(whats(checkLimits(close ?? history(), [], plans)).join()).toContain('3 units within 300')
    expect(checkLimits(wide ?? history(), [], plans)).toEqual([])
  })
})

describe('the checker of calls', () => {
  const failed = { end: 'unknown', code: 'SLUICE_ENGINE_UNAVAILABLE', outcome: 'unknown' } as const

  it.each<[string, Call]>([
    ['an answer in time', call('add', { endedMs: 740 })],
    [
      'an answer that was late with its whole process',
      call('add', { endedMs: 900, stalledMs: 300 }),
    ],
    ['an outage', call('add', failed)],
    ['a stale ack', call('ack', { end: 'fail', code: 'SLUICE_STALE_DELIVERY' })],
  ])('finds nothing wrong with %s', (_, one) => {
    expect(whats(checkCalls(history({ calls: [one] })))).toEqual([])
  })

  const open = call('add')
  delete open.end
  it.each<[string, Call, string]>([
    ['a call that never settles', open, 'never settled'],
    ['a late answer', call('add', { endedMs: 760 }), 'after 760 ms'],
    ['an error without a type', call('add', { end: 'unknown', message: 'oh' }), 'rejected with oh'],
    ['a type out of place', call('add', { ...failed, code: 'SLUICE_INTERNAL' }), 'SLUICE_INTERNAL'],
    ['an outage that says nothing', call('add', { ...failed, outcome: '' }), 'without an outcome'],
  ])('finds %s', (_, one, words) => {
    expect(whats(checkCalls(history({ calls: [one] }))).join('\n')).toContain(words)
  })

  it('finds an error that no caller got', () => {
    const crash = { note: 'crash', who: '0', message: 'rejected unhandled', atMs: 1 } as const
    expect(checkCalls(history({ crashes: [crash] }))).toHaveLength(1)
  })
})
