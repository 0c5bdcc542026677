import { lookup } from 'node:dns'
import { isIP } from 'node:net'
import { ArgumentError } from '../../errors.ts'
import { describe } from '../../text.ts'
import { asHost, asOptions, mapAddress, type Options, readNodeUrl } from './foreign-options.ts'
import { type IoredisClient, passive, rawIoredis } from './ioredis.ts'
import {
  type NodeRedisClient,
  type NodeRedisCluster,
  nodeRedisClusterSource,
  nodeRedisSource,
} from './node-redis.ts'
import type { Host, RedisSource } from './source.ts'
import { hostText } from './url.ts'

/** What we use of a client of ioredis 5 or 6, or of iovalkey, that is not ours. */
interface ForeignIoredis {
  readonly options: Options
  duplicate(overrides: Options): IoredisClient
}

interface ForeignIoredisCluster {
  readonly options: Options
  readonly startupNodes: readonly unknown[]
  /** Not in its types. */
  readonly connectionPool?: { findOrCreate(options: Options): unknown }
  nodes(role: 'all'): ForeignIoredis[]
  duplicate(startupNodes: unknown[], overrides: Options): ForeignIoredisCluster
}

/**
 * The servers of a client that the user made. It is only read and duplicated: never changed,
 * connected or closed. Libraries are told apart by shape, since the user's copy is not ours.
 * @throws {ArgumentError} for anything else.
 */
export function adoptedSource(client: unknown, argument: string): RedisSource {
  if (typeof client === 'object' && client !== null) {
    if (isIoredisCluster(client)) return ioredisClusterSource(client)
    if (isIoredis(client)) return ioredisSource(client)
    if (isNodeRedisCluster(client)) return nodeRedisClusterSource(client)
    if (isNodeRedis(client)) return nodeRedisSource(client)
  }
  const { received, hint } = explain(client)
  throw new ArgumentError(
    argument,
    'a client or cluster of ioredis (5, 6), iovalkey or node-redis (5, 6)',
    received,
    hint,
  )
}

const has = (value: object, shape: Record<string, string>) =>
  Object.entries(shape).every(([name, type]) => typeof Reflect.get(value, name) === type)

const IOREDIS = { status: 'string', options: 'object', duplicate: 'function' }
const NODE_REDIS = { isOpen: 'boolean', sendCommand: 'function', destroy: 'function' }

const isIoredisCluster = (value: object): value is ForeignIoredisCluster =>
  has(value, { ...IOREDIS, nodes: 'function', startupNodes: 'object' })
const isIoredis = (value: object): value is ForeignIoredis =>
  has(value, { ...IOREDIS, call: 'function', disconnect: 'function' }) && !('nodes' in value)
const isNodeRedisCluster = (value: object): value is NodeRedisCluster =>
  has(value, { ...NODE_REDIS, duplicate: 'function', nodeClient: 'function', _options: 'object' })
const isNodeRedis = (value: object): value is NodeRedisClient =>
  has(value, { ...NODE_REDIS, duplicate: 'function', isReady: 'boolean', options: 'object' })

const URL_INSTEAD = 'Pass a URL instead'

function explain(value: unknown): { received: string; hint: string } {
  if (typeof value === 'string') {
    return { received: 'a string', hint: 'A URL is passed without options: createSluice(url).' }
  }
  const hint = `${URL_INSTEAD}, such as redis://localhost:6379.`
  if (typeof value !== 'object' || value === null) return { received: describe(value), hint }
  if ('then' in value && typeof value.then === 'function') {
    return { received: 'a promise', hint: 'Await it, and pass the client it resolves to.' }
  }
  if (has(value, { getSentinelNode: 'function' })) {
    return {
      received: 'a node-redis sentinel',
      hint: `${URL_INSTEAD}: redis+sentinel://host:26379/name.`,
    }
  }
  if (has(value, { execute: 'function', idleClients: 'number' })) {
    return { received: 'a node-redis pool', hint: 'Pass a client made by createClient().' }
  }
  const isVersion3 = has(value, { internal_send_command: 'function' })
  if (isVersion3 || has(value, { isOpen: 'boolean', sendCommand: 'function' })) {
    return {
      received: 'a client of node-redis 4 or older',
      hint: 'Update node-redis, or pass a URL instead.',
    }
  }
  return { received: describe(value), hint }
}

/** What a user's client may do on its own, beyond what a client of ours is told at any rate. */
const NOT_OURS = {
  ...{ commandTimeout: undefined, socketTimeout: undefined, blockingTimeout: undefined },
  ...{ replyMapping: 'legacy', himportFieldsets: undefined, scripts: undefined },
  ...{ readOnly: false, monitor: false },
} satisfies Options

function ioredisSource(client: ForeignIoredis): RedisSource {
  // Options are read at each connect: that is how a password is changed in these libraries.
  const open = (connectTimeoutMs: number, overrides: () => Options) =>
    rawIoredis(async () =>
      client.duplicate({ ...passive(connectTimeoutMs), ...NOT_OURS, ...overrides() }),
    )
  const sentinel = readSentinels(client.options)
  const { path, host, port } = client.options
  const place = typeof path === 'string' ? path : hostText(asHost(host, port))
  const noSentinels = { sentinels: null, name: null, path: undefined }
  return {
    topology: sentinel ?? { kind: 'single' },
    place: sentinel ? sentinel.sentinels.map(hostText).join(',') : place,
    openData: (at, connectTimeoutMs) =>
      open(connectTimeoutMs, () => {
        if (!at) return {}
        const { natMap, tls, enableTLSForSentinelMode } = client.options
        if (!sentinel) return { ...noSentinels, ...at }
        // As the library does: what encrypts the way to the sentinels says nothing of the master.
        return {
          ...noSentinels,
          ...mapAddress(natMap, at),
          family: 0,
          tls: enableTLSForSentinelMode ? tls : undefined,
        }
      }),
    openSentinel: (at, connectTimeoutMs) =>
      open(connectTimeoutMs, () => {
        const { sentinelUsername, sentinelPassword, sentinelTLS } = client.options
        return {
          ...noSentinels,
          ...at,
          username: sentinelUsername || null,
          password: sentinelPassword || null,
          tls: sentinelTLS,
          db: 0,
        }
      }),
  }
}

