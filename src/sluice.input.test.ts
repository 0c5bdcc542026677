import { createHook } from 'node:async_hooks'
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
import { ArgumentError } from './errors.ts'
import { createSluice } from './sluice.ts'

afterEach(() => {
  vi.unstubAllEnvs()
})

const BAD_URLS: string[] = [
  ...['', ' ', 'redis', 'redis:', 'redis://', 'redis://:', 'redis://:0', 'redis://:65536'],
  ...['redis://h:0', 'redis://h:65536', 'redis://h:-1', 'redis://h:abc', 'redis://:6379/x'],
  ...['redis://h:6379/x', 'redis://h/-1', 'redis://h/1.5', 'redis://h/1e2', 'redis://256'],
  ...['http://h', 'https://h', 'ftp://h', 'file:///x', 'javascript:1', 'redis+ssl://h', 'unix://'],
  ...['unix:///missing', 'unix:///tmp', 'redis-sentinel://h', 'redis-sentinel://h?name='],
  ...[
    'redis-sentinel://h?db=x',
    'redis+sentinel://h',
    'redis+sentinel://h/',
    'redis+sentinel:///m',
  ],
  ...['redis+sentinel://h?name=', 'redis+sentinel://h?name=m', 'redis+sentinel://h/m?db=x'],
  ...['redis+sentinel://h/m/x', 'redis+sentinel://h/m?foo=1', 'redis-cluster://h1,h2'],
  ...['redis+cluster://', 'redis+cluster://h1,,h2', 'redis+cluster://h1,h1', 'redis+cluster://h/1'],
  ...['redis+cluster://h1,u:p@h2', 'redis+cluster://h?db=x', 'redis+cluster://h1 h2', 'valkey://h'],
  ...['redis://h?db=x', 'redis://h?name=', 'redis://h?timeout=abc', 'redis://h?timeout=-1'],
  ...['redis://h?foo=1', 'redis://h?db=1&db=2', 'redis://h/0?db=1', 'redis://h?', 'redis://u@h'],
  ...['redis://u:p%zz@h', 'redis://u:p#x@h', 'redis://u:p/x@h', 'redis://user:pass@@h'],
  ...[
    'redis://[::1',
    'redis://::1',
    'redis://[::g]',
    'redis://h1,h2',
    'redis://h\n',
    'redis://h%00',
  ],
  ...['redis://999.1.1.1', 'redis://0', 'redis://127.1', '//h:6379', 'localhost', 'localhost:6379'],
  ...[
    'sqlite:',
    'sqlite://',
    'sqlite://host/x',
    'sqlite:///x?mode=zz',
    'sqlite:%00',
    'sqlite:a\0b',
  ],
  ...[
    'sqlite::memory:',
    'memory',
    'memory:x',
    ':memory:',
    'mem://',
    `redis://${'h.'.repeat(2048)}`,
  ],
  ...[`redis://:${'p'.repeat(5000)}@h`, `sqlite:./${'x'.repeat(5000)}`],
]

/** What is no text at all. */
const BAD_VALUES: unknown[] = [null, 6379, [], true, 10n, Symbol('x'), () => 'redis://h']

/** What other libraries take in the place of a URL. */
const BAD_OBJECTS: unknown[] = [
  ...[{}, { host: '' }, { port: '6379x' }, { tls: 'yes' }, { url: 'redis://h', host: 'h' }],
  ...[{ sentinels: [] }, { nodes: [] }, new String('redis://h')],
]

/** What connecting will judge, not reading. */
const GOOD_URLS: (string | URL)[] = [
  ...[
    'redis://h',
    'redis://h/16',
    'rediss://h',
    'redis://h:6380',
    'redis://xn--a',
    'redis://[::1]',
  ],
  ...['redis+cluster://h1,h2:7001,[::1]:7002', 'rediss+cluster://user:pass@h/0'],
  ...['redis+sentinel://user:pass@h1,h2:26380/mymaster/2', 'rediss+sentinel://h/mymaster'],
  ...[new URL('redis://user:pass@h:6380/1'), new URL('redis+sentinel://h1,h2/mymaster')],
  ...['memory:', 'sqlite:../x', 'sqlite:///tmp', new URL('memory:')],
]

/** Kinds of asynchronous work by which something outside of this process is reached. */
const REACHING = /^(?:TCP|TLS|PIPE|GETADDRINFO|QUERYWRAP|FSREQ)/

