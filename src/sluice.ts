import { type Clock, systemClock } from './clock.ts'
import type { Duration } from './duration.ts'
import type { Engine } from './engine/engine.ts'
import { openRedisEngine } from './engine/redis/engine.ts'
import { readRedisUrl, redactUrl } from './engine/redis/url.ts'
import { lazySqliteEngine } from './engine/sqlite/lazy.ts'
import { ArgumentError } from './errors.ts'
import type { Limiter, LimiterOptions, Rule } from './limit/index.ts'
import { openLimits } from './limit/open.ts'
import type { Lock, LockOptions } from './lock/index.ts'
import { openLocks } from './lock/open.ts'
import { duration, oneOf, type Reader, readName, readOptions, withDefault } from './options.ts'
import type { Queue, QueueOptions } from './queue/index.ts'
import { openQueues } from './queue/open.ts'
import { describe } from './text.ts'

/** Gets the few lines that Sluice has to say. */
export interface Logger {
  info(message: string): void
  error(message: string, error: unknown): void
}

export interface SluiceOptions {
  /** Redis only: what every key begins with, so that several programs share a server. Defaults to `sluice`. */
  prefix?: string
  /** How long any one call to the engine may take. Defaults to 2 s. */
  commandTimeout?: Duration
  /** How long opening a connection or a file may take. Defaults to 5 s. */
  connectTimeout?: Duration
  /**
   * SQLite only: `'full'` keeps every answered write through a power cut, `'normal'` may lose the
   * last ones but corrupts nothing. Defaults to `'full'`.
   */
  synchronous?: 'full' | 'normal'
  /** Where time comes from; for tests. Defaults to the machine and the engine. */
  clock?: Clock
  /** Defaults to the console. */
  logger?: Logger
}

/** Locks, queues and limits on one engine. */
export interface Sluice extends AsyncDisposable {
  /** @throws {ArgumentError} */
  lock(name: string, options?: LockOptions): Lock
  /** @throws {ArgumentError} */
  queue<Data = unknown>(name: string, options?: QueueOptions): Queue<Data>
  /** @throws {ArgumentError} */
  limiter(name: string, rule: Rule, options?: LimiterOptions): Limiter
  /**
   * Closes workers, giving running handlers up to `timeout` (25 s by default), hands jobs back,
   * ends leases, and closes the connections that it opened. A second call waits for the first.
   */
  close(options?: { timeout?: Duration }): Promise<void>
}

const EXPECTED_URL = "a URL like 'redis://localhost:6379', 'sqlite:./app.db' or 'memory:'"
const DEFAULT_FILE = '.sluice/sluice.db'
const consoleLogger: Logger = {
  info: (message) => console.info(message),
  error: (message, error) => console.error(message, error),
}

const readClock: Reader<Clock> = (value, argument) => {
  const clock = value as Partial<Clock> | null
  const complete =
    typeof clock === 'object' &&
    clock !== null &&
    [clock.monotonicMs, clock.wallMs, clock.storeUs, clock.after].every(
      (method) => typeof method === 'function',
    )
  if (complete) return clock as Clock
  throw new ArgumentError(argument, 'a Clock', describe(value))
}

const readLogger: Reader<Logger> = (value, argument) => {
  const logger = value as Partial<Logger> | null
  if (typeof logger?.info === 'function' && typeof logger.error === 'function')
    return logger as Logger
  throw new ArgumentError(argument, 'an object with info and error', describe(value))
}

const sluiceOptions = {
  prefix: withDefault(readName, undefined),
  commandTimeout: withDefault(duration({ minMs: 50, maxMs: 300_000 }), 2_000),
  connectTimeout: withDefault(duration({ minMs: 50, maxMs: 300_000 }), 5_000),
  synchronous: withDefault(oneOf('full', 'normal'), undefined),
  clock: withDefault(readClock, systemClock),
  logger: withDefault(readLogger, consoleLogger),
}

const closeOptions = { timeout: withDefault(duration(), undefined) }

/** What stands behind one {@link Sluice}: its engine and its capabilities. */
export interface Inside {
  readonly engine: Engine
  readonly locks: ReturnType<typeof openLocks>
  readonly queues: ReturnType<typeof openQueues>
  readonly limits: ReturnType<typeof openLimits>
}

const insides = new WeakMap<Sluice, Inside>()

