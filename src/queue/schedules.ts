import type { Duration } from '../duration.ts'
import { ArgumentError } from '../errors.ts'
import { duration, flag, oneOf, type Reader, readOptions, text, withDefault } from '../options.ts'
import { describe } from '../text.ts'
import { instant, priority } from './adding.ts'
import { pageLimit } from './options.ts'
import { decodeForView, encodePayload } from './payload.ts'
import type { CatchUp, ScheduleTerms, StoredSchedule } from './schedule-store.ts'
import { checkNew, type Schema } from './schema.ts'
import { firstSlot, type StoredRule } from './slots.ts'
import type { QueueStore } from './store.ts'

/** When the jobs of a schedule are due: its slots. */
export type ScheduleRule =
  | {
      /**
       * Five fields (minute, hour, day of month, month, day of week), six with seconds in front, seven with
       * a year behind, or `@hourly`, `@daily`, `@weekly`, `@monthly`, `@yearly`; as croner reads it.
       */
      cron: string
      /** The time zone of the pattern, such as `'Asia/Shanghai'`. Defaults to `'UTC'`, whatever the machine's is. */
      tz?: string
    }
  | {
      /** From one slot to the next, 100 ms at least. */
      every: Duration
      /**
       * The first slot, a Date or epoch milliseconds. One that is over for more than a minute only says where
       * the slots are: the first is the next of them. Defaults to one `every` from now.
       */
      at?: Date | number
    }

export interface ScheduleOptions {
  /**
   * What is done about slots that were missed: a later one was due, or a minute was over, when a worker got to it.
   * - `skip`: nothing. The newest slot has its job unless that is over a minute old
   * - `one`: one job for all of them and the newest slot together, of the newest. The default
   * - `all`: a job of each, in order
   */
  catchUp?: 'skip' | 'one' | 'all'
  /** Of its jobs, as with `add`. Defaults to 0, which is none. */
  priority?: number
  /** Of its jobs, as with `add`: before all others that are ready. Not beside `priority`. Defaults to false. */
  lifo?: boolean
  /**
   * A job that is not begun so long after it was made of its slot is dead, as with `add`. From 1 ms, no Date: that
   * would be one for all jobs. Defaults to none.
   */
  deadline?: Duration
}

/** A schedule, as of the look. Times are the engine's, in milliseconds since the epoch. */
export interface Schedule<Data = unknown> {
  name: string
  rule: { cron: string; tz: string } | { everyMs: number; atMs: number | null }
  data: Data
  catchUp: 'skip' | 'one' | 'all'
  priority: number
  lifo: boolean
  /** Null: its jobs have none. */
  deadlineMs: number | null
  /** The next slot. In the past: no worker has got to it yet. */
  nextAtMs: number
  /** The last slot that has had a job; null if none has. */
  lastAtMs: number | null
  /** Jobs so far. */
  emittedCount: number
}

export interface SchedulePage<Data> {
  schedules: Schedule<Data>[]
  /** For the next page; null after the last one. */
  cursor: string | null
}

/** What becomes of the schedules of a queue. */
export interface Schedules<Data> {
  /** In the order of their names, page by page: at most `limit`, by default 100, at most 1000. */
  list(options?: { limit?: number; cursor?: string | null }): Promise<SchedulePage<Data>>
  /** Null: there is none of that name. */
  get(name: string): Promise<Schedule<Data> | null>
  /** No slot has a job from now on; the jobs that are there stay. False: there is none of that name. */
  remove(name: string): Promise<boolean>
}

/** What the schedules of one queue need. */
export interface ScheduleBook {
  store: QueueStore
  queue: string
  attempts: number
  schema: Schema | undefined
  assertOpen: () => void
}

const LONGEST_NAME = 128
const LONGEST_PATTERN = 256
const MOST_DATA_BYTES = 1 << 16
const SHORTEST_EVERY_MS = 100

const readName = text(LONGEST_NAME)

const timeZone: Reader<string> = (value, argument) => {
  const zone = text(LONGEST_NAME)(value, argument)
  try {
    new Intl.DateTimeFormat('en', { timeZone: zone })
    return zone
  } catch {
    throw new ArgumentError(argument, "a time zone, such as 'Asia/Shanghai'", describe(value))
  }
}

const ruleOptions = {
  cron: withDefault(text(LONGEST_PATTERN), undefined),
  tz: withDefault(timeZone, undefined),
  every: withDefault(duration({ minMs: SHORTEST_EVERY_MS }), undefined),
  at: withDefault(instant, undefined),
}

const scheduleOptions = {
  catchUp: withDefault(oneOf('skip', 'one', 'all'), 'one' as CatchUp),
  priority,
  lifo: withDefault(flag, false),
  deadline: withDefault(duration({ minMs: 1 }), undefined),
}

