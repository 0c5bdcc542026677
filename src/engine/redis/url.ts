import { ArgumentError } from '../../errors.ts'
import { describe, UNSAFE_TEXT } from '../../text.ts'
import { readHosts } from './hosts.ts'
import type { Credentials, Host } from './source.ts'

/** What a `redis` URL of any scheme says. */
export interface RedisUrl {
  kind: 'single' | 'sentinel' | 'cluster'
  /** One server, or the sentinels, or some nodes of the cluster. */
  hosts: readonly [Host, ...Host[]]
  /** What the sentinels call the master. */
  name?: string
  credentials: Credentials
  database: number
  tls: boolean
}

/** The error for one URL: what it must be instead, and what to do. */
export type Wrong = (expected: string, hint?: string) => ArgumentError

const LONGEST_URL = 4096
const EXPECTED =
  'a URL such as redis://localhost:6379, rediss://user:password@host:6380/0, ' +
  'redis+cluster://a,b:7001, redis+sentinel://a,b/mymaster, sqlite:./app.db or memory:'
const ENCODE =
  'Percent-encode user, password and names: @ is %40, / is %2F, : is %3A, ? is %3F, # is %23, % is %25.'

/**
 * Reads `redis://`, `redis+cluster://` and `redis+sentinel://` URLs, and `rediss` ones. By hand,
 * because a list of hosts is nothing that {@link URL} reads.
 * @throws {ArgumentError} that never quotes user or password.
 */
export function readRedisUrl(text: string, argument: string): RedisUrl {
  const wrong: Wrong = (expected, hint) =>
    new ArgumentError(argument, expected, redactUrl(text), hint)
  if (text.length > LONGEST_URL) throw wrong(`a URL of at most ${LONGEST_URL} characters`)
  const [, secure, kind, rest] = /^redis(s)?(\+cluster|\+sentinel)?:\/\/(.*)$/is.exec(text) ?? []
  if (rest === undefined) throw wrong(EXPECTED, suggestUrl(text))
  if (/\s/.test(rest) || UNSAFE_TEXT.test(rest)) {
    throw wrong('a URL without spaces, line breaks and other characters that do not print', ENCODE)
  }
  const { userInfo, hosts, path } = split(rest, wrong)
  const read = { credentials: readCredentials(userInfo, kind, wrong), tls: secure !== undefined }
  switch (kind?.toLowerCase()) {
    case '+cluster':
      if (!/^(?:\/0?)?$/.test(path)) {
        throw wrong('a URL without a database, or with /0', 'A Redis Cluster has no other one.')
      }
      return { ...read, kind: 'cluster', hosts: readHosts(hosts, 6379, wrong), database: 0 }
    case '+sentinel': {
      const sentinels = readHosts(hosts, 26379, wrong)
      return { ...read, kind: 'sentinel', hosts: sentinels, ...readMaster(path, wrong) }
    }
    default: {
      const [host, ...others] = readHosts(hosts, 6379, wrong)
      if (others.length === 0) {
        return { ...read, kind: 'single', hosts: [host], database: readDatabase(path, wrong) }
      }
      throw wrong(
        'a URL with one host',
        'Several are for redis+cluster://a,b:7001 and redis+sentinel://a,b/mymaster.',
      )
    }
  }
}

