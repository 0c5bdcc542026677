import { ArgumentError } from '../errors.ts'
import { flag, oneOf, type Reader, readOptions, withDefault } from '../options.ts'
import { describe } from '../text.ts'
import { QueueBusyError } from './errors.ts'
import type { FailedAttempt } from './history.ts'
import type { ListedJob } from './listing-store.ts'
import { pageLimit } from './options.ts'
import { innerId } from './partitions.ts'
import { decodeForView } from './payload.ts'
import { SCHEDULE_PREFIX, type ScheduleSlot } from './schedule-store.ts'
import type { WholeQueue } from './whole-queue.ts'

export interface ListOptions {
  /** `done` are those that `retain` keeps. */
  state: 'ready' | 'timed' | 'parked' | 'inFlight' | 'dead' | 'done'
  /** At most this many, 1 to 1000. Defaults to 100. */
  limit?: number
  /** As the page before said. Defaults to the first page. */
  cursor?: string | null
}

/** A job as it is stored. */
export interface JobEntry<Data> {
  /** Its own id, where it was added with one. */
  id: string
  /** `undefined` if something else than sluice wrote the job, and it is not JSON. */
  data: Data
  /** Failed attempts. */
  attempts: number
  /** Of a job of a key: the first one. So many wait behind it, and are on no page. */
  key?: string
  behind?: number
  /** Of timed jobs: when they become ready, on the engine's clock. */
  dueAt?: Date
  /** Of parked ones: the gate that they wait for, such as `lock:user:42`. */
  gate?: string
  /** Of dead ones: why, and since when. */
  reason?: string
  diedAt?: Date
  /** Of those that are done: since when, and what the handler returned, of a job that was added with an `id`. */
  doneAt?: Date
  result?: unknown
  /** Of which slot of which schedule it is. */
  schedule?: ScheduleSlot
  /** Its failed attempts, the oldest first, where the queue's `history` says to keep them. */
  history?: FailedAttempt[]
}

export interface JobPage<Data> {
  jobs: JobEntry<Data>[]
  /** For the next page; null after the last one. */
  cursor: string | null
}

/** Jobs that one call of the store removes or moves. */
const JOBS_IN_A_CALL = 100

const readCursor: Reader<string | null> = (value, argument) => {
  if (value === null) return null
  if (typeof value === 'string' && /^[\w:-]{0,99}@\d{1,16}$/.test(value)) return value
  throw new ArgumentError(argument, 'the cursor of an earlier page', describe(value))
}

const listOptions = {
  state: oneOf('ready', 'timed', 'parked', 'inFlight', 'dead', 'done'),
  limit: pageLimit,
  cursor: withDefault(readCursor, null),
}

const obliterateOptions = { force: withDefault(flag, false) }

/** What is done with all jobs of a queue: in steps, so that no call holds the engine for long. */
export class Contents {
  private readonly store: WholeQueue
  private readonly queue: string

  constructor(store: WholeQueue, queue: string) {
    this.store = store
    this.queue = queue
  }

  async list<Data>(options: ListOptions): Promise<JobPage<Data>> {
    const request = readOptions('list', options, listOptions)
    const { jobs, cursor } = await this.store.listJobs(this.queue, request)
    const entries = await Promise.all(jobs.filter(isJob).map((job) => this.entryOf(job)))
    return { jobs: entries.filter((one) => one !== null) as JobEntry<Data>[], cursor }
  }

  /** Null for a ticket that stands for no job any more. */
  private async entryOf(job: ListedJob): Promise<JobEntry<unknown> | null> {
    const { name, id, doneAtMs, diedAtMs } = job
    if (doneAtMs !== undefined || diedAtMs !== undefined) return viewOf({ ...job, id: name ?? id })
    if (name === null) return viewOf(job)
    const record = await this.store.readRecord(this.queue, name)
    if (record?.ticket !== innerId(id)[0] || record.ended?.number === record.number) return null
    const { payload, attempt, history } = record
    const dueAtMs = record.dueAtMs ?? job.dueAtMs
    return viewOf({ ...job, id: name, payload, attempt, history, ...(dueAtMs ? { dueAtMs } : {}) })
  }

  /** Those that are added meanwhile do not keep it from ending. */
  async drain(): Promise<number> {
    const { ready, timed, parked = 0 } = await this.store.counts(this.queue)
    return upTo(ready + timed + parked, (part) => this.store.drain(this.queue, part))
  }

  async obliterate(options: unknown): Promise<number> {
    const { force } = readOptions('obliterate', options, obliterateOptions)
    let removed = 0
    for (let epoch = ''; ; ) {
      const step = { epoch, force, limit: JOBS_IN_A_CALL }
      const answer = await this.store.obliterate(this.queue, step)
      if (answer.tag === 'busy') throw new QueueBusyError(this.queue, answer.inFlight, removed)
      removed += answer.count
      if (answer.tag === 'gone') return removed
      epoch = answer.epoch
    }
  }
}

/** A schedule's next slot is no job yet. */
const isJob = ({ name }: ListedJob) => !name?.startsWith(SCHEDULE_PREFIX)

const viewOf = ({ id, payload, attempt, ...job }: ListedJob): JobEntry<unknown> => {
  const { key, behind, dueAtMs, gate, reason, diedAtMs, doneAtMs, result, schedule, history } = job
  return {
    id,
    data: decodeForView(payload),
    attempts: attempt,
    ...(key === undefined ? {} : { key }),
    ...(behind === undefined ? {} : { behind }),
    ...(dueAtMs === undefined ? {} : { dueAt: new Date(dueAtMs) }),
    ...(gate === undefined ? {} : { gate }),
    ...(reason === undefined ? {} : { reason }),
    ...(diedAtMs === undefined ? {} : { diedAt: new Date(diedAtMs) }),
    ...(doneAtMs === undefined ? {} : { doneAt: new Date(doneAtMs) }),
    ...(result === undefined ? {} : { result: decodeForView(result) }),
    ...(schedule ? { schedule } : {}),
    ...(history ? { history } : {}),
  }
}

/** Until so many are done, or there are none left. */
export async function upTo(most: number, some: (part: number) => Promise<number>): Promise<number> {
  let done = 0
  while (done < most) {
    const part = await some(Math.min(JOBS_IN_A_CALL, most - done))
    done += part
    if (part === 0) break
  }
  return done
}
