import type { Clock } from '../../clock.ts'

/** A value that SQLite stores. */
export type SqlValue = string | number | bigint | null | Uint8Array
export type SqlRow = Record<string, SqlValue>

/** One write transaction, or one consistent read. Statements are prepared once per text. */
export interface Transaction {
  /** Integer microseconds of the store's clock, the same for the whole transaction. */
  readonly nowUs: number
  get<Row = SqlRow>(sql: string, ...values: SqlValue[]): Row | undefined
  all<Row = SqlRow>(sql: string, ...values: SqlValue[]): Row[]
  /** Returns how many rows changed. */
  run(sql: string, ...values: SqlValue[]): number
  /** After the commit, tells this process's listeners of the topic. */
  emit(topic: string): void
}

export interface SqliteEngine {
  readonly kind: 'sqlite'
  /** `host:pid:random`, unique to this engine object. */
  readonly clientId: string
  readonly clock: Clock
  /** File path or `:memory:`, for messages. */
  readonly place: string
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
  write<T>(work: (transaction: Transaction) => T): Promise<T>
  /** Like `write`, on one consistent state, without waiting for writers; `work` changes nothing. */
  read<T>(work: (transaction: Transaction) => T): Promise<T>
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
