// What queues refuse of schedules, before anything is sent.
import { describe, expect, it } from 'vitest'
import {
  BAD_DURATIONS,
  BAD_NUMBERS,
  BAD_OPTIONS,
  BAD_TEXTS,
  expectRefusal,
  type Refused,
  refusesEach,
  unchecked,
  untouchable,
  without,
} from '../../test/bad-input.ts'
import { systemClock } from '../clock.ts'
import { createQueues } from './queue.ts'
import type { QueueStore } from './store.ts'

const queues = createQueues(untouchable<QueueStore>(), systemClock, 'host:1:a', 2_000)
const queue = queues.queue('it')
const HOURLY = { every: '1h' } as const
const NAMES = [...BAD_TEXTS, 'x'.repeat(129)]
const ruled = (rule: object) => queue.schedule('a', unchecked(rule), 1)
const withOptions = (options: object) => queue.schedule('a', HOURLY, 1, unchecked(options))

const TABLE: Refused[] = [
  {
    argument: 'schedule.name',
    values: NAMES,
    pass: (name) => queue.schedule(unchecked(name), HOURLY, 1),
  },
  {
    argument: 'schedule.rule',
    values: [undefined, {}, ...BAD_OPTIONS],
    pass: (rule) => queue.schedule('a', unchecked(rule), 1),
  },
  { argument: 'schedule.rule.ttl', values: [5], pass: (ttl) => ruled({ ...HOURLY, ttl }) },
  {
    argument: 'schedule.rule.cron',
    values: [
      ...without(BAD_TEXTS, undefined),
      ...['x', '* *', '* * * * * * * *', '60 * * * *', '0 24 * * *', '0 0 32 1 *', '0 0 * 13 *'],
      ...['@noon', '2026-05-01', '2026-05-01T00:00:00Z', '2026-05-01 00:00:00', '*/0 * * * *'],
      ...['5-1 * * * * *', ' '.repeat(9), '*'.repeat(257), '<script> * * * *', '９ * * * *'],
    ],
    pass: (cron) => ruled({ cron }),
  },
  {
    argument: 'schedule.rule.tz',
    values: [...without(BAD_TEXTS, undefined), 'Mars/Olympus', 'CET6', '../etc', 'Europe/Berlin '],
    pass: (tz) => ruled({ cron: '* * * * *', tz }),
  },
  { argument: 'schedule.rule.tz', values: ['UTC'], pass: (tz) => ruled({ ...HOURLY, tz }) },
  {
    argument: 'schedule.rule.every',
    values: [...without(BAD_DURATIONS, undefined), 0, 1, 99.9, '99ms', '11000d'],
    pass: (every) => ruled({ every }),
  },
  {
    argument: 'schedule.rule.every',
    values: ['1h'],
    pass: (every) => ruled({ every, cron: '* * * * *' }),
  },
  {
    argument: 'schedule.rule.at',
    values: [
      null,
      -1,
      Number.NaN,
      Number.POSITIVE_INFINITY,
      '',
      '2026-01-01',
      new Date(Number.NaN),
      {},
    ],
    pass: (at) => ruled({ ...HOURLY, at }),
  },
  {
    argument: 'schedule.rule.at',
    values: [new Date(5)],
    pass: (at) => ruled({ cron: '* * * * *', at }),
  },
  {
    argument: 'data',
    values: [undefined, () => 1, 10n, 'x'.repeat(65_535)],
    pass: (data) => queue.schedule('a', HOURLY, data),
  },
  {
    argument: 'schedule',
    values: BAD_OPTIONS,
    pass: (options) => queue.schedule('a', HOURLY, 1, unchecked(options)),
  },
  {
    argument: 'schedule.catchUp',
    values: [null, '', 'none', 'ONE', 1, true, ['one']],
    pass: (catchUp) => withOptions({ catchUp }),
  },
  {
    argument: 'schedule.lifo',
    values: ['yes', 1, null],
    pass: (lifo) => withOptions({ lifo }),
  },
  {
    argument: 'schedule.lifo',
    values: [true],
    pass: (lifo) => withOptions({ lifo, priority: 1 }),
  },
  {
    argument: 'schedule.deadline',
    values: [...without(BAD_DURATIONS, undefined), 0, new Date()],
    pass: (deadline) => withOptions({ deadline }),
  },
  {
    argument: 'schedule.priority',
    values: [...without(BAD_NUMBERS, undefined, -1), 1_000_000_001],
    pass: (priority) => withOptions({ priority }),
  },
  { argument: 'schedule.delay', values: [5], pass: (delay) => withOptions({ delay }) },
  {
    argument: 'schedules.get.name',
    values: NAMES,
    pass: (name) => queue.schedules.get(unchecked(name)),
  },
  {
    argument: 'schedules.remove.name',
    values: NAMES,
    pass: (name) => queue.schedules.remove(unchecked(name)),
  },
  {
    argument: 'schedules.list',
    values: BAD_OPTIONS,
    pass: (options) => queue.schedules.list(unchecked(options)),
  },
  {
    argument: 'schedules.list.limit',
    values: [...BAD_NUMBERS, 0, 1_001],
    pass: (limit) => queue.schedules.list({ limit: unchecked(limit) }),
  },
  {
    argument: 'schedules.list.cursor',
    values: without(NAMES, undefined, null),
    pass: (cursor) => queue.schedules.list({ cursor: unchecked(cursor) }),
  },
  {
    argument: 'add.id',
    values: ['schedule:', 'schedule:nightly'],
    pass: (id) => queue.add(1, { id: unchecked(id) }),
  },
]

describe('refuses before anything is sent', () => {
  refusesEach(TABLE)
})

it('a pattern that fits no day to come is refused once the time is known', async () => {
  const readSchedule = async () => ({ nowMs: Date.UTC(2026, 0, 1), schedule: null })
  const store = { ...untouchable<QueueStore>(), readSchedule }
  const patient = createQueues(store, systemClock, 'host:1:a', 2_000).queue('it')
  for (const cron of ['0 0 30 2 *', '0 0 31 4 *', '0 0 0 1 1 * 2025']) {
    await expectRefusal(() => patient.schedule('a', { cron }, 1), 'schedule.rule.cron')
  }
})

it('a wrong pattern says what is wrong with it', async () => {
  await expect(queue.schedule('a', { cron: '60 * * * *' }, 1)).rejects.toThrow(/minute: 60/)
})
