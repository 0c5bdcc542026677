import { ArgumentError, StoreVersionError } from '../../errors.ts'
import { describe } from '../../text.ts'
import { Connection } from './connection.ts'
import { type DriverDatabase, isOfOurLibrary, type UserDatabase } from './driver.ts'
import type { Transaction } from './engine.ts'
import { storeFailure } from './failure.ts'
import { beside } from './file.ts'
import { APPLICATION_ID, FORMAT_VERSION } from './mark.ts'
import { keepClock, readClock, type StoreClock } from './store-clock.ts'

const EXPECTED = "the user's own DatabaseSync with a transaction under way"

interface Joins {
  readonly place: string
  readonly clock: StoreClock
  /** Tables that may be missing: made first, and gone again with a rollback. */
  readonly schemas: readonly string[]
}

/**
 * Runs `work` at once inside a transaction that the user has begun on a connection of their own. If
 * it throws, what it did is undone, and the transaction goes on. Whoever listens learns of the
 * commit as of one of another process.
 * @throws {ArgumentError} for a connection that is not to this file, of another library, or without a
 *   transaction; what {storeFailure} makes of the driver's errors
 */
export function joinTransaction<T>(
  handle: unknown,
  argument: string,
  { place, clock, schemas }: Joins,
  work: (transaction: Transaction) => T,
): T {
  const connection = new Connection(plain(readHandle(handle, argument)))
  try {
    checkPlace(connection, argument, place)
    return savepoint(connection, () => {
      for (const schema of schemas) connection.exec(schema)
      const storedUs = readClock(connection)
      const transaction = transactionOn(connection, clock.nowUs(storedUs))
      const value = work(transaction)
      if (clock.isShared && transaction.nowUs > storedUs) keepClock(connection, transaction.nowUs)
      return value
    })
  } catch (error) {
    throw storeFailure(error, place, 'not-applied')
  } finally {
    connection.release()
  }
}

/**
 * Two SQLite libraries in one process do not know of each other's files: when one of them closes a
 * file, the locks of the other on it are gone, and the file is soon damaged
 * (sqlite.org/howtocorrupt.html, section 2.2.1). So only the library that Sluice uses itself will do.
 */
function readHandle(handle: unknown, argument: string): UserDatabase {
  if (!isOfOurLibrary(handle)) {
    throw new ArgumentError(
      argument,
      EXPECTED,
      describe(handle),
      'It has to be of the library that Sluice uses: node:sqlite where that has SQLite 3.51.3, else @photostructure/sqlite. ' +
        'Two libraries in one process undo the locks of each other on a file.',
    )
  }
  if (isInTransaction(handle)) return handle
  throw new ArgumentError(argument, EXPECTED, 'one without', "Begin it: exec('BEGIN IMMEDIATE').")
}

/** What is closed refuses the question. */
function isInTransaction(handle: UserDatabase): boolean {
  try {
    return handle.isTransaction
  } catch {
    return false
  }
}

/** Numbers come as Sluice reads them, whatever the user has set. */
function plain(handle: UserDatabase): DriverDatabase {
  return {
    prepare(sql) {
      const statement = handle.prepare(sql)
      statement.setReadBigInts?.(false)
      statement.setReturnArrays?.(false)
      return statement
    },
    exec: (sql) => handle.exec(sql),
    function: (name, callback) => handle.function(name, callback),
    close() {},
  }
}

function checkPlace(connection: Connection, argument: string, place: string): void {
  const rows = connection.all<{ name: string; file: string }>('PRAGMA database_list')
  const file = rows.find(({ name }) => name === 'main')?.file ?? ''
  if (file === '' || beside(file, '') !== beside(place, '')) {
    throw new ArgumentError(argument, `a connection to ${place}`, describe(file || ':memory:'))
  }
  const id = connection.get<{ application_id: number }>('PRAGMA application_id')
  if (id?.application_id !== APPLICATION_ID) {
    const hint = 'Let Sluice make the file, then add your own tables to it.'
    throw new ArgumentError(argument, 'a connection to a store of Sluice', describe(file), hint)
  }
  const { user_version: version = 0 } =
    connection.get<{ user_version: number }>('PRAGMA user_version') ?? {}
  if (version !== FORMAT_VERSION) throw new StoreVersionError(place, version, FORMAT_VERSION)
}

function savepoint<T>(connection: Connection, work: () => T): T {
  connection.exec('SAVEPOINT sluice')
  try {
    const value = work()
    connection.exec('RELEASE sluice')
    return value
  } catch (error) {
    try {
      connection.exec('ROLLBACK TO sluice; RELEASE sluice')
    } catch {
      // A full disk ends the whole transaction: there is nothing left to undo.
    }
    throw error
  }
}

const transactionOn = (connection: Connection, nowUs: number): Transaction => ({
  nowUs,
  memo: new Map(),
  get: (sql, ...values) => connection.get(sql, ...values),
  all: (sql, ...values) => connection.all(sql, ...values),
  run: (sql, ...values) => connection.run(sql, ...values),
  // Only the user knows when it is committed: whoever listens looks for that.
  emit() {},
})
