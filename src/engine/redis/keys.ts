/** What Redis Cluster or our own layout reads in a key. */
const ENCODED: readonly (string | undefined)[] = Array.from({ length: 128 }, (_, code) =>
  '%{}:*?[]\\'.includes(String.fromCharCode(code))
    ? `%${code.toString(16).toUpperCase()}`
    : undefined,
)

/** User text inside a key, percent-encoded. A third of the cost of a replacement: many names have a colon. */
export function escapePart(text: string): string {
  let escaped = ''
  let from = 0
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at)
    const encoded = code < 128 ? ENCODED[code] : undefined
    if (encoded === undefined) continue
    escaped += text.slice(from, at) + encoded
    from = at + 1
  }
  return from === 0 ? text : escaped + text.slice(from)
}

let lastName = ''
let lastEscaped = ''

/** What one lock asks of five nodes has the same name five times. */
function escapeName(name: string): string {
  if (name === lastName) return lastEscaped
  lastEscaped = escapePart(name)
  lastName = name
  return lastEscaped
}

/** The inverse of what {@link keyspace} does to a name. */
export const unescapePart = (text: string) =>
  text.replace(/%([0-9A-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))

/** Builds every key and channel of one prefix. All keys of one thing share one hash tag. */
export interface Keyspace {
  readonly prefix: string
  /** `prefix:kind:{name}:part` */
  key(kind: string, name: string, part?: string): string
  /** `prefix:kind:{…}:part` with the hash tag of another key, so that both are on one server. */
  beside(key: string, kind: string, part: string): string
  /** Where messages to one client are published. */
  inbox(clientId: string): string
  /** A `SCAN` pattern for every key of this kind and part. */
  pattern(kind: string, part?: string): string
  /** The name inside a key that {@link Keyspace.key} built, or null for a foreign key. */
  nameOf(kind: string, key: string): string | null
}

export function keyspace(prefix: string): Keyspace {
  const start = escapePart(prefix)
  const suffix = (part?: string) => (part === undefined ? '' : `:${part}`)
  return {
    prefix: start,
    key: (kind, name, part) => `${start}:${kind}:{${escapeName(name)}}${suffix(part)}`,
    beside: (key, kind, part) => `${start}:${kind}:${/\{.*\}/.exec(key)?.[0] ?? '{}'}:${part}`,
    inbox: (clientId) => `${start}:inbox:${clientId}`,
    pattern: (kind, part) => `${start}:${kind}:{*}${suffix(part)}`,
    nameOf(kind, key) {
      const opening = `${start}:${kind}:{`
      if (!key.startsWith(opening)) return null
      return unescapePart(key.slice(opening.length, key.indexOf('}', opening.length)))
    },
  }
}
