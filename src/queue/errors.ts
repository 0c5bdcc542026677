import { SluiceError } from '../errors.ts'
import { printable } from '../text.ts'

/** A queue is not removed while deliveries are in flight. */
export class QueueBusyError extends SluiceError {
  /** Deliveries in flight. */
  readonly inFlight: number

  constructor(queue: string, inFlight: number, removed: number) {
    super(
      `Queue ${JSON.stringify(queue)} has ${inFlight} deliveries in flight, and was not obliterated` +
        `${removed === 0 ? '' : ` but for ${removed} jobs`}. Close its workers, or pass { force: true }.`,
      {
        code: 'SLUICE_QUEUE_BUSY',
        retryable: true,
        outcome: removed === 0 ? 'not-applied' : 'unknown',
      },
    )
    this.inFlight = inFlight
  }
}

/** So many jobs wait that a queue takes no more. Nothing was added. */
export class QueueFullError extends SluiceError {
  /** Jobs that waited. */
  readonly length: number
  /** Bytes of their payloads. */
  readonly bytes: number

  constructor(
    queue: string,
    limits: { maxLength?: number | undefined; maxBytes?: number | undefined },
    { length, bytes }: { length: number; bytes: number },
  ) {
    const { maxLength, maxBytes } = limits
    const names = [
      ...(maxLength === undefined ? [] : [`maxLength is ${maxLength}`]),
      ...(maxBytes === undefined ? [] : [`maxBytes is ${maxBytes}`]),
    ]
    super(
      `Queue ${JSON.stringify(queue)} is full: ${length} jobs of ${bytes} bytes wait, and its ` +
        `${names.join(', its ')}. Add later, start more workers, or raise the limit.`,
      { code: 'SLUICE_QUEUE_FULL', retryable: true, outcome: 'not-applied' },
    )
    this.length = length
    this.bytes = bytes
  }
}

/** A queue has as many schedules as it may have. Nothing was changed. */
export class TooManySchedulesError extends SluiceError {
  constructor(queue: string, name: string, most: number) {
    super(
      `Queue ${JSON.stringify(queue)} has ${most} schedules, and takes no further one: not ${JSON.stringify(name)}. ` +
        'Remove some, or use another queue.',
      { code: 'SLUICE_TOO_MANY_SCHEDULES', retryable: false, outcome: 'not-applied' },
    )
  }
}

/** So much waits of one key that it takes no more: 4,000,000 bytes, with 76 for each job. */
export class KeyFullError extends SluiceError {
  /** How many jobs of the call were added before there was no more room. */
  readonly added: number

  constructor(queue: string, key: string, added: number, all: number) {
    const some = added === 0 ? 'nothing was added' : `the first ${added} of ${all} were added`
    super(
      `Key ${JSON.stringify(key)} on queue ${JSON.stringify(queue)} is full, and ${some}. Its jobs run one after ` +
        'the other: add later, or spread them over more keys.',
      {
        code: 'SLUICE_KEY_FULL',
        retryable: true,
        outcome: added === 0 ? 'not-applied' : 'unknown',
      },
    )
    this.added = added
  }
}

/** Jobs were added with `durability`, and what was asked for did not confirm them in time. They are there, and run. */
export class NotDurableError extends SluiceError {
  /** Of the jobs, in the order of adding. */
  readonly ids: readonly string[]

  constructor(queue: string, ids: readonly string[], cause: unknown) {
    const what = ids.length === 1 ? `Job ${ids[0]} is` : `${ids.length} jobs are`
    const reason = cause instanceof Error ? cause.message : String(cause)
    super(
      `${what} on queue ${JSON.stringify(queue)}, but may be lost with the server: ${reason} ` +
        'Adding again makes another job, unless it has an id: with one, add it again until that resolves.',
      { code: 'SLUICE_NOT_DURABLE', retryable: false, outcome: 'unknown', cause },
    )
    this.ids = ids
  }
}

/** The id is that of a job that was added without `id`, `dedupe` or `addressable`, or with a `key`: nothing is known by it. */
export class NotAddressableError extends SluiceError {
  constructor(queue: string, id: string) {
    super(
      `Job ${id} on queue ${JSON.stringify(queue)} is not addressable: nothing is kept of it but its place. ` +
        'Add it with an id of your own, with dedupe, or with addressable: true; a job of a key can have none of them.',
      { code: 'SLUICE_NOT_ADDRESSABLE', retryable: false, outcome: 'not-applied' },
    )
  }
}

const FAILURE_TEXT = {
  dead: 'is dead',
  cancelled: 'was cancelled',
  done: 'is done, but its result could not be kept',
  forgotten: 'ended some time ago, and its outcome is no longer known',
}

/** There is no result of a job, and there will be none. `job.signal` aborts with it when the job is cancelled. */
export class JobFailedError extends SluiceError {
  /** `'forgotten'`: its memory (`remember`) is over, or a later job of the same key took its place. */
  readonly state: keyof typeof FAILURE_TEXT
  /** What the worker said, if it said something. */
  readonly reason: string | null

  constructor(
    queue: string,
    id: string,
    state: keyof typeof FAILURE_TEXT,
    reason: string | null = null,
  ) {
    const why = reason === null ? '' : `: ${printable(reason)}`
    super(`Job ${id} on queue ${JSON.stringify(queue)} ${FAILURE_TEXT[state]}${why}.`, {
      code: 'SLUICE_JOB_FAILED',
      retryable: false,
    })
    this.state = state
    this.reason = reason
  }
}

/** A job did not end within the `wait` of `result`. It goes on. */
export class ResultTimeoutError extends SluiceError {
  constructor(queue: string, id: string, state: string, waitedMs: number) {
    super(
      `Job ${id} on queue ${JSON.stringify(queue)} did not end within ${waitedMs} ms: it is ${state}. ` +
        'It goes on: wait longer, or ask again with get.',
      { code: 'SLUICE_RESULT_TIMEOUT', retryable: true },
    )
  }
}
