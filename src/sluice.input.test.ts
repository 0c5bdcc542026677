import { inspect } from 'node:util'
import { afterEach, describe, expect, it, vi } from 'vitest'
import {
  BAD_NUMBERS,
  BAD_OPTIONS,
  BAD_TEXTS,
  expectRefusal,
  title,
  unchecked,
  without,
} from '../test/bad-input.ts'
import { createSluice } from './sluice.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

const BAD_URLS: unknown[] = [
  ...[null, 6379, [], {}, true, 10n, Symbol('x'), () => 'redis://h', '', ' ', 'redis', 'redis:'],
  ...['redis://', 'redis://:', 'redis://:0', 'redis://h:65536', 'redis://h:-1', 'redis://h:abc'],
  ...['redis://h:0', 'redis://h:6379/x', 'redis://h/-1', 'redis://h/1.5', 'redis://h/1e2'],
  ...['http://h', 'https://h', 'ftp://h', 'file:///x', 'javascript:1', 'redis+ssl://h', 'unix://'],
  ...['redis://h?foo=1', 'redis://h?db=1&db=2', 'redis://h/0?db=1', 'redis://h?', 'redis://u@h'],
  ...['redis://u:p%zz@h', 'redis://u:p#x@h', 'redis://[::1', 'redis://::1', 'redis://[::g]'],
  ...['redis://h1,h2', 'redis://h%00', 'redis://999.1.1.1', '//h:6379', 'localhost', 'mem://'],
  ...['localhost:6379', 'sqlite:', 'sqlite://', 'sqlite://host/x', 'sqlite:///x?mode=zz'],
  ...['sqlite:%00', 'sqlite::memory:', 'sqlite:a\0b', 'memory', 'memory:x', ':memory:'],
  `redis://${'h'.repeat(5000)}`,
]

describe('createSluice refuses', () => {
  for (const url of BAD_URLS) {
    it(`url ${title(url)}`, () =>
      expectRefusal(() => createSluice(unchecked(url)), 'createSluice.url'))
  }

  for (const options of BAD_OPTIONS) {
    it(`options ${title(options)}`, () =>
      expectRefusal(() => createSluice('memory:', unchecked(options)), 'createSluice'))
  }

  for (const option of ['commandTimeout', 'connectTimeout']) {
    for (const value of [...without(BAD_NUMBERS, '5s'), 0, 49, '6m']) {
      it(`${option} ${title(value)}`, () =>
        expectRefusal(
          () => createSluice('memory:', unchecked({ [option]: value })),
          `createSluice.${option}`,
        ))
    }
  }

  for (const value of without(BAD_TEXTS, undefined)) {
    it(`prefix ${title(value)}`, () =>
      expectRefusal(
        () => createSluice('redis://h', { prefix: unchecked(value) }),
        'createSluice.prefix',
      ))
  }

  const others: [string, unknown][] = [
    ...[null, '', 'FULL', 'off', true, 2].map((value): [string, unknown] => ['synchronous', value]),
    ...[null, 5, {}, 'x', { now: () => 5 }].map((value): [string, unknown] => ['clock', value]),
    ...[null, 5, {}, 'x', { info() {} }].map((value): [string, unknown] => ['logger', value]),
    ['prefixes', 'x'],
  ]
  for (const [option, value] of others) {
    it(`${option} ${title(value)}`, () =>
      expectRefusal(
        () => createSluice('memory:', unchecked({ [option]: value })),
        `createSluice.${option}`,
      ))
  }

  it('an option that the engine has no use for', async () => {
    await expectRefusal(() => createSluice('memory:', { prefix: 'a' }), 'createSluice.prefix')
    await expectRefusal(
      () => createSluice('redis://h', { synchronous: 'full' }),
      'createSluice.synchronous',
    )
  })

  it('to fall back on a file where NODE_ENV is production', async () => {
    vi.stubEnv('SLUICE_URL', '')
    vi.stubEnv('NODE_ENV', 'production')
    await expectRefusal(() => createSluice(), 'createSluice.url')
  })

  it('a bad URL from SLUICE_URL', async () => {
    vi.stubEnv('SLUICE_URL', 'http://h')
    await expectRefusal(() => createSluice(), 'createSluice.url')
  })
})

describe('a password is never told', () => {
  const urls = [
    'redis://user:hunter2@h:6379/x',
    'redis://:hunter2@h:6379?x=1',
    'http://user:hunter2@h',
    'redis://user:hunter2%zz@h',
    'rediss://user:hunter2@@h/1.5',
    'sqlite://user:hunter2@h/x?y',
    'user:hunter2@h',
  ]
  for (const url of urls) {
    it(url.replace('hunter2', '***'), () => {
      let failure: unknown
      try {
        createSluice(url)
      } catch (error) {
        failure = error
      }
      expect(failure).toBeDefined()
      const told = [String(failure), inspect(failure, { depth: 9 }), JSON.stringify(failure)]
      expect(told.join()).not.toContain('hunter2')
      expect((failure as Error).stack).not.toContain('hunter2')
    })
  }

  it('by what createSluice returns', async () => {
    const sluice = createSluice('redis://user:hunter2@127.0.0.1:1')
    expect(inspect(sluice, { depth: 9, showHidden: true })).not.toContain('hunter2')
    await sluice.close()
  })
})

it('without a URL it says where the state is kept, once', async () => {
  vi.stubEnv('SLUICE_URL', '')
  vi.stubEnv('NODE_ENV', 'test')
  const lines: string[] = []
  const sluice = createSluice(undefined, {
    logger: { info: (line) => lines.push(line), error() {} },
  })
  expect(lines).toEqual([expect.stringContaining('.sluice/sluice.db')])
  await sluice.close()
})
