import { StoreVersionError } from '../../errors.ts'
import type { Connection } from './connection.ts'
import { notOurs } from './file.ts'
import { schema } from './schema.gen.ts'

/** `PRAGMA application_id` of every file that Sluice made: "Slui". */
export const APPLICATION_ID = 0x536c7569
/** Format of the tables: `PRAGMA user_version`. */
export const FORMAT_VERSION = 3

/**
 * Whose database it is.
 * @throws {StoreCorruptError} of another program, {StoreVersionError} of another Sluice.
 */
export function readMark(connection: Connection, place: string): 'ours' | 'empty' {
  const id = connection.look('application_id', 'pragma_application_id')
  if (id !== APPLICATION_ID) {
    if (id === 0 && connection.look('count(*)', 'sqlite_schema') === 0) return 'empty'
    throw notOurs(place, 'it is a database of another program')
  }
  const version = Number(connection.look('user_version', 'pragma_user_version'))
  if (version !== FORMAT_VERSION) throw new StoreVersionError(place, version, FORMAT_VERSION)
  return 'ours'
}

/**
 * Marks an empty database as ours, before it gets a write-ahead log: so the mark is in the file
 * itself. Of several processes that open it, one does this.
 */
export function stamp(connection: Connection, place: string): void {
  if (readMark(connection, place) !== 'empty') return
  connection.exec('BEGIN EXCLUSIVE')
  try {
    if (readMark(connection, place) === 'empty') {
      connection.exec(schema)
      connection.exec(`PRAGMA application_id = ${APPLICATION_ID}`)
      connection.exec(`PRAGMA user_version = ${FORMAT_VERSION}`)
    }
    connection.exec('COMMIT')
  } catch (error) {
    connection.exec('ROLLBACK')
    throw error
  }
}
