import { ArgumentError } from '../errors.ts'
import type { Reader } from '../options.ts'
import { describe } from '../text.ts'

const LONGEST_PATTERN = 1_024
/** What each star may match is tried again for every other one: old servers hang on many. */
const MOST_STARS = 16

/**
 * Escapes the characters that `SCAN` reads as a pattern, so that `escapeGlob(id) + ':*'` matches
 * keys that begin with `id` and no others, whatever a user called himself.
 */
export const escapeGlob = (text: string): string => text.replace(/[\\*?[\]]/g, '\\$&')

/**
 * Whether a pattern has a character that a key must have. One without, such as `*` or `?[a-z]*`,
 * says nothing about which keys are meant.
 */
export function namesSomething(pattern: string): boolean {
  const rest = pattern.replace(/\\[\s\S]|\[(?:\\[\s\S]|[^\]\\])*\]?|[*?]/g, (part) =>
    part.length === 2 && part.startsWith('\\') ? part.slice(1) : '',
  )
  return rest !== ''
}

/** A pattern as `SCAN` takes it. Keys may hold any character, and so may it. */
export const readPattern: Reader<string> = (value, argument) => {
  const stars = typeof value === 'string' ? (value.match(/\*+/g)?.length ?? 0) : 0
  if (
    typeof value === 'string' &&
    value !== '' &&
    value.length <= LONGEST_PATTERN &&
    stars <= MOST_STARS
  ) {
    return value
  }
  throw new ArgumentError(
    argument,
    `a pattern of 1 to ${LONGEST_PATTERN} characters with at most ${MOST_STARS} stars, such as 'session:*'`,
    describe(value),
  )
}
