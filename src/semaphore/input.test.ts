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
import { createSemaphores } from './semaphore.ts'
import type { SemaphoreStore } from './store.ts'

const semaphores = createSemaphores(untouchable<SemaphoreStore>(), systemClock, 'host:1:a')
const semaphore = semaphores.semaphore('it', { permits: 3 })
const make = (options: object) => semaphores.semaphore('it', unchecked({ permits: 3, ...options }))

const NO_COUNTS = [...BAD_NUMBERS, 0, -0, 1_000_001]
const NO_SIGNALS = [null, {}, [], 'x', 5, true, () => {}, { aborted: false }]

const TABLE: Refused[] = [
  {
    argument: 'semaphore.name',
    values: BAD_TEXTS,
    pass: (name) => semaphores.semaphore(unchecked(name), { permits: 3 }),
  },
  {
    argument: 'semaphore',
    values: BAD_OPTIONS,
    pass: (options) => semaphores.semaphore('it', unchecked(options)),
  },
  {
    argument: 'semaphore.permits',
    values: [undefined, {}],
    pass: (options) => semaphores.semaphore('it', unchecked(options)),
  },
  {
    argument: 'semaphore.permits',
    values: [undefined, ...NO_COUNTS],
    pass: (permits) => make({ permits }),
  },
  { argument: 'semaphore.premits', values: [5], pass: (premits) => make({ premits }) },
  { argument: 'semaphore.fair', values: [true], pass: (fair) => make({ fair }) },
  {
    argument: 'semaphore.ttl',
    values: [...without(BAD_NUMBERS, '5s'), 0, -0, 2 ** 31, 99, '99ms', '1d1ms', '25h'],
    pass: (ttl) => make({ ttl }),
  },
  {
    argument: 'semaphore.maxHold',
    values: [...without(BAD_NUMBERS, '5s'), 0, 99, '4000d'],
    pass: (maxHold) => make({ maxHold }),
  },
  {
    argument: 'semaphore.metadata',
    values: [null, 5, 'x', true, [], ['a'], 10n, () => ({}), { label: 'x'.repeat(1_025) }],
    pass: (metadata) => make({ metadata }),
  },
  {
    argument: 'semaphore.metadata.label',
    values: [undefined, null, Number.NaN, Number.POSITIVE_INFINITY, {}, [], 10n, Symbol('x')],
    pass: (label) => make({ metadata: { label } }),
  },
  {
    argument: 'semaphore.durability',
    values: BAD_OPTIONS,
    pass: (durability) => make({ durability }),
  },
  {
    argument: 'semaphore.durability.replicas',
    values: [undefined, ...BAD_NUMBERS, 0, 101],
    pass: (replicas) => make({ durability: { replicas } }),
  },
  {
    argument: 'acquire',
    values: BAD_OPTIONS,
    pass: (options) => semaphore.acquire(unchecked(options)),
  },
  {
    argument: 'acquire.weight',
    values: [...NO_COUNTS, 4],
    pass: (weight) => semaphore.acquire({ weight: unchecked(weight) }),
  },
  {
    argument: 'acquire.wait',
    values: BAD_DURATIONS,
    pass: (wait) => semaphore.acquire({ wait: unchecked(wait) }),
  },
  {
    argument: 'acquire.signal',
    values: NO_SIGNALS,
    pass: (signal) => semaphore.acquire({ signal: unchecked(signal) }),
  },
  {
    argument: 'acquire.wieght',
    values: [1],
    pass: (wieght) => semaphore.acquire(unchecked({ wieght })),
  },
  {
    argument: 'tryAcquire',
    values: BAD_OPTIONS,
    pass: (options) => semaphore.tryAcquire(unchecked(options)),
  },
  {
    argument: 'tryAcquire.weight',
    values: NO_COUNTS,
    pass: (weight) => semaphore.tryAcquire({ weight: unchecked(weight) }),
  },
  {
    argument: 'tryAcquire.wait',
    values: [5],
    pass: (wait) => semaphore.tryAcquire(unchecked({ wait })),
  },
  {
    argument: 'run.work',
    values: [undefined, null, 5, 'x', {}, [], Promise.resolve()],
    pass: (work) => semaphore.run(unchecked(work)),
  },
  {
    argument: 'acquire.weight',
    values: [...NO_COUNTS, 4],
    pass: (weight) => semaphore.run(() => {}, { weight: unchecked(weight) }),
  },
  {
    argument: 'resize.permits',
    values: [undefined, ...NO_COUNTS],
    pass: (permits) => semaphore.resize(unchecked(permits)),
  },
]

describe('refuses before anything is sent', () => {
  refusesEach(TABLE)
})
