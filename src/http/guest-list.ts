import { BlockList } from 'node:net'
import { ArgumentError } from '../errors.ts'
import { type Reader, readName, readOptions, withDefault } from '../options.ts'
import { describe } from '../text.ts'
import { type Address, readAddress } from './address.ts'

/** Clients by their addresses, or by the keys that `key` gives them. */
export interface Clients {
  /** IP addresses, and subnets such as `'10.0.0.0/8'` or `'2001:db8::/32'`. */
  addresses?: readonly string[]
  /** Exactly as `key` returns them. */
  keys?: readonly string[]
}

/** {@link Clients}, to be asked. */
export interface GuestList {
  readonly needsAddress: boolean
  hasAddress(address: Address): boolean
  hasKey(key: string): boolean
}

interface Subnet {
  readonly address: Address
  readonly prefix: number
}

const LONGEST_PREFIX = { ipv4: 32, ipv6: 128 }

const subnet: Reader<Subnet> = (value, argument) => {
  const [, written = '', prefixText] =
    (typeof value === 'string' && /^([^/]*)(?:\/(\d{1,3}))?$/.exec(value)) || []
  const address = readAddress(written)
  if (address !== undefined) {
    const longest = LONGEST_PREFIX[address.family]
    const prefix = prefixText === undefined ? longest : Number(prefixText)
    if (prefix <= longest) return { address, prefix }
  }
  throw new ArgumentError(
    argument,
    "an IP address, or a subnet such as '10.0.0.0/8' or '2001:db8::/32'",
    describe(value),
  )
}

function listOf<T>(reader: Reader<T>): Reader<T[]> {
  return (value, argument) => {
    if (!Array.isArray(value)) throw new ArgumentError(argument, 'an array', describe(value))
    // Array.from visits the holes of a sparse one as well.
    return Array.from(value, (item: unknown, index) => reader(item, `${argument}[${index}]`))
  }
}

export const guestList: Reader<GuestList> = (value, argument) => {
  const { addresses, keys } = readOptions(argument, value, {
    addresses: withDefault(listOf(subnet), []),
    keys: withDefault(listOf(readName), []),
  })
  const subnets = new BlockList()
  for (const { address, prefix } of addresses) {
    subnets.addSubnet(address.text, prefix, address.family)
  }
  const names = new Set(keys)
  return {
    needsAddress: addresses.length > 0,
    hasAddress: ({ text, family }) => subnets.check(text, family),
    hasKey: (key) => names.has(key),
  }
}

/** Nobody. */
export const emptyGuestList = guestList({}, 'rateLimit')
