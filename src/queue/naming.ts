import { randomBytes } from 'node:crypto'
import type { Duration } from '../duration.ts'
import { ArgumentError } from '../errors.ts'
import { duration, flag, oneOf, type Reader, readOptions, text, withDefault } from '../options.ts'
import { describe } from '../text.ts'
import type { When } from './adding.ts'
import type { RecordMode } from './record-store.ts'
import { SCHEDULE_PREFIX } from './schedule-store.ts'

/** Jobs of one key at a time. */
export interface Dedupe {
  /** 1 to 128 characters. The job's id is `key:` and this. */
  key: string
  /** `throttle`: how long after an add nothing is added. `debounce`: how long it waits. Up to 30 d. */
  for?: Duration
  /**
   * - `simple`: nothing is added until the earlier job has ended. The default without `for`
   * - `throttle`: nor until `for` has passed since it was added. The default with `for`
   * - `debounce`: a later add replaces the data of the job that waits, and it waits for `for` anew
   * - `keep-last`: a later add replaces the data of the job that waits
   *
   * While a job runs, the last two add one that follows it, and then replace that one.
   */
  mode?: 'simple' | 'throttle' | 'debounce' | 'keep-last'
}

/** What makes a job one that can be looked up, cancelled and changed. One of the three, or none. */
export interface NamingOptions {
  /**
   * 1 to 128 characters that do not begin with `key:` or `schedule:`. Adding it again adds nothing, for as long as the
   * job lives, and the queue's `remember` after its end.
   */
  id?: string
  dedupe?: Dedupe
  /** Gives it an id at random. */
  addressable?: boolean
}

/** The name of a record, null for one at random, and what is done where there is one already. */
export interface Naming {
  name: string | null
  mode: RecordMode
  quietMs: number
}

export const LONGEST_MEMORY_MS = 30 * 86_400_000
const LONGEST_ID = 128
const KEY_PREFIX = 'key:'

/** Of jobs that belong together: to dedupe them, or to run them one after the other. */
export const readKey = text(LONGEST_ID)

const readNewId: Reader<string> = (value, argument) => {
  const id = text(LONGEST_ID)(value, argument)
  const prefix = [KEY_PREFIX, SCHEDULE_PREFIX].find((taken) => id.startsWith(taken))
  if (prefix === undefined) return id
  throw new ArgumentError(argument, `text that does not begin with ${prefix}`, describe(value))
}

const readDedupe: Reader<Required<Omit<Dedupe, 'for'>> & { forMs: number }> = (value, argument) => {
  const read = readOptions(argument, value, {
    key: readKey,
    for: withDefault(duration({ minMs: 1, maxMs: LONGEST_MEMORY_MS }), undefined),
    mode: withDefault(oneOf('simple', 'throttle', 'debounce', 'keep-last'), undefined),
  })
  const mode = read.mode ?? (read.for === undefined ? 'simple' : 'throttle')
  const isTimed = mode === 'throttle' || mode === 'debounce'
  if (isTimed !== (read.for !== undefined)) {
    const expected = isTimed ? 'a duration' : 'left out'
    throw new ArgumentError(
      `${argument}.for`,
      `${expected} with mode '${mode}'`,
      describe(read.for),
    )
  }
  return { key: read.key, mode, forMs: read.for ?? 0 }
}

/** Of a job that is there: also that of a key. */
export const readId = text(KEY_PREFIX.length + LONGEST_ID)

export const namingOptions = {
  id: withDefault(readNewId, undefined),
  dedupe: withDefault(readDedupe, undefined),
  addressable: withDefault(flag, false),
}

type ReadNaming = { [Name in keyof typeof namingOptions]: ReturnType<(typeof namingOptions)[Name]> }

/** An id, if it is only one at random. */
export const UNNAMED: Naming = { name: null, mode: 'once', quietMs: 0 }

export const newId = () => randomBytes(12).toString('base64url')

/** Null: a plain job. */
export function namingOf({ id, dedupe, addressable }: ReadNaming): Naming | null {
  if (dedupe === undefined) {
    return id !== undefined || addressable ? { ...UNNAMED, name: id ?? null } : null
  }
  if (id !== undefined) {
    throw new ArgumentError('add.id', 'left out where dedupe is given', describe(id))
  }
  const { key, mode, forMs } = dedupe
  return { name: KEY_PREFIX + key, mode, quietMs: mode === 'throttle' ? forMs : 0 }
}

/** A debounced job waits for as long as its key says. */
export function dueOf(when: When, dedupe: ReadNaming['dedupe'], isTimed: boolean): When {
  if (dedupe?.mode !== 'debounce') return when
  if (!isTimed) return { delayMs: dedupe.forMs }
  throw new ArgumentError('add.delay', "left out with mode 'debounce'", 'a time')
}
