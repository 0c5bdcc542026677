import { inspect } from 'node:util'
import fc from 'fast-check'
import { describe, expect, it, test } from 'vitest'
import { title } from '../../../test/bad-input.ts'
import { ArgumentError } from '../../errors.ts'
import { hostText, type RedisUrl, readRedisUrl, redactUrl, suggestUrl } from './url.ts'

function refusalOf(text: string): ArgumentError {
  try {
    readRedisUrl(text, 'place.url')
  } catch (error) {
    expect(error).toBeInstanceOf(ArgumentError)
    return error as ArgumentError
  }
  throw new Error(`${text} was accepted`)
}

/** All that an error tells, whoever prints it. */
const toldBy = (error: Error) =>
  [error.message, error.stack, inspect(error, { depth: 10, showHidden: true })].join('\n') +
  JSON.stringify({ ...error })

const single = (host: string, port = 6379, more: Partial<RedisUrl> = {}): RedisUrl => ({
  ...{ kind: 'single', hosts: [{ host, port }], credentials: {}, database: 0, tls: false },
  ...more,
})

const ACCEPTED: [string, RedisUrl][] = [
  ['redis://h', single('h')],
  ['REDIS://H', single('H')],
  ['redis://h/', single('h')],
  ['redis://h:1', single('h', 1)],
  ['redis://h:65535/15', single('h', 65_535, { database: 15 })],
  // How many databases there are is the server's to say.
  ['redis://h/16', single('h', 6379, { database: 16 })],
  ['redis://h/99999', single('h', 6379, { database: 99_999 })],
  ['rediss://h:6380', single('h', 6380, { tls: true })],
  ['redis://127.0.0.1', single('127.0.0.1')],
  ['redis://[::1]:6380', single('::1', 6380)],
  ['redis://[::ffff:10.0.0.1]', single('::ffff:a00:1')],
  ['redis://my_redis-1.internal.:6379', single('my_redis-1.internal.')],
  // Whether such a host exists is found out by connecting.
  ['redis://xn--a', single('xn--a')],
  ['redis://@h', single('h')],
  ['redis://:@h', single('h')],
  ['redis://:p@h', single('h', 6379, { credentials: { password: 'p' } })],
  ['redis://u:p@h', single('h', 6379, { credentials: { username: 'u', password: 'p' } })],
  ['redis://:p:q,r;s!@h', single('h', 6379, { credentials: { password: 'p:q,r;s!' } })],
  [
    'rediss://%C3%BC%3A:%40%2F%3F%23%25%20%0A@h:1/2',
    single('h', 1, {
      credentials: { username: 'ü:', password: '@/?#% \n' },
      database: 2,
      tls: true,
    }),
  ],
  [
    'redis+cluster://a,b:7001,[::1]:7002',
    {
      ...{ kind: 'cluster', credentials: {}, database: 0, tls: false },
      hosts: [
        { host: 'a', port: 6379 },
        { host: 'b', port: 7001 },
        { host: '::1', port: 7002 },
      ],
    },
  ],
  [
    'rediss+cluster://u:p@a/0',
    {
      ...{ kind: 'cluster', hosts: [{ host: 'a', port: 6379 }], database: 0, tls: true },
      credentials: { username: 'u', password: 'p' },
    },
  ],
  // One server with two of its ports is two nodes.
  [
    'redis+cluster://a:7000,a:7001/',
    {
      ...{ kind: 'cluster', credentials: {}, database: 0, tls: false },
      hosts: [
        { host: 'a', port: 7000 },
        { host: 'a', port: 7001 },
      ],
    },
  ],
  [
    'redis+sentinel://user:p%40ss@a,b:26380/mymaster/2',
    {
      ...{ kind: 'sentinel', name: 'mymaster', database: 2, tls: false },
      hosts: [
        { host: 'a', port: 26_379 },
        { host: 'b', port: 26_380 },
      ],
      credentials: { username: 'user', password: 'p@ss' },
    },
  ],
  [
    'rediss+sentinel://[fe80::1]/my%20%2F%40%20master/',
    {
      ...{ kind: 'sentinel', name: 'my /@ master', credentials: {}, database: 0, tls: true },
      hosts: [{ host: 'fe80::1', port: 26_379 }],
    },
  ],
  [
    `redis+cluster://${Array.from({ length: 100 }, (_, index) => `h${index}`)}`,
    {
      ...{ kind: 'cluster', credentials: {}, database: 0, tls: false },
      hosts: Array.from({ length: 100 }, (_, index) => ({
        host: `h${index}`,
        port: 6379,
      })) as unknown as RedisUrl['hosts'],
    },
  ],
]

