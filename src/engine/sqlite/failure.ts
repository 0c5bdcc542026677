import {
  EngineUnavailableError,
  InternalError,
  type Outcome,
  StoreCorruptError,
  StoreFullError,
} from '../../errors.ts'

/** What both drivers throw: `errcode` is SQLite's extended result code, if they say it. */
interface DriverError extends Error {
  code: 'ERR_SQLITE_ERROR'
  errcode?: number
}

/** Primary result codes of SQLite: the low byte of the extended one. */
const ERROR = 1
const PERM = 3
const BUSY = 5
const LOCKED = 6
const NOMEM = 7
const READONLY = 8
const IOERR = 10
const CORRUPT = 11
const FULL = 13
const CANTOPEN = 14
const CONSTRAINT = 19
const NOTADB = 26
/** Growing the shared memory file failed: the disk is full. */
const IOERR_SHMSIZE = 4874
/** What another program left half done would have to be undone first. */
const READONLY_ROLLBACK = 776

/** SQLite's own words, for a driver that leaves the code out: one does where rows are read. */
const CODES_BY_MESSAGE: readonly (readonly [RegExp, number])[] = [
  [/^database is locked$/, BUSY],
  [/^database (table|schema) is locked/, LOCKED],
  [/^database disk image is malformed$|^malformed database schema/, CORRUPT],
  [/^database or disk is full$/, FULL],
  [/^disk I\/O error$/, IOERR],
  [/^attempt to write a readonly database$/, READONLY],
  [/^unable to open database file$/, CANTOPEN],
  [/^file is not a database$/, NOTADB],
  [/^out of memory$/, NOMEM],
  [/constraint failed/, CONSTRAINT],
]

/** SQLite says so with its most general code. */
const SCHEMA_COMPLAINTS =
  /^no such |has no column|values? for \d+ columns|^cannot modify|^views may not|^there is already|^unsupported file format|text encoding/

/** Another process holds what this one needs: worth trying again from the event loop. */
export function isBusy(error: unknown): boolean {
  const code = primaryCode(error)
  return code === BUSY || code === LOCKED
}

/** There is no database in the file at all. */
export const isNoDatabase = (error: unknown) => primaryCode(error) === NOTADB

/** There is no room for what should be written. */
export const isFull = (error: unknown) =>
  primaryCode(error) === FULL || (isDriverError(error) && error.errcode === IOERR_SHMSIZE)

/** A connection that cannot write met a rollback journal with something to undo. */
export const hasHotJournal = (error: unknown) =>
  isDriverError(error) && error.errcode === READONLY_ROLLBACK

/** Turns a driver's error into the one that callers see. Others pass as they are. */
export function storeFailure(error: unknown, place: string, outcome: Outcome): unknown {
  if (!(error instanceof Error)) return error
  if ((error as NodeJS.ErrnoException).code === 'ERR_OUT_OF_RANGE') {
    return damaged(place, 'it holds a number that Sluice never writes', error)
  }
  if (!isDriverError(error)) return error
  const reason = `${error.message} (SQLite code ${error.errcode ?? primaryCode(error)})`
  if (isFull(error)) return storeFull(place, error)
  switch (primaryCode(error)) {
    case CORRUPT:
    case NOTADB:
      return damaged(place, reason, error)
    case BUSY:
    case LOCKED:
      return new EngineUnavailableError(
        `${place} is locked by another process: ${reason}. Try again; if it stays so, end what ` +
          'holds the file.',
        { outcome, cause: error },
      )
    case PERM:
    case READONLY:
    case CANTOPEN:
      return new EngineUnavailableError(
        `${place} can not be written: ${reason}. Give this user the right to read and write the ` +
          'file and its folder, on a local disk. If that is so, restore the file from a copy.',
        { outcome, retryable: false, cause: error },
      )
    case IOERR:
    case NOMEM:
      return new EngineUnavailableError(
        `${place} failed: ${reason}. Look at the disk and the memory of this machine, then try again.`,
        { outcome, cause: error },
      )
    case CONSTRAINT:
      return damaged(place, `its tables refuse what Sluice writes: ${reason}`, error)
    case ERROR:
      if (SCHEMA_COMPLAINTS.test(error.message)) {
        return damaged(place, `it lacks what Sluice made there: ${reason}`, error)
      }
  }
  return new InternalError(`A statement on ${place} failed: ${reason}.`, error)
}

/** The file, or what is in it, is not as Sluice left it. */
export function damaged(place: string, reason: string, cause?: unknown): StoreCorruptError {
  return new StoreCorruptError(
    place,
    `${place} is damaged: ${reason}. Restore it from a copy, or move it and its -wal away to start ` +
      'anew.',
    cause,
  )
}

export function storeFull(place: string, cause: unknown): StoreFullError {
  return new StoreFullError(
    `The disk of ${place} is full: nothing was changed. Free some space, then try again.`,
    cause,
  )
}

function primaryCode(error: unknown): number | undefined {
  if (!isDriverError(error)) return undefined
  if (error.errcode !== undefined) return error.errcode & 0xff
  return CODES_BY_MESSAGE.find(([words]) => words.test(error.message))?.[1] ?? ERROR
}

function isDriverError(error: unknown): error is DriverError {
  return error instanceof Error && (error as Partial<DriverError>).code === 'ERR_SQLITE_ERROR'
}
