// What the keyspace tools refuse, before anything is sent.
import { describe, expect, test } from 'vitest'
import {
  BAD_DURATIONS,
  BAD_NUMBERS,
  BAD_OPTIONS,
  expectRefusal,
  title,
  unchecked,
  without,
} from '../../test/bad-input.ts'
import { namesSomething } from './glob.ts'
import { deleteKeys, drainKey, escapeGlob, findBigKeys, preflight, scanKeys } from './index.ts'

/** Nothing listens there: whatever is sent fails in another way. */
const URL = 'redis://127.0.0.1:1'
const cases = (values: unknown[]) => values.map((value) => [title(value), value] as const)
const BAD_NAMES = [undefined, null, '', 0, true, {}, 10n, Symbol('a'), '\ud800', 'x'.repeat(65_537)]

const calls: [string, (options: never) => unknown][] = [
  ['scanKeys', (options) => scanKeys(URL, options)],
  ['findBigKeys', (options) => findBigKeys(URL, options)],
  ['deleteKeys', (options) => deleteKeys(URL, 'a:*', options)],
  ['drainKey', (options) => drainKey(URL, 'a', options)],
  ['preflight', (options) => preflight(URL, options)],
]

describe.each(calls)('%s', (name, call) => {
  test.each(cases(BAD_OPTIONS))('refuses the options %s', (_, options) =>
    expectRefusal(() => call(unchecked(options)), name),
  )

  test('refuses an option that it does not have', () =>
    expectRefusal(() => call(unchecked({ speed: 1 })), `${name}.speed`))
})

const badOptions: [string, unknown[], number[]][] = [
  ['scanKeys.count', BAD_NUMBERS, []],
  ['scanKeys.pace', without(BAD_NUMBERS, 0.1, 1.5, Number.MIN_VALUE), []],
  ['findBigKeys.top', BAD_NUMBERS, []],
  ['findBigKeys.samples', BAD_NUMBERS, []],
  ['findBigKeys.depth', BAD_NUMBERS, []],
  ['deleteKeys.sample', BAD_NUMBERS, []],
  ['deleteKeys.pace', without(BAD_NUMBERS, 0.1, 1.5, Number.MIN_VALUE), []],
  ['deleteKeys.maxBlock', without(BAD_DURATIONS, '1s'), []],
  ['drainKey.maxBlock', BAD_DURATIONS, []],
  ['scanKeys.match', [null, '', 5, {}, ['a'], 'x'.repeat(1_025), '*a'.repeat(17)], []],
  ['scanKeys.type', [null, '', 5, 'a b', 'list\n', 'x'.repeat(33)], []],
  ['scanKeys.from', [null, '', 'primary', 5], []],
  [
    'scanKeys.resume',
    [
      null,
      '',
      5,
      'x',
      'W10',
      Buffer.from('[1,null,null,"primaries",[["a","b"]]]').toString('base64url'),
    ],
    [],
  ],
  ['scanKeys.signal', [null, {}, 5], []],
  ['findBigKeys.types', [null, [], 'list', [5], ['a b']], []],
  ['findBigKeys.by', [null, 'size'], []],
  ['findBigKeys.separator', [null, '', 5], []],
  ['deleteKeys.dryRun', [null, 1, 'yes'], []],
  ['deleteKeys.confirm', [null, 1, 'yes'], []],
]

describe.each(badOptions)('%s', (path, values) => {
  const [name = '', option = ''] = path.split('.')
  const call = calls.find(([known]) => known === name)?.[1] ?? (() => {})
  test.each(cases(values.filter((value) => value !== undefined)))(
    'refuses %s',
    async (_, value) => {
      const isList = path.endsWith('types') && Array.isArray(value) && value.length > 0
      const argument = isList ? `${path}[0]` : path
      await expectRefusal(() => call(unchecked({ [option]: value })), argument)
    },
  )
})

describe('clients', () => {
  test.each(cases([undefined, null, 5, {}, 'localhost', 'sqlite:./a.db', 'memory:', () => {}]))(
    '%s is refused by all',
    async (_, client) => {
      const target = unchecked(client)
      await expectRefusal(() => scanKeys(target), 'scanKeys.client')
      await expectRefusal(() => findBigKeys(target), 'findBigKeys.client')
      await expectRefusal(() => deleteKeys(target, 'a:*'), 'deleteKeys.client')
      await expectRefusal(() => drainKey(target, 'a'), 'drainKey.client')
      await expectRefusal(() => preflight(target), 'preflight.client')
    },
  )

  test('of the embedded engine are told what there is instead', () =>
    expect(deleteKeys('sqlite:./a.db', 'a:*')).rejects.toThrow(/SQLite has no .*keys to scan/))
})

describe('what is to be deleted', () => {
  test.each(['*', '**', '?*', '[a-z]*', '[^x]*?'])(
    'is not %s, unless that is confirmed',
    async (all) => {
      await expectRefusal(() => deleteKeys(URL, all), 'deleteKeys.match')
      await expect(deleteKeys(URL, all)).rejects.toThrow(/confirm: true/)
      expect(namesSomething(all)).toBe(false)
    },
  )

  test.each(['a*', '\\*', '*:tmp', '[ab]:*', '\\[*', '{}*'])('may be %s', (pattern) => {
    expect(namesSomething(pattern)).toBe(true)
  })

  test.each(cases(without(BAD_NAMES, '', '\ud800', 'x'.repeat(65_537))))('is not %s', (_, what) =>
    expectRefusal(() => deleteKeys(URL, unchecked(what)), 'deleteKeys.match'),
  )

  test.each(cases(BAD_NAMES))('is no list with %s in it', (_, name) =>
    expectRefusal(() => deleteKeys(URL, ['a', unchecked(name)]), 'deleteKeys.keys'),
  )

  test('by name has neither type nor a place to go on from', async () => {
    await expectRefusal(() => deleteKeys(URL, ['a'], { type: 'list' }), 'deleteKeys.type')
    await expectRefusal(() => deleteKeys(URL, ['a'], { resume: 'x' }), 'deleteKeys.resume')
  })

  test('is not gone on with by what was left of another scan', async () => {
    const { resume } = scanKeys(URL, { match: 'b:*' })
    await expectRefusal(() => deleteKeys(URL, 'a:*', { resume }), 'deleteKeys.resume')
  })
})

test.each(cases(BAD_NAMES))('%s is no key to drain', (_, key) =>
  expectRefusal(() => drainKey(URL, unchecked(key)), 'drainKey.key'),
)

test('types of modules have no elements that could be counted', () =>
  expectRefusal(
    () => findBigKeys(URL, { by: 'elements', types: ['ReJSON-RL'] }),
    'findBigKeys.types',
  ))

test('escaped text is matched as it stands', () => {
  expect(escapeGlob('a*b?c[d]e\\f')).toBe('a\\*b\\?c\\[d\\]e\\\\f')
})
