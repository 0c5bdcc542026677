import { UsageError } from './exit-codes.ts'
import { readCount, readTime } from './flags.ts'

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