const listOptions = {
  limit: pageLimit,
  cursor: withDefault<string | null, null>(
    (value, argument) => (value === null ? null : readName(value, argument)),
    null,
  ),
}

function readRule(given: unknown): StoredRule {
  const { cron, tz, every, at } = readOptions('schedule.rule', given, ruleOptions)
  const refuse = (name: string, expected: string, value: unknown) => {
    throw new ArgumentError(`schedule.rule.${name}`, expected, describe(value))
  }
  if (cron !== undefined && every !== undefined) refuse('every', 'left out beside cron', every)
  if (tz !== undefined && cron === undefined) refuse('tz', 'left out without cron', tz)
  if (at !== undefined && every === undefined) refuse('at', 'left out without every', at)
  if (cron !== undefined) return { cron, tz: tz ?? 'UTC' }
  if (every === undefined)
    throw new ArgumentError('schedule.rule', 'a rule with cron or every', describe(given))
  return { everyMs: every, atMs: at ?? null }
}

function readTerms(options: unknown, maxAttempts: number): ScheduleTerms {
  const read = readOptions('schedule', options, scheduleOptions)
  const { catchUp, priority, lifo, deadline: deadlineMs } = read
  if (lifo && priority !== 0) {
    throw new ArgumentError('schedule.lifo', 'left out where priority is given', describe(lifo))
  }
  return {
    ...{ catchUp, maxAttempts, priority },
    ...(lifo ? { lifo } : {}),
    ...(deadlineMs === undefined ? {} : { deadlineMs }),
  }
}

/** Croner takes an instant for a pattern, too. */
const IS_INSTANT = /^\s*\d{4}-/

const refusePattern = (cron: string, expected: string, hint = '') =>
  new ArgumentError('schedule.rule.cron', expected, describe(cron), hint)

async function checkPattern({ cron }: { cron: string }): Promise<void> {
  if (IS_INSTANT.test(cron)) {
    throw refusePattern(cron, 'a cron pattern', 'For one job at an instant, use add with at.')
  }
  const { Cron } = await import('croner')
  try {
    new Cron(cron, { paused: true })
  } catch (error) {
    throw refusePattern(cron, 'a cron pattern', error instanceof Error ? error.message : '')
  }
}

/** The schedules of one queue. */
export class QueueSchedules<Data> implements Schedules<Data> {
  private readonly book: ScheduleBook

  constructor(book: ScheduleBook) {
    this.book = book
  }

  async put(
    name: unknown,
    rule: unknown,
    data: unknown,
    options: unknown,
  ): Promise<Schedule<Data>> {
    const { store, queue, attempts, schema, assertOpen } = this.book
    assertOpen()
    const known = readName(name, 'schedule.name')
    const stored = readRule(rule)
    const terms = readTerms(options, attempts)
    const payload = encodePayload(data, 'data', MOST_DATA_BYTES)
    await checkNew(schema, payload, 'data')
    if ('cron' in stored) await checkPattern(stored)
    const { nowMs } = await store.readSchedule(queue, known)
    const slotMs = await firstSlot(stored, nowMs)
    if (slotMs === null) {
      throw refusePattern('cron' in stored ? stored.cron : '', 'a pattern that fits a time to come')
    }
    const request = {
      ...{ queue, name: known, rule: JSON.stringify(stored), payload },
      terms,
      slotMs,
    }
    return viewOf({ ...request, ...(await store.putSchedule(request)) })
  }

  async list(options?: unknown): Promise<SchedulePage<Data>> {
    const { limit, cursor } = readOptions('schedules.list', options, listOptions)
    this.book.assertOpen()
    const listed = await this.book.store.listSchedules(this.book.queue, limit, cursor)
    const schedules = listed.map((one) => viewOf<Data>(one))
    return {
      schedules,
      cursor: schedules.length === limit ? (schedules.at(-1)?.name ?? null) : null,
    }
  }

  async get(name: string): Promise<Schedule<Data> | null> {
    const known = readName(name, 'schedules.get.name')
    this.book.assertOpen()
    const { schedule } = await this.book.store.readSchedule(this.book.queue, known)
    return schedule && viewOf<Data>(schedule)
  }

  async remove(name: string): Promise<boolean> {
    const known = readName(name, 'schedules.remove.name')
    this.book.assertOpen()
    return this.book.store.removeSchedule(this.book.queue, known)
  }
}

function viewOf<Data>(stored: Omit<StoredSchedule, 'ticket'>): Schedule<Data> {
  const { name, rule, payload, terms, slotMs, lastSlotMs, emittedCount } = stored
  return {
    name,
    rule: JSON.parse(rule) as StoredRule,
    data: decodeForView(payload) as Data,
    ...{ catchUp: terms.catchUp, priority: terms.priority, lifo: terms.lifo === true },
    deadlineMs: terms.deadlineMs ?? null,
    ...{ nextAtMs: slotMs, lastAtMs: lastSlotMs, emittedCount },
  }
}
