// When schedules are due: patterns in time zones with their hours that are not there and come twice.
import { describe, expect, it } from 'vitest'
import { dueSlots, firstSlot, type StoredRule, slotsOf } from './slots.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const HOUR_MS = 60 * MINUTE_MS
const at = (text: string) => Date.parse(text)

/** The first slots from an instant on. */
async function slotsFrom(rule: StoredRule, from: string, count: number): Promise<string[]> {
  const slots = await slotsOf(rule, 0)
  const found: string[] = []
  for (let ms: number | null = at(from); found.length < count; ) {
    ms = slots.after(ms)
    if (ms === null) break
    found.push(new Date(ms).toISOString().replace(':00.000Z', 'Z'))
  }
  return found
}

describe('slots of a pattern', () => {
  // Berlin: 02:00 to 03:00 is left out on 29 March 2026, and comes twice on 25 October.
  // New York: the same on 8 March, and 01:00 to 02:00 twice on 1 November.
  it.each([
    [
      'Europe/Berlin',
      '30 2 * * *',
      '2026-03-28T12:00Z',
      ['2026-03-29T01:00Z', '2026-03-30T00:30Z'],
    ],
    [
      'America/New_York',
      '30 2 * * *',
      '2026-03-07T12:00Z',
      ['2026-03-08T07:00Z', '2026-03-09T06:30Z'],
    ],
  ])(
    '%s: what is due in the hour that is left out is due at its end',
    async (tz, cron, from, slots) => {
      expect(await slotsFrom({ cron, tz }, from, 2)).toEqual(slots)
    },
  )

  it.each([
    [
      'Europe/Berlin',
      '30 2 * * *',
      '2026-10-24T12:00Z',
      ['2026-10-25T00:30Z', '2026-10-26T01:30Z'],
    ],
    [
      'America/New_York',
      '30 1 * * *',
      '2026-10-31T12:00Z',
      ['2026-11-01T05:30Z', '2026-11-02T06:30Z'],
    ],
  ])(
    '%s: a time of day that comes twice is due once, the first time',
    async (tz, cron, from, slots) => {
      expect(await slotsFrom({ cron, tz }, from, 2)).toEqual(slots)
    },
  )

  it.each([
    ['Europe/Berlin', '2026-03-28T23:00Z'],
    ['Europe/Berlin', '2026-10-24T23:00Z'],
    ['America/New_York', '2026-03-08T05:00Z'],
    ['America/New_York', '2026-11-01T04:00Z'],
  ])('%s, after %s: what is due each half hour is, whatever the clocks do', async (tz, from) => {
    const expected = Array.from({ length: 8 }, (_, n) =>
      new Date(at(from) + (n + 1) * 30 * MINUTE_MS).toISOString().replace(':00.000Z', 'Z'),
    )
    expect(await slotsFrom({ cron: '*/30 * * * *', tz }, from, 8)).toEqual(expected)
  })

  it('are in the time zone that is said, whatever the machine has', async () => {
    const rule = { cron: '0 3 * * *', tz: 'Asia/Shanghai' }
    expect(await slotsFrom(rule, '2026-01-01T00:00Z', 2)).toEqual([
      '2026-01-01T19:00Z',
      '2026-01-02T19:00Z',
    ])
    expect(await slotsFrom({ ...rule, tz: 'UTC' }, '2026-01-01T00:00Z', 1)).toEqual([
      '2026-01-01T03:00Z',
    ])
  })

  it('end with a pattern that ends', async () => {
    const rule = { cron: '0 0 0 1 1 * 2027-2028', tz: 'UTC' }
    expect(await slotsFrom(rule, '2026-01-01T00:00Z', 9)).toEqual([
      '2027-01-01T00:00Z',
      '2028-01-01T00:00Z',
    ])
    expect(await firstSlot({ cron: '0 0 30 2 *', tz: 'UTC' }, 0)).toBeNull()
  })

  it.each([
    ['Europe/Berlin', '30 2 * * *', '2026-10-24T00:00Z'],
    ['Europe/Berlin', '*/20 1-3 * * *', '2026-03-28T00:00Z'],
    ['America/New_York', '*/20 0-2 * * *', '2026-10-31T12:00Z'],
    ['Australia/Lord_Howe', '*/15 * * * *', '2026-04-04T00:00Z'],
    ['UTC', '@weekly', '2026-03-01T00:00Z'],
  ])(
    '%s, %s: the last one up to an instant is one of those that come after',
    async (tz, cron, from) => {
      const slots = await slotsOf({ cron, tz }, 0)
      let lastMs = slots.after(at(from)) ?? 0
      for (let ms = lastMs; ms < at(from) + 10 * 24 * HOUR_MS; ms += 7 * MINUTE_MS) {
        for (
          let next = slots.after(lastMs);
          next !== null && next <= ms;
          next = slots.after(lastMs)
        ) {
          lastMs = next
        }
        expect(slots.upTo(ms)).toBe(lastMs)
      }
      expect(slots.upTo(lastMs)).toBe(lastMs)
      expect(slots.upTo(lastMs + 0.5)).toBe(lastMs)
    },
  )
})

