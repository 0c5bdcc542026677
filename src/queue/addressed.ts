import type { Clock } from '../clock.ts'
import type { Duration } from '../duration.ts'
import { type AcquireOptions, acquireOptions } from '../gate/options.ts'
import type { Until, Waits } from '../gate/until.ts'
import { LOOK_EVERY_MS } from '../gate/watchers.ts'
import { readOptions } from '../options.ts'
import { readChange } from './adding.ts'
import { JobFailedError, NotAddressableError, ResultTimeoutError } from './errors.ts'
import type { FailedAttempt } from './history.ts'
import { readId } from './naming.ts'
import type { Needs } from './needs.ts'
import { decodeForView, decodePayload } from './payload.ts'
import type {
  CancelVerdict,
  ChangeVerdict,
  JobRecord,
  RecordEnd,
  RecordState,
} from './record-store.ts'
import type { WholeQueue } from './whole-queue.ts'
import { type Why, whyOf } from './why.ts'

/** A job that can be looked up, as of the look. Times are the engine's, in milliseconds since the epoch. */
export interface JobView<Data = unknown> {
  id: string
  /** `cancelling`: it runs, and its end will count as cancelled. `running` also while its worker is gone unnoticed. */
  state: RecordState
  data: Data
  /** Failed attempts. */
  attempts: number
  /** What the handler said last; undefined if it said nothing. */
  progress: unknown
  /** What the handler logged, the last 100 lines. */
  log: string[]
  /** Its failed attempts, the oldest first, where the queue's `history` says to keep them. */
  history: FailedAttempt[]
  /** What the handler returned, of a job that is done. */
  result: unknown
  /** Why it is dead, or why the result of one that is done could not be kept; null otherwise. */
  reason: string | null
  addedAtMs: number
  /** Null unless it waits for a time. */
  dueAtMs: number | null
  /** Null unless it has ended. */
  endedAtMs: number | null
}

/** A job that was added. */
export interface AddedJob {
  /** Its own id, `key:` and the key of its `dedupe`, or a number of 16 digits that grows in the order of adding. */
  readonly id: string
  /** False where this add made no job: there was one of this id already. */
  readonly added: boolean
  /**
   * Resolves with what the handler returned, as soon as the job has ended. `wait` defaults to 10 s.
   * @throws {JobFailedError} if it is dead, cancelled or forgotten; {@link ResultTimeoutError}; {@link NotAddressableError} for
   *   a plain job; {@link EngineUnavailableError}, {@link ClosedError}, {@link ArgumentError}; the signal's reason
   */
  result(options?: AcquireOptions): Promise<unknown>
}

/** What a queue does with single jobs, which were added with `id`, `dedupe` or `addressable`. */
export interface Addressed<Data> {
  /** Null: there is none of that id, or not any more. @throws {NotAddressableError} for the id of a plain job */
  get(id: string): Promise<JobView<Data> | null>
  /**
   * Why a job is not running: what it waits for, who is in the way, and how many are in front of it. Null: there is none of that id.
   * @throws {NotAddressableError} for the id of a plain job
   */
  why(id: string): Promise<Why | null>
  /**
   * A job that waits never runs. Of one that runs, `job.signal` aborts within a quarter of the worker's
   * lease, and its end counts as cancelled, whatever it is. Null: there is none of that id.
   * @throws {NotAddressableError} for the id of a plain job
   */
  cancel(id: string): Promise<CancelVerdict | null>
  /**
   * Makes a job that waits due at another time, sooner or later, or gives it another `priority`, 0 for none:
   * it then goes behind all that have that already. Null: there is none of that id.
   * @throws {NotAddressableError} for the id of a plain job
   */
  change(
    id: string,
    options: { delay?: Duration; at?: Date | number; priority?: number },
  ): Promise<ChangeVerdict | null>
  /** Makes a job that waits for a time due now: `change` with a delay of 0. */
  runNow(id: string): Promise<ChangeVerdict | null>
}

/** What single jobs of one queue need. */
export interface AddressedTerms {
  store: WholeQueue
  clock: Clock
  queue: string
  rememberMs: number
  waits: Waits
  needs: Needs
  assertOpen: () => void
}

/** As a plain job has it. */
const PLAIN_ID = /^\d{16}(?:\.\d{1,2})?$/

/** The single jobs of one queue, and who waits for their ends. */
export class AddressedJobs<Data> implements Addressed<Data> {
  private readonly terms: AddressedTerms

