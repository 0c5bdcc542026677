import { LONGEST_MS, readDuration } from '../duration.ts'
import { UsageError } from './exit-codes.ts'
import { quote } from './messages.ts'

/** Its bounds are those of what takes it. @throws {UsageError} */
export function readTime(flag: string, text: string): number {
  try {
    return readDuration(text, flag, { minMs: 0, maxMs: LONGEST_MS })
  } catch {
    throw new UsageError(`${flag} must be a time such as 500ms, 30s or 1h30m, not ${quote(text)}`)
  }
}

/** @throws {UsageError} */
export function readCount(flag: string, text: string, min: number, max: number): number {
  const count = /^-?\d{1,15}$/.test(text) ? Number(text) : Number.NaN
  if (count >= min && count <= max) return count
  const bounds = max < Number.MAX_SAFE_INTEGER ? `from ${min} to ${max}` : `from ${min}`
  throw new UsageError(`${flag} must be a whole number ${bounds}, not ${quote(text)}`)
}

/** @throws {UsageError} */
export function readChoice<const Choice extends string>(
  flag: string,
  text: string,
  choices: readonly Choice[],
): Choice {
  const found = choices.find((choice) => choice === text)
  if (found !== undefined) return found
  throw new UsageError(`${flag} must be ${choices.join(' or ')}, not ${quote(text)}`)
}

/** @throws {UsageError} */
export function readInstant(flag: string, text: string): Date {
  const instant = new Date(text)
  if (!Number.isNaN(instant.getTime())) return instant
  throw new UsageError(`${flag} must be a time such as 2030-01-31T08:00:00Z, not ${quote(text)}`)
}
