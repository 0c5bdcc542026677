import { describe } from 'vitest'
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
import type { SemaphoreStore } from '../semaphore/open.ts'
import { createReadWriteLocks } from './read-write-lock.ts'

const locks = createReadWriteLocks(untouchable<SemaphoreStore>(), systemClock, 'host:1:a')
const lock = locks.readWriteLock('it')
const make = (options: object) => locks.readWriteLock('it', unchecked(options))

/** An upgrade needs a lease, so this store gives one out; it has nothing else. */
const giving = untouchable<SemaphoreStore>({
  acquire: async () => ({ tag: 'acquired', fence: 1, sentAtMs: systemClock.monotonicMs() }),
})
const lease = await createReadWriteLocks(giving, systemClock, 'host:1:a')
  .readWriteLock('it', { ttl: '1d' })
  .upgradable()
  .acquire()

const NO_SIGNALS = [null, {}, [], 'x', 5, true, () => {}, { aborted: false }]
const PARTS = [lock.read(), lock.write(), lock.upgradable()]

const TABLE: Refused[] = [
  {
    argument: 'readWriteLock.name',
    values: BAD_TEXTS,
    pass: (name) => locks.readWriteLock(unchecked(name)),
  },
  {
    argument: 'readWriteLock',
    values: BAD_OPTIONS,
    pass: (options) => locks.readWriteLock('it', unchecked(options)),
  },
  {
    argument: 'readWriteLock.ttl',
    values: [...without(BAD_NUMBERS, '5s'), 0, -0, 2 ** 31, 99, '99ms', '1d1ms', '25h'],
    pass: (ttl) => make({ ttl }),
  },
  {
    argument: 'readWriteLock.maxHold',
    values: [...without(BAD_NUMBERS, '5s'), 0, 99, '4000d'],
    pass: (maxHold) => make({ maxHold }),
  },
  {
    argument: 'readWriteLock.metadata',
    values: [null, 5, 'x', true, [], ['a'], 10n, () => ({}), { label: 'x'.repeat(1_025) }],
    pass: (metadata) => make({ metadata }),
  },
  {
    argument: 'readWriteLock.durability.replicas',
    values: [undefined, ...BAD_NUMBERS, 0, 101],
    pass: (replicas) => make({ durability: { replicas } }),
  },
  { argument: 'readWriteLock.permits', values: [5], pass: (permits) => make({ permits }) },
  { argument: 'readWriteLock.fair', values: [false], pass: (fair) => make({ fair }) },
  ...PARTS.flatMap((part) => [
    {
      argument: 'acquire',
      values: BAD_OPTIONS,
      pass: (options: unknown) => part.acquire(unchecked(options)),
    },
    {
      argument: 'acquire.wait',
      values: BAD_DURATIONS,
      pass: (wait: unknown) => part.acquire({ wait: unchecked(wait) }),
    },
    {
      argument: 'acquire.signal',
      values: NO_SIGNALS,
      pass: (signal: unknown) => part.acquire({ signal: unchecked(signal) }),
    },
    {
      argument: 'acquire.weight',
      values: [1],
      pass: (weight: unknown) => part.acquire(unchecked({ weight })),
    },
    {
      argument: 'tryAcquire',
      values: BAD_OPTIONS,
      pass: (options: unknown) => part.tryAcquire(unchecked(options)),
    },
    {
      argument: 'run.work',
      values: [undefined, null, 5, 'x', {}, [], Promise.resolve()],
      pass: (work: unknown) => part.run(unchecked(work)),
    },
  ]),
  {
    argument: 'upgrade',
    values: BAD_OPTIONS,
    pass: (options) => lease.upgrade(unchecked(options)),
  },
  {
    argument: 'upgrade.wait',
    values: BAD_DURATIONS,
    pass: (wait) => lease.upgrade({ wait: unchecked(wait) }),
  },
  {
    argument: 'upgrade.signal',
    values: NO_SIGNALS,
    pass: (signal) => lease.upgrade({ signal: unchecked(signal) }),
  },
  {
    argument: 'upgrade.timeout',
    values: [5],
    pass: (timeout) => lease.upgrade(unchecked({ timeout })),
  },
]

describe('refuses before anything is sent', () => {
  refusesEach(TABLE)
})
