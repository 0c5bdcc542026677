import { describe, expect, it } from 'vitest'
import {
  BAD_DURATIONS,
  BAD_NUMBERS,
  BAD_OPTIONS,
  BAD_TEXTS,
  type Refused,
  refusesEach,
  unchecked,
  untouchable,
  without,
} from '../../test/bad-input.ts'
import { systemClock } from '../clock.ts'
import { MOST_PAYLOAD_BYTES } from './payload.ts'
import { createQueues } from './queue.ts'
import type { QueueStore } from './store.ts'

const queues = createQueues(untouchable<QueueStore>(), systemClock, 'host:1:a', 2_000)
const queue = queues.queue('it')
const COUNTS = [...BAD_NUMBERS, 0, -0]

const circular: Record<string, unknown> = {}
circular.self = circular
const UNCARRIABLE: unknown[] = [
  ...[undefined, () => 1, Symbol('x'), 10n, circular, [circular], { big: 1n }],
  {
    get trap() {
      throw new Error('a getter that throws')
    },
  },
  {
    toJSON() {
      throw new Error('toJSON that throws')
    },
  },
  { toJSON: () => undefined },
  'x'.repeat(MOST_PAYLOAD_BYTES - 1),
  'ü'.repeat(MOST_PAYLOAD_BYTES / 2),
]

