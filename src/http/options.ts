import { ArgumentError } from '../errors.ts'
import type { Limiter } from '../limit/index.ts'
import { callback, count, flag, oneOf, type Reader, readOptions, withDefault } from '../options.ts'
import { describe } from '../text.ts'
import type { TrustedProxies } from './client.ts'
import { type Clients, emptyGuestList, guestList } from './guest-list.ts'

type Promised<T> = T | Promise<T>

/** The same for every framework, whose request is what its own handlers get. */
export interface RateLimitOptions<Request> {
  limiter: Limiter
  /**
   * What is limited, 1 to 1024 characters: a user, a tenant, a token's hash. Defaults to the
   * client's IP address, of IPv6 its subnet.
   */
  key?: (request: Request) => Promised<string>
  /** Units that a request takes, whole ones; 0 lets it through uncounted. Defaults to 1. */
  cost?: number | ((request: Request) => Promised<number>)
  /** Requests that none of this is for, lists included. Defaults to none. */
  skip?: (request: Request) => Promised<boolean | undefined>
  /** Never limited and not counted. Addresses are asked before keys, and `deny` before `allow`. */
  allow?: Clients
  /** Refused with 403, and not counted. */
  deny?: Clients
  /**
   * How many proxies of yours are in front (`hops`, from 0 to 20, 1 by default), each of which
   * appends the address that it saw to the field `header` (`'x-forwarded-for'` by default). For a
   * field that the last one sets, such as `'cf-connecting-ip'`, name it and leave `hops` out.
   * Without `proxy`, forwarding fields are ignored: anybody can write them.
   */
  proxy?: { hops?: number; header?: string }
  /** Where the address comes from. Defaults to the socket of the request. */
  address?: (request: Request) => string | undefined
  /** Bits of an IPv6 address that make one client, 32 to 128. Defaults to 56. */
  ipv6Subnet?: number
  /** `RateLimit` and `RateLimit-Policy`, by the draft that they follow. Defaults to the newest. */
  headers?: 'draft-11' | 'none'
  /** Whether `X-RateLimit-Limit`, `-Remaining` and `-Reset` are sent too. Defaults to false. */
  legacyHeaders?: boolean
  /**
   * The most by which `Retry-After` is above the wait, as a part of it from 0 to 1, and never more
   * than 30 s: clients who were refused together come back apart. Defaults to 0.1.
   */
  retryJitter?: number
}

const DEFAULT_HEADER = 'x-forwarded-for'

const limiter: Reader<Limiter> = (value, argument) => {
  const { name, take } = (value ?? {}) as Partial<Limiter>
  if (typeof name === 'string' && typeof take === 'function') return value as Limiter
  throw new ArgumentError(argument, 'a limiter made by sluice.limiter(…)', describe(value))
}

const part: Reader<number> = (value, argument) => {
  if (typeof value === 'number' && value >= 0 && value <= 1) return value
  throw new ArgumentError(argument, 'a number from 0 to 1', describe(value))
}

/** A field by its name in lower case, as frameworks keep it. */
const header: Reader<string> = (value, argument) => {
  const isToken = typeof value === 'string' && /^[\w!#$%&'*+.^`|~-]{1,128}$/.test(value)
  const name = isToken ? value.toLowerCase() : ''
  // RFC 7239 has pairs of names and values where other fields have plain addresses.
  if (isToken && name !== 'forwarded') return name
  const expected = "the name of a field of plain addresses, such as 'x-forwarded-for'"
  throw new ArgumentError(argument, expected, describe(value))
}

const proxy: Reader<TrustedProxies> = (value, argument) =>
  readOptions(argument, value, {
    hops: withDefault(count(0, 20), 1),
    header: withDefault(header, DEFAULT_HEADER),
  })

/** The cost of one request. */
export const requestCost = count(0, Number.MAX_SAFE_INTEGER)

const cost: Reader<number | ((request: never) => unknown)> = (value, argument) => {
  if (typeof value === 'function') return callback(value, argument)
  if (typeof value === 'number') return requestCost(value, argument)
  throw new ArgumentError(argument, 'a whole number or a function', describe(value))
}

const shape = {
  limiter,
  key: withDefault(callback, undefined),
  cost: withDefault(cost, 1),
  skip: withDefault(callback, undefined),
  allow: withDefault(guestList, emptyGuestList),
  deny: withDefault(guestList, emptyGuestList),
  proxy: withDefault(proxy, undefined),
  address: withDefault(callback, undefined),
  ipv6Subnet: withDefault(count(32, 128), 56),
  headers: withDefault(oneOf('draft-11', 'none'), 'draft-11'),
  legacyHeaders: withDefault(flag, false),
  retryJitter: withDefault(part, 0.1),
}

type Read = ReturnType<typeof readOptions<typeof shape>>
type Functions = 'key' | 'cost' | 'skip' | 'address'

/** Options that were checked, with their defaults. */
export type CheckedOptions<Request> = Omit<Read, Functions> & {
  readonly [Name in Functions]: Exclude<RateLimitOptions<Request>[Name], undefined> | undefined
}

/** @throws {ArgumentError} */
export const readRateLimitOptions = <Request>(options: RateLimitOptions<Request>) =>
  readOptions('rateLimit', options, shape) as CheckedOptions<Request>
