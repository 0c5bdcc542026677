import { accessSync, constants, lstatSync, mkdirSync, statSync } from 'node:fs'
import { dirname } from 'node:path'
import { EngineUnavailableError, SluiceError, StoreCorruptError } from '../../errors.ts'

/** `PRAGMA application_id` of every file that Sluice made: "Slui". */
export const APPLICATION_ID = 0x536c7569

/** Which file a path leads to, to notice that it was replaced while open. */
export interface FileIdentity {
  device: number
  inode: number
}

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
    mkdirSync(dirname(path), { recursive: true })
    if (!exists(path)) {
      accessSync(dirname(path), constants.R_OK | constants.W_OK)
      return false
    }
    if (!statSync(path).isFile()) throw notOurs(path, 'it is not a regular file')
    accessSync(path, constants.R_OK | constants.W_OK)
    return statSync(path).size > 0
  } catch (error) {
    throw asTyped(error, path)
  }
}

/** @throws as the file system does. */
export function identify(path: string): FileIdentity {
  const { dev, ino } = statSync(path)
  return { device: dev, inode: ino }
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
      return notOurs(path, 'it is a link that leads nowhere')
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
    default:
      return new EngineUnavailableError(`${path} can not be opened: ${code}.`, {
        outcome: 'not-applied',
        cause: error,
      })
  }
}
