import {
  EngineUnavailableError,
  InternalError,
  type Outcome,
  StoreCorruptError,
  StoreFullError,
} from '../../errors.ts'

/** What both drivers throw: `errcode` is SQLite's extended result code. */
interface DriverError extends Error {
  code: 'ERR_SQLITE_ERROR'
  errcode: number
}

/** Primary result codes of SQLite: the low byte of the extended one. */
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

/** Another process holds what this one needs: worth trying again from the event loop. */
export function isBusy(error: unknown): boolean {
  if (!isDriverError(error)) return false
  const code = error.errcode & 0xff
  return code === BUSY || code === LOCKED
}

/** There is no database in the file at all. */
export const isNoDatabase = (error: unknown) =>
  isDriverError(error) && (error.errcode & 0xff) === NOTADB

/** Turns a driver's error into the one that callers see. Others pass as they are. */
export function storeFailure(error: unknown, place: string, outcome: Outcome): unknown {
  if (!(error instanceof Error)) return error
  if ((error as NodeJS.ErrnoException).code === 'ERR_OUT_OF_RANGE') {
    return new StoreCorruptError(place, `${place} holds a number that Sluice never writes.`, error)
  }
  if (!isDriverError(error)) return error
  const reason = `${error.message} (SQLite code ${error.errcode})`
  if (error.errcode === IOERR_SHMSIZE) return storeFull(place, error)
  switch (error.errcode & 0xff) {
    case FULL:
      return storeFull(place, error)
    case CORRUPT:
    case NOTADB:
      return new StoreCorruptError(
        place,
        `${place} is damaged: ${reason}. Restore it from a copy, or move it away to start anew.`,
        error,
      )
    case BUSY:
    case LOCKED:
      return new EngineUnavailableError(`${place} is locked by another process: ${reason}.`, {
        outcome,
        cause: error,
      })
    case PERM:
    case READONLY:
    case CANTOPEN:
      return new EngineUnavailableError(
        `${place} can not be written: ${reason}. Give this user the right to read and write the ` +
          'file and its folder, on a local disk.',
        { outcome, retryable: false, cause: error },
      )
    case IOERR:
    case NOMEM:
      return new EngineUnavailableError(`${place} failed: ${reason}.`, { outcome, cause: error })
    case CONSTRAINT:
      return new InternalError(`${place} refused a row: ${reason}.`, error)
    default:
      if (/^no such (table|column)|has no column/.test(error.message)) {
        return new StoreCorruptError(
          place,
          `${place} lacks what Sluice made there: ${reason}.`,
          error,
        )
      }
      return new InternalError(`A statement on ${place} failed: ${reason}.`, error)
  }
}

function storeFull(place: string, cause: unknown): StoreFullError {
  return new StoreFullError(
    `The disk of ${place} is full: nothing was changed. Free some space, then try again.`,
    cause,
  )
}

function isDriverError(error: unknown): error is DriverError {
  return error instanceof Error && (error as Partial<DriverError>).code === 'ERR_SQLITE_ERROR'
}