describe('a Redis URL is read', () => {
  test.for(ACCEPTED)('%s', ([text, expected]) => {
    expect(readRedisUrl(text, 'url')).toEqual(expected)
  })
})

const HOSTS = /a host name, an IPv4 address or an IPv6 address in brackets/
const PORT = /ports from 1 to 65535/
const DATABASE = /database is a number/
const MASTER = /path is the name of the master/
const ONE_AT = /at most one @, before the first host/
const EXTRA = /without \? or # parts/
const CREDENTIALS = /user:password@ or :password@/
const PRINTS = /without spaces, line breaks/

const REFUSED: [RegExp, string[]][] = [
  [
    HOSTS,
    [
      ...['redis://', 'rediss://', 'redis:///0', 'redis://u:p@', 'redis://:p@/0', 'redis://[]'],
      ...['redis://[::1', 'redis://[::g]', 'redis://[1.2.3.4]', 'redis://[fe80::1%25e]'],
      ...['redis://h%00', 'redis://999.1.1.1', 'redis://256', 'redis://0', 'redis://127.1'],
      ...['redis://ü', 'redis://a..b', 'redis://.', 'redis://a]', 'redis://a\\b', 'redis://h!'],
      ...['redis://a[::1]', 'redis://[::1]h', 'redis://<h>', `redis://${'h'.repeat(64)}`],
      ...[`redis://${'h.'.repeat(130)}h`, 'redis+cluster://', 'redis+cluster://a,'],
      ...['redis+cluster://,a', 'redis+cluster://a,,b', 'redis+sentinel:///mymaster'],
      ...['redis+sentinel://a,/mymaster', 'redis+sentinel://a;b/m'],
    ],
  ],
  [
    PORT,
    [
      ...['redis://:', 'redis://:0', 'redis://h:0', 'redis://h:65536', 'redis://h:-1'],
      ...['redis://h:', 'redis://h:abc', 'redis://h:6379x', 'redis://h:06379', 'redis://h:6e3'],
      ...['redis://h:+1', 'redis://h:１', 'redis://::1', 'redis://a:1:2', 'redis://[::1]:'],
      ...['redis+cluster://a,b:0', 'redis+cluster://a:1,b:x,c', 'redis+sentinel://a,b:99999/m'],
    ],
  ],
  [
    DATABASE,
    [
      ...['redis://h:6379/x', 'redis://h/-1', 'redis://h/1.5', 'redis://h/1e2', 'redis://h/0/'],
      ...['redis://h/00', 'redis://h/100000', 'redis://h//', 'redis://h/%30', 'redis://h/1/2'],
      ...['redis+sentinel://a/m/x', 'redis+sentinel://a/m/1/2', 'redis+sentinel://a/m/-1'],
    ],
  ],
  [/without a database, or with \/0/, ['redis+cluster://a/1', 'redis+cluster://a,b/x']],
  [
    MASTER,
    [
      ...['redis+sentinel://a', 'redis+sentinel://a,b/', 'redis+sentinel://a//2'],
      ...['redis+sentinel://a/%20', 'redis+sentinel://a/m%0A', 'redis+sentinel://a/m%00'],
    ],
  ],
  [
    ONE_AT,
    [
      ...['redis://user:pass@@h', 'redis://u:p/x@h', 'redis://u:p#x@h', 'redis://u:p?x@h'],
      ...['redis://@@h', 'redis+cluster://u:p@a,u:p@b', 'redis+sentinel://a/m@n'],
    ],
  ],
  [
    EXTRA,
    [
      ...['redis://h?', 'redis://h#', 'redis://h?foo=1', 'redis://h?db=1&db=2', 'redis://h/0?db=1'],
      ...['redis://h/0#x', 'redis+cluster://a,b?x', 'redis+sentinel://a?name=m', 'redis://?'],
    ],
  ],
  [CREDENTIALS, ['redis://u@h', 'redis://u:@h', 'redis+sentinel://u@a,b/m']],
  [/credentials before the first host only/, ['redis+cluster://a,u:p@b', 'redis+cluster://:p,q@a']],
  [/percent-encoded/, ['redis://u:p%zz@h', 'redis://u%:p@h', 'redis://:%ff@h']],
  [/percent-encoded/, ['redis+sentinel://a/%zz', 'redis+sentinel://a/%C3']],
  [/with one host/, ['redis://h1,h2', 'rediss://u:p@h1:1,h2:2/0']],
  [
    /names each host once/,
    [
      ...['redis+cluster://a,a', 'redis+cluster://a,A:6379', 'redis+cluster://[::1],[0:0::1]'],
      'redis+sentinel://a:26379,b,a/m',
    ],
  ],
  [/at most 100 hosts/, [`redis+cluster://${Array.from({ length: 101 }, (_, i) => `h${i}`)}`]],
  [/at most 4096 characters/, [`redis://${'h.'.repeat(2045)}`, `redis://:${'p'.repeat(5000)}@h`]],
  [
    PRINTS,
    [
      ...[
        'redis://h\n',
        'redis://h ',
        'redis:// h',
        'redis://a\tb',
        'redis://h\0',
        'redis://\u202eh',
      ],
      ...['redis+cluster://a, b', 'redis://:p w@h', 'redis://:p\u00a0w@h', 'redis://\ud800'],
    ],
  ],
  [
    /a URL such as redis:\/\/localhost:6379/,
    [
      ...['', ' ', 'redis', 'redis:', 'redis:h', 'redis:/h', 'redis//h', ' redis://h', '://h'],
      ...[
        '//h:6379',
        'localhost',
        'localhost:6379',
        'h',
        '[::1]:6379',
        'javascript:1',
        'file:///x',
      ],
      ...[
        'redis+sentinels://h/m',
        'redis+://h',
        'redis+cluster+sentinel://h',
        'sqlite:x',
        'mem://',
      ],
    ],
  ],
]

