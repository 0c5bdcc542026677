import { resolve } from 'node:path'
import type { Clock } from '../../clock.ts'
import { ClosedError, EngineUnavailableError, StoreCorruptError } from '../../errors.ts'
import { newClientId } from '../client-id.ts'
import { Changes } from './changes.ts'
import { Connection } from './connection.ts'
import { type Driver, loadDriver } from './driver.ts'
import type { SqliteEngine, Transaction, WriteOptions } from './engine.ts'
import { examine } from './examine.ts'
import { isBusy, storeFailure } from './failure.ts'
import { beside, checkFile, type FileIdentity, identify } from './file.ts'
import { joinTransaction } from './joined.ts'
import { FORMAT_VERSION, stamp } from './mark.ts'
import { type Access, type Durable, Session } from './session.ts'
import { StoreClock } from './store-clock.ts'
import { Transactions } from './transactions.ts'

export interface SqliteEngineOptions {
  clock: Clock
  /** `'full'`: a commit that was answered survives a power cut. `'normal'`: the last ones may not. */
  synchronous: 'full' | 'normal'
  /** How long opening may wait for other processes. */
  connectTimeoutMs: number
  /** How long a call may wait for other processes. Default: 2000. */
  commandTimeoutMs?: number
  /** Gets what can be told to no caller: failures inside listeners. */
  logger?: { error(message: string, error: unknown): void }
}

const MEMORY = ':memory:'
/** Size to which the write-ahead log is cut back once it was copied into the file. */
const LOG_BYTES = 16 * 1024 * 1024
const OPEN_RETRY_MS = 5
/** How often at most the path is compared with the file that is open. */
const IDENTITY_CHECK_MS = 1_000
export const DEFAULT_COMMAND_TIMEOUT_MS = 2_000

/**
 * Opens a file, made with its folder when it is missing, or `:memory:`.
 * @throws {DriverMissingError} without a driver, {StoreCorruptError} when the path leads to
 *   something else, which is left as it is, {StoreVersionError} when a newer Sluice made the file,
 *   {EngineUnavailableError} when it may not be written or is locked for `connectTimeoutMs`.
 */
export async function openSqliteEngine(
  location: string,
  options: SqliteEngineOptions,
): Promise<SqliteEngine> {
  const driver = await loadDriver()
  const place = location === MEMORY ? MEMORY : resolve(location)
  const connection = await connect(driver, place, options)
  return new OpenEngine(connection, place, options)
}

/** Other processes may be opening, recovering or closing the file: those moments are waited for. */
async function connect(driver: Driver, place: string, options: SqliteEngineOptions) {
  const deadlineMs = performance.now() + options.connectTimeoutMs
  for (;;) {
    try {
      if (place !== MEMORY && checkFile(place)) examine(driver, place)
      return connectOnce(driver, place, options.synchronous)
    } catch (error) {
      if (!isBusy(error)) throw storeFailure(error, place, 'not-applied')
      if (performance.now() >= deadlineMs) throw openTimeout(place, options.connectTimeoutMs, error)
    }
    await new Promise((done) => setTimeout(done, OPEN_RETRY_MS * (1 + Math.random())))
  }
}

function connectOnce(driver: Driver, place: string, synchronous: 'full' | 'normal'): Connection {
  const connection = new Connection(driver.open(place))
  try {
    connection.exec(`
      PRAGMA synchronous = ${synchronous};
      PRAGMA temp_store = MEMORY;
      PRAGMA foreign_keys = OFF;
      PRAGMA trusted_schema = OFF;
      PRAGMA journal_size_limit = ${LOG_BYTES};
    `)
    stamp(connection, place)
    if (place !== MEMORY) useLog(connection, place)
    return connection
  } catch (error) {
    closeUnchanged(connection, driver, place)
    throw error
  }
}

/**
 * Who closes a file last copies its log into it, also where it was refused to write. So one that
 * cannot write closes this one last.
 */
function closeUnchanged(connection: Connection, driver: Driver, place: string): void {
  let last: Connection | null = null
  try {
    if (place !== MEMORY) last = new Connection(driver.open(place, { readOnly: true }))
    last?.exec('SELECT 1 FROM sqlite_schema')
  } catch {
    // What cannot be read has no log that could be copied.
  }
  connection.close()
  last?.close()
}

