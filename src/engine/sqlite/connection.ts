import type { DriverDatabase, DriverStatement } from './driver.ts'
import type { SqlValue } from './engine.ts'

/**
 * One open database and the statements prepared on it, which live and die together: a driver may
 * close a database that was collected under its statements.
 */
export class Connection {
  private readonly database: DriverDatabase
  private readonly statements = new Map<string, DriverStatement>()
  private told: SqlValue[] | undefined

  constructor(database: DriverDatabase) {
    this.database = database
  }

  /**
   * What a query of one column answers, by no statement of its own: a driver may keep the file
   * open, and its locks, until the last statement is collected. Those who open the file and refuse
   * it would soon have no file handle left.
   */
  look(column: string, from: string): SqlValue | undefined {
    if (!this.told) {
      this.database.function('tell', (value) => {
        this.told?.push(value)
        return null
      })
    }
    this.told = []
    this.database.exec(`SELECT tell(${column}) FROM ${from}`)
    return this.told[0]
  }

  get<Row>(sql: string, ...values: SqlValue[]): Row | undefined {
    return this.prepared(sql).get(...values) as Row | undefined
  }

  all<Row>(sql: string, ...values: SqlValue[]): Row[] {
    return this.prepared(sql).all(...values) as Row[]
  }

  run(sql: string, ...values: SqlValue[]): number {
    return Number(this.prepared(sql).run(...values).changes)
  }

  /** Runs several statements without preparing them for later. */
  exec(sql: string): void {
    this.database.exec(sql)
  }

  close(): void {
    this.release()
    this.database.close()
  }

  /** Gives the database back, open as it is. */
  release(): void {
    for (const statement of this.statements.values()) statement[Symbol.dispose]?.()
    this.statements.clear()
  }

  /** Texts are constants of the stores, so the map stays as small as their number. */
  private prepared(sql: string): DriverStatement {
    let statement = this.statements.get(sql)
    if (!statement) {
      statement = this.database.prepare(sql)
      this.statements.set(sql, statement)
    }
    return statement
  }
}
