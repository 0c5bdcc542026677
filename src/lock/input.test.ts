import { describe, expect, it } from 'vitest'
import {
  BAD_DURATIONS,
  BAD_NUMBERS,
  BAD_OPTIONS,
  BAD_TEXTS,
  expectRefusal,
  type Refused,
  refusesEach,
  title,
  unchecked,
  untouchable,
  without,
} from '../../test/bad-input.ts'
import { systemClock } from '../clock.ts'
import { createSemaphores } from '../semaphore/semaphore.ts'
import type { SemaphoreStore } from '../semaphore/store.ts'
import { createTestSluice } from '../testing/index.ts'
import { createLocks } from './lock.ts'
import { createReadWriteLocks } from './read-write-lock.ts'
import type { LockStore } from './store.ts'

const locks = createLocks(untouchable<LockStore>(), systemClock, 'host:1:a')
const lock = locks.lock('it')
const permitStore = untouchable<SemaphoreStore>()
const { readWriteLock } = createReadWriteLocks(permitStore, systemClock, 'host:1:a')
const { semaphore } = createSemaphores(permitStore, systemClock, 'host:1:a')

const BAD_FLAGS = [
  null,
  0,
  1,
  -0,
  Number.NaN,
  '',
  'true',
  'false',
  [],
  {},
  10n,
  Symbol('x'),
  () => true,
]
const BAD_TTLS = [...without(BAD_NUMBERS, '5s'), 0, -0, 1, 2 ** 31, 99, '99ms', '1d1ms', '25h']
const BAD_HOLDS = [...without(BAD_NUMBERS, '5s'), 0, 99, '4000d']
const BAD_SIGNALS = [
  null,
  {},
  [],
  'x',
  5,
  true,
  () => {},
  { aborted: false },
  new AbortController(),
]
class Report {
  label = 'nightly'
  toJSON = undefined
}
class Silent {
  toJSON() {}
}

const namesOf = (count: number) => Array.from({ length: count }, (_, index) => `n${index}`)
const forged = { name: 'it', owner: 'host:1:a.1', fence: 1, assertHeld() {} }
/** They look like leases. */
const FORGERIES = [forged, Object.create(forged), new Proxy(forged, {})]
const BAD_HANDLES = [
  ...[null, 5, 'it', true, [], {}, 10n, Symbol('it'), () => {}, { assertHeld: true }],
  JSON.parse(JSON.stringify(forged)),
]

