import { ArgumentError } from '../errors.ts'
import { count, duration, flag, type Reader, readOptions, withDefault } from '../options.ts'
import { describe } from '../text.ts'
import type { Demand } from './add-store.ts'
import { readDurability } from './durability.ts'
import { dueOf, type Naming, namingOf, namingOptions, readKey } from './naming.ts'
import { needOptions, type ReadNeeds } from './need-options.ts'
import type { AddOptions, SureAddOptions } from './options.ts'
import type { NewJob } from './store.ts'

const MOST_PRIORITY = 1_000_000_000

/** The last instant that an integer of microseconds holds exactly, in milliseconds. */
const LAST_INSTANT_MS = Math.floor(Number.MAX_SAFE_INTEGER / 1000)

export const instant: Reader<number> = (value, argument) => {
  const ms = value instanceof Date ? value.getTime() : value
  if (typeof ms === 'number' && ms >= 0 && ms <= LAST_INSTANT_MS) return ms
  throw new ArgumentError(argument, 'a Date, or milliseconds since the epoch', describe(value))
}

const untilReader = duration({ minMs: 1 })
type Deadline = Pick<NewJob, 'deadlineMs' | 'deadlineAtMs'>
const NO_DEADLINE: Deadline = {}
const deadline: Reader<Deadline> = (value, argument) =>
  value instanceof Date
    ? { deadlineAtMs: instant(value, argument) }
    : { deadlineMs: untilReader(value, argument) }

export const priority = withDefault(count(-MOST_PRIORITY, MOST_PRIORITY), 0)

const whenOptions = {
  delay: withDefault(duration(), undefined),
  at: withDefault(instant, undefined),
  priority,
  lifo: withDefault(flag, false),
  deadline: withDefault(deadline, NO_DEADLINE),
}

/** When a job may run: from `delayMs` from now on, or from `dueAtMs`; and before or behind which others. */
export type When = Omit<NewJob, 'payload' | 'maxAttempts'>

/** When a job may run, what it is known by, null for a plain one, what it needs, and how sure it has to be. */
export interface Adding {
  when: When
  naming: Naming | null
  /** Whose jobs run one after the other. */
  key: string | null
  /** Null where it needs no more than its queue says. */
  needs: ReadNeeds | null
  /** What has to have the job before the add resolves; null for the engine alone. */
  demand: Demand | null
}

const addOptions = {
  ...whenOptions,
  ...namingOptions,
  key: withDefault(readKey, null),
  ...needOptions,
  durability: withDefault(readDurability, null),
}
/** Plain, now, and as sure as the engine is. */
export const NOW: Adding = {
  when: { delayMs: 0 },
  naming: null,
  key: null,
  needs: null,
  demand: null,
}

export function readAdd(options: unknown): Adding {
  if (options === undefined) return NOW
  const read = readOptions('add', options, addOptions)
  const naming = namingOf(read)
  const when = rankedWhen(read)
  const hasDeadline = (read.deadline.deadlineMs ?? read.deadline.deadlineAtMs) !== undefined
  if (hasDeadline && (naming?.mode === 'debounce' || naming?.mode === 'keep-last')) {
    const expected = `left out with mode '${naming.mode}', which replaces what waits`
    throw new ArgumentError('add.deadline', expected, 'a deadline')
  }
  if (read.key !== null) refuseBesideKey(options as SureAddOptions)
  const isTimed = read.at !== undefined || read.delay !== undefined
  const due = naming ? dueOf(when, read.dedupe, isTimed) : {}
  const { lock, semaphore, limit, onRetry } = read
  const hasNeeds = lock.length + semaphore.length + limit.length > 0 || onRetry !== null
  const needs = hasNeeds ? read : null
  return { when: { ...when, ...due }, naming, key: read.key, needs, demand: read.durability }
}

/** What would put a job before others of its key, could take it out from between them, or is not told of them. */
const NOT_BESIDE_KEY = [
  ...(['id', 'dedupe', 'addressable', 'priority', 'lifo', 'deadline', 'durability'] as const),
]

function refuseBesideKey(options: SureAddOptions): void {
  for (const name of NOT_BESIDE_KEY) {
    const given = options[name]
    const isLeftOut = given === undefined || given === false || given === 0
    if (!isLeftOut) {
      throw new ArgumentError(`add.${name}`, 'left out where key is given', describe(given))
    }
  }
}

/** One id or key is of one job. */
export function readAddMany(options: unknown): Adding {
  const adding = readAdd(options)
  if (!adding.naming?.name) return adding
  const { id, dedupe } = options as AddOptions
  const argument = dedupe === undefined ? 'addMany.id' : 'addMany.dedupe'
  const hint = 'A function gives each its own: addMany(data, (item) => ({ id: item.id })).'
  throw new ArgumentError(argument, 'left out: it is of one job', describe(id ?? dedupe), hint)
}

/** Options of each of many, which all have to be as sure. */
export function readEach(options: readonly unknown[]): Adding[] {
  const addings = options.map((one) => readAdd(one))
  const [first] = addings
  for (const { demand } of addings) {
    if (demand?.fsync === first?.demand?.fsync && demand?.replicas === first?.demand?.replicas)
      continue
    throw new ArgumentError('add.durability', 'the same for all of addMany', 'another one')
  }
  return addings
}

const changeOptions = {
  delay: whenOptions.delay,
  at: whenOptions.at,
  priority: withDefault(count(-MOST_PRIORITY, MOST_PRIORITY), undefined),
}

/** What is left as it is, is null or undefined. */
export interface Change {
  when: When | null
  priority: number | undefined
}

/** Another time, another priority, or both. */
export function readChange(options: unknown): Change {
  const read = readOptions('change', options, changeOptions)
  const { priority } = read
  const isTimed = read.at !== undefined || read.delay !== undefined
  if (isTimed || priority !== undefined) {
    return { when: isTimed ? whenOf(read, 'change') : null, priority }
  }
  throw new ArgumentError(
    'change.delay',
    'a duration where at and priority are left out',
    'undefined',
  )
}

interface ReadWhen {
  delay: number | undefined
  at: number | undefined
}

function whenOf({ delay, at }: ReadWhen, subject: string): When {
  if (at === undefined) return { delayMs: delay ?? 0 }
  if (delay === undefined) return { delayMs: 0, dueAtMs: at }
  throw new ArgumentError(`${subject}.at`, 'left out where delay is given', describe(at))
}

interface ReadRank extends ReadWhen {
  priority: number
  lifo: boolean
  deadline: Deadline
}

function rankedWhen({ delay, at, priority, lifo, deadline }: ReadRank): When {
  const due = whenOf({ delay, at }, 'add')
  if (lifo && priority !== 0) {
    throw new ArgumentError('add.lifo', 'left out where priority is given', describe(lifo))
  }
  const { deadlineMs = Number.POSITIVE_INFINITY, deadlineAtMs = Number.POSITIVE_INFINITY } =
    deadline
  if ((delay ?? 0) > deadlineMs || (at ?? 0) > deadlineAtMs) {
    const received = deadlineMs < deadlineAtMs ? `${deadlineMs} ms` : describe(deadlineAtMs)
    throw new ArgumentError('add.deadline', 'no earlier than the job is due', received)
  }
  return {
    ...deadline,
    ...due,
    ...(priority === 0 ? {} : { priority }),
    ...(lifo ? { lifo } : {}),
  }
}
