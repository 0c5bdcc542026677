import type { Duration } from '../duration.ts'
import { adoptedSource } from '../engine/redis/adopted.ts'
import { urlSource } from '../engine/redis/ioredis.ts'
import { openServers } from '../engine/redis/open-servers.ts'
import type { Servers } from '../engine/redis/servers.ts'
import type { RedisSource } from '../engine/redis/source.ts'
import { readRedisUrl } from '../engine/redis/url.ts'
import { ArgumentError, ClosedError } from '../errors.ts'
import { duration, readOptions, withDefault } from '../options.ts'
import { CommandTable } from './command-table.ts'
import { ReplicaNodes } from './replicas.ts'
import { asFailureOf, asReply } from './replies.ts'
import { Sessions } from './session.ts'

export interface OpenRedisOptions {
  /** How long any one command may take, the wait for a connection included. Defaults to 5 s. */
  commandTimeout?: Duration
  /** How long opening a connection may take. Defaults to 5 s. */
  connectTimeout?: Duration
}

/** Connections of our own to the user's Redis, for many calls. Close it when done. */
export interface OpenRedis extends AsyncDisposable {
  /** Hosts and ports, for messages: never a secret. */
  readonly place: string
  /** Closes the connections that it opened, and nothing else. Calls under way fail. */
  close(): Promise<void>
}

/**
 * Where the user's Redis is: a URL of scheme `redis`, `redis+cluster` or `redis+sentinel`, or
 * `rediss` for TLS with each; a client or cluster of ioredis (5, 6) or node-redis (5, 6); or what
 * {@link openRedis} returned. A client is only read: the connections are our own, with its address,
 * user, password, TLS and database. Its `keyPrefix` is not used: keys are written in full.
 */
export type RedisTarget = string | URL | object

/** One server, asked directly. */
export interface RedisNode {
  /** Host and port. */
  readonly place: string
  /**
   * Sends one command to this server, whatever its keys.
   * @throws {CommandError} if the server answers with an error
   * @throws {EngineUnavailableError}
   */
  call(command: string, args: readonly string[]): Promise<unknown>
}

/** All that the tools need of a Redis. */
export interface RedisConnections {
  readonly place: string
  readonly isCluster: boolean
  readonly commandTimeoutMs: number
  readonly connectTimeoutMs: number
  readonly source: RedisSource
  readonly servers: Servers
  /** Connections that one user has at a time, as WATCH and MULTI need. */
  readonly sessions: Sessions
  /** What the servers know of commands. */
  readonly commands: CommandTable
  /**
   * Sends one command to the server that has the key. Redirects are followed by the deadline.
   * @throws {CommandError} if the server answers with an error
   * @throws {EngineUnavailableError}
   */
  callFor(key: string, command: string, args: readonly string[]): Promise<unknown>
  /** Every server that takes writes. */
  primaries(): Promise<readonly RedisNode[]>
  /** Every replica that these primaries, or all, say they have, which answers reads. None is no error. */
  replicas(of?: readonly RedisNode[]): Promise<readonly RedisNode[]>
  /** @throws {ClosedError} */
  assertOpen(): void
  close(): Promise<void>
}

const openOptions = {
  commandTimeout: withDefault(duration({ minMs: 50, maxMs: 300_000 }), 5_000),
  connectTimeout: withDefault(duration({ minMs: 50, maxMs: 300_000 }), 5_000),
}

const connectionsOf = new WeakMap<object, RedisConnections>()

/**
 * Opens the user's Redis for many calls of `pipeline`, `transaction` and the other tools, which
 * open and close connections for each call else. Nothing is sent before it is used.
 *
 * @throws {ArgumentError}
 */
export function openRedis(target: RedisTarget, options?: OpenRedisOptions): OpenRedis {
  const source = sourceOf(target, 'openRedis.target')
  const connections = openConnections(source, readOptions('openRedis', options, openOptions))
  const redis: OpenRedis = {
    place: connections.place,
    close: () => connections.close(),
    [Symbol.asyncDispose]: () => connections.close(),
  }
  connectionsOf.set(redis, connections)
  return redis
}

/** Connections that are someone else's, or that end when they are given back. */
export interface BorrowedRedis {
  readonly redis: RedisConnections
  giveBack(): Promise<void>
}

