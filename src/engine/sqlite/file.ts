import { accessSync, constants, lstatSync, mkdirSync, realpathSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { EngineUnavailableError, SluiceError, StoreCorruptError } from '../../errors.ts'
import { damaged, storeFull } from './failure.ts'

/** What SQLite keeps beside a database: the journal of other modes, the log, and its index. */
const SIDE_FILES = ['-journal', '-wal', '-shm']

/** Which files a path and its log lead to, to notice that one was replaced while open. */
export type FileIdentity = string

/**
 * Looks at the path, and makes the folder when it is missing. SQLite would wait for ever on a pipe.
 * The file itself is not opened: closing it again would drop every lock that this process holds on
 * it, those of other connections included (fcntl(2)).
 * @returns whether there is something in it.
 * @throws {StoreCorruptError} when something else than a file is there.
 * @throws {EngineUnavailableError} when this user may not read or write it.
 */
export function checkFile(path: string): boolean {
  try {
    makeFolder(path)
    for (const suffix of SIDE_FILES) checkSideFile(path, suffix)
    if (!exists(path)) {
      accessSync(dirname(path), constants.R_OK | constants.W_OK)
      checkNoLog(path)
      return false
    }
    if (!statSync(path).isFile()) throw notOurs(path, 'it is not a regular file')
    accessSync(path, constants.R_OK | constants.W_OK)
    const { size } = statSync(path)
    if (size === 0) checkNoLog(path)
    // SQLite takes one byte for none, and would write over it.
    if (size === 1) throw notOurs(path, 'it is not a SQLite database')
    return size > 0
  } catch (error) {
    throw asTyped(error, path)
  }
}

/** Node says of a folder on a read-only disk that it does not exist. */
function makeFolder(path: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true })
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
    throw new EngineUnavailableError(
      `${path} can not be opened: its folder is missing, and can not be made. Give this user the ` +
        'right to make it, or give another path.',
      { outcome: 'not-applied', retryable: false, cause: error },
    )
  }
}

/**
 * SQLite would wait for ever on a pipe here too. Who makes a store has a journal for a moment: it
 * may be gone as soon as it was seen, so that only a link is looked at twice.
 */
function checkSideFile(path: string, suffix: string): void {
  const sideFile = beside(path, suffix)
  const entry = lstatSync(sideFile, { throwIfNoEntry: false })
  const found = entry?.isSymbolicLink() ? statSync(sideFile) : entry
  if (found && !found.isFile()) throw notOurs(path, `${sideFile} is not a regular file`)
}

/** SQLite would throw the log of an empty database away, and with it what was answered for. */
function checkNoLog(path: string): void {
  const log = statSync(beside(path, '-wal'), { throwIfNoEntry: false })
  if (!log || log.size === 0) return
  throw damaged(path, `it is empty, but what was written to it last is in ${path}-wal`)
}

/**
 * The log and its index are as much a part of an open store as the file: who opens it after they
 * were removed makes new ones, and both then write over each other.
 * @throws {StoreCorruptError} when one of them is gone.
 */
export function identify(path: string): FileIdentity {
  try {
    const files = ['', '-wal', '-shm'].map((suffix) => statSync(beside(path, suffix)))
    return files.map(({ dev, ino }) => `${dev}:${ino}`).join()
  } catch (error) {
    throw asTyped(error, path)
  }
}

/** SQLite keeps these beside the file itself, not beside a link to it. */
export function beside(path: string, suffix: string): string {
  try {
    return realpathSync(path) + suffix
  } catch {
    return path + suffix
  }
}

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

export function notOurs(path: string, reason: string): StoreCorruptError {
  return new StoreCorruptError(
    path,
    `${path} is not a store of Sluice: ${reason}. It was left as it is: give another path.`,
  )
}

function asTyped(error: unknown, path: string): unknown {
  if (error instanceof SluiceError) return error
  const { code } = error as NodeJS.ErrnoException
  switch (code) {
    case 'ENOENT':
      return notOurs(path, 'it was removed, or is a link that leads nowhere')
    case 'ELOOP':
      return notOurs(path, 'its links go round in a circle')
    case 'ENOTDIR':
    case 'EEXIST':
      return notOurs(path, 'a part of its path is a file, not a folder')
    case 'ENAMETOOLONG':
      return notOurs(path, 'its path is too long')
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new EngineUnavailableError(
        `${path} can not be opened: ${code}. Give this user the right to read and write the file ` +
          'and its folder.',
        { outcome: 'not-applied', retryable: false, cause: error },
      )
    case 'ENOSPC':
    case 'EDQUOT':
      return storeFull(path, error)
    default:
      return new EngineUnavailableError(
        `${path} can not be opened: ${code}. Look at the disk and the path.`,
        {
          outcome: 'not-applied',
          cause: error,
        },
      )
  }
}