/** The settings that everything that is held shares. */
function rowsOfSettings(subject: string, open: (settings: object) => unknown): Refused[] {
  const metadata = (value: unknown) => open({ metadata: value })
  const durability = (value: unknown) => open({ durability: value })
  return [
    { argument: `${subject}.ttl`, values: BAD_TTLS, pass: (ttl) => open({ ttl }) },
    { argument: `${subject}.maxHold`, values: BAD_HOLDS, pass: (maxHold) => open({ maxHold }) },
    { argument: `${subject}.tll`, values: [1_000], pass: (tll) => open({ tll }) },
    {
      argument: `${subject}.metadata`,
      values: [
        ...[
          ...BAD_OPTIONS,
          new Map(),
          new Set([1]),
          new Date(),
          Buffer.from('a'),
          /a/,
          new Report(),
        ],
        ...[new Silent(), Object.create({ label: 'a' }), new Error('a'), new String('a')],
        ...[{ label: 'x'.repeat(1_013) }, { label: '限'.repeat(338) }, { label: '\0'.repeat(169) }],
        Object.fromEntries(Array.from({ length: 200 }, (_, index) => [`n${index}`, 1])),
      ],
      pass: metadata,
    },
    {
      argument: `${subject}.metadata.label`,
      values: [
        ...[undefined, null, Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
        ...[
          {},
          [],
          ['a'],
          10n,
          Symbol('a'),
          () => 'a',
          new Date(),
          new String('a'),
          Buffer.from('a'),
        ],
      ],
      pass: (label) => metadata({ label }),
    },
    {
      argument: `${subject}.metadata.a\\u000ab`,
      values: [null],
      pass: (value) => metadata({ 'a\nb': value }),
    },
    { argument: `${subject}.durability`, values: BAD_OPTIONS, pass: durability },
    {
      argument: `${subject}.durability.replicas`,
      values: [undefined, ...BAD_NUMBERS, 0, -0, 101, '5s'],
      pass: (replicas) => durability({ replicas }),
    },
    {
      argument: `${subject}.durability.replica`,
      values: [1],
      pass: (replica) => durability({ replica }),
    },
  ]
}

/** The ways of getting anything that is held. */
function rowsOfTaking(held: {
  acquire(options?: never): unknown
  tryAcquire(options?: never): unknown
  run(work: never, options?: never): unknown
}): Refused[] {
  const work = unchecked(() => {})
  return [
    { argument: 'acquire', values: BAD_OPTIONS, pass: (given) => held.acquire(unchecked(given)) },
    { argument: 'acquire', values: BAD_OPTIONS, pass: (given) => held.run(work, unchecked(given)) },
    {
      argument: 'tryAcquire',
      values: BAD_OPTIONS,
      pass: (given) => held.tryAcquire(unchecked(given)),
    },
    {
      argument: 'acquire.wait',
      values: BAD_DURATIONS,
      pass: (wait) => held.acquire(unchecked({ wait })),
    },
    {
      argument: 'tryAcquire.wait',
      values: [0, '5s'],
      pass: (wait) => held.tryAcquire(unchecked({ wait })),
    },
    {
      argument: 'acquire.signal',
      values: BAD_SIGNALS,
      pass: (signal) => held.acquire(unchecked({ signal })),
    },
    {
      argument: 'acquire.timeout',
      values: [5],
      pass: (timeout) => held.acquire(unchecked({ timeout })),
    },
    {
      argument: 'run.work',
      values: [undefined, null, 5, 'x', {}, [], Promise.resolve()],
      pass: (given) => held.run(unchecked(given)),
    },
  ]
}

const TABLE: Refused[] = [
  {
    argument: 'lock.name',
    values: BAD_TEXTS.filter((value) => !Array.isArray(value)),
    pass: (name) => locks.lock(unchecked(name)),
  },
  {
    argument: 'lock.names',
    values: [[], ['a', 'a'], ['a', 'b', 'a'], namesOf(101)],
    pass: (names) => locks.lock(unchecked(names)),
  },
  {
    argument: 'lock.names[0]',
    values: BAD_TEXTS,
    pass: (name) => locks.lock([unchecked(name)]),
  },
  {
    argument: 'lock.names[1]',
    values: BAD_TEXTS,
    pass: (name) => locks.lock(['a', unchecked(name), 'b']),
  },
  {
    argument: 'lock.name',
    values: [{ 0: 'a', length: 1 }, new Set(['a'])],
    pass: (names) => locks.lock(unchecked(names)),
  },
  {
    argument: 'lock',
    values: BAD_OPTIONS,
    pass: (options) => locks.lock('it', unchecked(options)),
  },
  ...rowsOfSettings('lock', (settings) => locks.lock('it', settings)),
  ...rowsOfSettings('lock', (settings) => locks.lock(['it', 'that'], settings)),
  {
    argument: 'lock.fair',
    values: BAD_FLAGS,
    pass: (fair) => locks.lock('it', unchecked({ fair })),
  },
  ...rowsOfTaking(lock),
  ...rowsOfTaking(locks.lock(['it', 'that'])),
  {
    argument: 'acquire.within',
    values: [...BAD_HANDLES, ...FORGERIES],
    pass: (within) => lock.acquire(unchecked({ within })),
  },
  {
    argument: 'tryAcquire.within',
    values: BAD_HANDLES,
    pass: (within) => lock.tryAcquire(unchecked({ within })),
  },
  {
    argument: 'acquire.within',
    values: FORGERIES,
    pass: (within) => lock.tryAcquire(unchecked({ within })),
  },
  {
    argument: 'acquire.within',
    values: FORGERIES,
    pass: (within) => locks.lock(['it']).acquire(unchecked({ within })),
  },
  {
    argument: 'forceRelease',
    values: BAD_OPTIONS,
    pass: (options) => lock.forceRelease(unchecked(options)),
  },
  {
    argument: 'forceRelease.reason',
    values: [...BAD_TEXTS, 'x'.repeat(201)],
    pass: (reason) => lock.forceRelease(unchecked({ reason })),
  },
  {
    argument: 'forceRelease.reason',
    values: [undefined, {}, { expectFence: 1 }],
    pass: (options) => lock.forceRelease(unchecked(options)),
  },
  {
    argument: 'forceRelease.expectFence',
    values: [...BAD_NUMBERS, 0, -0, '5s'],
    pass: (expectFence) => lock.forceRelease(unchecked({ reason: 'it hangs', expectFence })),
  },
  {
    argument: 'forceRelease.force',
    values: [true],
    pass: (force) => lock.forceRelease(unchecked({ reason: 'it hangs', force })),
  },
  {
    argument: 'readWriteLock.name',
    values: BAD_TEXTS,
    pass: (name) => readWriteLock(unchecked(name)),
  },
  {
    argument: 'readWriteLock',
    values: BAD_OPTIONS,
    pass: (options) => readWriteLock('it', unchecked(options)),
  },
  {
    argument: 'readWriteLock.fair',
    values: [true],
    pass: (fair) => readWriteLock('it', unchecked({ fair })),
  },
  ...rowsOfSettings('readWriteLock', (settings) => readWriteLock('it', settings)),
  ...rowsOfTaking(readWriteLock('it').read()),
  ...rowsOfTaking(readWriteLock('it').write()),
  ...rowsOfTaking(readWriteLock('it').upgradable()),
  {
    argument: 'semaphore.name',
    values: BAD_TEXTS,
    pass: (name) => semaphore(unchecked(name), { permits: 1 }),
  },
  {
    argument: 'semaphore',
    values: BAD_OPTIONS,
    pass: (options) => semaphore('it', unchecked(options)),
  },
  {
    argument: 'semaphore.permits',
    values: [undefined, ...BAD_NUMBERS, 0, -0, 1_000_001],
    pass: (permits) => semaphore('it', unchecked({ permits })),
  },
  ...rowsOfSettings('semaphore', (settings) => semaphore('it', { permits: 5, ...settings })),
  ...rowsOfTaking(semaphore('it', { permits: 5 })),
  {
    argument: 'acquire.weight',
    values: [...BAD_NUMBERS, 0, -0, 6, 1_000_001],
    pass: (weight) => semaphore('it', { permits: 5 }).acquire(unchecked({ weight })),
  },
  {
    argument: 'tryAcquire.weight',
    values: [...BAD_NUMBERS, 0],
    pass: (weight) => semaphore('it', { permits: 5 }).tryAcquire(unchecked({ weight })),
  },
  {
    argument: 'resize.permits',
    values: [undefined, ...BAD_NUMBERS, 0, 1_000_001],
    pass: (permits) => semaphore('it', { permits: 5 }).resize(unchecked(permits)),
  },
]

describe('refuses before anything is sent', () => {
  refusesEach(TABLE)
})

describe('refuses bad input to what is held already', () => {
  const BAD_EXTENSIONS = [undefined, ...BAD_TTLS]

  for (const ttl of BAD_EXTENSIONS) {
    it(`extend ${title(ttl)}, and goes on as before`, async () => {
      const { sluice } = createTestSluice()
      const lease = await sluice.lock('it').acquire()
      const leases = await sluice.lock(['a', 'b']).acquire()
      for (const one of [lease, leases]) {
        const before = one.remainingMs
        await expectRefusal(() => one.extend(unchecked(ttl)), 'ttl')
        expect(one.remainingMs).toBe(before)
        one.assertHeld()
      }
      await sluice.close()
    })
  }

  it('upgrade, and goes on as before', async () => {
    const { sluice } = createTestSluice()
    const lease = await sluice.readWriteLock('it').upgradable().acquire()
    for (const options of BAD_OPTIONS) {
      await expectRefusal(() => lease.upgrade(unchecked(options)), 'upgrade')
    }
    for (const wait of BAD_DURATIONS) {
      await expectRefusal(() => lease.upgrade(unchecked({ wait })), 'upgrade.wait')
    }
    for (const signal of BAD_SIGNALS) {
      await expectRefusal(() => lease.upgrade(unchecked({ signal })), 'upgrade.signal')
    }
    lease.assertHeld()
    expect(await lease.release()).toBe('released')
    await sluice.close()
  })
})

describe('takes what is unusual and legal', () => {
  const legal: Record<string, unknown[]> = {
    metadata: [
      ...[undefined, {}, { label: '' }, { label: 'x'.repeat(1_012) }, Object.create(null)],
      ...[{ a: -0, b: 1e300, c: false }, { ['__proto__']: 'a', constructor: 'b' }, { '': 'a\nb' }],
    ],
    fair: [undefined, true, false],
    ttl: [undefined, 100, '100ms', '1d', 86_400_000, 100.5],
    maxHold: [undefined, 100, '365d'],
  }
  for (const [option, values] of Object.entries(legal)) {
    for (const value of values) {
      it(`${option} ${title(value)}`, async () => {
        const { sluice } = createTestSluice()
        const lock = sluice.lock('it', unchecked({ [option]: value }))
        expect(await lock.run(() => 'done')).toBe('done')
        await sluice.close()
      })
    }
  }

  it('a hundred names', async () => {
    const { sluice } = createTestSluice()
    const leases = await sluice.lock(namesOf(100)).acquire()
    expect(leases.names).toHaveLength(100)
    expect(await leases.release()).toBe('released')
    await sluice.close()
  })
})