const EACH_REFUSED = REFUSED.flatMap(([reason, texts]) =>
  texts.map((text) => [title(text), text, reason] as const),
)

describe('a Redis URL is refused, and the error says why:', () => {
  it.for(EACH_REFUSED)('%s', ([, text, reason]) => {
    const error = refusalOf(text)
    expect(error.message).toMatch(reason)
    expect(error.argument).toBe('place.url')
    expect(error.received.length).toBeLessThanOrEqual(80)
    expect(error.received).toMatch(/^[\P{Cc}]*$/u)
  })

  it('within 50 ms, however it is made to take long', () => {
    const slow = ['redis://', 'redis+cluster://', 'x+', ':', '@', '[', '%', ',', 'a,', 'a:1,', '1.']
    for (const part of slow) {
      for (const text of [part.repeat(2000 / part.length), `redis://${part.repeat(40_000)}`]) {
        const tookMs = [0, 1, 2].map(() => {
          const startedMs = performance.now()
          expect(() => readRedisUrl(`${text}\n`, 'url')).toThrow(ArgumentError)
          return performance.now() - startedMs
        })
        // The fastest of three: the machine may be busy with something else.
        expect(Math.min(...tookMs), title(text)).toBeLessThan(50)
      }
    }
  })
})

const MEANT: [string, string][] = [
  ['redis-sentinel://h/m', 'Did you mean redis+sentinel://?'],
  ['rediss-sentinel://h/m', 'Did you mean rediss+sentinel://?'],
  ['REDIS_SENTINEL://h/m', 'Did you mean redis+sentinel://?'],
  ['sentinel://h/m', 'Did you mean redis+sentinel://?'],
  ['redis+sentinal://h/m', 'Did you mean redis+sentinel://?'],
  ['redis-cluster://a,b', 'Did you mean redis+cluster://?'],
  ['rediss-cluster://a,b', 'Did you mean rediss+cluster://?'],
  ['cluster://a,b', 'Did you mean redis+cluster://?'],
  ['redis+ssl://h', 'Did you mean rediss://?'],
  ['redis+tls://h', 'Did you mean rediss://?'],
  ['tls://h', 'Did you mean rediss://?'],
  ['valkey://h', 'Did you mean redis://?'],
  ['valkeys://h', 'Did you mean rediss://?'],
  ['valkey+cluster://a', 'Did you mean redis+cluster://?'],
  ['valkeys+sentinel://a/m', 'Did you mean rediss+sentinel://?'],
  ['http://host:6379', 'Did you mean redis://?'],
  ['https://host:6379', 'Did you mean rediss://?'],
  ['tcp://host:6379', 'Did you mean redis://?'],
  ['redis:', 'Did you mean redis://?'],
  ['redis', 'Did you mean redis://host:port?'],
  ['redis:h:6379', 'Did you mean redis://host:port?'],
  ['localhost', 'Did you mean redis://host:port?'],
  ['localhost:6379', 'Did you mean redis://host:port?'],
  ['//h:6379', 'Did you mean redis://host:port?'],
  ['user:pass@host:6379', 'Did you mean redis://host:port?'],
  ['unix:///run/redis.sock', 'For a Unix socket pass a client of your own'],
  ['unix://', 'For a Unix socket pass a client of your own'],
  ['redis+socket:///run/redis.sock', 'For a Unix socket pass a client of your own'],
  ['memory', 'Did you mean memory:?'],
  [':memory:', 'Did you mean memory:?'],
  ['mem://', 'Did you mean memory:?'],
  ['./app.db', 'Did you mean sqlite:PATH?'],
  ['/data/app.sqlite3', 'Did you mean sqlite:PATH?'],
  ['app.db', 'Did you mean sqlite:PATH?'],
  ['/run/redis.sock', 'For a Unix socket pass a client of your own'],
]

