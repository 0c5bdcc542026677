import type { Duration } from '../duration.ts'
import { abortSignal, duration, withDefault } from '../options.ts'

export const SHORTEST_TTL_MS = 100
export const DAY_MS = 86_400_000

/** Settings of a lock; every process that uses the name should use the same. */
export interface LockOptions {
  /** How long a lease lasts unless renewed, 100 ms to 1 day. It is renewed at a third. Defaults to 30 s. */
  ttl?: Duration
  /** The longest that renewals may keep one lease, from 100 ms. Defaults to no limit. */
  maxHold?: Duration
}

export interface AcquireOptions {
  /** How long to stand in line when the lock is taken; 0 refuses at once. Defaults to 10 s. */
  wait?: Duration
  /** Stops waiting; `acquire` then rejects with the signal's reason. */
  signal?: AbortSignal
}

export const lockOptions = {
  ttl: withDefault(duration({ minMs: SHORTEST_TTL_MS, maxMs: DAY_MS }), 30_000),
  maxHold: withDefault(duration({ minMs: SHORTEST_TTL_MS }), null),
}

export const acquireOptions = {
  wait: withDefault(duration(), 10_000),
  signal: withDefault(abortSignal, undefined),
}
