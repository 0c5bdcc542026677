import type { Batch } from './add-store.ts'
import type { When } from './adding.ts'
import type { FailedAttempt, FailureNote } from './history.ts'
import type { NewJob } from './store.ts'

/**
 * The part of the contract of queues that knows jobs by name. What stands in line for such a job is
 * a *ticket*, whose payload is the name; all else is in its *record*. Internal, outside semver.
 * Its promises, Q30 to Q39, are in `store.ts`.
 */
export interface RecordStore {
  /** Answers in the order of `jobs`; repeated with the same producer and sequence, the same. */
  addNamed(request: AddNamedRequest): Promise<NamedAdd[]>
  /** Answers in the order of `tickets`. Repeated for the same delivery, the same. */
  openRecords(request: OpenRequest): Promise<Opening[]>
  /** Answers in the order of `closings`. */
  closeRecords(request: CloseRequest): Promise<CloseVerdict[]>
  /** False: it is not this delivery's to tell of. */
  noteRecord(queue: string, running: Running, note: Note): Promise<boolean>
  /** The names of those that are to be cancelled. */
  findCancelling(queue: string, running: Running[]): Promise<string[]>
  readRecord(queue: string, name: string): Promise<JobRecord | null>
  /** Looks how a job is, and asks to be told of its end. */
  watchRecord(queue: string, name: string): Promise<RecordEnd | null>
  /** Calls back when a job of that name may have ended, or when news of that may have been missed. */
  onRecordNews(queue: string, name: string, listener: () => void): () => void
  /** Null: there is no such record. */
  cancelRecord(queue: string, name: string, rememberMs: number): Promise<CancelVerdict | null>
  /**
   * Gives a job that has not begun another time, or none with null, and another priority: then it goes behind
   * all that have that already.
   */
  changeRecord(
    queue: string,
    name: string,
    when: When | null,
    priority?: number,
  ): Promise<ChangeVerdict | null>
}

/**
 * What an add does where there is a record of that name already:
 * - `once`        nothing, as long as it is there
 * - `simple`      nothing until the job has ended
 * - `throttle`    nothing until the job has ended, and `quietMs` have passed since it was added
 * - `debounce`    replaces what waits, and makes it due anew
 * - `keep-last`   replaces what waits
 *
 * What is added by the last two while a job runs follows it.
 */
export type RecordMode = 'once' | 'simple' | 'throttle' | 'debounce' | 'keep-last'

export interface NamedJob extends NewJob {
  name: string
  mode: RecordMode
  quietMs: number
}

export interface AddNamedRequest extends Batch {
  jobs: NamedJob[]
  /** Refused with a `QueueFullError` if more jobs than that would wait then. */
  maxLength?: number | undefined
  /** The same for bytes of their payloads: what is added with it counts until it has ended. */
  maxBytes?: number | undefined
}

/** The number of the job that now stands for what was added; grows with each job of a name. */
export interface NamedAdd {
  number: string
  /** Whether this add made it. */
  isNew: boolean
}

/** A delivery of the ticket of that number. */
export interface TicketDelivery {
  number: string
  name: string
  /** Failed attempts so far. */
  attempt: number
  /** Crashes of a worker that held it as its suspect. */
  crashes: number
}

export interface OpenRequest {
  queue: string
  fence: number
  tickets: TicketDelivery[]
  /** Failed attempts that are kept of a job whose worker has crashed. Left out, none. */
  keptFailures?: number | undefined
}

/** A job that is to be run, or ended, and its failed attempts so far. */
interface OpenedJob {
  payload: string
  history?: FailedAttempt[] | undefined
}

export type Opening =
  | ({ tag: 'run' } & OpenedJob)
  /** Nothing is to be done for this ticket any more. */
  | { tag: 'drop' }
  | { tag: 'later'; delayMs: number }
  /** Its deadline passed: to be closed as dead. */
  | ({ tag: 'overdue' } & OpenedJob)
  /** It was cancelled while an earlier delivery ran: to be closed. */
  | { tag: 'cancelled' }
  /** It is dead, and its ticket is still there: to be buried. */
  | ({ tag: 'bury'; reason: string } & OpenedJob)

/** The delivery that runs a job. */
export interface Running {
  name: string
  fence: number
}

/** How a delivery ends: `back` as if it had not been, then, after a while, or behind a gate. */
export type RecordOutcome =
  | { tag: 'done'; result: string | null; reason: string | null }
  | { tag: 'dead'; reason: string; note?: FailureNote | undefined }
  | { tag: 'cancelled' }
  | { tag: 'retry'; delayMs: number; note?: FailureNote | undefined }
  | { tag: 'back'; delayMs: number; gate?: string }

export interface Closing extends Running {
  outcome: RecordOutcome
}

export interface CloseRequest {
  queue: string
  rememberMs: number
  closings: Closing[]
}

/** `stale`: another delivery has it. `cancelled`: it has ended so, whatever the outcome says. */
export type CloseVerdict = 'closed' | 'stale' | 'cancelled'

/** JSON of the last progress, or one more line. */
export type Note = { progress: string } | { line: string }

export type CancelVerdict = 'cancelled' | 'cancelling' | 'ended'
export type ChangeVerdict = 'changed' | 'running' | 'ended'

export type RecordState = 'waiting' | 'running' | 'cancelling' | EndedState
export type EndedState = 'done' | 'dead' | 'cancelled'

/** How far the jobs of a name are: the one that waits or runs, and the last one that ended. */
export interface RecordEnd {
  state: RecordState
  number: string
  ended: { number: string; state: EndedState; result: string | null; reason: string | null } | null
}

export interface JobRecord extends RecordEnd {
  /** The number of the ticket that counts. */
  ticket: string
  payload: string
  /** Failed attempts. */
  attempt: number
  progress: string | null
  lines: string[]
  history?: FailedAttempt[] | undefined
  addedAtMs: number
  /** Null unless it waits for a time. */
  dueAtMs: number | null
  /** Behind which its ticket is; null unless it waits for one. */
  gate: string | null
  endedAtMs: number | null
}

/** Lines that are kept of each job, the last ones. */
export const MOST_LINES = 100
/** Clients that are told of the end of each job. */
export const MOST_WATCHERS = 100
/** A dead job is remembered for so long at least: until its ticket has surely come back. */
export const LEAST_DEAD_MS = 3_600_000
