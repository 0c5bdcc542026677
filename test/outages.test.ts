// Outages of every kind, each on servers of its own, while a program locks, queues and limits. All
// of the matrix, with longer ones: npm run fault -- outages
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { listCells, seedOf, selectCells } from './fault/outages/cells.js'
import { judge, shorten, type Trial } from './fault/outages/checks.js'
import type { Call, DeliveryLine, LeaseLine, Line } from './fault/outages/history.js'
import { turnstile } from './fault/outages/matrix.js'
import { runCell } from './fault/outages/run-cell.js'
import { LIMIT } from './fault/outages/workload.js'

/** Each kind once, and each topology under most ways to fail. */
const CELLS = `
  refused/1s/cluster      blackhole/1s/sentinel   blackhole/6s/standalone  unanswered/1s/sentinel
  half-open/1s/standalone frozen/1s/cluster       frozen/6s/standalone     mute/1s/cluster
  deaf/1s/standalone      resets/1s/sentinel      slow/1s/standalone       garbage/1s/sentinel
  truncated/1s/cluster    kernel-loss/1s/standalone stopped/1s/cluster     crash/1s/standalone
  client-kill/1s/cluster  script-flush/1s/standalone crash-empty/1s/standalone loading/1s/standalone
  paused/1s/standalone    busy/1s/standalone      no-replicas/1s/standalone read-only/1s/standalone
  idle-timeout/6s/standalone locked-out/1s/standalone full-house/1s/cluster handover/1s/cluster
  failover/1s/cluster     no-majority/1s/cluster  moving-slots/1s/cluster  no-sentinels/1s/sentinel
`
  .trim()
  .split(/\s+/)
const SEED = 11
/** A cell takes 4 to 12 s; on a machine with more to do it waits for its turn as well. */
const CELL_TIMEOUT_MS = 120_000
const STARTS_SIDE_BY_SIDE = 2

describe('the engine outlives', { concurrent: true, timeout: CELL_TIMEOUT_MS }, () => {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-outages-'))
  const startInTurn = turnstile(STARTS_SIDE_BY_SIDE)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  for (const cell of listCells().filter(({ name }) => CELLS.includes(name))) {
    const problem = cell.kind.problem?.() ?? ''
    // Where only the kernel can lose packets, it takes root on Linux; proxies stand in for it.
    it.skipIf(problem !== '')(`${cell.name}: ${cell.kind.about}`, async () => {
      const { violations, operations } = await runCell(cell, { seed: SEED, folder, startInTurn })
      expect(shorten(violations)).toEqual([])
      expect(operations).toBeGreaterThan(100)
    })
  }
})

describe('the matrix', () => {
  const cells = listCells()

  it('has at least 12 kinds in all four lengths on all three topologies', () => {
    const full = new Map<string, number>()
    for (const { kind } of cells) full.set(kind.name, (full.get(kind.name) ?? 0) + 1)
    expect([...full.values()].filter((count) => count === 12).length).toBeGreaterThanOrEqual(12)
    expect(new Set(cells.map(({ name }) => name)).size).toBe(cells.length)
  })

  it('is tested in part, with every kind and only with cells that there are', () => {
    const names = cells.map(({ name }) => name)
    expect(CELLS.filter((name) => !names.includes(name))).toEqual([])
    const tested = new Set(CELLS.map((name) => name.split('/')[0]))
    expect(names.filter((name) => !tested.has(name.split('/')[0]))).toEqual([])
    expect(CELLS.length).toBeGreaterThanOrEqual(24)
  })

  it.each<[string, string[]]>([
    ['blackhole/15s/cluster', ['blackhole/15s/cluster']],
    ['blackhole/6s', ['standalone', 'sentinel', 'cluster'].map((on) => `blackhole/6s/${on}`)],
    ['no-s*', [1, 6, 15].map((length) => `no-sentinels/${length}s/sentinel`)],
    ['crash*/40s/standalone', ['crash/40s/standalone', 'crash-empty/40s/standalone']],
    ['loading/1s, busy/6s', ['busy/6s/standalone', 'loading/1s/standalone']],
    ['house', []],
  ])('selects by %s', (pattern, names) => {
    const selected = selectCells(cells, pattern).map(({ name }) => name)
    expect(selected.sort()).toEqual(names.sort())
  })

  it('gives each cell a seed of its own, and the same one again', () => {
    const seeds = cells.map(({ name }) => seedOf(1, name))
    expect(new Set(seeds).size).toBe(cells.length)
    expect(seedOf(1, 'a/1s/cluster')).toBe(seedOf(1, 'a/1s/cluster'))
    expect(seedOf(1, 'a/1s/cluster')).not.toBe(seedOf(2, 'a/1s/cluster'))
  })
})

