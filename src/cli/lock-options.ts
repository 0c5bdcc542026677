import { LONGEST_MS, readDuration } from '../duration.ts'
import { UsageError } from './exit-codes.ts'
import { quote } from './messages.ts'

/** The command line of `sluice lock`, read. */
export interface LockRequest {
  name: string
  ttlMs: number
  /** 0 refuses at once. */
  waitMs: number
  graceMs: number
  slots: number
  conflictExitCode: number
  label: string | undefined
  url: string | undefined
  prefix: string | undefined
  json: boolean
  quiet: boolean
  command: string
  args: readonly string[]
}

/** What commander made of the options: text, unless they have none. */
export interface LockOptionTexts {
  ttl: string
  wait: string | false
  slots: string
  grace: string
  conflictExitCode: string
  label?: string
  url?: string
  prefix?: string
  json?: true
  quiet?: true
}

export const DASHES_HINT =
  'Put `--` before your command: sluice lock NAME [options] -- COMMAND [ARGS...]'

const HIGHEST_EXIT_CODE = 255

/** @throws {UsageError} */
export function readLockRequest(
  name: string,
  options: LockOptionTexts,
  [command, ...args]: readonly string[],
): LockRequest {
  if (!command) throw new UsageError(`there is no command to run. ${DASHES_HINT}`)
  return {
    name,
    ttlMs: readTime('--ttl', options.ttl),
    waitMs: options.wait === false ? 0 : readTime('--wait', options.wait),
    graceMs: readTime('--grace', options.grace),
    slots: readCount('--slots', options.slots, 1, Number.MAX_SAFE_INTEGER),
    conflictExitCode: readCount(
      '--conflict-exit-code',
      options.conflictExitCode,
      0,
      HIGHEST_EXIT_CODE,
    ),
    label: options.label,
    url: options.url,
    prefix: options.prefix,
    json: options.json ?? false,
    quiet: options.quiet ?? false,
    command,
    args,
  }
}

/** Its bounds are those of the lock that takes it. */
function readTime(flag: string, text: string): number {
  try {
    return readDuration(text, flag, { minMs: 0, maxMs: LONGEST_MS })
  } catch {
    throw new UsageError(`${flag} must be a time such as 500ms, 30s or 1h30m, not ${quote(text)}`)
  }
}

function readCount(flag: string, text: string, min: number, max: number): number {
  const count = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (count >= min && count <= max) return count
  const bounds = max === HIGHEST_EXIT_CODE ? `from ${min} to ${max}` : `from ${min}`
  throw new UsageError(`${flag} must be a whole number ${bounds}, not ${quote(text)}`)
}
