import { DriverMissingError } from '../../errors.ts'
import type { SqlValue } from './engine.ts'

/** The part of `node:sqlite` that Sluice uses. `@photostructure/sqlite` has the same API. */
export interface DriverStatement {
  get(...values: SqlValue[]): unknown
  all(...values: SqlValue[]): unknown[]
  run(...values: SqlValue[]): { changes: number | bigint }
  setReadBigInts?(isOn: boolean): void
  setReturnArrays?(isOn: boolean): void
  /** Missing where a statement is freed when it is collected, and the file closed no earlier. */
  [Symbol.dispose]?(): void
}

export interface DriverDatabase {
  prepare(sql: string): DriverStatement
  exec(sql: string): void
  /** Makes a function that statements can call. */
  function(name: string, callback: (value: SqlValue) => null): void
  close(): void
}

/** A connection that the user has made. */
export interface UserDatabase extends DriverDatabase {
  readonly isTransaction: boolean
}

export interface Driver {
  /** Package or built-in module, for messages. */
  readonly name: string
  readonly sqliteVersion: string
  open(path: string, options?: { readOnly?: boolean }): DriverDatabase
}

interface DriverModule {
  DatabaseSync: new (path: string, options: Record<string, unknown>) => DriverDatabase
}

/** The first SQLite whose WAL can not lose a commit in a race of reset and checkpoint. */
const OLDEST_SQLITE = '3.51.3'
const OPTIONAL_PEER = '@photostructure/sqlite'

/**
 * Finds `node:sqlite` if this Node has it new enough, else the optional peer.
 * @throws {DriverMissingError} that says what to install.
 */
export async function loadDriver(): Promise<Driver> {
  const builtInVersion = process.versions.sqlite
  if (builtInVersion && isNewEnough(builtInVersion)) {
    const builtIn = builtInModule()
    if (builtIn) return driverOf('node:sqlite', builtIn, builtInVersion)
  }
  let peer: DriverModule
  try {
    peer = (await import(OPTIONAL_PEER)) as DriverModule
  } catch (error) {
    throw new DriverMissingError(
      `A sqlite: or memory: engine needs SQLite ${OLDEST_SQLITE} or newer, and ` +
        (builtInVersion
          ? `Node ${process.version} has ${builtInVersion}. `
          : `Node ${process.version} has none. `) +
        `Run: npm install ${OPTIONAL_PEER}`,
      error,
    )
  }
  const version = versionOf(peer)
  if (isNewEnough(version)) return driverOf(OPTIONAL_PEER, peer, version)
  throw new DriverMissingError(
    `${OPTIONAL_PEER} brings SQLite ${version}, Sluice needs ${OLDEST_SQLITE} or newer. ` +
      `Run: npm install ${OPTIONAL_PEER}@latest`,
  )
}

const builtInModule = () => process.getBuiltinModule('node:sqlite') as DriverModule | undefined

/** Whether this is a connection of the library that {@link loadDriver} finds. */
export function isOfOurLibrary(handle: unknown): handle is UserDatabase {
  if (typeof handle !== 'object' || handle === null || !('isTransaction' in handle)) return false
  const { prepare, exec } = handle as Partial<UserDatabase>
  if (typeof prepare !== 'function' || typeof exec !== 'function') return false
  const version = process.versions.sqlite
  const builtIn = version === undefined ? undefined : builtInModule()
  const isBuiltIn = builtIn !== undefined && handle instanceof builtIn.DatabaseSync
  return isBuiltIn === (builtIn !== undefined && isNewEnough(version ?? ''))
}

function driverOf(name: string, { DatabaseSync }: DriverModule, sqliteVersion: string): Driver {
  return {
    name,
    sqliteVersion,
    open: (path, { readOnly = false } = {}) =>
      new DatabaseSync(path, { readOnly, timeout: 0, enableForeignKeyConstraints: false }),
  }
}

function versionOf({ DatabaseSync }: DriverModule): string {
  const database = new DatabaseSync(':memory:', {})
  try {
    const row = database.prepare('SELECT sqlite_version() AS version').get()
    return (row as { version: string }).version
  } finally {
    database.close()
  }
}

/** Compares dotted versions number by number. */
export function isNewEnough(version: string, oldest = OLDEST_SQLITE): boolean {
  const parts = version.split('.').map(Number)
  for (const [index, wanted] of oldest.split('.').map(Number).entries()) {
    const part = parts[index] ?? 0
    if (part !== wanted) return part > wanted
  }
  return true
}
