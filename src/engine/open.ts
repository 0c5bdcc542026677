import type { ConnectionOptions as TlsOptions } from 'node:tls'
import { type Clock, systemClock } from '../clock.ts'
import { ArgumentError } from '../errors.ts'
import { describe } from '../text.ts'
import type { Engine, EngineEvents } from './engine.ts'
import { adoptedSource } from './redis/adopted.ts'
import { openRedisEngine } from './redis/engine.ts'
import { urlSource } from './redis/ioredis.ts'
import type { Credentials, RedisSource } from './redis/source.ts'
import { readRedisUrl, redactUrl } from './redis/url.ts'
import { lazySqliteEngine } from './sqlite/lazy.ts'

/** Gets the few lines that Sluice has to say. */
export interface Logger {
  info(message: string): void
  warn(message: string): void
  error(message: string, error: unknown): void
}

/** Options of `createSluice` that concern the engine. Some are for one engine alone. */
export interface EngineOptions {
  prefix: string | undefined
  commandTimeout: number
  connectTimeout: number
  synchronous: 'full' | 'normal' | undefined
  credentials: (() => Credentials | Promise<Credentials>) | undefined
  sentinelCredentials: (() => Credentials | Promise<Credentials>) | undefined
  tls: TlsOptions | undefined
  clock: Clock
  logger: Logger
  tell: <Name extends keyof EngineEvents>(name: Name, event: EngineEvents[Name]) => void
}

/** All that another thread needs to open the same engine. It can be sent to one. */
export type EngineAddress = { url: string } & Pick<
  EngineOptions,
  'prefix' | 'commandTimeout' | 'connectTimeout' | 'synchronous' | 'tls'
>

export const EXPECTED_URL =
  "a URL like 'redis://localhost:6379', 'sqlite:./app.db' or 'memory:', or { client }"
const ARGUMENT = 'createSluice.url'
const LONGEST_URL = 4096

/**
 * Opens the engine that a URL names, or the one behind the user's own client. No I/O happens before
 * the engine is used.
 * @throws {ArgumentError}
 */
export function openEngine(target: unknown, options: EngineOptions): Engine {
  const text = target instanceof URL ? target.href : target
  if (isObject(text)) return openOnClient(text, options)
  if (typeof text !== 'string') throw new ArgumentError(ARGUMENT, EXPECTED_URL, describe(target))
  return /^(?:memory|sqlite):/i.test(text)
    ? openSqlite(text, options)
    : openRedis(urlSourceOf(text, options), options)
}

/** Null for what lives in this thread alone: a client, functions, a clock, memory. */
export function addressOf(target: unknown, options: EngineOptions): EngineAddress | null {
  const url = target instanceof URL ? target.href : target
  const { prefix, commandTimeout, connectTimeout, synchronous, tls } = options
  const isElsewhere = typeof url === 'string' && !/^memory:/i.test(url)
  const isAlone = options.credentials ?? options.sentinelCredentials
  if (!isElsewhere || isAlone || options.clock !== systemClock) return null
  return { url, prefix, commandTimeout, connectTimeout, synchronous, tls }
}

/** For a thread that tells nobody anything: whoever made the address opened the same engine, too. */
export function openAddress(address: EngineAddress): Engine {
  const silent = () => {}
  return openEngine(address.url, {
    ...address,
    credentials: undefined,
    sentinelCredentials: undefined,
    clock: systemClock,
    logger: { info: silent, warn: silent, error: silent },
    tell: silent,
  })
}

function openOnClient(target: object, options: EngineOptions): Engine {
  const [name, ...others] = Object.keys(target)
  if (name !== 'client' || others.length > 0) {
    throw new ArgumentError(ARGUMENT, EXPECTED_URL, describe(target))
  }
  for (const option of ['credentials', 'sentinelCredentials', 'tls'] as const) {
    refuse(option, options[option], 'The client brings its own.')
  }
  const { client } = target as { client: unknown }
  return openRedis(adoptedSource(client, 'createSluice.client'), options)
}

function urlSourceOf(text: string, options: EngineOptions): RedisSource {
  const url = readRedisUrl(text, ARGUMENT)
  const { credentials, sentinelCredentials, tls } = options
  if (!url.tls) refuse('tls', tls, 'Use a URL whose scheme begins with rediss.')
  if (url.kind !== 'sentinel') {
    refuse('sentinelCredentials', sentinelCredentials, 'The URL names no sentinels.')
  }
  return urlSource(url, { credentials, sentinelCredentials, tls })
}

function openRedis(source: RedisSource, options: EngineOptions): Engine {
  const { clock, logger, tell } = options
  refuse('synchronous', options.synchronous, 'Redis is told by its own configuration.')
  return openRedisEngine({
    source,
    prefix: options.prefix ?? 'sluice',
    clock,
    commandTimeoutMs: options.commandTimeout,
    connectTimeoutMs: options.connectTimeout,
    tell,
    warn: (message) => logger.warn(message),
  })
}

function openSqlite(text: string, options: EngineOptions): Engine {
  const { clock, logger } = options
  for (const option of ['credentials', 'sentinelCredentials', 'tls'] as const) {
    refuse(option, options[option], 'SQLite has no server to log in to.')
  }
  const location = sqliteLocation(text)
  refuse('prefix', options.prefix, 'With SQLite, use a file for each program.')
  return lazySqliteEngine(location, {
    clock,
    synchronous: options.synchronous ?? 'full',
    connectTimeoutMs: options.connectTimeout,
    commandTimeoutMs: options.commandTimeout,
    logger,
  })
}

function sqliteLocation(text: string): string {
  if (text === 'memory:') return ':memory:'
  const path = /^sqlite:(?:\/\/(?=\/))?((?!\/\/)[^?#]+)$/.exec(text)?.[1]
  const legal = path !== ':memory:' && text.length <= LONGEST_URL && !/[\p{Cc}%]/u.test(text)
  if (path && legal) return path
  throw new ArgumentError(ARGUMENT, EXPECTED_URL, redactUrl(text))
}

const isObject = (value: unknown): value is object =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function refuse(option: string, value: unknown, hint: string): void {
  if (value === undefined) return
  throw new ArgumentError(
    `createSluice.${option}`,
    'left out for this engine',
    describe(value),
    hint,
  )
}