/** For this package's own views: never part of what is exported. */
export function insideOf(sluice: Sluice): Inside {
  const inside = insides.get(sluice)
  if (inside) return inside
  throw new ArgumentError('sluice', 'what createSluice() returned', describe(sluice))
}

/**
 * Makes a Sluice on the engine that `url` names: `redis://`, `rediss://`, `sqlite:` and a path, or
 * `memory:`. Without one, `SLUICE_URL` decides; without that either it is the file
 * `.sluice/sluice.db`, which one log line says, and which `NODE_ENV=production` refuses because a
 * file excludes nobody on another machine. Opens nothing until it is used.
 *
 * @throws {ArgumentError}
 */
export function createSluice(url?: string | URL, options?: SluiceOptions): Sluice {
  const read = readOptions('createSluice', options, sluiceOptions)
  const engine = openEngine(url === undefined ? defaultUrl(read.logger) : url, read)
  const inside: Inside = {
    engine,
    locks: openLocks(engine),
    queues: openQueues(engine),
    limits: openLimits(engine),
  }
  let closing: Promise<void> | null = null

  const sluice: Sluice = {
    lock: (name, lockOptions) => inside.locks.lock(name, lockOptions),
    queue: (name, queueOptions) => inside.queues.queue(name, queueOptions),
    limiter: (name, rule, limiterOptions) => inside.limits.limiter(name, rule, limiterOptions),
    async close(options) {
      const { timeout } = readOptions('close', options, closeOptions)
      closing ??= closeAll(inside, timeout)
      await closing
    },
    [Symbol.asyncDispose]: () => sluice.close(),
  }
  insides.set(sluice, inside)
  return sluice
}

async function closeAll({ engine, locks, queues }: Inside, timeoutMs?: number): Promise<void> {
  await queues.close(timeoutMs === undefined ? {} : { timeout: timeoutMs })
  await locks.close()
  await engine.close()
}

function defaultUrl(logger: Logger): string {
  const { SLUICE_URL, NODE_ENV } = process.env
  if (SLUICE_URL) return SLUICE_URL
  if (NODE_ENV === 'production') {
    throw new ArgumentError(
      'createSluice.url',
      `${EXPECTED_URL} where NODE_ENV is production, here or in SLUICE_URL`,
      'undefined',
      'A silent file would exclude nobody on another machine.',
    )
  }
  logger.info(`sluice: no URL given and SLUICE_URL is not set, so state is kept in ${DEFAULT_FILE}`)
  return `sqlite:${DEFAULT_FILE}`
}

function openEngine(
  url: unknown,
  options: {
    prefix: string | undefined
    commandTimeout: number
    connectTimeout: number
    synchronous: 'full' | 'normal' | undefined
    clock: Clock
    logger: Logger
  },
): Engine {
  const text = url instanceof URL ? url.href : url
  if (typeof text !== 'string' || text.length > 4096) {
    throw new ArgumentError('createSluice.url', EXPECTED_URL, describe(url))
  }
  const {
    clock,
    logger,
    commandTimeout: commandTimeoutMs,
    connectTimeout: connectTimeoutMs,
  } = options
  if (/^rediss?:/.test(text)) {
    refuse('synchronous', options.synchronous, 'Redis is told by its own configuration.')
    const address = readRedisUrl(text, 'createSluice.url')
    return openRedisEngine({
      address,
      prefix: options.prefix ?? 'sluice',
      clock,
      commandTimeoutMs,
      connectTimeoutMs,
    })
  }
  const location = sqliteLocation(text)
  refuse('prefix', options.prefix, 'With SQLite, use a file for each program.')
  const synchronous = options.synchronous ?? 'full'
  return lazySqliteEngine(location, {
    clock,
    synchronous,
    connectTimeoutMs,
    commandTimeoutMs,
    logger,
  })
}

function sqliteLocation(text: string): string {
  if (text === 'memory:') return ':memory:'
  const path = /^sqlite:(?:\/\/(?=\/))?((?!\/\/)[^?#]+)$/.exec(text)?.[1]
  if (path && path !== ':memory:' && !/[\p{Cc}%]/u.test(path)) return path
  throw new ArgumentError('createSluice.url', EXPECTED_URL, redactUrl(text))
}

function refuse(option: string, value: unknown, hint: string): void {
  if (value === undefined) return
  throw new ArgumentError(
    `createSluice.${option}`,
    'left out for this engine',
    describe(value),
    hint,
  )
}