describe('slots of an interval', () => {
  it('are the same from any of them, also where it has fractions', async () => {
    const slots = await slotsOf({ everyMs: 100.1, atMs: null }, 1_700_000_000_000.3)
    let ms = 1_700_000_000_000.3
    const found = Array.from({ length: 1_000 }, () => {
      ms = slots.after(ms) ?? 0
      return ms
    })
    expect(found.at(-1)).toBeCloseTo(1_700_000_000_000.3 + 100_100, 3)
    expect(new Set(found).size).toBe(1_000)
    for (const one of found) {
      expect(slots.upTo(one)).toBe(one)
      expect((await slotsOf({ everyMs: 100.1, atMs: null }, one)).after(ms)).toBe(slots.after(ms))
    }
  })

  it.each([
    [null, 5_000 + HOUR_MS],
    [8_000, 8_000],
    [5_000 + 5 * HOUR_MS, 5_000 + 5 * HOUR_MS],
    // A moment ago, by a clock that is not the engine's.
    [4_000, 4_000],
    [5_000 - MINUTE_MS, 5_000 - MINUTE_MS],
    [4_999 - MINUTE_MS, 4_999 - MINUTE_MS + HOUR_MS],
    [-10 * HOUR_MS + 7, HOUR_MS + 7],
  ])('begin, with at %d, at %d', async (atMs, first) => {
    expect(await firstSlot({ everyMs: HOUR_MS, atMs }, 5_000)).toBe(first)
  })
})

describe('what is due', () => {
  const rule = { everyMs: HOUR_MS, atMs: null }
  const due = async (catchUp: 'skip' | 'one' | 'all', nowMs: number) =>
    dueSlots(await slotsOf(rule, HOUR_MS), { slotMs: HOUR_MS, catchUp }, nowMs)

  it.each(['skip', 'one', 'all'] as const)('%s: on time, the slot', async (catchUp) => {
    const expected = { slotsMs: [HOUR_MS], nextSlotMs: 2 * HOUR_MS }
    expect(await due(catchUp, HOUR_MS)).toEqual(expected)
    expect(await due(catchUp, HOUR_MS + MINUTE_MS)).toEqual(expected)
  })

  it('skip: none of those that were missed, and the newest if it is no older than a minute', async () => {
    expect(await due('skip', HOUR_MS + MINUTE_MS + 1)).toEqual({
      slotsMs: [],
      nextSlotMs: 2 * HOUR_MS,
    })
    const late = await due('skip', 3 * HOUR_MS + MINUTE_MS)
    expect(late).toEqual({ slotsMs: [3 * HOUR_MS], nextSlotMs: 4 * HOUR_MS })
    expect(await due('skip', 3.5 * HOUR_MS)).toEqual({ slotsMs: [], nextSlotMs: 4 * HOUR_MS })
  })

  it('one: the newest, for all', async () => {
    const expected = { slotsMs: [3 * HOUR_MS], nextSlotMs: 4 * HOUR_MS }
    expect(await due('one', 3.5 * HOUR_MS)).toEqual(expected)
  })

  it('all: each, a hundred at a time', async () => {
    const expected = { slotsMs: [1, 2, 3].map((n) => n * HOUR_MS), nextSlotMs: 4 * HOUR_MS }
    expect(await due('all', 3.5 * HOUR_MS)).toEqual(expected)
    const { slotsMs, nextSlotMs } = await due('all', 250 * HOUR_MS)
    expect([slotsMs.length, nextSlotMs]).toEqual([100, 101 * HOUR_MS])
  })

  it('one and skip find the newest slot of years at once, and nothing behind the last', async () => {
    const slots = await slotsOf({ cron: '* * * * * *', tz: 'Europe/Berlin' }, 0)
    const place = { slotMs: at('2020-01-01T00:00:00Z'), catchUp: 'one' as const }
    const nowMs = at('2026-05-05T05:05:05.500Z')
    expect(dueSlots(slots, place, nowMs)).toEqual({
      slotsMs: [at('2026-05-05T05:05:05Z')],
      nextSlotMs: at('2026-05-05T05:05:06Z'),
    })
    const ending = await slotsOf({ cron: '0 0 0 1 1 * 2026', tz: 'UTC' }, 0)
    const last = { slotMs: at('2026-01-01T00:00:00Z'), catchUp: 'one' as const }
    expect(dueSlots(ending, last, nowMs)).toEqual({ slotsMs: [last.slotMs], nextSlotMs: null })
  })
})