/** The connections of what is open already; else new ones. Nothing is sent before they are used. */
export function borrowRedis(target: RedisTarget, argument: string): BorrowedRedis {
  const open = typeof target === 'object' && target !== null ? connectionsOf.get(target) : undefined
  if (open) {
    open.assertOpen()
    return { redis: open, giveBack: async () => {} }
  }
  const redis = openConnections(
    sourceOf(target, argument),
    readOptions(argument, undefined, openOptions),
  )
  return { redis, giveBack: () => redis.close() }
}

/** Borrows connections for as long as they are used. */
export async function withRedis<T>(
  target: RedisTarget,
  argument: string,
  use: (redis: RedisConnections) => Promise<T>,
): Promise<T> {
  const { redis, giveBack } = borrowRedis(target, argument)
  try {
    return await use(redis)
  } finally {
    await giveBack()
  }
}

function sourceOf(target: unknown, argument: string): RedisSource {
  const text = target instanceof URL ? target.href : target
  if (typeof text === 'string') {
    if (/^(?:sqlite|memory):/i.test(text)) throw embedded(argument, 'a URL of the embedded engine')
    return urlSource(readRedisUrl(text, argument))
  }
  if (typeof text === 'object' && text !== null && connectionsOf.has(text)) {
    throw new ArgumentError(argument, 'a URL or a client', 'what openRedis() returned')
  }
  const isSluice = typeof (text as { readWriteLock?: unknown } | null)?.readWriteLock === 'function'
  if (isSluice) throw new ArgumentError(argument, 'a URL or a client', 'a Sluice', TARGET_OF_SLUICE)
  return adoptedSource(text, argument)
}

const TARGET_OF_SLUICE = 'Pass what createSluice() was given.'

const embedded = (argument: string, received: string) =>
  new ArgumentError(
    argument,
    'a Redis: a redis:, redis+cluster: or redis+sentinel: URL, or a client of ioredis or node-redis',
    received,
    'SQLite has no pipelines, no WATCH and no keys to scan. For several writes as one, use a transaction of your SQLite driver; to exclude others, sluice.lock(name); to look at what Sluice stores, sluice/inspect.',
  )

/** A socket that has been silent for this long is asked whether it lives. */
const PING_AFTER_MS = 5_000

function openConnections(
  source: RedisSource,
  { commandTimeout, connectTimeout }: { commandTimeout: number; connectTimeout: number },
): RedisConnections {
  const { place, topology } = source
  let closing: Promise<void> | null = null
  const servers = openServers(source, {
    connectTimeoutMs: connectTimeout,
    pingAfterMs: PING_AFTER_MS,
    pingTimeoutMs: commandTimeout,
    // What users send may have any answer.
    fits: () => true,
    events: { async prepare() {}, onReady() {}, onTrouble() {}, onLost() {}, onRetired() {} },
  })
  const sessions = new Sessions(servers, place, connectTimeout)
  const deadlineMs = () => performance.now() + commandTimeout

  const nodeOf: NodeOf = (connection) => ({
    place: connection.label.replace(/^\w+ to /, ''),
    call: (command, args) =>
      connection.call(command, [...args], deadlineMs()).then(
        (reply) => asReply(command, reply),
        (error: unknown) => {
          throw asFailureOf(command, error)
        },
      ),
  })
  const listPrimaries = async () => (await servers.each(deadlineMs())).map(nodeOf)
  const replicas = new ReplicaNodes(source, connectTimeout, commandTimeout, nodeOf)

  /** The first server to answer does: one of them may be away. */
  async function askAny(command: string, args: readonly string[]): Promise<unknown> {
    const answers = (await listPrimaries()).map((primary) => primary.call(command, args))
    return Promise.any(answers).catch(({ errors }: AggregateError) => {
      throw errors[0]
    })
  }

  function assertOpen(): void {
    if (closing) throw new ClosedError('This Redis', 'not-applied', 'openRedis()')
  }

  return {
    place,
    isCluster: topology.kind === 'cluster',
    commandTimeoutMs: commandTimeout,
    connectTimeoutMs: connectTimeout,
    source,
    servers,
    sessions,
    commands: new CommandTable(askAny),
    async callFor(key, command, args) {
      try {
        const group = servers.groupOf(key)
        return asReply(command, await servers.call(group, command, [...args], deadlineMs()))
      } catch (error) {
        throw asFailureOf(command, error)
      }
    },
    primaries: listPrimaries,
    replicas: async (of) => replicas.list(of ?? (await listPrimaries())),
    assertOpen,
    async close() {
      sessions.close()
      closing ??= Promise.all([servers.close(), replicas.close()]).then(() => {})
      await closing
    },
  }
}

type NodeOf = ConstructorParameters<typeof ReplicaNodes>[3]
