// What is read from the user's clusters and sentinels, and what is refused, for every library.
import { setTimeout as delay } from 'node:timers/promises'
import { Cluster as Cluster6, Redis as Ioredis6 } from 'ioredis'
import { Cluster as Cluster5, Redis as Ioredis5 } from 'ioredis5'
import { Redis as Iovalkey, Cluster as IovalkeyCluster } from 'iovalkey'
import * as nodeRedis6 from 'redis'
import * as nodeRedis5 from 'redis5'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type RedisProcess, startRedis } from '../../../test/redis.ts'
import { ArgumentError } from '../../errors.ts'
import { adoptedSource } from './adopted.ts'
import type { Host, RedisSource } from './source.ts'

const PASSWORD = 'correct-horse'
const CONNECT_TIMEOUT_MS = 5_000
const host = '127.0.0.1'

let servers: RedisProcess[] = []
const ends: (() => void)[] = []
const ports = () => servers.map(({ port }) => port)
const firstPort = () => ports()[0] ?? 0

beforeAll(async () => {
  servers = await Promise.all([startNode(), startNode(), startNode()])
  const admins = ports().map((port) => new Ioredis6({ host, port, password: PASSWORD }))
  const ranges = [
    ['0', '5460'],
    ['5461', '10922'],
    ['10923', '16383'],
  ]
  await Promise.all(
    admins.map((admin, index) => admin.call('cluster', 'addslotsrange', ...(ranges[index] ?? []))),
  )
  for (const port of ports().slice(1)) await admins[0]?.call('cluster', 'meet', host, port)
  for (const admin of admins) {
    const agrees = async () =>
      /cluster_state:ok(.|\s)*known_nodes:3/.test(String(await admin.call('cluster', 'info')))
    while (!(await agrees())) await delay(20)
    admin.disconnect()
  }
}, 30_000)
afterAll(() => Promise.all(servers.map((server) => server.stop())))
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

/** The second port of a node is 10,000 higher, so that a free one may be too high. */
async function startNode(attempt = 1): Promise<RedisProcess> {
  const args = ['--cluster-enabled', 'yes', '--requirepass', PASSWORD]
  try {
    return await startRedis({ args })
  } catch (error) {
    if (attempt === 10) throw error
    return startNode(attempt + 1)
  }
}

/** Sends one command by a client of the source. */
async function ask(source: RedisSource, at: Host | null, command: string, ...args: string[]) {
  const client = source.openData(at, CONNECT_TIMEOUT_MS)
  try {
    await client.connect()
    return await client.send(command, args)
  } finally {
    client.destroy()
  }
}

interface UsersCluster {
  cluster: object
  options: () => object
  isConnected: () => boolean
  nodeCount: () => number
  listenerCount: () => number
  connect: () => Promise<unknown>
  get: (key: string) => Promise<unknown>
  changePassword: (password: string) => void
}

interface ClusterSettings {
  map?: unknown
  /** Beside a first one, which is `host:port` of the first server. */
  seeds?: (string | Host)[]
}

type IoredisCluster = new (seeds: never[], options: object) => Cluster6 | Cluster5 | IovalkeyCluster

function usersIoredis(Cluster: IoredisCluster, { map, seeds = [] }: ClusterSettings): UsersCluster {
  const redisOptions = { password: PASSWORD, keyPrefix: 'user:', commandTimeout: 2_000 }
  const cluster = new Cluster([{ host, port: firstPort() }, ...seeds] as never[], {
    ...{ lazyConnect: true, redisOptions, natMap: map, enableAutoPipelining: true },
  })
  cluster.on('error', () => {})
  ends.push(() => cluster.disconnect())
  return {
    cluster,
    options: () => cluster.options,
    isConnected: () => cluster.status !== 'wait',
    nodeCount: () => cluster.nodes('all').length,
    listenerCount: () => cluster.eventNames().length + cluster.listenerCount('error'),
    connect: () => cluster.connect(),
    get: (key) => cluster.get(key),
    changePassword: (password) => {
      redisOptions.password = password
      if (cluster.options.redisOptions) cluster.options.redisOptions.password = password
    },
  }
}

