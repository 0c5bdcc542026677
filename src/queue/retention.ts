import { count, duration, type Reader, readOptions, withDefault } from '../options.ts'
import { LONGEST_MEMORY_MS } from './naming.ts'
import type { QueueStore } from './store.ts'

/** Which of the jobs that are done are kept. */
export interface Retention {
  /** The last ones. */
  count: number
  ageMs: number
}

/** The part of the contract of queues that keeps jobs that are done. Internal, outside semver. */
export interface RetentionStore {
  /** The same store, whose calls keep jobs that they end as done. */
  retaining(retention: Retention): QueueStore
}

const MOST_RETAINED = 100_000
const DAY_MS = 86_400_000

const retainOptions = {
  count: count(1, MOST_RETAINED),
  age: withDefault(duration({ minMs: 1, maxMs: LONGEST_MEMORY_MS }), DAY_MS),
}

export const readRetain: Reader<Retention | null> = (value, argument) => {
  const { count, age } = readOptions(argument, value, retainOptions)
  return { count, ageMs: age }
}
