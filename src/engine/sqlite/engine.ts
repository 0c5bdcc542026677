import type { Clock } from '../../clock.ts'

/** A value that SQLite stores. */
export type SqlValue = string | number | bigint | null | Uint8Array
export type SqlRow = Record<string, SqlValue>

/** One write transaction, or one consistent read. Statements are prepared once per text. */
export interface Transaction {
  /** Integer microseconds of the store's clock, the same for the whole transaction. */
  readonly nowUs: number
  /**
   * What stores know of rows that they read or wrote: it is emptied when another process has committed,
   * and when something is undone. Each store bounds what it puts there.
   */
  readonly memo: Map<string, unknown>
  get<Row = SqlRow>(sql: string, ...values: SqlValue[]): Row | undefined
  all<Row = SqlRow>(sql: string, ...values: SqlValue[]): Row[]
  /** Returns how many rows changed. */
  run(sql: string, ...values: SqlValue[]): number
  /** After the commit, tells this process's listeners of the topic. */
  emit(topic: string): void
}

export interface WriteOptions {
  /**
   * Whether the commit has to outlive a power cut where the engine's `synchronous` is `'full'`.
   * Who holds a lock need not: every process that could hold it ends with the machine. It saves the
   * sync to disk. `'always'`: also where it is `'normal'`. Defaults to true.
   */
  durable?: boolean | 'always'
}

/**
 * One database for all stores, of one process or several. Promises, proved by `engine.test.ts` and `test/fault/sqlite-*`:
 * - E1 Calls of one tick share one transaction, in call order; one that throws is undone alone.
 * - E2 Whom other processes keep out tries again until the command timeout, and is then told that
 *      nothing was changed; reads do not wait.
 * - E3 Processes that write in tight loops take turns: the weaker of two gets at least a third.
 * - E4 The store's time does not run backwards, nor stand still after the wall clock stepped back.
 * - E5 A commit is told to those who listen, to other processes within milliseconds; who does not
 *      listen spends nothing on it, and keeps no process alive.
 * - E6 What is no store of this format, or damaged, is refused with a typed error, and left as it
 *      is. Pages are checked when a file of up to 32 MB is opened, and as they are used.
 * - E7 A full disk changes nothing, and is forgotten when there is room again. Until then what fits
 *      into the log goes on; it is emptied for that, unless the file would have to grow.
 * - E8 `close` settles what is under way; what comes later is refused.
 * - E9 A process that is killed at any moment loses nothing that was answered, leaves nothing half
 *      done, and keeps no other process waiting.
 * - E10 What is written inside a transaction of the user's is there when they commit, and gone when
 *      they do not; a failure undoes what was written for that one call.
 */
export interface SqliteEngine {
  readonly kind: 'sqlite'
  /** `host:pid:random`, unique to this engine object. */
  readonly clientId: string
  readonly clock: Clock
  /** How long any call may take. */
  readonly commandTimeoutMs: number
  /** File path or `:memory:`, for messages. */
  readonly place: string
  /** Whether what was answered outlives a power cut without being asked to. */
  readonly synchronous: 'full' | 'normal'
  /**
   * Adds tables, by statements that are safe to repeat (`IF NOT EXISTS`). They run at the start of
   * the next transaction, so a store may call this while it is built.
   */
  define(schema: string): void
  /**
   * Runs `work` inside `BEGIN IMMEDIATE`. Calls of one tick share one transaction; one that throws
   * is undone alone and rejects alone. `work` may run twice and must only touch the database.
   * @throws {EngineUnavailableError} when other processes held the file for the whole command
   *   timeout; {StoreFullError}, {StoreCorruptError}, {ClosedError}.
   */
  write<T>(work: (transaction: Transaction) => T, options?: WriteOptions): Promise<T>
  /** Like `write`, on one consistent state, without waiting for writers; `work` changes nothing. */
  read<T>(work: (transaction: Transaction) => T): Promise<T>
  /**
   * Runs `work` at once, inside the transaction that the user has begun on a connection of their own
   * to the same file: it is committed, or undone, with that. If `work` throws, it is undone alone.
   * @param argument names the connection in errors
   * @throws {ArgumentError} for anything else than such a connection
   */
  join<T>(handle: unknown, argument: string, work: (transaction: Transaction) => T): T
  /**
   * Calls back after a commit of this process that emitted `topic`, and after any commit of another
   * process (`PRAGMA data_version`). A hint. Returns what unsubscribes. While anything listens to
   * a file, the process is kept alive.
   */
  onChange(topic: string, listener: () => void): () => void
  /** Resolves when no call is under way. */
  idle(): Promise<void>
  /** Settles the calls under way, then closes the file. Later calls reject with `ClosedError`. */
  close(): Promise<void>
}