const MISPLACED: [string, string][] = [
  ['redis://h?db=x', 'The database goes into the path: redis://host/2'],
  ['redis://h?database=1', 'The database goes into the path: redis://host/2'],
  ['redis+sentinel://h?name=m', "The master's name goes into the path"],
  ['redis+sentinel://h?master_name=m', "The master's name goes into the path"],
  ['redis://h?password=x', 'User and password go before the host'],
  ['redis://h?tls=true', 'TLS is a scheme: rediss://'],
  ['redis://h?timeout=abc', "That is an option: createSluice(url, { prefix: 'shop'"],
  ['redis://h?connect_timeout=-1', 'That is an option'],
  ['redis://h?prefix=a', 'That is an option'],
  ['redis://h?foo=1', 'What is no part of the address is an option of createSluice'],
  ['redis://h#foo', '# is %23'],
  ['redis://u:p#x@h', '# is %23'],
  ['redis://::1', 'An IPv6 address goes into brackets'],
  ['redis://h1,h2', 'Several are for redis+cluster://'],
]

describe('a refusal says what to write instead', () => {
  test.for([...MEANT, ...MISPLACED])('of %s', ([text, hint]) => {
    expect(refusalOf(text).message).toContain(hint)
  })

  test('only if something is known', () => {
    for (const text of ['', 'x', './app', '/data', 'file:///x', 'ftp://h', 'memento']) {
      expect(suggestUrl(text), text).toBe('')
    }
  })
})

