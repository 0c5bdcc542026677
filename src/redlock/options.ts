import { type Duration, formatMs, readDuration } from '../duration.ts'
import { engineOptions } from '../engine/options.ts'
import { ArgumentError } from '../errors.ts'
import { DAY_MS, SHORTEST_TTL_MS } from '../gate/options.ts'
import { leaseFor, marginOf } from '../gate/terms.ts'
import type { LockOptions } from '../lock/open.ts'
import { duration, flag, withDefault } from '../options.ts'
import { describe } from '../text.ts'

const { prefix, commandTimeout, connectTimeout, credentials, tls, clock, logger } = engineOptions

export const redlockOptions = {
  ...{ prefix, commandTimeout, connectTimeout, credentials, tls, clock, logger },
  allowEven: withDefault(flag, false),
  fence: withDefault(flag, true),
  minValidity: withDefault(duration({ minMs: 0, maxMs: DAY_MS }), 0),
  nodeTimeout: withDefault(duration({ minMs: 1, maxMs: 60_000 }), null),
  longestTtl: withDefault(duration({ minMs: SHORTEST_TTL_MS, maxMs: DAY_MS }), 60_000),
}

const DEFAULT_TTL_MS = 30_000

/** Without one of its own a lock has the usual `ttl`, or the longest that is allowed. */
export function withTtl(
  given: LockOptions | undefined,
  longestTtlMs: number,
): LockOptions & { ttl: Duration } {
  const isObject = typeof given === 'object' && given !== null && !Array.isArray(given)
  // What is no object of options is refused by whoever reads it next.
  if (given !== undefined && !isObject) return given as never
  // A copy of what has one already would cost as much as asking a node.
  if (hasTtl(given)) return given
  return { ...given, ttl: Math.min(DEFAULT_TTL_MS, longestTtlMs) }
}

const hasTtl = (given: LockOptions | undefined): given is LockOptions & { ttl: Duration } =>
  given !== undefined && Object.hasOwn(given, 'ttl') && given.ttl !== undefined

const MEANINGLESS = {
  durability: 'the nodes themselves are the copies, and their replicas do not count',
  fair: 'the nodes have no common line',
}

/** @throws {ArgumentError} for options that nodes which know nothing of each other cannot serve */
export function refuseMeaningless(given: LockOptions = {}): void {
  for (const option of ['durability', 'fair'] as const) {
    const value = given[option]
    if (value === undefined) continue
    throw new ArgumentError(`lock.${option}`, `left out: ${MEANINGLESS[option]}`, describe(value))
  }
}

/** @throws {ArgumentError} for a lease that a restarted node might forget, or that is never given out */
export function refuseTtl(
  ttl: Duration,
  { longestTtlMs, minValidityMs }: { longestTtlMs: number; minValidityMs: number },
): void {
  const ttlMs = readDuration(ttl, 'lock.ttl', { minMs: SHORTEST_TTL_MS, maxMs: DAY_MS })
  if (ttlMs > longestTtlMs) {
    throw new ArgumentError(
      'lock.ttl',
      `at most the longestTtl of this Redlock, ${formatMs(longestTtlMs)}`,
      describe(ttl),
      'A node that restarts is silent for that long, and forgets no longer lease: raise longestTtl in every process.',
    )
  }
  if (ttlMs - marginOf(ttlMs) > minValidityMs) return
  throw new ArgumentError(
    'lock.ttl',
    `more than ${Math.ceil(leaseFor(minValidityMs))} ms, the minValidity and the drift of clocks`,
    describe(ttl),
  )
}