const TABLE: Refused[] = [
  { argument: 'queue.name', values: BAD_TEXTS, pass: (name) => queues.queue(unchecked(name)) },
  {
    argument: 'queue',
    values: BAD_OPTIONS,
    pass: (options) => queues.queue('it', unchecked(options)),
  },
  {
    argument: 'queue.attempts',
    values: [...COUNTS, 1000],
    pass: (attempts) => queues.queue('it', { attempts: unchecked(attempts) }),
  },
  {
    argument: 'queue.maxCrashes',
    values: [...COUNTS, 10],
    pass: (maxCrashes) => queues.queue('it', { maxCrashes: unchecked(maxCrashes) }),
  },
  {
    argument: 'queue.history',
    values: [...without(BAD_NUMBERS, 0, -0), 21],
    pass: (history) => queues.queue('it', { history: unchecked(history) }),
  },
  {
    argument: 'queue.events',
    values: [...BAD_OPTIONS, null],
    pass: (events) => queues.queue('it', { events: unchecked(events) }),
  },
  {
    argument: 'queue.events.keep',
    values: [undefined, ...COUNTS, 100_001],
    pass: (keep) => queues.queue('it', { events: { keep: unchecked(keep) } }),
  },
  {
    argument: 'queue.retain',
    values: [...BAD_OPTIONS, null],
    pass: (retain) => queues.queue('it', { retain: unchecked(retain) }),
  },
  {
    argument: 'queue.retain.count',
    values: [undefined, ...COUNTS, 100_001],
    pass: (count) => queues.queue('it', { retain: { count: unchecked(count) } }),
  },
  {
    argument: 'queue.retain.age',
    values: [...BAD_DURATIONS, 0, 0.1, '31d'],
    pass: (age) => queues.queue('it', { retain: { count: 1, age: unchecked(age) } }),
  },
  {
    argument: 'events',
    values: BAD_OPTIONS,
    pass: (options) => queue.events(unchecked(options)),
  },
  {
    argument: 'events.from',
    values: [
      ...[null, 5, '', 'nope', '1.', '.1', '-1', '1+1', '+', '12345678901234567', {}, ['now']],
      ...['1 ', '1\n', 'now,now', Array.from({ length: 65 }, () => '1').join('.')],
    ],
    pass: (from) => queue.events({ from: unchecked(from) }),
  },
  {
    argument: 'queue.maxLength',
    values: [...COUNTS, 1_000_000_001],
    pass: (maxLength) => queues.queue('it', { maxLength: unchecked(maxLength) }),
  },
  {
    argument: 'queue.maxBytes',
    values: [...COUNTS, 1_000_000_000_001],
    pass: (maxBytes) => queues.queue('it', { maxBytes: unchecked(maxBytes) }),
  },
  {
    argument: 'queue.timeout',
    values: [...BAD_DURATIONS, 0, 0.1, '4000d'],
    pass: (timeout) => queues.queue('it', { timeout: unchecked(timeout) }),
  },
  {
    argument: 'queue.backoff',
    values: BAD_OPTIONS.filter((one) => typeof one !== 'function'),
    pass: (backoff) => queues.queue('it', { backoff: unchecked(backoff) }),
  },
  {
    argument: 'queue.backoff.type',
    values: [undefined, null, '', 'nope', 'Fixed', 5, {}, ['fixed']],
    pass: (type) => queues.queue('it', { backoff: { type: unchecked(type), base: 1 } }),
  },
  {
    argument: 'queue.backoff.base',
    values: [undefined, ...BAD_DURATIONS],
    pass: (base) => queues.queue('it', { backoff: { type: 'fixed', base: unchecked(base) } }),
  },
  {
    argument: 'queue.backoff.max',
    values: BAD_DURATIONS,
    pass: (max) => queues.queue('it', { backoff: { type: 'fixed', base: 1, max: unchecked(max) } }),
  },
  {
    argument: 'queue.backoff.jitter',
    values: [...without(BAD_NUMBERS, 0.1, Number.MIN_VALUE), 1.01],
    pass: (jitter) =>
      queues.queue('it', { backoff: { type: 'fixed', base: 1, jitter: unchecked(jitter) } }),
  },
  {
    argument: 'queue.schema',
    values: [
      ...[null, 5, 'x', true, {}, [], () => true, { validate: () => true }],
      ...[{ '~standard': null }, { '~standard': { version: 1 } }],
      { '~standard': { version: 2, vendor: 'x', validate: () => ({ value: 1 }) } },
    ],
    pass: (schema) => queues.queue('it', { schema: unchecked(schema) }),
  },
  {
    argument: 'queue.attempt',
    values: [3],
    pass: (value) => queues.queue('it', unchecked({ attempt: value })),
  },
  { argument: 'data', values: UNCARRIABLE, pass: (data) => queue.add(data) },
  { argument: 'add', values: BAD_OPTIONS, pass: (options) => queue.add(1, unchecked(options)) },
  {
    argument: 'add.delay',
    values: BAD_DURATIONS,
    pass: (delay) => queue.add(1, { delay: unchecked(delay) }),
  },
  {
    argument: 'add.at',
    values: [
      ...without(BAD_NUMBERS, 0.1, 1.5, Number.MIN_VALUE).filter((one) => !(one instanceof Date)),
      new Date(Number.NaN),
      new Date(-1),
    ],
    pass: (at) => queue.add(1, { at: unchecked(at) }),
  },
  {
    argument: 'add.at',
    values: [new Date(5)],
    pass: (at) => queue.add(1, { at: unchecked(at), delay: 5 }),
  },
  {
    argument: 'add.priority',
    values: [...without(BAD_NUMBERS, -1), 1_000_000_001, -1_000_000_001, 'high'],
    pass: (priority) => queue.add(1, { priority: unchecked(priority) }),
  },
  {
    argument: 'add.lifo',
    values: [null, 0, 1, 'true', {}],
    pass: (lifo) => queue.add(1, { lifo: unchecked(lifo) }),
  },
  { argument: 'add.lifo', values: [true], pass: () => queue.add(1, { lifo: true, priority: 1 }) },
  {
    argument: 'add.deadline',
    values: [...BAD_DURATIONS.filter((one) => !(one instanceof Date)), 0, new Date(Number.NaN)],
    pass: (deadline) => queue.add(1, { deadline: unchecked(deadline) }),
  },
  {
    argument: 'add.deadline',
    values: ['1s'],
    pass: () => queue.add(1, { deadline: '1s', delay: '2s' }),
  },
  {
    argument: 'add.deadline',
    values: [new Date(1)],
    pass: (date) => queue.add(1, { deadline: unchecked(date), at: 2 }),
  },
  {
    argument: 'add.durability',
    values: [null, '', 'Fsync', 'replicas', 5, true, [], ['fsync'], () => 1],
    pass: (durability) => queue.add(1, { durability: unchecked(durability) }),
  },
  {
    argument: 'add.durability.replicas',
    values: [...COUNTS, 101, undefined],
    pass: (replicas) => queue.addMany([1], { durability: { replicas: unchecked(replicas) } }),
  },
  {
    argument: 'add.durability',
    values: ['fsync'],
    pass: (durability) => queue.addWithin({}, 1, unchecked({ durability })),
  },
  { argument: 'add.prio', values: [5], pass: (value) => queue.add(1, unchecked({ prio: value })) },
  {
    argument: 'data',
    values: [undefined, null, 5, 'x', {}, new Set([1])],
    pass: (data) => queue.addMany(unchecked(data)),
  },
  { argument: 'data[1]', values: UNCARRIABLE, pass: (data) => queue.addMany([1, data, 3]) },
  {
    argument: 'add.delay',
    values: ['5 s'],
    pass: (delay) => queue.addMany([], { delay: unchecked(delay) }),
  },
  { argument: 'data', values: UNCARRIABLE, pass: (data) => queue.addWithin({}, data) },
  {
    argument: 'add',
    values: BAD_OPTIONS,
    pass: (options) => queue.addWithin({}, 1, unchecked(options)),
  },
  {
    argument: 'work.handler',
    values: [undefined, null, 5, 'x', {}, []],
    pass: (handler) => queue.work(unchecked(handler)),
  },
  {
    argument: 'work',
    values: BAD_OPTIONS,
    pass: (options) => queue.work(() => {}, unchecked(options)),
  },
  {
    argument: 'work.concurrency',
    values: [...COUNTS, 501],
    pass: (concurrency) => queue.work(() => {}, { concurrency: unchecked(concurrency) }),
  },
  {
    argument: 'work.lease',
    values: [...BAD_DURATIONS, 0, 99, '61m'],
    pass: (lease) => queue.work(() => {}, { lease: unchecked(lease) }),
  },
  {
    argument: 'work.batch',
    values: [...COUNTS, 501],
    pass: (batch) => queue.work(() => {}, { batch: unchecked(batch) }),
  },
  {
    argument: 'work.batch',
    values: [126, 500],
    pass: (batch) => queue.work(() => {}, { batch: unchecked(batch), concurrency: 4 }),
  },
  {
    argument: 'work.batchWait',
    values: [...BAD_DURATIONS, '61m'],
    pass: (wait) => queue.work(() => {}, { batch: 2, batchWait: unchecked(wait) }),
  },
  {
    argument: 'work.batchWait',
    values: [5],
    pass: (wait) => queue.work(() => {}, unchecked({ batchWait: wait })),
  },
  {
    argument: 'deliveries',
    values: BAD_OPTIONS,
    pass: (options) => queue.deliveries(unchecked(options)),
  },
  {
    argument: 'deliveries.max',
    values: [...COUNTS, 501],
    pass: (max) => queue.deliveries({ max: unchecked(max) }),
  },
  {
    argument: 'deliveries.signal',
    values: [null, {}, 5, 'x'],
    pass: (signal) => queue.deliveries({ signal: unchecked(signal) }),
  },
  {
    argument: 'work.heartbeat',
    values: [null, '', 'yes', true, 5, {}, ['thread']],
    pass: (heartbeat) => queue.work(() => {}, { heartbeat: unchecked(heartbeat) }),
  },
  {
    // No thread can open the store of these queues again.
    argument: 'work.heartbeat',
    values: ['thread'],
    pass: (heartbeat) => queue.work(() => {}, { heartbeat: unchecked(heartbeat) }),
  },
  {
    argument: 'work.heartbeatLimit',
    values: [...BAD_DURATIONS, 0, 99, '14s'],
    pass: (limit) =>
      queue.work(() => {}, { heartbeat: 'thread', heartbeatLimit: unchecked(limit) }),
  },
  {
    argument: 'work.heartbeatLimit',
    values: ['1m'],
    pass: (limit) => queue.work(() => {}, { heartbeatLimit: unchecked(limit) }),
  },
  {
    argument: 'work.concurency',
    values: [5],
    pass: (value) => queue.work(() => {}, unchecked({ concurency: value })),
  },
  { argument: 'take', values: BAD_OPTIONS, pass: (options) => queue.take(unchecked(options)) },
  {
    argument: 'take.max',
    values: [...COUNTS, 501],
    pass: (max) => queue.take({ max: unchecked(max) }),
  },
  {
    argument: 'take.wait',
    values: BAD_DURATIONS,
    pass: (wait) => queue.take({ wait: unchecked(wait) }),
  },
  {
    argument: 'take.signal',
    values: [null, {}, 5, 'x'],
    pass: (signal) => queue.take({ signal: unchecked(signal) }),
  },
  {
    argument: 'dead.list.limit',
    values: [...COUNTS, 1001],
    pass: (limit) => queue.dead.list({ limit: unchecked(limit) }),
  },
  {
    argument: 'list',
    values: [null, 5, 'x', []],
    pass: (options) => queue.list(unchecked(options)),
  },
  {
    argument: 'list.state',
    values: [undefined, null, '', 'waiting', 5, {}, ['ready']],
    pass: (state) => queue.list({ state: unchecked(state) }),
  },
  {
    argument: 'list.limit',
    values: [...COUNTS, 1001],
    pass: (limit) => queue.list({ state: 'ready', limit: unchecked(limit) }),
  },
  {
    argument: 'list.cursor',
    values: ['', 5, {}, 'a', 'a@', 'a@b', '{x}@1', ' @1', '@1 ', `${'x'.repeat(100)}@1`],
    pass: (cursor) => queue.list({ state: 'ready', cursor: unchecked(cursor) }),
  },
  {
    argument: 'obliterate',
    values: BAD_OPTIONS,
    pass: (options) => queue.obliterate(unchecked(options)),
  },
  {
    argument: 'obliterate.force',
    values: [null, 0, 1, 'true', {}],
    pass: (force) => queue.obliterate({ force: unchecked(force) }),
  },
  {
    argument: 'close.timeout',
    values: BAD_DURATIONS,
    pass: (timeout) => queues.close({ timeout: unchecked(timeout) }),
  },
]

describe('refuses before anything is sent', () => {
  refusesEach(TABLE)

  it('names the option that was meant', async () => {
    await expect(async () => queue.add(1, unchecked({ dealy: 5 }))).rejects.toThrow(
      'Did you mean delay?',
    )
    expect(() => queues.queue('it', unchecked({ constructor: 5 }))).toThrow(/unknown option/)
  })
})