describe('user and password are never told', () => {
  const passwords = [
    ...['hunter2', 'hunter2@', '@hunter2', 'a@hunter2@b', '/hunter2', 'hunter2/', 'a/b/hunter2'],
    ...[
      '#hunter2',
      'hunter2?x',
      '?hunter2=y',
      ' hunter2 ',
      'a\nhunter2\n',
      '\thunter2',
      '%hunter2',
    ],
    ...[
      'hunter2%',
      'hunter2%zz',
      '%40hunter2',
      '%2Fhunter2',
      ':hunter2:',
      'a:1/hunter2',
      ',hunter2',
    ],
    ...['hunter2,x', 'hunter2\0', '\u202ehunter2', '[hunter2]', '://hunter2', 'redis://hunter2'],
    ...[
      '\ud800hunter2',
      'ünhunter2',
      '(hunter2)',
      '"hunter2"',
      "'hunter2'",
      '\\hunter2',
      'hunter2 @h',
    ],
  ]
  const shapes: ((credentials: string) => string)[] = [
    (credentials) => `redis://${credentials}@h:0`,
    (credentials) => `rediss://${credentials}@h/x`,
    (credentials) => `redis://${credentials}@@h`,
    (credentials) => `redis://${credentials}@`,
    (credentials) => `redis://${credentials}@h?x=1`,
    (credentials) => `redis://${credentials}@h#x@y`,
    (credentials) => `redis+cluster://a,${credentials}@b,c`,
    (credentials) => `redis+cluster://${credentials}@a,${credentials}@b`,
    (credentials) => `redis+sentinel://${credentials}@a,b`,
    (credentials) => `reids://${credentials}@h`,
    (credentials) => `redis-sentinel://${credentials}@a/m`,
    (credentials) => `http://${credentials}@h`,
    (credentials) => `redis:/${credentials}@h`,
    (credentials) => `redis:${credentials}@h`,
    (credentials) => `//${credentials}@h`,
    (credentials) => `${credentials}@h:6379`,
    (credentials) => ` redis://${credentials}@h`,
    (credentials) => `sqlite://${credentials}@h/x`,
    (credentials) => `redis://${credentials}@${'h'.repeat(5000)}`,
  ]

  test.for(passwords.map((password) => [title(password), password] as const))(
    'whatever the shape of the text around %s',
    ([, password]) => {
      for (const shape of shapes) {
        for (const credentials of [`:${password}`, `Alice9:${password}`]) {
          const told = toldBy(refusalOf(shape(credentials)))
          expect(told).not.toMatch(/hunter2|Alice9/)
        }
      }
    },
  )

  test('where the host was forgotten, or the password is somewhere else', () => {
    const texts = [
      ...['redis://:hunter2', 'redis://Alice9:hunter2', 'redis://Alice9:hunter2/0', ':hunter2'],
      ...['redis://Alice9:pa/hunter2', 'redis://Alice9:/hunter2', 'redis://Alice9:pa?hunter2'],
      ...['Alice9:hunter2', 'redis:Alice9:hunter2', 'redis://Alice9%3Ahunter2%40h'],
      ...['redis://Alice9:hunter2%40h', 'redis://h?password=hunter2', 'redis://h#hunter2'],
      ...[
        'redis://h?user=Alice9&password=hunter2@x',
        'redis://h:1:hunter2',
        'redis://h:6379:hunter2',
      ],
      ...[
        'Alice9://hunter2@h',
        'Alice9://:hunter2@h',
        'sqlite://Alice9:hunter2/x',
        'sqlite:x?key=hunter2',
        'redis://:123456hunter2',
      ],
    ]
    for (const text of texts) expect(toldBy(refusalOf(text)), text).not.toMatch(/hunter2|Alice9/)
  })

  test('whatever surrounds them', () => {
    const junk = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'@/?#:%,[] \n.\\a0') }),
      fc.string({ unit: 'binary' }),
    )
    const scheme = fc.constantFrom('redis://', 'redis+cluster://', 'redis+sentinel://', 'x://', '')
    fc.assert(
      fc.property(scheme, junk, junk, junk, junk, (start, a, b, c, end) => {
        const text = `${start}${a}Alice9${b}:${c}hunter2@h${end}`
        expect(redactUrl(text)).not.toMatch(/hunter2|Alice9/)
        try {
          readRedisUrl(text, 'url')
        } catch (error) {
          expect(error).toBeInstanceOf(ArgumentError)
          expect(toldBy(error as Error)).not.toMatch(/hunter2|Alice9/)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test('but what is no secret is shown', () => {
    const shown: [string, string][] = [
      ['redis://u:p@h:99999/0', 'redis://***@h:99999/0'],
      ['redis+cluster://u:p@a,[::1]:7001/5', 'redis+cluster://***@a,[::1]:7001/5'],
      ['redis://h/1.5', 'redis://h/1.5'],
      ['redis://h?db=1', 'redis://h?***'],
      ['redis+sentinel://a/m/x', 'redis+sentinel://a/***'],
      ['redis://u:p@@h', 'redis://***'],
      ['localhost', 'localhost'],
      ['sqlite:./a.db?mode=zz', 'sqlite:./a.db***'],
      ['', ''],
    ]
    for (const [text, expected] of shown) expect(redactUrl(text)).toBe(JSON.stringify(expected))
  })
})

test('what was read can be written again', () => {
  fc.assert(
    fc.property(
      fc.uniqueArray(fc.oneof(fc.ipV6(), fc.ipV4(), fc.domain()), { minLength: 1, maxLength: 9 }),
      fc.integer({ min: 1, max: 65_535 }),
      fc.string({ unit: 'grapheme', minLength: 1 }),
      fc.string({ unit: 'grapheme', minLength: 1 }),
      (names, port, user, password) => {
        const list = names.map((host) => hostText({ host, port })).join(',')
        const encoded = `${encodeURIComponent(user)}:${encodeURIComponent(password)}`
        const text = `redis+cluster://${encoded}@${list}`
        fc.pre(new Set(names.map(spelling)).size === names.length)
        const read = readRedisUrl(text, 'url')
        expect(read.credentials).toEqual({ username: user, password })
        expect(read.hosts.map(({ host }) => host)).toEqual(names.map(spelling))
        const again = `redis+cluster://${encoded}@${read.hosts.map(hostText).join(',')}`
        expect(readRedisUrl(again, 'url')).toEqual(read)
      },
    ),
  )
})

const spelling = (host: string) =>
  host.includes(':') ? new URL(`redis://[${host}]`).hostname.slice(1, -1) : host
