import { ArgumentError } from '../errors.ts'
import type { Hold } from '../gate/handle.ts'
import { type HoldOptions, holdOptions } from '../gate/options.ts'
import { count, flag, type Reader, text, withDefault } from '../options.ts'
import { describe } from '../text.ts'

/** Settings of a lock; every process that uses the name should use the same. */
export interface LockOptions extends HoldOptions {
  /**
   * First come, first served. `false` where order does not matter: a free lock may be taken past
   * those who wait for it, and a release prefers waiters of its own process, up to 15 times in a
   * row. Defaults to true.
   */
  fair?: boolean
}

export interface ReentryOptions {
  /**
   * A lease of this very lock: it is held once more without asking the engine, and given up when
   * the last handle is released. Nothing is ever inferred from where the code runs.
   */
  within?: Hold
}

export interface ForceReleaseOptions {
  /** Told to the holder as the cause of its loss: 1 to 200 characters. */
  reason: string
  /** Takes the lock only from the holder with this fence, as `inspect` showed it. */
  expectFence?: number
}

const LONGEST_REASON = 200

const hold: Reader<Hold> = (value, argument) => {
  const given = value as Partial<Hold> | null
  const isHold = typeof given === 'object' && typeof given?.assertHeld === 'function'
  if (isHold) return given as Hold
  throw new ArgumentError(argument, 'a lease of this lock', describe(value))
}

export const lockOptions = { ...holdOptions, fair: withDefault(flag, true) }

export const reentryOptions = { within: withDefault(hold, undefined) }

export const forceReleaseOptions = {
  reason: text(LONGEST_REASON),
  expectFence: withDefault(count(1, Number.MAX_SAFE_INTEGER), null),
}
