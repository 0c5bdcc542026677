import { statSync } from 'node:fs'
import { Connection } from './connection.ts'
import type { Driver } from './driver.ts'
import { damaged, hasHotJournal, isNoDatabase } from './failure.ts'
import { beside, notOurs } from './file.ts'
import { isOwnJournal } from './journal.ts'
import { readMark } from './mark.ts'

/** A check reads the whole file, about 2 ms a megabyte: larger ones are found out as they are used. */
const MOST_CHECKED_BYTES = 32 * 1024 * 1024

/**
 * Looks whose database it is, and whether its pages hang together, by a connection that cannot
 * write: SQLite would change a foreign one merely by closing it, and a damaged one by using it.
 * @throws {StoreCorruptError}, {StoreVersionError}, or what the driver throws.
 */
export function examine(driver: Driver, place: string): void {
  const connection = new Connection(driver.open(place, { readOnly: true }))
  try {
    if (readMark(connection, place) === 'ours') checkPages(connection, place)
  } catch (error) {
    if (isNoDatabase(error)) throw notOurs(place, 'it is not a SQLite database')
    if (!hasHotJournal(error)) throw error
    if (!isOwnJournal(place)) throw foreignJournal(place)
  } finally {
    connection.close()
  }
}

function checkPages(connection: Connection, place: string): void {
  checkLength(connection, place)
  if (statSync(place).size > MOST_CHECKED_BYTES) return
  // What is wrong with pages comes first, on one line each below a title; a bad row is no reason
  // to do without the others.
  const found = connection.look('quick_check', 'pragma_quick_check LIMIT 1')
  const [title = '', finding = ''] = String(found).split('\n')
  if (title.startsWith('***')) throw damaged(place, finding)
}

/** SQLite reads a last page that was cut short as if it ended with zeros. */
function checkLength(connection: Connection, place: string): void {
  const pageBytes = Number(connection.look('page_size', 'pragma_page_size'))
  const isCut = () => statSync(place).size % pageBytes !== 0
  // While there is a log, the page may still be on its way from there, or be there for good.
  const hasLog = () => (statSync(beside(place, '-wal'), { throwIfNoEntry: false })?.size ?? 0) > 0
  if (isCut() && !hasLog() && isCut()) throw damaged(place, 'its last page is cut short')
}

function foreignJournal(place: string) {
  return notOurs(
    place,
    `${place}-journal holds what another program left half done. If the file is a store of Sluice ` +
      'all the same, move that journal away',
  )
}