function usersNodeRedis(
  { createCluster }: typeof nodeRedis6 | typeof nodeRedis5,
  { map, seeds = [] }: ClusterSettings,
): UsersCluster {
  const defaults = { password: PASSWORD, pingInterval: 50, socket: { socketTimeout: 2_000 } }
  const cluster = (createCluster as typeof nodeRedis6.createCluster)({
    RESP: 3,
    keyPrefix: 'user:',
    rootNodes: [
      { socket: { host, port: firstPort() } },
      ...seeds.map((seed) => (typeof seed === 'string' ? { url: seed } : { socket: seed })),
    ],
    defaults,
    ...(map ? { nodeAddressMap: map as Record<string, Host> } : {}),
  })
  cluster.on('error', () => {})
  ends.push(() => cluster.destroy())
  return {
    cluster,
    options: () => (cluster as unknown as { _options: object })._options,
    isConnected: () => cluster.isOpen,
    nodeCount: () => cluster.masters.length,
    listenerCount: () => cluster.eventNames().length + cluster.listenerCount('error'),
    connect: () => cluster.connect(),
    get: (key) => cluster.get(key),
    changePassword: (password) => {
      defaults.password = password
    },
  }
}

const clusters: [name: string, make: (settings?: ClusterSettings) => UsersCluster][] = [
  ['ioredis 6', (settings = {}) => usersIoredis(Cluster6 as IoredisCluster, settings)],
  ['ioredis 5', (settings = {}) => usersIoredis(Cluster5 as IoredisCluster, settings)],
  ['iovalkey', (settings = {}) => usersIoredis(IovalkeyCluster as IoredisCluster, settings)],
  ['node-redis 6', (settings = {}) => usersNodeRedis(nodeRedis6, settings)],
  ['node-redis 5', (settings = {}) => usersNodeRedis(nodeRedis5, settings)],
]

describe.each(clusters)('a cluster of %s', (_, make) => {
  test('is read: seeds in every form, and its place without secrets', () => {
    const { cluster } = make({
      seeds: ['redis://me:secret@example.org:7001', { host: 'b.example.org', port: 7002 }],
    })
    const { topology, place } = adoptedSource(cluster, 'client')
    expect(topology).toMatchObject({
      kind: 'cluster',
      seeds: [
        { host, port: firstPort() },
        { host: 'example.org', port: 7001 },
        { host: 'b.example.org', port: 7002 },
      ],
    })
    expect(place).toBe(`${host}:${firstPort()},example.org:7001,b.example.org:7002`)
  })

  test.each([
    ['before it is connected', false],
    ['when it is connected', true],
  ])('lends its password to clients for every node %s, and stays as it was', async (_, connect) => {
    const users = make()
    if (connect) await users.connect()
    const before = { ...users.options() }
    const [listeners, nodes] = [users.listenerCount(), users.nodeCount()]
    const source = adoptedSource(users.cluster, 'client')
    for (const port of ports()) {
      expect(await ask(source, { host, port }, 'CONFIG', 'GET', 'port')).toEqual([
        'port',
        String(port),
      ])
      const client = source.openData({ host, port }, CONNECT_TIMEOUT_MS)
      await client.connect()
      const [slot] = (await client.send('CLUSTER', ['SLOTS'])) as [
        number,
        number,
        [string, number],
      ][]
      expect(slot).toEqual([0, 5460, [host, firstPort(), expect.any(String), []]])
      client.destroy()
    }
    expect({ ...users.options() }).toEqual(before)
    expect(users.listenerCount()).toBe(listeners)
    expect(users.nodeCount()).toBe(nodes)
    expect(users.isConnected()).toBe(connect)
    if (connect) expect(await users.get('adopted')).toBe(null)
  })

  test('is asked for its password at each connect', async () => {
    const users = make()
    const source = adoptedSource(users.cluster, 'client')
    const at = { host, port: firstPort() }
    await ask(source, at, 'CONFIG', 'SET', 'requirepass', 'rotated')
    try {
      await expect(ask(source, at, 'PING')).rejects.toThrow(/WRONGPASS/)
      users.changePassword('rotated')
      expect(await ask(source, at, 'PING')).toBe('PONG')
    } finally {
      users.changePassword('rotated')
      await ask(source, at, 'CONFIG', 'SET', 'requirepass', PASSWORD)
    }
  })

  test('keeps its table of addresses, and its function in place of one', () => {
    const inside = { host: '10.0.0.1', port: 6379 }
    const outside = { host: 'example.org', port: 7001 }
    const other = { host: '10.0.0.2', port: 6379 }
    const maps = [
      { '10.0.0.1:6379': outside },
      (key: string) => (key === '10.0.0.1:6379' ? outside : null),
    ]
    for (const map of maps) {
      const { topology } = adoptedSource(make({ map }).cluster, 'client')
      if (topology.kind !== 'cluster') throw new Error('not a cluster')
      expect(topology.translate(inside)).toEqual(outside)
      expect(topology.translate(other)).toEqual(other)
    }
  })

  test('refuses an address that cannot be read, without repeating it', () => {
    const { cluster } = make({ seeds: ['redis://me:secret@exa mple.org'] })
    expect(() => adoptedSource(cluster, 'client')).toThrow(ArgumentError)
    expect(() => adoptedSource(cluster, 'client')).not.toThrow(/secret/)
  })
})