function readSentinels({ sentinels, name, Connector }: Options) {
  if (!Array.isArray(sentinels) || sentinels.length === 0 || Connector) return null
  return {
    kind: 'sentinel' as const,
    sentinels: sentinels.map((at: unknown) => {
      const { host, port } = asOptions(at)
      return asHost(host, port, 26379)
    }),
    name: String(name),
  }
}

function ioredisClusterSource(cluster: ForeignIoredisCluster): RedisSource {
  let template: ForeignIoredis | null = null
  const open = (at: Host, connectTimeoutMs: number) =>
    rawIoredis(async () => {
      template ??= templateOf(cluster)
      const address = await resolveSeed(cluster, at)
      return template.duplicate({
        // The template may have older ones than the cluster has now.
        ...{ username: null, password: null, tls: undefined },
        ...nodeOptions(cluster, at),
        ...passive(connectTimeoutMs),
        ...NOT_OURS,
        ...{ path: undefined, sentinels: null, db: 0 },
        ...address,
      })
    })
  const seeds = readSeeds(cluster).map(({ host }) => host)
  return {
    topology: {
      kind: 'cluster',
      seeds,
      translate: (announced) => mapAddress(cluster.options.natMap, announced),
    },
    place: seeds.map(hostText).join(','),
    openData: (at, connectTimeoutMs) => open(at ?? asHost(), connectTimeoutMs),
    openSentinel: open,
  }
}

/** A node to duplicate: the library has no other way from a cluster to the class of its nodes. */
function templateOf(cluster: ForeignIoredisCluster): ForeignIoredis {
  const [node] = cluster.nodes('all')
  if (node) return node
  // It is not connected yet. A cluster of our own makes a node, which does not connect either.
  const own = cluster.duplicate([{}], { lazyConnect: true, redisOptions: { lazyConnect: true } })
  own.connectionPool?.findOrCreate({ host: 'localhost', port: 6379 })
  const [ownNode] = own.nodes('all')
  if (!ownNode) throw new Error('the cluster has no nodes yet: call its connect() first')
  return ownNode
}

/** What the library gives to a node. */
function nodeOptions(cluster: ForeignIoredisCluster, at: Host): Options {
  const seeds = readSeeds(cluster)
  const seed = seeds.find(({ host }) => hostText(host) === hostText(at))
  // The library finds a seed again under its address, which we may not know. A node that is not
  // listed has the credentials of those that are, unless the options for all nodes say otherwise.
  const { username, password, tls } = seeds[0]?.options ?? {}
  const inherited = seed ? {} : withoutUndefined({ username, password, tls })
  return { ...inherited, ...asOptions(cluster.options.redisOptions), ...seed?.options }
}

const withoutUndefined = (options: Options): Options =>
  Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined))

/** Nodes are listed as objects, ports, `host:port` or URLs. */
function readSeeds({ startupNodes }: ForeignIoredisCluster) {
  return startupNodes.map((node): { host: Host; options: Options } => {
    const options =
      typeof node === 'string'
        ? readSeedText(node)
        : typeof node === 'number'
          ? { port: node }
          : asOptions(node)
    // The library's own default here is no name, so that it never needs to be looked up.
    return { host: asHost(options.host || '127.0.0.1', options.port), options }
  })
}

function readSeedText(text: string): Options {
  if (/^\d+$/.test(text)) return { port: text }
  const url = readNodeUrl(text, 'client.startupNodes')
  return {
    host: url.host,
    ...withoutUndefined({ port: url.port, username: url.username, password: url.password }),
  }
}

interface SrvRecord {
  name: string
  port: number
  priority: number
}
type Callback<T> = (error: Error | null, value: T) => void

/** Seeds, and they alone, may be names for the user's own look-up. */
async function resolveSeed(cluster: ForeignIoredisCluster, at: Host): Promise<Host> {
  const { dnsLookup, resolveSrv, useSRVRecords } = cluster.options
  const isSeed = readSeeds(cluster).some(({ host }) => hostText(host) === hostText(at))
  if (!isSeed || isIP(at.host)) return at
  let { host, port } = at
  if (useSRVRecords && typeof resolveSrv === 'function') {
    const records = await called<SrvRecord[]>(resolveSrv, host)
    const first = Math.min(...records.map(({ priority }) => priority))
    const best = records.filter(({ priority }) => priority === first)
    const record = best[Math.floor(Math.random() * best.length)]
    if (!record) throw new Error(`the name ${host} has no SRV records`)
    host = record.name
    port = record.port
  }
  if (typeof dnsLookup === 'function' && dnsLookup !== lookup) {
    host = await called<string>(dnsLookup, host)
  }
  return { host, port }
}

const called = <T>(resolver: CallableFunction, name: string): Promise<T> =>
  new Promise((resolve, reject) => {
    const done: Callback<T> = (error, value) => (error ? reject(error) : resolve(value))
    resolver(name, done)
  })
