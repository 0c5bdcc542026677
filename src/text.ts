/** Controls, lone surrogates and characters that reorder the text around them. */
export const UNSAFE_TEXT = /[\p{Cc}\p{Cs}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u

/** What came, for a message: one line, at most 80 characters, never the content of an object. */
export function describe(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return shorten(printable(JSON.stringify(value)))
    case 'bigint':
      return shorten(`${value}n`)
    case 'symbol':
      return 'a symbol'
    case 'function':
      return 'a function'
    case 'object':
      if (value === null) return 'null'
      return Array.isArray(value) ? `an array of ${value.length}` : 'an object'
    default:
      return Object.is(value, -0) ? '-0' : String(value)
  }
}

/** At most 80 characters. */
export const shorten = (text: string) => (text.length <= 80 ? text : `${text.slice(0, 79)}…`)

/** Escapes every character that could lie in a terminal or a page. */
export const printable = (text: string) =>
  text.replace(
    new RegExp(UNSAFE_TEXT.source, 'gu'),
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