/** Fails if `work` opens a socket or a file, or asks for an address. */
async function reachesNothing(work: () => unknown): Promise<void> {
  const reached: string[] = []
  const hook = createHook({
    init(_, type) {
      if (REACHING.test(type)) reached.push(type)
    },
  }).enable()
  try {
    await work()
  } finally {
    hook.disable()
  }
  expect(reached).toEqual([])
}

describe('createSluice refuses before it reaches for anything', () => {
  for (const url of [...BAD_URLS, ...BAD_VALUES]) {
    it(`url ${title(url)}`, () =>
      reachesNothing(() => expectRefusal(() => createSluice(unchecked(url)), 'createSluice.url')))
  }

  for (const value of BAD_OBJECTS) {
    it(`${title(value)}`, () => {
      let refusal: unknown
      try {
        createSluice(unchecked(value))
      } catch (error) {
        refusal = error
      }
      expect(refusal).toBeInstanceOf(ArgumentError)
      expect((refusal as ArgumentError).argument).toMatch(/^createSluice\b/)
    })
  }

  it('all of them in less than 50 ms each', () => {
    for (const url of [...BAD_URLS, ...BAD_VALUES, ...BAD_OBJECTS]) {
      const tookMs = [0, 1, 2].map(() => {
        const startedMs = performance.now()
        expect(() => createSluice(unchecked(url))).toThrow(ArgumentError)
        return performance.now() - startedMs
      })
      // The fastest of three: the machine may be busy with something else.
      expect(Math.min(...tookMs), title(url)).toBeLessThan(50)
    }
  })
})

describe('createSluice accepts, and opens nothing until it is used,', () => {
  for (const url of GOOD_URLS) {
    it(`${url}`, () =>
      reachesNothing(async () => {
        const sluice = createSluice(url)
        await sluice.close()
      }))
  }

  it('a URL from SLUICE_URL', async () => {
    vi.stubEnv('SLUICE_URL', 'redis+cluster://h1,h2:7001')
    await reachesNothing(async () => {
      await createSluice().close()
    })
  })
})

describe('a near miss is told what to write instead:', () => {
  const MEANT: [string, string][] = [
    ['redis-sentinel://h', 'redis+sentinel://'],
    ['sentinel://h/m', 'redis+sentinel://'],
    ['redis-cluster://h1,h2', 'redis+cluster://'],
    ['cluster://h1,h2', 'redis+cluster://'],
    ['redis+ssl://h', 'rediss://'],
    ['valkey://h', 'redis://'],
    ['valkeys://h', 'rediss://'],
    ['http://host:6379', 'redis://'],
    ['localhost:6379', 'redis://'],
    ['unix:///run/redis.sock', 'createSluice({ client })'],
    ['redis://h?db=1', 'redis://host/2'],
    ['redis+sentinel://h?name=m', 'redis+sentinel://a,b/mymaster'],
    ['redis://h?timeout=5', 'commandTimeout'],
  ]
  it.for(MEANT)('%s', ([url, hint]) => {
    // The hint ends the message, behind what came.
    expect(() => createSluice(url)).toThrow(
      new RegExp(`received "[^"]*"\\. .*${hint.replace(/[+(){}]/g, '\\$&')}`),
    )
  })
})