type More = Partial<Trial['expectation'] & Pick<Trial, 'lengthMs'>>

const BEGIN_MS = 1_000
const HEALED_MS = 8_000

const call = (op: string, startMs: number, more: Partial<Call> = {}): Call => ({
  ...{ line: 'call', op, by: 'a', startMs, endMs: startMs + 10, stalledMs: 0, allowedMs: 2_000 },
  ...more,
})
const delivery = (queue: string, payload: string, atMs: number, more = {}): DeliveryLine => ({
  ...{ line: 'delivery', queue, payload, id: `id of ${payload}`, fence: atMs, atMs },
  ...more,
})
const lease = (gotMs: number, untilMs: number, fence = gotMs, more = {}): LeaseLine => ({
  ...{ line: 'lease', lock: 'l', owner: `o${gotMs}`, fence, askedMs: gotMs - 5, gotMs, untilMs },
  ...more,
})
const added = (queue: string, payloads: string[], startMs: number, more: Partial<Call> = {}) => {
  const ids = payloads.map((payload) => `id of ${payload}`)
  const op = payloads.length === 1 ? 'queue.add' : 'queue.addMany'
  return call(op, startMs, { queue, payloads, ...(more.failure ? {} : { ids }), ...more })
}
const refusal = (outcome?: string, more = {}) => ({
  ...{ name: 'EngineUnavailableError', message: 'gone', isSluice: true, retryable: true },
  ...{ code: 'SLUICE_ENGINE_UNAVAILABLE', ...(outcome && { outcome }) },
  ...more,
})
const job = (queue: string, payload: string, atMs: number) => [
  added(queue, [payload], atMs),
  delivery(queue, payload, atMs + 20),
]
const told = (name: 'unavailable' | 'available' | 'reset', by: string, atMs: number): Line => ({
  ...{ line: 'event', name, by, atMs },
})
const take = (startMs: number): Call => call('limiter.take', startMs, { allowed: true })
const hygiene = (more = {}): Line => ({
  ...{ line: 'hygiene', closeMs: 5, handlesBefore: ['A'], handlesAfter: ['A'], healthLies: [] },
  ...{ heapBeforeBytes: 1e7, heapAfterBytes: 1e7 },
  ...more,
})

const all = ['a', 'b', 'idle']
const resumed = (): Line[] => [
  ...['work', 'pulled', 'idle-worked', 'idle-taken'].flatMap((queue) =>
    job(queue, `${queue}-last`, HEALED_MS + 100),
  ),
  lease(HEALED_MS + 300, HEALED_MS + 310),
  take(HEALED_MS + 200),
]
const events = (): Line[] => [
  ...all.map((by) => told('unavailable', by, BEGIN_MS + 800)),
  ...all.map((by) => told('available', by, HEALED_MS + 300)),
]
const without = (queue: string) =>
  resumed().filter((line) => !('queue' in line && line.queue === queue))

function violationsOf(
  history: Line[],
  { lengthMs = HEALED_MS - BEGIN_MS, ...more }: More = {},
): string[] {
  const { violations } = judge({
    history,
    expectation: {
      ...{ tells: 'always', tellsIdle: true, loses: 'none', resumeWithinMs: 5_000 },
      ...more,
    },
    ...{ lengthMs, beginMs: BEGIN_MS, healedMs: HEALED_MS },
  })
  return violations
}

const goodEnd = () => [...events(), ...resumed(), hygiene()]
const plusGood = (...lines: Line[]) => [...lines, ...goodEnd()]

