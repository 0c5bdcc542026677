import { ArgumentError } from '../errors.ts'
import type { UnitTaker } from '../gate/gate.ts'
import { count, oneOf, type Reader, readName, readOptions, withDefault } from '../options.ts'
import { describe } from '../text.ts'

/** A lock by its name, as `sluice.lock(name)` knows it; with a `mode` the one of `sluice.readWriteLock(name)`. */
export type LockNeed = string | { name: string; mode: 'read' | 'write' }

/** Permits of `sluice.semaphore(name, { permits })`. */
export interface SemaphoreNeed {
  name: string
  permits: number
  /** How many of them the job takes. Defaults to 1. */
  weight?: number
}

/** Units of a limiter: `key` is what is limited, `cost` how many units, by default 1. */
export interface LimitNeed {
  use: UnitTaker
  key: string
  cost?: number
}

/** What a job needs while it runs. Where it has to wait for one of them, it holds none. */
export interface JobNeeds {
  /** Locks, up to 8: by name, for readers or writers. */
  lock?: LockNeed | readonly LockNeed[]
  /** Permits of semaphores, up to 8. */
  semaphore?: SemaphoreNeed | readonly SemaphoreNeed[]
  /** Units of limiters, up to 8: they are spent when the job begins. */
  limit?: LimitNeed | readonly LimitNeed[]
  /** As that of the queue, for this job. Defaults to what the queue says. */
  onRetry?: OnRetry
}

/** What becomes of what a job holds when its attempt failed, and it will be tried again. */
export type OnRetry = 'keep' | 'free'

/** One for all jobs of a queue, or what makes it of the data of each; null where the job needs none. */
export type OfData<Data, T> = T | ((data: Data) => T | null | undefined)

/** The same for all jobs of a queue. What the workers say counts, and who takes by hand. */
export interface QueueNeeds<Data> {
  /** Locks that a job needs while it runs, up to 8: `(email) => 'user:' + email.userId`. */
  lock?: OfData<Data, LockNeed | readonly LockNeed[]>
  /** Permits of semaphores that it needs, up to 8. */
  semaphore?: OfData<Data, SemaphoreNeed | readonly SemaphoreNeed[]>
  /** Units of limiters that it takes when it begins, up to 8. */
  limit?: QueueLimit<Data> | readonly QueueLimit<Data>[]
  /**
   * Jobs that run at one time, of all workers together, `total`; and of those with the same key, `max`. Keys take turns where jobs
   * wait for the total. A semaphore named `queue:` and the name of the queue.
   */
  concurrency?: { total?: number; perKey?: { key: (data: Data) => string; max: number } }
  /** How often jobs begin, by a rule such as `funnel({ … })`: of all, where keys take turns, and of those with the same key. */
  rate?: { total?: object; perKey?: { key: (data: Data) => string; rule: object } }
  /**
   * `'keep'`: a job that failed keeps its locks, permits and place among `concurrency` while its back-off lasts, so that no other
   * job of `user:42` begins before it was tried again. Its worker has it in flight for that long, also of a paused queue; up
   * to 100 at a time, others free theirs. Where the worker closes or dies, loses the lock, or has no slot within 5 s of
   * the end of the back-off, all is freed, and the job is tried again like others. Units of limits are asked for anew.
   * Defaults to `'free'`: others begin meanwhile.
   */
  onRetry?: OnRetry
}

export interface QueueLimit<Data> {
  use: UnitTaker
  key: OfData<Data, string>
  cost?: OfData<Data, number>
}

const MOST_NEEDS = 8
const MOST_PERMITS = 1_000_000
const MOST_UNITS = 1_000_000_000

const lockNeed: Reader<LockNeed> = (value, argument) => {
  if (typeof value !== 'object') return readName(value, argument)
  return readOptions(argument, value, { name: readName, mode: oneOf('read', 'write') })
}

const semaphoreNeed: Reader<Required<SemaphoreNeed>> = (value, argument) => {
  const permits = count(1, MOST_PERMITS)
  const read = readOptions(argument, value, {
    ...{ name: readName, permits },
    weight: withDefault(permits, 1),
  })
  if (read.weight <= read.permits) return read
  const expected = `at most the ${read.permits} permits that there are`
  throw new ArgumentError(`${argument}.weight`, expected, describe(read.weight))
}

