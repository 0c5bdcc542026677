import { ArgumentError } from '../errors.ts'
import { describe } from '../text.ts'

/** The longest payload, in bytes of its JSON in UTF-8. */
export const MOST_PAYLOAD_BYTES = 1 << 20

/**
 * The JSON that travels: taken when the job is added, so later changes to the value do not count.
 * @throws {ArgumentError} for what JSON cannot carry
 */
export function encodePayload(value: unknown, argument: string): string {
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
  const bytes = Buffer.byteLength(text)
  if (bytes <= MOST_PAYLOAD_BYTES) return text
  const expected = `at most ${MOST_PAYLOAD_BYTES} bytes of JSON`
  throw new ArgumentError(
    argument,
    expected,
    `${bytes} bytes`,
    'Store it elsewhere and queue its address.',
  )
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
export const decodePayload = (text: string): unknown => JSON.parse(text)
