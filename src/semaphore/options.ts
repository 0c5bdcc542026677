import { type HoldOptions, holdOptions } from '../gate/options.ts'
import { count, withDefault } from '../options.ts'

export const MOST_PERMITS = 1_000_000

/** Settings of a semaphore; every process that uses the name must say the same number of permits. */
export interface SemaphoreOptions extends HoldOptions {
  /** How many there are, from 1 to 1,000,000. */
  permits: number
}

export interface PermitOptions {
  /** How many permits one acquisition takes, up to all of them. Defaults to 1. */
  weight?: number
}

export const semaphoreOptions = { ...holdOptions, permits: count(1, MOST_PERMITS) }

export const permitOptions = { weight: withDefault(count(1, MOST_PERMITS), 1) }