const unitTaker: Reader<UnitTaker> = (value, argument) => {
  const taker = value as UnitTaker | null
  const isOne = typeof taker === 'object' && typeof taker?.take === 'function'
  if (isOne && typeof taker.name === 'string') return taker
  throw new ArgumentError(argument, 'a limiter, as sluice.limiter() makes them', describe(value))
}

const units = count(1, MOST_UNITS)

const limitNeed: Reader<Required<LimitNeed>> = (value, argument) =>
  readOptions(argument, value, { use: unitTaker, key: readName, cost: withDefault(units, 1) })

/** One or several. */
function some<T>(reader: Reader<T>): Reader<readonly T[]> {
  return (value, argument) => {
    if (value === null || value === undefined) return []
    if (!Array.isArray(value)) return [reader(value, argument)]
    if (value.length <= MOST_NEEDS) {
      return value.map((one, index) => reader(one, `${argument}[${index}]`))
    }
    throw new ArgumentError(argument, `at most ${MOST_NEEDS} of them`, `${value.length}`)
  }
}

export const readLocks = some(lockNeed)
export const readSemaphores = some(semaphoreNeed)
export const readLimits = some(limitNeed)

const readOnRetry: Reader<OnRetry> = oneOf('keep', 'free')

/** What `add` takes. */
export const needOptions = {
  lock: withDefault(readLocks, []),
  semaphore: withDefault(readSemaphores, []),
  limit: withDefault(readLimits, []),
  onRetry: withDefault(readOnRetry, null),
}

/** What is the same for all is read at once, what is made of data when there is some. */
const ofData =
  <T>(reader: Reader<T>): Reader<(data: never) => T> =>
  (value, argument) => {
    if (typeof value !== 'function') {
      const read = reader(value, argument)
      return () => read
    }
    return (data) => reader(value(data), argument)
  }

const readKeyOf: Reader<(data: never) => string> = (value, argument) => {
  if (typeof value === 'function') return (data) => readName(value(data), argument)
  throw new ArgumentError(argument, 'a function of the data', describe(value))
}

const queueLimit: Reader<(data: never) => Required<LimitNeed>> = (value, argument) => {
  const { use, key, cost } = readOptions(argument, value, {
    use: unitTaker,
    key: ofData(readName),
    cost: withDefault(ofData(units), () => 1),
  })
  return (data) => ({ use, key: key(data), cost: cost(data) })
}

const concurrency: Reader<Concurrency | null> = (value, argument) =>
  readOptions(argument, value, {
    total: withDefault(count(1, MOST_PERMITS), null),
    perKey: withDefault(
      (value, argument) =>
        readOptions(argument, value, { key: readKeyOf, max: count(1, MOST_PERMITS) }),
      null,
    ),
  })

const readRule: Reader<object> = (value, argument) => {
  if (typeof value === 'object' && value !== null && 'kind' in value) return value
  throw new ArgumentError(argument, 'a rule, as funnel() makes one', describe(value))
}

const rate: Reader<Rate | null> = (value, argument) =>
  readOptions(argument, value, {
    total: withDefault(readRule, null),
    perKey: withDefault(
      (value, argument) => readOptions(argument, value, { key: readKeyOf, rule: readRule }),
      null,
    ),
  })

export interface Concurrency {
  total: number | null
  perKey: { key: (data: never) => string; max: number } | null
}

export interface Rate {
  total: object | null
  perKey: { key: (data: never) => string; rule: object } | null
}

/** What a queue takes. */
export const queueNeedOptions = {
  lock: withDefault(ofData(readLocks), null),
  semaphore: withDefault(ofData(readSemaphores), null),
  limit: withDefault(some(queueLimit), []),
  concurrency: withDefault(concurrency, null),
  rate: withDefault(rate, null),
  onRetry: withDefault(readOnRetry, 'free'),
}

type Shape = typeof queueNeedOptions
export type ReadQueueNeeds = { [Name in keyof Shape]: ReturnType<Shape[Name]> }
type AddShape = typeof needOptions
export type ReadNeeds = { [Name in keyof AddShape]: ReturnType<AddShape[Name]> }