describe('the checker of outages finds nothing wrong with', () => {
  it.each<[string, Line[], More?]>([
    ['a program that resumes', goodEnd()],
    ['calls that take just what they may', plusGood(call('x', 10, { endMs: 2_259 }))],
    [
      'a late call whose process stood still',
      plusGood(call('x', 10, { endMs: 3_200, stalledMs: 1_000 })),
    ],
    ['an error that says what it has to', plusGood(call('x', 10, { failure: refusal('unknown') }))],
    [
      'an unknown job that is there, and one that is not',
      plusGood(
        added('work', ['1'], 10, { failure: refusal('unknown') }),
        added('work', ['2'], 10, { failure: refusal('unknown') }),
        delivery('work', '2', 50),
      ),
    ],
    [
      'a job that is delivered again with a higher fence',
      plusGood(added('work', ['1'], 10), delivery('work', '1', 50), delivery('work', '1', 90)),
    ],
    [
      'a job that is gone after a failover, and after an empty restart',
      plusGood(added('work', ['1'], BEGIN_MS - 500)),
      { loses: 'failover' },
    ],
    ['leases one after the other', plusGood(lease(10, 20), lease(20, 30))],
    [
      'an outage that is told late by a program that stood still',
      [
        ...[...events(), ...resumed(), hygiene()].map((line) =>
          line.line === 'event' && line.name === 'unavailable' ? { ...line, atMs: 3_500 } : line,
        ),
        { line: 'stall', fromMs: 900, untilMs: 1_500 },
      ],
    ],
    ['silence where calls are not cut off', [...resumed(), hygiene()], { tells: 'never' }],
    [
      'silence of a client that makes no calls',
      plusGood().filter((line) => !('by' in line && line.by === 'idle')),
      { tellsIdle: false },
    ],
    [
      'silence of one that had no time to ask',
      [
        ...plusGood().filter((line) => !('by' in line && line.by === 'idle')),
        { line: 'stall', fromMs: BEGIN_MS, untilMs: HEALED_MS - 940 },
      ],
    ],
    [
      'as many takes as the limit admits',
      plusGood(...Array.from({ length: LIMIT.limit }, (_, at) => take(10 + at))),
    ],
  ])('%s', (_, history, expectation) => {
    expect(violationsOf(history, expectation)).toEqual([])
  })
})

