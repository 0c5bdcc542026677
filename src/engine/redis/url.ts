import { isIPv4 } from 'node:net'
import { ArgumentError } from '../../errors.ts'
import { describe } from '../../text.ts'

/** Where a Redis server is, and who we are to it. */
export interface RedisAddress {
  host: string
  port: number
  username?: string
  password?: string
  database: number
  tls: boolean
}

const EXPECTED = 'a URL such as redis://localhost:6379, rediss://user:password@host:6380/0'

/**
 * Reads `redis://` and `rediss://` URLs.
 * @throws {ArgumentError} that never quotes the password.
 */
export function readRedisUrl(text: string, argument: string): RedisAddress {
  const url = parse(text, argument)
  if (/[?#]/.test(text)) {
    throw new ArgumentError(argument, `${EXPECTED} without ? or # parts`, redactUrl(text))
  }
  const address: RedisAddress = {
    host: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? 6379 : Number(url.port),
    database: readDatabase(url.pathname, text, argument),
    tls: url.protocol === 'rediss:',
  }
  if (url.username !== '') address.username = decode(url.username, text, argument)
  if (url.password !== '') address.password = decode(url.password, text, argument)
  if (address.username && !address.password) {
    throw new ArgumentError(
      argument,
      `${EXPECTED}, with a password beside the user`,
      redactUrl(text),
    )
  }
  return address
}

function parse(text: string, argument: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  const known = url?.protocol === 'redis:' || url?.protocol === 'rediss:'
  if (url && known && isHost(url.hostname) && url.port !== '0') return url
  throw new ArgumentError(argument, EXPECTED, redactUrl(text))
}

/** A name, or an address: what looks like an IPv4 address must be one. */
function isHost(host: string): boolean {
  if (/^\[[\da-f:.]+\]$/i.test(host)) return true
  if (/^[\d.]+$/.test(host)) return isIPv4(host)
  return /^[\w-]+(?:\.[\w-]+)*\.?$/.test(host)
}

function readDatabase(path: string, text: string, argument: string): number {
  if (path === '' || path === '/') return 0
  const match = /^\/(\d{1,5})$/.exec(path)
  if (match) return Number(match[1])
  throw new ArgumentError(
    argument,
    `${EXPECTED}, the path being a database number`,
    redactUrl(text),
  )
}

function decode(part: string, text: string, argument: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw new ArgumentError(
      argument,
      `${EXPECTED}, with user and password percent-encoded`,
      redactUrl(text),
    )
  }
}

/** The URL for a message: everything between the scheme and the last `@` is hidden. */
export function redactUrl(text: string): string {
  return describe(text.replace(/^([a-z+]*:\/\/)?.*@/is, '$1***@'))
}

/** `host:port`, for messages. */
export const addressText = ({ host, port }: RedisAddress) =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