describe.each([
  ['ioredis 6', Cluster6 as IoredisCluster],
  ['ioredis 5', Cluster5 as IoredisCluster],
  ['iovalkey', IovalkeyCluster as IoredisCluster],
])('a cluster of %s', (_, Cluster) => {
  const make = (seeds: unknown[], options: object = {}) => {
    const cluster = new Cluster(seeds as never[], { lazyConnect: true, ...options })
    ends.push(() => cluster.disconnect())
    return adoptedSource(cluster, 'client')
  }

  test('may be listed as ports and as texts', () => {
    const { topology } = make([7001, '7002', 'a.example.org:7003', { port: '7004' }, '//b:7005'])
    expect(topology).toMatchObject({
      seeds: [
        { host, port: 7001 },
        { host, port: 7002 },
        { host: 'a.example.org', port: 7003 },
        { host, port: 7004 },
        { host: 'b', port: 7005 },
      ],
    })
  })

  test('gives what one listed node needs to those that are not listed', async () => {
    const source = make([`redis://default:${PASSWORD}@${host}:${firstPort()}`])
    for (const port of ports()) expect(await ask(source, { host, port }, 'PING')).toBe('PONG')
  })

  test('keeps its own look-up for the names it lists', async () => {
    const source = make([{ host: 'redis.invalid', port: firstPort() }], {
      redisOptions: { password: PASSWORD },
      dnsLookup: (_: string, callback: (error: null, address: string) => void) =>
        callback(null, host),
    })
    expect(await ask(source, { host: 'redis.invalid', port: firstPort() }, 'PING')).toBe('PONG')

    const byRecord = make([{ host: 'srv.invalid' }], {
      redisOptions: { password: PASSWORD },
      useSRVRecords: true,
      resolveSrv: (_: string, callback: (error: null, records: object[]) => void) =>
        callback(null, [
          { name: host, port: 1, priority: 2, weight: 1 },
          { name: host, port: firstPort(), priority: 1, weight: 1 },
        ]),
    })
    expect(await ask(byRecord, { host: 'srv.invalid', port: 6379 }, 'PING')).toBe('PONG')
  })
})