  constructor(terms: AddressedTerms) {
    this.terms = terms
  }

  get(id: string): Promise<JobView<Data> | null> {
    return this.ask(id, 'get.id', async (name) => {
      const record = await this.terms.store.readRecord(this.terms.queue, name)
      return record && viewOf<Data>(name, record)
    })
  }

  why(id: string): Promise<Why | null> {
    const { store, queue } = this.terms
    return this.ask(id, 'why.id', async (name) => {
      const record = await store.readRecord(queue, name)
      return record && whyOf(name, record, this.terms)
    })
  }

  cancel(id: string): Promise<CancelVerdict | null> {
    const { store, queue, rememberMs } = this.terms
    return this.ask(id, 'cancel.id', (name) => store.cancelRecord(queue, name, rememberMs))
  }

  async change(id: string, options: unknown): Promise<ChangeVerdict | null> {
    const { store, queue } = this.terms
    const { when, priority } = readChange(options)
    return this.ask(id, 'change.id', (name) => store.changeRecord(queue, name, when, priority))
  }

  runNow(id: string): Promise<ChangeVerdict | null> {
    const { store, queue } = this.terms
    return this.ask(id, 'runNow.id', (name) => store.changeRecord(queue, name, { delayMs: 0 }))
  }

  /** Of the job that has this number, where a later one of its name may have others. */
  async result(id: string, number: string | null, options: unknown): Promise<unknown> {
    const { wait, signal } = readOptions('result', options, acquireOptions)
    const { queue, assertOpen } = this.terms
    assertOpen()
    if (number === null) throw new NotAddressableError(queue, id)
    return this.terms.waits.until(this.untilEnded(id, number, wait), signal)
  }

  private async ask<T>(
    id: string,
    argument: string,
    call: (name: string) => Promise<T | null>,
  ): Promise<T | null> {
    const name = readId(id, argument)
    this.terms.assertOpen()
    const answer = await call(name)
    if (answer === null && PLAIN_ID.test(name)) {
      throw new NotAddressableError(this.terms.queue, name)
    }
    return answer
  }

  private untilEnded(id: string, number: string, waitMs: number): Until<RecordEnd | null, unknown> {
    const { store, clock, queue } = this.terms
    return {
      clock,
      waitMs,
      look: () => store.watchRecord(queue, id),
      onNews: (listener) => store.onRecordNews(queue, id, listener),
      read: (seen) => {
        if (seen?.ended?.number === number) return { value: resultOf(queue, id, seen.ended) }
        const isThere = seen !== null && Number(seen.number) <= Number(number)
        if (!isThere) throw new JobFailedError(queue, id, 'forgotten')
        return { againMs: LOOK_EVERY_MS }
      },
      late: (seen, waitedMs) => new ResultTimeoutError(queue, id, seen?.state ?? 'gone', waitedMs),
    }
  }
}

type Ended = NonNullable<RecordEnd['ended']>

function resultOf(queue: string, id: string, { state, result, reason }: Ended): unknown {
  if (state === 'done' && reason === null) return decoded(result)
  throw new JobFailedError(queue, id, state, reason)
}

const decoded = (json: string | null) => (json === null ? undefined : decodePayload(json))

function viewOf<Data>(id: string, record: JobRecord): JobView<Data> {
  const { state, attempt, lines, history = [], addedAtMs, dueAtMs, endedAtMs } = record
  const ended = record.ended?.number === record.number ? record.ended : null
  return {
    id,
    state,
    data: decodeForView(record.payload) as Data,
    attempts: attempt,
    progress: decoded(record.progress),
    log: lines,
    history,
    result: decoded(ended?.result ?? null),
    reason: ended?.reason ?? null,
    addedAtMs,
    dueAtMs,
    endedAtMs: ended && endedAtMs,
  }
}

/** What an add answers: without a number, of a plain job. */
export class Added implements AddedJob {
  readonly id: string
  readonly added: boolean
  readonly #number: string | null
  readonly #jobs: Pick<AddressedJobs<never>, 'result'>

  constructor(
    jobs: Pick<AddressedJobs<never>, 'result'>,
    id: string,
    added = true,
    number: string | null = null,
  ) {
    this.id = id
    this.added = added
    this.#number = number
    this.#jobs = jobs
  }

  result(options?: AcquireOptions): Promise<unknown> {
    return this.#jobs.result(this.id, this.#number, options)
  }
}
