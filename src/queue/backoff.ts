import { type Duration, LONGEST_MS, readDuration } from '../duration.ts'
import { duration, fraction, oneOf, type Reader, readOptions, withDefault } from '../options.ts'

/** How long to wait before a failed job is tried again. */
export interface Backoff {
  /** `fixed`: `base` each time. `exponential`: `base`, twice that, four times that, … up to `max`. */
  type: 'fixed' | 'exponential'
  base: Duration
  /** Defaults to 1 hour. */
  max?: Duration
  /**
   * Up to this fraction of the time, 0 to 1, is taken off at random, so that jobs that failed together
   * do not come back together. Defaults to 0.
   */
  jitter?: number
}

/**
 * The same by a function: `failures` is 1 after the first one, `error` what the handler threw. Where it
 * throws, or answers no {@link Duration}, that is logged and the default back-off taken.
 */
export type BackoffFunction = (failures: number, error: unknown) => Duration

export interface BackoffTerms {
  type: 'fixed' | 'exponential'
  baseMs: number
  maxMs: number
  jitter: number
}

/** How long after its `failures`-th failure, by `error`, a job is tried again. */
export type DelayAfter = (failures: number, error: unknown) => number

export const DEFAULT_BACKOFF: BackoffTerms = {
  type: 'exponential',
  baseMs: 1_000,
  maxMs: 300_000,
  jitter: 0,
}

export const readBackoff: Reader<BackoffTerms | BackoffFunction> = (value, argument) => {
  if (typeof value === 'function') return value as BackoffFunction
  const { type, base, max, jitter } = readOptions(argument, value, {
    type: oneOf('fixed', 'exponential'),
    base: duration(),
    max: withDefault(duration(), 3_600_000),
    jitter: withDefault(fraction, 0),
  })
  return { type, baseMs: base, maxMs: max, jitter }
}

/** `onFailure` is told what a function of the user's did wrong. */
export function delayAfter(
  backoff: BackoffTerms | BackoffFunction,
  onFailure: (error: unknown) => void,
): DelayAfter {
  if (typeof backoff !== 'function') return (failures) => delayMs(backoff, failures)
  return (failures, error) => {
    try {
      const given = backoff(failures, error)
      return readDuration(given, 'backoff()', { minMs: 0, maxMs: LONGEST_MS })
    } catch (failure) {
      onFailure(failure)
      return delayMs(DEFAULT_BACKOFF, failures)
    }
  }
}

function delayMs({ type, baseMs, maxMs, jitter }: BackoffTerms, failures: number): number {
  const wholeMs = Math.min(maxMs, type === 'fixed' ? baseMs : baseMs * 2 ** (failures - 1))
  return wholeMs * (1 - jitter * Math.random())
}
