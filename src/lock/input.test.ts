import { describe, it } from 'vitest'
import {
  BAD_DURATIONS,
  BAD_NUMBERS,
  BAD_OPTIONS,
  BAD_TEXTS,
  expectRefusal,
  title,
  unchecked,
  untouchable,
  without,
} from '../../test/bad-input.ts'
import { systemClock } from '../clock.ts'
import { createLocks } from './lock.ts'
import type { LockStore } from './store.ts'

const store: LockStore = {
  ...untouchable<LockStore>(),
  acquire: () => Promise.reject(new Error('acquire was called with input that must be refused')),
  onGrant: () => () => {},
  onDoubt: () => () => {},
}
const locks = createLocks(store, systemClock, 'host:1:a')
const lock = locks.lock('it')

const TABLE: { argument: string; values: unknown[]; pass: (value: unknown) => unknown }[] = [
  { argument: 'lock.name', values: BAD_TEXTS, pass: (name) => locks.lock(unchecked(name)) },
  {
    argument: 'lock',
    values: BAD_OPTIONS,
    pass: (options) => locks.lock('it', unchecked(options)),
  },
  {
    argument: 'lock.ttl',
    values: [...without(BAD_NUMBERS, '5s'), 0, -0, 2 ** 31, 99, '99ms', '1d1ms', '25h'],
    pass: (ttl) => locks.lock('it', { ttl: unchecked(ttl) }),
  },
  {
    argument: 'lock.maxHold',
    values: [...without(BAD_NUMBERS, '5s'), 0, 99, '4000d'],
    pass: (maxHold) => locks.lock('it', { maxHold: unchecked(maxHold) }),
  },
  {
    argument: 'lock.tll',
    values: [1000],
    pass: (value) => locks.lock('it', unchecked({ tll: value })),
  },
  { argument: 'acquire', values: BAD_OPTIONS, pass: (options) => lock.acquire(unchecked(options)) },
  {
    argument: 'acquire.wait',
    values: BAD_DURATIONS,
    pass: (wait) => lock.acquire({ wait: unchecked(wait) }),
  },
  {
    argument: 'acquire.signal',
    values: [null, {}, [], 'x', 5, true, () => {}, { aborted: false }],
    pass: (signal) => lock.acquire({ signal: unchecked(signal) }),
  },
  {
    argument: 'acquire.timeout',
    values: [5],
    pass: (value) => lock.acquire(unchecked({ timeout: value })),
  },
  {
    argument: 'run.work',
    values: [undefined, null, 5, 'x', {}, [], Promise.resolve()],
    pass: (work) => lock.run(unchecked(work)),
  },
  {
    argument: 'acquire',
    values: BAD_OPTIONS,
    pass: (options) => lock.run(() => {}, unchecked(options)),
  },
]

describe('refuses before anything is sent', () => {
  for (const { argument, values, pass } of TABLE) {
    for (const value of values) {
      it(`${argument} ${title(value)}`, () => expectRefusal(() => pass(value), argument))
    }
  }
})
