import { ArgumentError } from '../errors.ts'
import {
  count,
  duration,
  flag,
  oneOf,
  type Reader,
  readName,
  readOptions,
  withDefault,
} from '../options.ts'
import { describe } from '../text.ts'
import { mostAtOnce, type StoredRule } from './store.ts'
import { readTag } from './tags.ts'

const LARGEST_COST = Number.MAX_SAFE_INTEGER
export const DEFAULT_COST = 1

/** Whole units, at least one. */
export const wholeUnits = count(1, LARGEST_COST)

export const takeOptions = {
  cost: withDefault(wholeUnits, DEFAULT_COST),
  requestId: withDefault(readName, undefined),
}
export const peekOptions = { cost: withDefault(count(0, LARGEST_COST), DEFAULT_COST) }

const STALENESS_MS = 1_000
const LONGEST_STALENESS_MS = 3_600_000

const staleness: Reader<number | null> = (value, argument) =>
  value === false ? null : duration({ minMs: 1, maxMs: LONGEST_STALENESS_MS })(value, argument)

const LEASE_MS = 1_000
const LONGEST_LEASE_MS = 60_000

/** More tokens than fit at once could never be taken. */
const leaseOf = (rules: readonly StoredRule[]): Reader<{ tokens: number; for: number }> => {
  const shape = {
    tokens: count(1, Math.min(...rules.map(mostAtOnce))),
    for: withDefault(duration({ minMs: 10, maxMs: LONGEST_LEASE_MS }), LEASE_MS),
  }
  return (value, argument) => {
    if (rules.some(({ kind }) => kind === 'concurrency')) {
      throw new ArgumentError(argument, 'left out beside a rule of concurrency', describe(value))
    }
    return readOptions(argument, value, shape)
  }
}

const options = {
  onEngineFailure: withDefault(oneOf('throw', 'deny', 'allow', 'local'), undefined),
  deniedCache: withDefault(staleness, STALENESS_MS),
  shadow: withDefault(flag, false),
  tag: withDefault(readTag, null),
}

/** @param rules of the limiter: how many tokens may be taken in advance is up to them */
export const limiterOptions = (rules: readonly StoredRule[]) => ({
  ...options,
  lease: withDefault(leaseOf(rules), null),
})
