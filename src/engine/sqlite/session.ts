import { InternalError } from '../../errors.ts'
import type { Connection } from './connection.ts'
import type { SqlRow, SqlValue, Transaction, WriteOptions } from './engine.ts'
import { keepClock, readClock, type StoreClock } from './store-clock.ts'

/** What a call of `SqliteEngine.read` or `.write` may do. */
export type Access = 'read' | 'write'
export type Durable = NonNullable<WriteOptions['durable']>

/** Runs one transaction after the other on a connection, and keeps the store's time in it. */
export class Session implements Transaction {
  nowUs = 0
  memo = new Map<string, unknown>()
  /** Of the call that runs now: a read may share the transaction of a write. */
  callAccess: Access = 'read'
  private readonly connection: Connection
  private readonly clock: StoreClock
  private readonly schemas: string[] = []
  private access: Access = 'read'
  private readonly synchronous: 'full' | 'normal'
  private isSynced: boolean
  private newSchemaCount = 0
  private topics = new Set<string>()
  /** The clock in the file; null when another process may have moved it. */
  private storedUs: number | null = null
  private dataVersion: number | null = null
  private changeCount = 0

  constructor(connection: Connection, clock: StoreClock, synchronous: 'full' | 'normal') {
    this.connection = connection
    this.clock = clock
    this.synchronous = synchronous
    this.isSynced = synchronous === 'full'
  }

  get<Row = SqlRow>(sql: string, ...values: SqlValue[]): Row | undefined {
    return this.connection.get<Row>(sql, ...values)
  }

  all<Row = SqlRow>(sql: string, ...values: SqlValue[]): Row[] {
    return this.connection.all<Row>(sql, ...values)
  }

  run(sql: string, ...values: SqlValue[]): number {
    if (this.callAccess === 'read') throw new InternalError('A read tried to change the store.')
    return this.connection.run(sql, ...values)
  }

  emit(topic: string): void {
    this.topics.add(topic)
  }

  define(schema: string): void {
    this.schemas.push(schema)
  }

  /** Tables that are still to be made. */
  get newSchemas(): readonly string[] {
    return this.schemas
  }

  /** Tables are still to be made, so that even a read has to begin as a write. */
  get hasNewSchema(): boolean {
    return this.schemas.length > 0
  }

  /** Starts a transaction. Answers whether another process has committed since the last one. */
  begin(access: Access, durable: Durable): boolean {
    if (access === 'write') this.sync(durable)
    this.connection.run(access === 'write' ? 'BEGIN IMMEDIATE' : 'BEGIN')
    this.access = access
    this.topics = new Set()
    const isChanged = this.look()
    this.storedUs ??= readClock(this.connection)
    this.nowUs = this.clock.nowUs(this.storedUs)
    this.newSchemaCount = access === 'write' ? this.schemas.length : 0
    for (const schema of this.schemas.slice(0, this.newSchemaCount)) this.connection.exec(schema)
    return isChanged
  }

  /** Ends the transaction. Answers the topics that it emitted. */
  commit(): Set<string> {
    const changeCount = this.access === 'write' ? this.countChanges() : this.changeCount
    const isDirty = changeCount !== this.changeCount
    const storedUs = this.storedUs ?? 0
    const movesClock = isDirty && this.clock.isShared && this.nowUs > storedUs
    if (movesClock) keepClock(this.connection, this.nowUs)
    this.connection.run('COMMIT')
    if (movesClock) this.storedUs = this.nowUs
    this.changeCount = changeCount + (movesClock ? 1 : 0)
    this.schemas.splice(0, this.newSchemaCount)
    return this.topics
  }

  /** Undoes the transaction, also one that SQLite has ended by itself, as it does on a full disk. */
  rollback(): void {
    try {
      this.connection.run('ROLLBACK')
    } catch {
      // There was nothing left to undo.
    }
    this.memo = new Map()
    this.changeCount = this.countChanges()
  }

  /** Copies the log into the file, between transactions. Answers whether all of it is there. */
  emptyLog(): boolean {
    try {
      const row = this.connection.get<{ busy: number }>('PRAGMA wal_checkpoint(TRUNCATE)')
      return row?.busy === 0
    } catch {
      return false
    }
  }

  /** Whether another process has committed since the last look or transaction. */
  look(): boolean {
    const row = this.connection.get<{ data_version: number }>('PRAGMA data_version')
    const version = row?.data_version ?? 0
    const isChanged = this.dataVersion !== null && version !== this.dataVersion
    this.dataVersion = version
    if (isChanged) {
      this.storedUs = null
      this.memo = new Map()
    }
    return isChanged
  }

  /** The next commit waits for the disk, or not; SQLite takes that between transactions only. */
  private sync(durable: Durable): void {
    const isSynced = durable === 'always' || (durable && this.synchronous === 'full')
    if (isSynced === this.isSynced) return
    this.connection.exec(`PRAGMA synchronous = ${isSynced ? 'FULL' : 'NORMAL'}`)
    this.isSynced = isSynced
  }

  private countChanges(): number {
    return this.connection.get<{ count: number }>('SELECT total_changes() AS count')?.count ?? 0
  }
}
