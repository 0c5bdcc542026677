import { type DurationBounds, LONGEST_MS, readDuration } from './duration.ts'
import { ArgumentError } from './errors.ts'
import { describe, printable, shorten, UNSAFE_TEXT } from './text.ts'

/** Turns what the caller passed into what the code uses, or throws an {@link ArgumentError}. */
export interface Reader<T> {
  (value: unknown, argument: string): T
  /** What `undefined` becomes without being read; most options are left out. */
  leftOut?: { readonly value: T }
}
type Read<Shape> = { [Name in keyof Shape]: Shape[Name] extends Reader<infer T> ? T : never }

const NOTHING = {}

/**
 * Reads an options object against its shape. Only own properties count; a name that the shape does
 * not have is refused with the nearest one that it has.
 */
export function readOptions<Shape extends Record<string, Reader<unknown>>>(
  subject: string,
  given: unknown,
  shape: Shape,
): Read<Shape> {
  const options = given === undefined ? NOTHING : given
  if (!isPlainObject(options)) {
    throw new ArgumentError(subject, 'an object of options', describe(given))
  }
  for (const name in options) {
    if (Object.hasOwn(options, name) && !Object.hasOwn(shape, name)) {
      throw unknownOption(subject, name, Object.keys(shape))
    }
  }
  const read: Record<string, unknown> = {}
  for (const name in shape) {
    const reader = shape[name] as Reader<unknown>
    const value = Object.hasOwn(options, name) ? options[name] : undefined
    const isLeftOut = value === undefined && reader.leftOut !== undefined
    read[name] = isLeftOut ? reader.leftOut?.value : reader(value, `${subject}.${name}`)
  }
  return read as Read<Shape>
}

/** `undefined` becomes `fallback`; everything else must satisfy `reader`. */
export function withDefault<T, F>(reader: Reader<T>, fallback: F): Reader<T | F> {
  const read: Reader<T | F> = (value, argument) =>
    value === undefined ? fallback : reader(value, argument)
  read.leftOut = { value: fallback }
  return read
}

/** A {@link Duration}, read as milliseconds. */
export function duration(bounds: Partial<DurationBounds> = {}): Reader<number> {
  const { minMs = 0, maxMs = LONGEST_MS } = bounds
  return (value, argument) => readDuration(value, argument, { minMs, maxMs })
}

/** A whole number in the bounds, both inclusive. */
export function count(min: number, max: number): Reader<number> {
  return (value, argument) => {
    if (Number.isSafeInteger(value) && (value as number) >= min && (value as number) <= max) {
      return value as number
    }
    throw new ArgumentError(argument, `a whole number from ${min} to ${max}`, describe(value))
  }
}

/** A number above zero and up to `max`, fractions allowed. */
export function amount(max: number): Reader<number> {
  return (value, argument) => {
    if (typeof value === 'number' && value > 0 && value <= max) return value
    throw new ArgumentError(argument, `a number above 0 and up to ${max}`, describe(value))
  }
}

/** A number from 0 to 1. */
export function fraction(value: unknown, argument: string): number {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw new ArgumentError(argument, 'a number from 0 to 1', describe(value))
}

export function flag(value: unknown, argument: string): boolean {
  if (typeof value === 'boolean') return value
  throw new ArgumentError(argument, 'true or false', describe(value))
}

export function oneOf<const Choice extends string>(...choices: Choice[]): Reader<Choice> {
  return (value, argument) => {
    if (choices.includes(value as Choice)) return value as Choice
    throw new ArgumentError(
      argument,
      choices.map((choice) => `'${choice}'`).join(' or '),
      describe(value),
    )
  }
}

export function abortSignal(value: unknown, argument: string): AbortSignal {
  if (value instanceof AbortSignal) return value
  throw new ArgumentError(argument, 'an AbortSignal', describe(value))
}

export function callback<F extends (...args: never[]) => unknown>(
  value: unknown,
  argument: string,
): F {
  if (typeof value === 'function') return value as F
  throw new ArgumentError(argument, 'a function', describe(value))
}

/** Longest name of a lock, queue, limiter or limiter key, in UTF-16 code units. */
const LONGEST_NAME = 1024
/** Text that prints, so that it cannot lie in a terminal or a page. */
export function text(longest: number): Reader<string> {
  return (value, argument) => {
    if (
      typeof value === 'string' &&
      value.trim() !== '' &&
      value.length <= longest &&
      !UNSAFE_TEXT.test(value)
    ) {
      return value
    }
    throw new ArgumentError(
      argument,
      `text of 1 to ${longest} characters, not blank, without control or direction characters`,
      describe(value),
    )
  }
}

/** The name of a thing. */
export const readName = text(LONGEST_NAME)

function isPlainObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function unknownOption(subject: string, name: string, known: string[]): ArgumentError {
  const nearest = known
    .map((candidate) => ({
      candidate,
      distance: editDistance(name.toLowerCase(), candidate.toLowerCase()),
    }))
    .sort((a, b) => a.distance - b.distance)[0]
  const hint = nearest && nearest.distance <= 3 ? `Did you mean ${nearest.candidate}?` : ''
  return new ArgumentError(
    `${subject}.${shorten(printable(name))}`,
    `one of ${known.join(', ')}`,
    'an unknown option',
    hint,
  )
}

/** Levenshtein distance of two short words. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, index) => index)
  for (let i = 1; i <= Math.min(a.length, 64); i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const substitution = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1)
      next[j] = Math.min(substitution, (row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1)
    }
    row = next
  }
  return row[b.length] ?? b.length
}
