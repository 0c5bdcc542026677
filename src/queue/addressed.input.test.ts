// What queues refuse of jobs with an id, before anything is sent.
import { describe, expect, it } from 'vitest'
import {
  BAD_DURATIONS,
  BAD_OPTIONS,
  BAD_TEXTS,
  type Refused,
  refusesEach,
  unchecked,
  untouchable,
  without,
} from '../../test/bad-input.ts'
import { systemClock } from '../clock.ts'
import { createQueues } from './queue.ts'
import { lineNote, progressNote } from './run.ts'
import type { QueueStore } from './store.ts'

const queues = createQueues(untouchable<QueueStore>(), systemClock, 'host:1:a', 2_000)
const queue = queues.queue('it')
const NAMES = [...without(BAD_TEXTS, undefined), 'x'.repeat(129)]
const IDS = [...BAD_TEXTS, 'x'.repeat(133)]
const FLAGS = [null, 0, 1, '', 'true', {}, []]
const dedupe = (given: object) => queue.add(1, { dedupe: unchecked({ key: 'k', ...given }) })

const TABLE: Refused[] = [
  {
    argument: 'queue.remember',
    values: [...without(BAD_DURATIONS, 0), '31d'],
    pass: (remember) => queues.queue('it', { remember: unchecked(remember) }),
  },
  {
    argument: 'add.id',
    values: [...NAMES, 'key:', 'key:a'],
    pass: (id) => queue.add(1, { id: unchecked(id) }),
  },
  {
    argument: 'add.id',
    values: ['a'],
    pass: (id) => queue.add(1, { id: unchecked(id), dedupe: { key: 'k' } }),
  },
  {
    argument: 'add.addressable',
    values: FLAGS,
    pass: (addressable) => queue.add(1, { addressable: unchecked(addressable) }),
  },
  {
    argument: 'add.dedupe',
    values: BAD_OPTIONS,
    pass: (given) => queue.add(1, { dedupe: unchecked(given) }),
  },
  { argument: 'add.dedupe.key', values: [...NAMES, undefined], pass: (key) => dedupe({ key }) },
  {
    argument: 'add.dedupe.mode',
    values: [null, '', 'Simple', 5, {}, ['simple']],
    pass: (mode) => dedupe({ mode }),
  },
  {
    argument: 'add.dedupe.for',
    values: [...without(BAD_DURATIONS, undefined), 0, 0.5, '31d'],
    pass: (given) => dedupe({ for: given }),
  },
  {
    argument: 'add.dedupe.for',
    values: ['simple', 'keep-last'],
    pass: (mode) => dedupe({ mode, for: '1s' }),
  },
  {
    argument: 'add.dedupe.for',
    values: ['throttle', 'debounce'],
    pass: (mode) => dedupe({ mode }),
  },
  { argument: 'add.dedupe.ttl', values: [5], pass: (ttl) => dedupe({ ttl }) },
  {
    argument: 'add.delay',
    values: [5],
    pass: (delay) =>
      queue.add(1, { delay: unchecked(delay), dedupe: { key: 'k', mode: 'debounce', for: 5 } }),
  },
  {
    argument: 'add.key',
    values: NAMES,
    pass: (key) => queue.add(1, { key: unchecked(key) }),
  },
  ...Object.entries({
    id: 'a',
    dedupe: { key: 'k' },
    addressable: true,
    priority: 5,
    lifo: true,
    deadline: '5s',
  }).map(([option, value]) => ({
    argument: `add.${option}`,
    values: [value],
    pass: (given: unknown) => queue.add(1, { key: 'k', [option]: unchecked(given) }),
  })),
  {
    argument: 'addMany.id',
    values: ['a'],
    pass: (id) => queue.addMany([1, 2], { id: unchecked(id) }),
  },
  {
    argument: 'addMany.dedupe',
    values: ['a'],
    pass: (key) => queue.addMany([1, 2], { dedupe: { key: unchecked(key) } }),
  },
  {
    argument: 'add',
    values: [...BAD_OPTIONS],
    pass: (options) => queue.addMany([1, 2], () => unchecked(options)),
  },
  {
    argument: 'add.id',
    values: NAMES,
    pass: (id) => queue.addMany([1, 2], (_, index) => unchecked(index === 1 ? { id } : {})),
  },
  {
    argument: 'add.durability',
    values: ['fsync'],
    pass: (durability) =>
      queue.addMany([1, 2], (item) => unchecked(item === 2 ? { durability } : {})),
  },
  { argument: 'get.id', values: IDS, pass: (id) => queue.get(unchecked(id)) },
  { argument: 'cancel.id', values: IDS, pass: (id) => queue.cancel(unchecked(id)) },
  { argument: 'runNow.id', values: IDS, pass: (id) => queue.runNow(unchecked(id)) },
  { argument: 'change.id', values: IDS, pass: (id) => queue.change(unchecked(id), { delay: 5 }) },
  {
    argument: 'change',
    values: BAD_OPTIONS,
    pass: (options) => queue.change('a', unchecked(options)),
  },
  {
    argument: 'change.delay',
    values: BAD_DURATIONS,
    pass: (delay) => queue.change('a', { delay: unchecked(delay) }),
  },
  {
    argument: 'change.delay',
    values: [undefined, {}],
    pass: (options) => queue.change('a', unchecked(options)),
  },
  {
    argument: 'change.at',
    values: [new Date(5)],
    pass: (at) => queue.change('a', { at: unchecked(at), delay: 5 }),
  },
  {
    argument: 'change.priority',
    values: [null, '5', 1.5, Number.NaN, 1_000_000_001, -1_000_000_001, {}, true],
    pass: (priority) => queue.change('a', { priority: unchecked(priority) }),
  },
  {
    argument: 'add.deadline',
    values: ['debounce', 'keep-last'],
    pass: (mode) =>
      queue.add(1, {
        deadline: '1m',
        dedupe: unchecked({ key: 'k', mode, ...(mode === 'debounce' ? { for: 5 } : {}) }),
      }),
  },
  {
    argument: 'progress.value',
    values: [undefined, () => 1, 10n, 'x'.repeat(4_095), 'ü'.repeat(2_048)],
    pass: progressNote,
  },
  {
    argument: 'log.line',
    values: [undefined, null, 5, {}, ['a'], Buffer.from('a')],
    pass: lineNote,
  },
]

describe('refuses before anything is sent', () => {
  refusesEach(TABLE)
})

it('lines are cut', () => {
  expect(lineNote('x'.repeat(5_000))).toEqual({ line: 'x'.repeat(1_024) })
})
