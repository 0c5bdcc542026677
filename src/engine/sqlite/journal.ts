import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { beside } from './file.ts'
import { APPLICATION_ID } from './mark.ts'

/** SQLite's file format, section "The Rollback Journal". */
const MAGIC = 'd9d505f920a163d7'
const HEADER_BYTES = 28
/** Where a page has `PRAGMA application_id`, if it is the first one. */
const APPLICATION_ID_AT = 68
/** A store that was only marked is smaller: nothing is lost that anyone was answered for. */
const MOST_NEW_PAGES = 4

/**
 * Whether the rollback journal beside the file can only be our own. Sluice has one for a moment,
 * while it marks a new file and turns the log on; a process that is killed then leaves it. Undoing
 * anybody else's would write their pages over ours.
 */
export function isOwnJournal(place: string): boolean {
  let file: number | undefined
  try {
    file = openSync(beside(place, '-journal'), 'r')
    const header = readAt(file, 0, HEADER_BYTES)
    if (header.subarray(0, 8).toString('hex') !== MAGIC) return false
    const [pageCount, sectorBytes, pageBytes] = [16, 20, 24].map((at) => header.readUInt32BE(at))
    if (pageCount === 0) return statSync(place).size <= MOST_NEW_PAGES * (pageBytes ?? 0)
    // The first page is the only one that turning the log on changes.
    const record = readAt(file, sectorBytes ?? 0, 4 + APPLICATION_ID_AT + 4)
    return (
      record.readUInt32BE(0) === 1 && record.readUInt32BE(4 + APPLICATION_ID_AT) === APPLICATION_ID
    )
  } catch {
    // It is gone, or too short to be one.
    return false
  } finally {
    if (file !== undefined) closeSync(file)
  }
}

function readAt(file: number, position: number, length: number): Buffer {
  const buffer = Buffer.alloc(length)
  return buffer.subarray(0, readSync(file, buffer, 0, length, position))
}