function split(rest: string, wrong: Wrong) {
  const [, authority = '', path = '', extra] = /^([^/?#]*)([^?#]*)(.+)?$/.exec(rest) ?? []
  // A second @, or one that comes late, is most likely part of a password: nothing of it is safe to read.
  if (rest.split('@').length > 2 || (rest.includes('@') && !authority.includes('@'))) {
    throw wrong('a URL with at most one @, before the first host', ENCODE)
  }
  if (extra !== undefined) throw wrong('a URL without ? or # parts', placeOf(extra))
  const at = authority.indexOf('@')
  return { userInfo: authority.slice(0, Math.max(at, 0)), hosts: authority.slice(at + 1), path }
}

function readCredentials(userInfo: string, kind: string | undefined, wrong: Wrong): Credentials {
  const [, user = '', password = ''] = /^([^:]*):?(.*)$/.exec(userInfo) ?? []
  if (kind !== undefined && userInfo.includes(',')) {
    throw wrong(
      'a URL with credentials before the first host only',
      'They are the same for all hosts. A comma in a password is written as %2C.',
    )
  }
  if (user !== '' && password === '') {
    throw wrong('a URL with user:password@ or :password@ before the host')
  }
  const credentials: Credentials = {}
  if (user !== '') credentials.username = decode(user, wrong)
  if (password !== '') credentials.password = decode(password, wrong)
  return credentials
}

function readDatabase(path: string, wrong: Wrong): number {
  const digits = /^\/?$|^\/(0|[1-9]\d{0,4})$/.exec(path)
  if (digits) return Number(digits[1] ?? 0)
  throw wrong(
    'a URL whose database is a number, as in redis://localhost/2 or redis+sentinel://a,b/mymaster/2',
  )
}

function readMaster(path: string, wrong: Wrong): { name: string; database: number } {
  const [, encoded = '', database = ''] = /^\/([^/]*)(\/.*)?$/.exec(path) ?? []
  const name = decode(encoded, wrong)
  if (name.trim() !== '' && !UNSAFE_TEXT.test(name)) {
    return { name, database: readDatabase(database, wrong) }
  }
  throw wrong('a URL whose path is the name of the master, as in redis+sentinel://a,b/mymaster')
}

function decode(part: string, wrong: Wrong): string {
  try {
    return decodeURIComponent(part)
  } catch {
    throw wrong('a URL with user, password and names percent-encoded', ENCODE)
  }
}

/** Where the thing belongs that was looked for behind a `?`. */
function placeOf(extra: string): string {
  const name = /^\?([a-z_]+)=/i.exec(extra)?.[1]?.toLowerCase().replaceAll('_', '') ?? ''
  if (/^(?:db|database)$/.test(name)) return 'The database goes into the path: redis://host/2.'
  if (/^(?:name|master|mastername|sentinel|sentinelmaster|service|servicename)$/.test(name)) {
    return "The master's name goes into the path: redis+sentinel://a,b/mymaster."
  }
  if (/^(?:user|username|pass|password|auth)$/.test(name)) {
    return 'User and password go before the host: redis://user:password@host.'
  }
  if (/^(?:tls|ssl)$/.test(name)) return 'TLS is a scheme: rediss://host.'
  if (/timeout|prefix/.test(name)) {
    return "That is an option: createSluice(url, { prefix: 'shop', commandTimeout: '2s', connectTimeout: '5s' })."
  }
  return `What is no part of the address is an option of createSluice. ${ENCODE}`
}

/** For a text that is no URL of ours but was meant as one: what to write instead, else empty. */
export function suggestUrl(text: string): string {
  if (/^(?:redis[+-])?(?:unix|socket):|\.sock$/i.test(text)) {
    return 'For a Unix socket pass a client of your own: createSluice({ client }).'
  }
  if (/^[^:@?#]+\.(?:db|sqlite3?)$/i.test(text)) return 'Did you mean sqlite:PATH?'
  if (/^:?mem(?:ory)?\b/i.test(text)) return 'Did you mean memory:?'
  const scheme = /^([a-z][a-z\d+._-]*):(?:\/\/|$)/i.exec(text)?.[1]?.toLowerCase()
  if (scheme === undefined) {
    const isAddress = /^(?:\/\/|localhost$|rediss?\b)|^(?:.*@)?[\w.-]+:\d+(?:\/\d*)?$/is.test(text)
    return isAddress ? 'Did you mean redis://host:port?' : ''
  }
  if (!/redis|valkey|keydb|senti|clust|^(?:https?|tcp|tls|ssl)$/.test(scheme)) return ''
  const secure = /rediss|valkeys|sentinels|clusters|https|tls|ssl/.test(scheme) ? 's' : ''
  const kind = scheme.includes('senti') ? '+sentinel' : scheme.includes('clust') ? '+cluster' : ''
  return `Did you mean redis${secure}${kind}://?`
}

/**
 * A URL for a message. Only what cannot be a user or a password is shown, however broken the text:
 * where it is not clear which part is which, nothing is.
 */
export const redactUrl = (text: string): string => describe(visiblePart(text))

/** Any other word in front of `://` may be a user who was written without a scheme. */
const KNOWN_SCHEME =
  /^(?:(?:rediss?|valkeys?|keydbs?)(?:[+.-](?:cluster|sentinel|socket|unix)s?)?|sentinels?|clusters?|sqlite|file|unix|https?|tcp|tls|ssl):\/\//i
const PLAIN_HOST = String.raw`(?:(?:\[[\da-f:.]*\]?|[\w.-]+)(?::-?\d{1,5})?)?`
const PLAIN_HOSTS = new RegExp(`^${PLAIN_HOST}(?:,${PLAIN_HOST})*$`, 'i')
const PLAIN_PATH = /^(?:\/[-\d.]{0,6})?$/

function visiblePart(text: string): string {
  if (!/[:@?#]|%40|%3a/i.test(text)) return text
  const file = /^(?:sqlite:(?!\/\/[^/])|:?memory:)[^@?#]*/i.exec(text)?.[0]
  if (file && !text.includes('@')) return file === text ? text : `${file}***`
  const scheme = KNOWN_SCHEME.exec(text)?.[0] ?? ''
  const [first = '', last, ...more] = text.slice(scheme.length).split('@')
  if (more.length > 0 || (last !== undefined && /[/?#]/.test(first))) return `${scheme}***`
  const shown = last === undefined ? scheme : `${scheme}***@`
  const [, hosts = '', end = ''] = /^([^/?#]*)(.*)$/s.exec(last ?? first) ?? []
  if (!PLAIN_HOSTS.test(hosts)) return `${shown}***`
  return shown + hosts + (PLAIN_PATH.test(end) ? end : `${end[0] ?? ''}***`)
}

/** `host:port`, for messages. */
export const hostText = ({ host, port }: Host) =>
  host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