describe.each([
  ['ioredis 6', Ioredis6],
  ['ioredis 5', Ioredis5],
  ['iovalkey', Iovalkey],
])('a client of %s that asks sentinels', (_, Redis) => {
  const make = (options: object) => {
    const client = new (Redis as typeof Ioredis6)({
      lazyConnect: true,
      name: 'mymaster',
      sentinels: [{ host: 'a.example.org', port: 26380 }, { host: 'b.example.org' }],
      ...options,
    })
    ends.push(() => client.disconnect())
    return adoptedSource(client, 'client')
  }

  test('is read: sentinels, and the name of the master', () => {
    const { topology, place } = make({ password: 'secret', sentinelPassword: 'secret' })
    expect(topology).toEqual({
      kind: 'sentinel',
      name: 'mymaster',
      sentinels: [
        { host: 'a.example.org', port: 26380 },
        { host: 'b.example.org', port: 26379 },
      ],
    })
    expect(place).toBe('a.example.org:26380,b.example.org:26379')
  })

  test('lends the password of the sentinels to clients for sentinels', async () => {
    const source = make({ password: 'of the data', sentinelPassword: PASSWORD, db: 3, tls: {} })
    const sentinel = source.openSentinel({ host, port: firstPort() }, CONNECT_TIMEOUT_MS)
    ends.push(() => sentinel.destroy())
    await sentinel.connect()
    expect(await sentinel.send('CONFIG', ['GET', 'port'])).toEqual(['port', String(firstPort())])
  })

  test('lends its password and its table of addresses to clients for the master', async () => {
    const source = make({
      password: PASSWORD,
      sentinelPassword: 'of the sentinels',
      sentinelTLS: {},
      // Without enableTLSForSentinelMode, the library uses it for no connection at all.
      tls: {},
      natMap: { '10.0.0.1:6379': { host, port: firstPort() } },
    })
    expect(await ask(source, { host: '10.0.0.1', port: 6379 }, 'PING')).toBe('PONG')
    expect(await ask(source, { host, port: firstPort() }, 'PING')).toBe('PONG')
  })
})

describe('anything else is refused with what to do', () => {
  const command = () => Promise.resolve()
  const cases: [string, unknown, RegExp][] = [
    ['null', null, /received null.*Pass a URL instead/],
    ['undefined', undefined, /received undefined/],
    ['an empty object', {}, /received an object/],
    ['a number', 6379, /received 6379/],
    ['a URL', 'redis://me:secret@example.org', /received a string.*createSluice\(url\)/],
    ['options', { host, password: 'secret' }, /received an object/],
    ['a class', Ioredis6, /received a function/],
    ['a promise of a client', Promise.resolve(), /received a promise.*Await it/],
    ['a pool of node-redis 6', nodeRedis6.createClientPool(), /pool.*createClient\(\)/],
    ['a pool of node-redis 5', nodeRedis5.createClientPool(), /pool.*createClient\(\)/],
    [
      'a sentinel of node-redis 6',
      nodeRedis6.createSentinel({ name: 'm', sentinelRootNodes: [{ host, port: 1 }] }),
      /sentinel.*redis\+sentinel:/,
    ],
    [
      'a sentinel of node-redis 5',
      nodeRedis5.createSentinel({ name: 'm', sentinelRootNodes: [{ host, port: 1 }] }),
      /sentinel.*redis\+sentinel:/,
    ],
    ['a legacy client of node-redis', nodeRedis6.createClient().legacy(), /received an object/],
    [
      'a client of node-redis 4',
      { options: {}, isOpen: true, sendCommand: command, duplicate: command },
      /node-redis 4 or older.*Update/,
    ],
    [
      'a client of node-redis 3',
      { options: {}, internal_send_command: command, duplicate: command },
      /node-redis 4 or older.*Update/,
    ],
    ['a redlock', { clients: new Set(), acquire: command, using: command }, /received an object/],
  ]
  test.each(cases)('%s', (_, value, message) => {
    const attempt = () => adoptedSource(value, 'options.client')
    expect(attempt).toThrow(ArgumentError)
    expect(attempt).toThrow(/^options\.client must be a client or cluster of ioredis \(5, 6\)/)
    expect(attempt).toThrow(message)
    expect(attempt).not.toThrow(/secret/)
  })
})
