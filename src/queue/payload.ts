import { ArgumentError } from '../errors.ts'
import { describe } from '../text.ts'

/** The longest payload, in bytes of its JSON in UTF-8. */
export const MOST_PAYLOAD_BYTES = 1 << 20

/** The longest result that is kept of a job, and the longest progress, in bytes of their JSON. */
const MOST_RESULT_BYTES = 1 << 16
const MOST_PROGRESS_BYTES = 1 << 12

/**
 * The JSON that travels: taken when the job is added, so later changes to the value do not count.
 * @throws {ArgumentError} for what JSON cannot carry
 */
export function encodePayload(
  value: unknown,
  argument: string,
  mostBytes = MOST_PAYLOAD_BYTES,
): string {
  let text: string | undefined
  try {
    text = JSON.stringify(value)
  } catch (error) {
    const reason = error instanceof Error ? error.message.split('\n')[0] : 'it threw'
    throw new ArgumentError(
      argument,
      'a value that JSON can carry',
      describe(value),
      `JSON.stringify: ${reason}`,
    )
  }
  if (text === undefined)
    throw new ArgumentError(argument, 'a value that JSON can carry', describe(value))
  // No character has more than three: most need not be counted.
  if (text.length * 3 <= mostBytes) return text
  const bytes = Buffer.byteLength(text)
  if (bytes <= mostBytes) return text
  const expected = `at most ${mostBytes} bytes of JSON`
  throw new ArgumentError(
    argument,
    expected,
    `${bytes} bytes`,
    'Store it elsewhere and queue its address.',
  )
}

/** @throws {ArgumentError} */
export const encodeProgress = (value: unknown) =>
  encodePayload(value, 'progress.value', MOST_PROGRESS_BYTES)

/** What a handler returned, or why it cannot be kept: the job is done all the same. */
export function encodeResult(value: unknown): { result: string | null; reason: string | null } {
  if (value === undefined) return { result: null, reason: null }
  try {
    return { result: encodePayload(value, 'the result', MOST_RESULT_BYTES), reason: null }
  } catch (error) {
    return { result: null, reason: error instanceof Error ? error.message.slice(0, 1_000) : '' }
  }
}

/** For a dead letter: what cannot be read any more is undefined, and keeps no other from being read. */
export function decodeForView(text: string): unknown {
  try {
    return decodePayload(text)
  } catch {
    return undefined
  }
}

/** A payload that `__proto__` cannot turn into something else: it stays plain data. */
export const decodePayload = (text: string): unknown =>
  JSON.parse(text.charCodeAt(0) === NEEDS_MARK ? text.slice(text.indexOf('\n') + 1) : text)

/** In front of what a job needs, which stands in front of its JSON and a line feed. No JSON begins with it. */
const NEEDS_MARK = 1

/** With what its job needs, JSON without a line feed. */
export const withNeeds = (payload: string, needs: string) =>
  `${String.fromCharCode(NEEDS_MARK)}${needs}\n${payload}`

/** Null for a job that was added without. */
export const needsOf = (payload: string): string | null =>
  payload.charCodeAt(0) === NEEDS_MARK ? payload.slice(1, payload.indexOf('\n')) : null
