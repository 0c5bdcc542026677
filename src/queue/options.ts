import type { Duration } from '../duration.ts'
import { ArgumentError } from '../errors.ts'
import {
  abortSignal,
  count,
  duration,
  oneOf,
  type Reader,
  readOptions,
  withDefault,
} from '../options.ts'
import { describe } from '../text.ts'

/** How long to wait before a failed job is tried again. */
export interface Backoff {
  /** `fixed`: `base` each time. `exponential`: `base`, twice that, four times that, … up to `max`. */
  type: 'fixed' | 'exponential'
  base: Duration
  /** Defaults to 1 hour. */
  max?: Duration
}

export interface QueueOptions {
  /** How often a job is tried before it is dead, 1 to 999. A crash of its worker is no attempt. Defaults to 3. */
  attempts?: number
  /** Defaults to exponential from 1 s to 5 min. */
  backoff?: Backoff
  /**
   * How long one delivery may take, from 1 ms. Then `job.signal` aborts and the attempt has failed.
   * Defaults to 5 min.
   */
  timeout?: Duration
  /** How often a worker may crash with one job under suspicion before it is dead, 1 to 9. Defaults to 3. */
  maxCrashes?: number
}

export interface AddOptions {
  /** Not before this long from now, on the engine's clock. Defaults to 0. */
  delay?: Duration
  /** Not before this instant of the engine's clock: a Date or epoch milliseconds. Not beside `delay`. */
  at?: Date | number
}

export interface WorkOptions {
  /** Jobs that run at one time in this worker, 1 to 500. Defaults to 10. */
  concurrency?: number
  /** How long jobs of a dead worker stay unnoticed, 100 ms to 1 hour. Defaults to 15 s. */
  lease?: Duration
}

export interface TakeOptions {
  /** At most this many, 1 to 500. Defaults to 1. */
  max?: number
  /** How long to wait for the first one; 0 answers at once. Defaults to 0. */
  wait?: Duration
  /** Stops waiting; `take` then rejects with the signal's reason. */
  signal?: AbortSignal
}

export interface CloseOptions {
  /** How long running handlers may take to finish; then their signals abort. Defaults to 25 s. */
  timeout?: Duration
}

export interface BackoffTerms {
  type: 'fixed' | 'exponential'
  baseMs: number
  maxMs: number
}

/** Jobs that one consumer may hold: its crash is recovered in one bounded step. */
export const MOST_HELD = 500
export const DEFAULT_LEASE_MS = 15_000
const HOUR_MS = 3_600_000

const readBackoff: Reader<BackoffTerms> = (value, argument) => {
  const { type, base, max } = readOptions(argument, value, {
    type: oneOf('fixed', 'exponential'),
    base: duration(),
    max: withDefault(duration(), HOUR_MS),
  })
  return { type, baseMs: base, maxMs: max }
}

const DEFAULT_BACKOFF: BackoffTerms = { type: 'exponential', baseMs: 1_000, maxMs: 300_000 }

export const queueOptions = {
  attempts: withDefault(count(1, 999), 3),
  backoff: withDefault(readBackoff, DEFAULT_BACKOFF),
  timeout: withDefault(duration({ minMs: 1 }), 300_000),
  maxCrashes: withDefault(count(1, 9), 3),
}

export const workOptions = {
  concurrency: withDefault(count(1, MOST_HELD), 10),
  lease: withDefault(duration({ minMs: 100, maxMs: HOUR_MS }), DEFAULT_LEASE_MS),
}

export const takeOptions = {
  max: withDefault(count(1, MOST_HELD), 1),
  wait: withDefault(duration(), 0),
  signal: withDefault(abortSignal, undefined),
}

export const retryOptions = { delay: withDefault(duration(), undefined) }
export const closeOptions = { timeout: withDefault(duration(), 25_000) }

/** The last instant that an integer of microseconds holds exactly, in milliseconds. */
const LAST_INSTANT_MS = Math.floor(Number.MAX_SAFE_INTEGER / 1000)

const instant: Reader<number> = (value, argument) => {
  const ms = value instanceof Date ? value.getTime() : value
  if (typeof ms === 'number' && ms >= 0 && ms <= LAST_INSTANT_MS) return ms
  throw new ArgumentError(argument, 'a Date, or milliseconds since the epoch', describe(value))
}

/** When a job is due: `delayMs` from now, or at `dueAtMs`. */
export function readWhen(options: unknown): { delayMs: number; dueAtMs?: number } {
  const { delay, at } = readOptions('add', options, {
    delay: withDefault(duration(), undefined),
    at: withDefault(instant, undefined),
  })
  if (at === undefined) return { delayMs: delay ?? 0 }
  if (delay === undefined) return { delayMs: 0, dueAtMs: at }
  throw new ArgumentError('add.at', 'left out where delay is given', describe(at))
}

/** How long after its `failures`-th failure a job is tried again. */
export function backoffMs({ type, baseMs, maxMs }: BackoffTerms, failures: number): number {
  return Math.min(maxMs, type === 'fixed' ? baseMs : baseMs * 2 ** (failures - 1))
}