/** Turns the write-ahead log on, and makes sure that the file can be written. */
function useLog(connection: Connection, place: string): void {
  connection.exec('PRAGMA journal_mode = WAL')
  if (connection.look('journal_mode', 'pragma_journal_mode') !== 'wal') {
    throw new EngineUnavailableError(
      `${place} is on a file system without shared memory. Use a local disk, or a Redis server.`,
      { outcome: 'not-applied', retryable: false },
    )
  }
  connection.exec('BEGIN IMMEDIATE')
  try {
    connection.exec(`PRAGMA user_version = ${FORMAT_VERSION}`)
  } finally {
    connection.exec('ROLLBACK')
  }
}

function openTimeout(place: string, timeoutMs: number, cause: unknown): EngineUnavailableError {
  return new EngineUnavailableError(
    `${place} was locked by another process for ${timeoutMs} ms while opening it. End transactions ` +
      'on it within milliseconds, then try again.',
    { outcome: 'not-applied', cause },
  )
}

class OpenEngine implements SqliteEngine {
  readonly kind = 'sqlite'
  readonly clientId = newClientId()
  readonly clock: Clock
  readonly commandTimeoutMs: number
  readonly place: string
  readonly synchronous: 'full' | 'normal'
  private readonly connection: Connection
  private readonly session: Session
  private readonly storeClock: StoreClock
  private readonly changes: Changes
  private readonly transactions: Transactions
  private readonly identity: FileIdentity | null
  private checkedAtMs = 0
  private closing: Promise<void> | undefined

  constructor(connection: Connection, place: string, options: SqliteEngineOptions) {
    this.connection = connection
    this.place = place
    this.synchronous = options.synchronous
    this.clock = options.clock
    this.commandTimeoutMs = options.commandTimeoutMs ?? DEFAULT_COMMAND_TIMEOUT_MS
    this.storeClock = new StoreClock(options.clock)
    this.session = new Session(connection, this.storeClock, options.synchronous)
    this.identity = place === MEMORY ? null : identify(place)
    this.changes = new Changes({
      look: this.identity === null ? null : () => this.look(),
      logPath: beside(place, '-wal'),
      onFailure: (error) => options.logger?.error('A listener of the store threw.', error),
    })
    this.transactions = new Transactions({
      session: this.session,
      place,
      commandTimeoutMs: this.commandTimeoutMs,
      check: () => this.checkIdentity(),
      onCommit: (topics) => this.changes.emit(topics),
      onForeignCommit: () => this.changes.emitAll(),
    })
  }

  define(tables: string): void {
    this.session.define(tables)
  }

  write<T>(work: (transaction: Transaction) => T, options?: WriteOptions): Promise<T> {
    return this.add('write', work, options?.durable ?? true)
  }

  read<T>(work: (transaction: Transaction) => T): Promise<T> {
    return this.add('read', work, false)
  }

  join<T>(handle: unknown, argument: string, work: (transaction: Transaction) => T): T {
    const { place, storeClock: clock, session } = this
    return joinTransaction(handle, argument, { place, clock, schemas: session.newSchemas }, work)
  }

  onChange(topic: string, listener: () => void): () => void {
    return this.closing ? () => {} : this.changes.on(topic, listener)
  }

  idle(): Promise<void> {
    return this.transactions.idle()
  }

  close(): Promise<void> {
    this.closing ??= this.closeOnce()
    return this.closing
  }

  private add<T>(
    access: Access,
    work: (transaction: Transaction) => T,
    durable: Durable,
  ): Promise<T> {
    if (this.closing) return Promise.reject(new ClosedError(`The engine on ${this.place}`))
    return this.transactions.add(access, work, durable)
  }

  private async closeOnce(): Promise<void> {
    this.changes.close()
    await this.transactions.idle()
    try {
      if (this.identity) this.connection.get('PRAGMA wal_checkpoint(TRUNCATE)')
    } catch {
      // Whoever opens the file next does it.
    }
    this.connection.close()
  }

  private look(): boolean {
    try {
      const isChanged = this.session.look()
      if (isChanged) this.transactions.noteOthers()
      return isChanged
    } catch {
      // The next transaction meets the same failure, and can tell someone.
      return false
    }
  }

  /** A file that was replaced or removed would go on working for us alone, excluding nobody. */
  private checkIdentity(): void {
    const nowMs = performance.now()
    if (!this.identity || nowMs - this.checkedAtMs < IDENTITY_CHECK_MS) return
    let found: FileIdentity | null = null
    try {
      found = identify(this.place)
    } catch {
      // It is gone.
    }
    if (found !== this.identity) {
      throw new StoreCorruptError(
        this.place,
        `${this.place}, or the -wal or -shm beside it, was ${found ? 'replaced' : 'removed'} while ` +
          'it was open. Restart every process that uses it, after putting the right files there.',
      )
    }
    this.checkedAtMs = nowMs
  }
}
