import { describe, expect, test } from 'vitest'
import { listCells } from '../outages/cells.js'
import { measure, worseOf } from './measure.js'
import type { CallRecord, PeerRecord } from './records.js'
import { findSystem } from './systems.js'
import { judgeOurs } from './verdict.js'

const outage = { beginMs: 1_000, healedMs: 2_000 }
const call = (op: CallRecord['op'], startMs: number, endMs: number | null, more = {}) =>
  ({ line: 'call', op, startMs, endMs, subject: `${op}-${startMs}`, ...more }) as const
const job = (payload: string, id: string, atMs: number): PeerRecord => ({
  ...{ line: 'job', payload, id, atMs },
})

describe('the measure of an outage', () => {
  test('finds calls that never settled, and those that settled when nobody waits any more', () => {
    const records = [
      call('take', 500, 510),
      call('take', 1_100, 1_400),
      call('take', 1_200, null),
      call('take', 1_300, 32_500),
      call('take', 2_100, null),
    ]
    expect(measure(records, outage)).toMatchObject({ unsettled: 2, slowestMs: 300 })
  })

  test('finds that nothing works again, and when it does', () => {
    const failed = call('take', 2_100, 2_200, { failure: 'Error' })
    const inFlight = call('take', 1_900, 2_050)
    const dead = measure([inFlight, failed, call('take', 2_300, null)], outage)
    expect(dead.callsAgainMs).toBeNull()
    const alive = measure([inFlight, failed, call('take', 2_300, 2_350)], outage)
    expect(alive.callsAgainMs).toBe(350)
  })

  test('finds a worker that does old jobs only, and takes that no server counted', () => {
    const records = [
      call('add', 900, 910),
      call('add', 2_100, 2_110),
      job('add-900', '1', 2_400),
      call('take', 2_100, 2_110),
      { line: 'charge', subject: 'take-2100', count: 0 } as const,
    ]
    const figures = measure(records, outage)
    expect(figures).toMatchObject({ jobsAgainMs: null, storedAgainMs: null, lastJobMs: 400 })
  })

  test('finds who told first, and silence', () => {
    const told = { line: 'told', what: 'early', atMs: 900 } as const
    expect(measure([told, call('take', 900, 990)], outage).toldMs).toBeNull()
    const failure = call('take', 900, 1_500, { failure: 'Error' })
    expect(measure([told, failure], outage)).toMatchObject({ toldMs: 500, toldBy: 'take: Error' })
  })

  test('finds effects that happened twice, and jobs that are lost, stuck or delivered again', () => {
    const records = [
      ...[100, 200, 300, 400].map((startMs) => call('add', startMs, startMs + 1)),
      job('add-100', '1', 150),
      job('add-100', '2', 160),
      job('add-200', '3', 250),
      job('add-200', '3', 260),
      { line: 'charge', subject: 'take-1', count: 3 } as const,
      { line: 'left', count: 1 } as const,
    ]
    const figures = measure(records, outage)
    expect(figures).toMatchObject({ twice: 3, again: 1, stuck: 1, lost: 1 })
  })

  test('finds leases without time left, and two holders at once', () => {
    const records = [
      call('acquire', 100, 110, { subject: 'a', remainingMs: 500 }),
      call('acquire', 200, 210, { subject: 'a', remainingMs: 500 }),
      call('acquire', 300, 310, { subject: 'b', remainingMs: -5 }),
    ]
    expect(measure(records, outage)).toMatchObject({ overlaps: 1, expired: 1 })
    const released = [...records, call('release', 190, 195, { subject: 'a' })]
    expect(measure(released, outage).overlaps).toBe(0)
  })

  test('keeps the worse of two rounds, of which never is the worst', () => {
    const good = measure([call('take', 1_100, 1_150), call('take', 2_100, 2_150)], outage)
    const bad = measure([call('take', 1_100, null)], outage)
    for (const worse of [worseOf(good, bad), worseOf(bad, good)]) {
      expect(worse).toMatchObject({ callsAgainMs: null, unsettled: 1, slowestMs: 50 })
    }
  })
})

describe('the verdict on ours', () => {
  const cell = listCells().find(({ name }) => name === 'blackhole/15s/standalone')
  const limiter = findSystem('Sluice limiter')
  const records = [
    call('take', 1_100, 3_000, { failure: 'EngineUnavailableError' }),
    call('take', 2_100, 2_400),
    { line: 'charge', subject: 'take-2100', count: 1 } as const,
  ]
  const figures = measure(records, outage)

  test('is good for calls that fail in time and work again', () => {
    if (cell === undefined) throw new Error('there is no such cell')
    expect(judgeOurs(cell, limiter, figures)).toEqual([])
  })

  test.each([
    [{ unsettled: 1 }, 'unsettled: 1'],
    [{ slowestMs: 2_300 }, 'deadline: 2300 ms instead of 2000'],
    [{ callsAgainMs: null }, 'resume: calls worked never'],
    [{ storedAgainMs: 5_100 }, 'resume: takes counted after 5100 ms'],
    [{ toldMs: null }, 'silent: told never'],
    [{ twice: 2 }, 'twice: 2'],
    [{ strays: 1 }, 'strays: 1'],
  ])('is not, with %o', (worse, violation) => {
    if (cell === undefined) throw new Error('there is no such cell')
    expect(judgeOurs(cell, limiter, { ...figures, ...worse })).toEqual([violation])
  })
})
