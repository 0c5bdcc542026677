import type { Clock } from './clock.ts'
import type { Duration } from './duration.ts'
import { type Engine, type EngineEvents, type EngineHealth, healthOf } from './engine/engine.ts'
import { addressOf, EXPECTED_URL, type Logger, openEngine } from './engine/open.ts'
import { engineOptions, type TlsOptions } from './engine/options.ts'
import type { Credentials } from './engine/redis/source.ts'
import { ArgumentError } from './errors.ts'
import { createEvents } from './events.ts'
import { openGates } from './gates.ts'
import { type Limits, openLimits } from './limit/open.ts'
import type {
  Election,
  ElectionOptions,
  HoldOptions,
  Latch,
  LatchOptions,
  Lock,
  LockOptions,
  ManyLocks,
  ReadWriteLock,
} from './lock/index.ts'
import { openElections, openLatches, openLocks, openReadWriteLocks } from './lock/open.ts'
import { duration, readOptions, withDefault } from './options.ts'
import type { OpenQueue } from './queue/index.ts'
import { openQueues } from './queue/open.ts'
import type { Semaphore, SemaphoreOptions } from './semaphore/index.ts'
import { openSemaphores } from './semaphore/open.ts'
import { describe } from './text.ts'

export type { TlsOptions } from './engine/options.ts'

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
  /**
   * Redis only: asked for user and password at each connect, and wins over the URL. A password that
   * is rotated while the process runs is picked up so.
   */
  credentials?: () => Credentials | Promise<Credentials>
  /** `redis+sentinel` only: the same for the sentinels, which are asked without a password else. */
  sentinelCredentials?: () => Credentials | Promise<Credentials>
  /** `rediss` schemes only. */
  tls?: TlsOptions
  /** Where time comes from; for tests. Defaults to the machine and the engine. */
  clock?: Clock
  /** Defaults to the console. */
  logger?: Logger
}

/** Locks, queues and limits on one engine. */
export interface Sluice extends AsyncDisposable {
  /** @throws {ArgumentError} */
  lock(name: string, options?: LockOptions): Lock
  /** Several locks as one, all or none. @throws {ArgumentError} */
  lock(names: readonly string[], options?: LockOptions): ManyLocks
  /** Many readers or one writer. @throws {ArgumentError} */
  readWriteLock(name: string, options?: HoldOptions): ReadWriteLock
  /** A count-down that opens once, for everybody. @throws {ArgumentError} */
  latch(name: string, options: LatchOptions): Latch
  /** One leader at a time, whom everybody can find. @throws {ArgumentError} */
  election(name: string, options?: ElectionOptions): Election
  /** At most so many at a time. @throws {ArgumentError} */
  semaphore(name: string, options: SemaphoreOptions): Semaphore
  /** @throws {ArgumentError} */
  readonly queue: OpenQueue
  /** How often each key may do something: by one rule, or by several at once. @throws {ArgumentError} */
  readonly limiter: Limits['limiter']
  /** Takes from several limiters and keys: all or none, and says who refused. */
  readonly takeAll: Limits['takeAll']
  /** Limiters that are asked together, checked at once. @throws {ArgumentError} */
  readonly limits: Limits['limits']
  /**
   * Calls `listener` back when a Redis is lost, silent or takes no writes (`unavailable`, within 2 s),
   * serves again (`available`), or came back without its data (`reset`). Calls wait and fail by their
   * own deadlines meanwhile: nothing has to be done. Returns what stops it. @throws {ArgumentError}
   */
  on<Name extends keyof EngineEvents>(
    event: Name,
    listener: (event: EngineEvents[Name]) => void,
  ): () => void
  /** How the engine is: measured by its answers, not by the state of a socket. */
  health(): EngineHealth
  /**
   * Closes workers, giving running handlers up to `timeout` (25 s by default), hands jobs back,
   * ends leases, and closes the connections that it opened. A second call waits for the first.
   */
  close(options?: { timeout?: Duration }): Promise<void>
}

const DEFAULT_FILE = '.sluice/sluice.db'
const EVENTS = ['unavailable', 'available', 'reset'] as const

const closeOptions = { timeout: withDefault(duration(), undefined) }

/** A URL, or the user's own client or cluster of ioredis or node-redis. */
export type SluiceTarget = string | URL | { client: object }

/** What stands behind one {@link Sluice}: its engine and its capabilities. */
export interface Inside {
  readonly engine: Engine
  readonly gates: ReturnType<typeof openGates>
  readonly locks: ReturnType<typeof openLocks>
  readonly readWriteLocks: ReturnType<typeof openReadWriteLocks>
  readonly latches: ReturnType<typeof openLatches>
  readonly elections: ReturnType<typeof openElections>
  readonly semaphores: ReturnType<typeof openSemaphores>
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
 * Makes a Sluice on the engine that `target` names: a URL of scheme `redis`, `redis+cluster`,
 * `redis+sentinel`, or `rediss` for TLS with each, `sqlite:` and a path, or `memory:`; or
 * `{ client }`, a client or cluster of ioredis (5, 6) or node-redis (5, 6) whose options are used
 * for connections of our own: it is never changed or closed. Without one, `SLUICE_URL` decides; without that either it is the file
 * `.sluice/sluice.db`, which one log line says, and which `NODE_ENV=production` refuses because a
 * file excludes nobody on another machine. Opens nothing until it is used.
 *
 * @throws {ArgumentError}
 */
export function createSluice(target?: SluiceTarget, options?: SluiceOptions): Sluice {
  const read = readOptions('createSluice', options, engineOptions)
  const events = createEvents<EngineEvents>(EVENTS, (name, error) =>
    read.logger.error(`sluice: a listener of ${name} threw`, error),
  )
  const { emit: tell } = events
  const place = target === undefined ? defaultUrl(read.logger) : target
  const terms = { ...read, tell }
  const engine = openEngine(place, terms)
  const kinds = {
    locks: openLocks(engine),
    readWriteLocks: openReadWriteLocks(engine),
    semaphores: openSemaphores(engine),
    limits: openLimits(engine),
  }
  const gates = openGates(kinds)
  const inside: Inside = {
    ...kinds,
    engine,
    gates,
    latches: openLatches(engine),
    elections: openElections(engine),
    queues: openQueues(engine, read.logger, addressOf(place, terms), gates),
  }
  let closing: Promise<void> | null = null

  const sluice: Sluice = {
    lock: inside.locks.lock,
    readWriteLock: (name, options) => inside.readWriteLocks.readWriteLock(name, options),
    latch: (name, options) => inside.latches.latch(name, options),
    election: (name, options) => inside.elections.election(name, options),
    semaphore: (name, options) => inside.semaphores.semaphore(name, options),
    queue: inside.queues.queue,
    limiter: inside.limits.limiter,
    takeAll: inside.limits.takeAll,
    limits: inside.limits.limits,
    on: (event, listener) => events.on(event, listener),
    health: () => healthOf(engine),
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

async function closeAll(inside: Inside, timeoutMs?: number): Promise<void> {
  await inside.queues.close(timeoutMs === undefined ? {} : { timeout: timeoutMs })
  const held = [
    inside.locks,
    inside.readWriteLocks,
    inside.latches,
    inside.elections,
    inside.semaphores,
    inside.limits,
  ]
  await Promise.all(held.map((one) => one.close()))
  await inside.engine.close()
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