describe('createSluice refuses', () => {
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

  const tls: [string, unknown][] = [
    ...[null, 5, 'x', true, []].map((value): [string, unknown] => ['', value]),
    ...[null, 5, {}, [5], ['x', null]].map((value): [string, unknown] => ['.ca', { ca: value }]),
    ...[null, 5, {}, ['x']].map((value): [string, unknown] => ['.cert', { cert: value }]),
    ...[null, 5, {}, ['x']].map((value): [string, unknown] => ['.key', { key: value }]),
    ...[null, 5, {}].map((value): [string, unknown] => ['.passphrase', { passphrase: value }]),
    ...[null, 5, ' '].map((value): [string, unknown] => ['.servername', { servername: value }]),
    ...[null, 0, 'no'].map((value): [string, unknown] => [
      '.rejectUnauthorized',
      { rejectUnauthorized: value },
    ]),
    ['.rejectUnauthorised', { rejectUnauthorised: false }],
    ['.host', { host: 'h' }],
  ]
  for (const [part, value] of tls) {
    it(`tls ${title(value)}`, () =>
      expectRefusal(
        () => createSluice('rediss://h', { tls: unchecked(value) }),
        `createSluice.tls${part}`,
      ))
  }

  for (const option of ['credentials', 'sentinelCredentials']) {
    for (const value of [null, 5, 'x', {}, { password: 'x' }, Promise.resolve({})]) {
      it(`${option} ${title(value)}`, () =>
        expectRefusal(
          () => createSluice('redis+sentinel://h/m', unchecked({ [option]: value })),
          `createSluice.${option}`,
        ))
    }
  }

  const useless: [string, string, object][] = [
    ['memory:', 'prefix', { prefix: 'a' }],
    ['memory:', 'credentials', { credentials: () => ({}) }],
    ['sqlite:x', 'tls', { tls: {} }],
    ['redis://h', 'tls', { tls: {} }],
    ['redis+cluster://h', 'tls', { tls: {} }],
    ['redis://h', 'synchronous', { synchronous: 'full' }],
    ['redis://h', 'sentinelCredentials', { sentinelCredentials: () => ({}) }],
    ['rediss+cluster://h', 'sentinelCredentials', { sentinelCredentials: () => ({}) }],
  ]
  for (const [url, option, options] of useless) {
    it(`${option}, which ${url} has no use for`, () =>
      expectRefusal(() => createSluice(url, options), `createSluice.${option}`))
  }

  for (const value of [undefined, null, 5, 'redis://h', {}, [], () => {}, { connect() {} }]) {
    it(`the client ${title(value)}`, () =>
      expectRefusal(() => createSluice({ client: unchecked(value) }), 'createSluice.client'))
  }

  it('to listen to an event that there is not, or with something that is no function', async () => {
    const sluice = createSluice('memory:')
    for (const event of ['', 'error', 'toString', '__proto__', undefined, null, 5, {}]) {
      await expectRefusal(() => sluice.on(unchecked(event), () => {}), 'on.event')
    }
    for (const listener of [undefined, null, 5, 'x', {}]) {
      await expectRefusal(() => sluice.on('reset', unchecked(listener)), 'on.listener')
    }
    await sluice.close()
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
    'redis+cluster://user:hunter2@h1,h1',
    'redis+cluster://h1,user:hunter2@h2',
    'redis+sentinel://user:hunter2@h1,h2',
    'redis-sentinel://user:hunter2@h1/m',
    'redis://user:hunter2#@h',
    'redis://user:hunter2/x@h',
    'redis://user:a hunter2\n@h',
    'redis://:hunter2',
    'redis:user:hunter2@h',
    `redis://user:hunter2@${'h'.repeat(5000)}`,
    `http://user:hunter2@${'h'.repeat(5000)}`,
    `sqlite://user:hunter2@${'h'.repeat(5000)}`,
  ]
  for (const url of urls) {
    it(title(url.replace('hunter2', '***')), () => {
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

  const secretive: [string, object][] = [
    ['credentials', { credentials: 'user:hunter2' }],
    ['credentials', { credentials: { username: 'user', password: 'hunter2' } }],
    ['sentinelCredentials', { sentinelCredentials: ':hunter2' }],
    ['tls', { tls: '-----BEGIN PRIVATE KEY----- hunter2' }],
    ['tls.key', { tls: { key: { pem: 'hunter2' } } }],
    ['tls.passphrase', { tls: { passphrase: Buffer.from('hunter2') } }],
  ]
  for (const [option, options] of secretive) {
    it(`of a bad ${option}: ${title(options).replace('hunter2', '***')}`, () => {
      let failure: unknown
      try {
        createSluice('rediss+sentinel://h/m', unchecked(options))
      } catch (error) {
        failure = error
      }
      expect(failure).toBeInstanceOf(ArgumentError)
      expect(inspect(failure, { depth: 9, showHidden: true })).not.toContain('hunter2')
    })
  }

  it('by what createSluice returns', async () => {
    const secret = 'user:hunter2@127.0.0.1:1'
    for (const scheme of ['redis://', 'rediss://', 'redis+cluster://', 'redis+sentinel://']) {
      const sluice = createSluice(`${scheme}${secret}${scheme.includes('sent') ? '/m' : ''}`)
      expect(inspect(sluice, { depth: 20, showHidden: true })).not.toContain('hunter2')
      expect(JSON.stringify(sluice)).not.toContain('hunter2')
      await sluice.close()
    }
  })
})

it('without a URL it says where the state is kept, once', async () => {
  vi.stubEnv('SLUICE_URL', '')
  vi.stubEnv('NODE_ENV', 'test')
  const lines: string[] = []
  const sluice = createSluice(undefined, {
    logger: { info: (line) => lines.push(line), warn() {}, error() {} },
  })
  expect(lines).toEqual([expect.stringContaining('.sluice/sluice.db')])
  await sluice.close()
})