describe('the checker of outages finds', () => {
  it.each<[string, Line[], string, More?]>([
    ['a call that never settled', plusGood(call('x', 10, { endMs: null })), 'deadline: never'],
    ['a late call', plusGood(call('x', 10, { endMs: 2_271 })), 'deadline: took 2261 ms'],
    ['silence about an outage', [...resumed(), hygiene()], "'unavailable' was told never by a"],
    [
      'silence of one that had time to ask',
      [
        ...plusGood().filter((line) => !('by' in line && line.by === 'idle')),
        { line: 'stall', fromMs: BEGIN_MS, untilMs: HEALED_MS - 960 },
      ],
      "'unavailable' was told never by idle",
    ],
    [
      'an outage that is told late',
      [...events(), ...resumed(), hygiene()].map((line) =>
        line.line === 'event' && line.name === 'unavailable' ? { ...line, atMs: 3_001 } : line,
      ),
      'told after 2001 ms by a',
    ],
    [
      'silence about healing',
      plusGood().filter((line) => !(line.line === 'event' && line.name === 'available')),
      "'available' was not told at last by a",
    ],
    [
      'healing that is told late',
      plusGood().map((line) =>
        line.line === 'event' && line.name === 'available' ? { ...line, atMs: 13_001 } : line,
      ),
      "'available' was told after 5001 ms",
    ],
    ['a false alarm', plusGood(told('reset', 'a', 9_000)), 'reset: told by a'],
    ['silence about lost data', goodEnd(), 'reset: not told by a', { loses: 'all' }],
    [
      'a worker that has stopped for good',
      [...events(), ...without('work'), hygiene()],
      'resume: a job was worked on: not so',
    ],
    [
      'a consumer that was idle and never woke',
      [...events(), ...without('idle-taken'), hygiene()],
      'resume: the idle taker got a job: not so',
    ],
    [
      'work that resumes late',
      plusGood().map((line) =>
        line.line === 'delivery' && line.queue === 'idle-worked'
          ? { ...line, atMs: 13_100, fence: 13_100 }
          : line,
      ),
      'resume: the idle worker got a job only 5100 ms after',
    ],
    [
      'an error of another kind',
      plusGood(call('x', 10, { failure: refusal('unknown', { isSluice: false }) })),
      'no SluiceError',
    ],
    [
      'an error without a code',
      plusGood(call('x', 10, { failure: refusal('unknown', { code: 'ECONNRESET' }) })),
      'without code',
    ],
    [
      'an engine error without an outcome',
      plusGood(call('x', 10, { failure: refusal() })),
      'without outcome',
    ],
    [
      'an internal error',
      plusGood(call('x', 10, { failure: refusal('unknown', { code: 'SLUICE_INTERNAL' }) })),
      'error: internal',
    ],
    [
      'a job that is there and was denied',
      plusGood(
        added('work', ['1'], 10, { failure: refusal('not-applied') }),
        delivery('work', '1', 50),
      ),
      'said not-applied',
    ],
    ['a lost job', plusGood(added('work', ['1'], 10)), 'lost: 1 of queue work was added'],
    [
      'a job that is lost long before a failover',
      plusGood(added('work', ['1'], -1_000)),
      'lost: 1 of queue work',
      { loses: 'failover' },
    ],
    ['a job from nowhere', plusGood(delivery('work', '1', 50)), 'never added'],
    [
      'a job that was added twice',
      plusGood(
        added('work', ['1'], 10),
        delivery('work', '1', 50),
        delivery('work', '1', 60, { id: '2' }),
      ),
      'twice: 1 was added as id of 1 and delivered as 2',
    ],
    [
      'one id for two jobs',
      plusGood(
        added('work', ['1', '2'], 10, { ids: ['7', '7'] }),
        delivery('work', '1', 50, { id: '7' }),
        delivery('work', '2', 50, { id: '7' }),
      ),
      'id 7 was given to 1 and 2',
    ],
    [
      'half of a batch',
      plusGood(
        added('work', ['1', '2'], 10, { failure: refusal('unknown') }),
        delivery('work', '1', 50),
      ),
      'torn',
    ],
    [
      'a second delivery without a higher fence',
      plusGood(
        added('work', ['1'], 10),
        delivery('work', '1', 50),
        delivery('work', '1', 60, { fence: 50 }),
      ),
      'fence: 1 was delivered with 50 after 50',
    ],
    [
      'a job that is back after its acknowledgement',
      plusGood(
        added('pulled', ['1'], 10),
        delivery('pulled', '1', 50),
        call('delivery.ack', 60, { payloads: ['1'] }),
        delivery('pulled', '1', 90),
      ),
      'after it had been acknowledged',
    ],
    [
      'an acknowledgement that was denied and counts',
      plusGood(
        added('pulled', ['1'], 10),
        delivery('pulled', '1', 50),
        call('delivery.ack', 60, { payloads: ['1'], failure: refusal('not-applied') }),
      ),
      'never came back',
    ],
    [
      'jobs that are stuck',
      plusGood({
        ...{ line: 'rest', queue: 'work' },
        counts: { ready: 0, timed: 0, inFlight: 1, dead: 0 },
      }),
      'rest: queue work',
    ],
    ['two holders', plusGood(lease(10, 30), lease(20, 40)), 'overlap: l was held by o10 and o20'],
    [
      'a holder that comes back within the lease of another one',
      plusGood(lease(10, 90), lease(20, 15), lease(40, 50)),
      'overlap: l was held by o10 and o40',
    ],
    ['a fence given twice', plusGood(lease(10, 20, 5), lease(30, 40, 5)), 'fence: 5 of l'],
    ['a fence that falls', plusGood(lease(10, 20, 6), lease(30, 40, 5)), 'given 5 after 6'],
    [
      'a fence that falls in a failover',
      plusGood(lease(2_000, 2_020, 6), lease(2_030, 2_040, 5)),
      'given 5 after 6',
      { loses: 'failover' },
    ],
    [
      'more takes than the limit admits',
      plusGood(...Array.from({ length: LIMIT.limit + 1 }, (_, at) => take(10 + at))),
      `limit: ${LIMIT.limit + 1} takes`,
    ],
    ['a stray', plusGood({ line: 'stray', what: 'unhandled rejection: x' }), 'stray: unhandled'],
    ['a program that did not end', [...events(), ...resumed()], 'did not come to its end'],
    [
      'handles that are left',
      [...events(), ...resumed(), hygiene({ handlesAfter: ['A', 'Timeout'] })],
      'handles left: A,Timeout instead of A',
    ],
    [
      'a slow close()',
      [...events(), ...resumed(), hygiene({ closeMs: 5_001 })],
      'close() took 5001',
    ],
    [
      'a heap that grew',
      [...events(), ...resumed(), hygiene({ heapAfterBytes: 3e7 })],
      'heap grew by 19.1 MiB',
    ],
    [
      'health that contradicts the events',
      [...events(), ...resumed(), hygiene({ healthLies: ['health() of a'] })],
      'health: health() of a',
    ],
  ])('%s', (_, history, words, expectation) => {
    expect(violationsOf(history, expectation).join('\n')).toContain(words)
  })
})

it('violations of one way are told once, with their number', () => {
  const same = [1, 2, 3].map((n) => `deadline: took ${n}000 ms: queue.add by a`)
  expect(shorten([...same, 'lost: work-1'])).toEqual([`${same[0]} (3 such)`, 'lost: work-1'])
})
