import { ArgumentError } from '../errors.ts'
import type { Reader } from '../options.ts'
import { describe } from '../text.ts'

/** The types that every server has. */
export const KEY_TYPES = ['string', 'list', 'set', 'zset', 'hash', 'stream'] as const
export type KeyType = (typeof KEY_TYPES)[number]

/** How many elements a key has, in constant time. Those of a string are its bytes. */
export const COUNT_COMMANDS: Readonly<Record<KeyType, string>> = {
  string: 'STRLEN',
  list: 'LLEN',
  set: 'SCARD',
  zset: 'ZCARD',
  hash: 'HLEN',
  stream: 'XLEN',
}

export const isKeyType = (type: string): type is KeyType => KEY_TYPES.some((one) => one === type)

/** A type as `TYPE` answers it: modules have others than {@link KEY_TYPES}. */
export const keyType: Reader<string> = (value, argument) => {
  if (typeof value === 'string' && /^[\w-]{1,32}$/.test(value)) return value
  throw new ArgumentError(
    argument,
    `a type of keys, such as ${KEY_TYPES.map((type) => `'${type}'`).join(', ')}`,
    describe(value),
  )
}

/** As long as Redis lets a key be would be 512 MB: what is longer than this is no name. */
const LONGEST_KEY = 65_536

/** The name of a key: any text, for Redis asks nothing of it. */
export const readKey: Reader<string> = (value, argument) => {
  const isName = typeof value === 'string' && value !== '' && value.length <= LONGEST_KEY
  if (isName && !/\p{Cs}|\ufffd/u.test(value)) return value
  throw new ArgumentError(
    argument,
    `the name of a key: text of 1 to ${LONGEST_KEY} characters, in full`,
    describe(value),
  )
}
