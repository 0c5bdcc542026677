import type { FailureNote } from './history.ts'
import type { CloseVerdict, Opening, Running } from './record-store.ts'
import type { AddRequest, NewJob, StoredJob } from './store.ts'

/**
 * The part of the contract of queues that knows jobs of one key, which run one after the other: a
 * *strand*. A ticket stands for the first of them; the others cannot be claimed. Internal, outside semver.
 * Its promises, Q50 to Q54, are in `store.ts`.
 */
export interface StrandStore {
  /**
   * Answers the ids in the order of `jobs`, null where the key had no room: then nothing of that key was
   * added from there on. Repeated with the same producer and sequence, the same.
   */
  addKeyed(request: AddKeyedRequest): Promise<(string | null)[]>
  /** Answers in the order of `tickets`: `run` or `drop`. Repeated for the same delivery, the same. */
  openStrands(queue: string, fence: number, tickets: KeyedTicket[]): Promise<Opening[]>
  /**
   * Answers in the order of `endings`: `closed` or `stale`. What is closed is over: its ticket is to be
   * acknowledged, also that of a dead job.
   */
  closeStrands(queue: string, endings: KeyedEnding[]): Promise<CloseVerdict[]>
}

export interface KeyedJob extends NewJob {
  key: string
}

export interface AddKeyedRequest extends Omit<AddRequest, 'jobs' | 'maxLength' | 'maxBytes'> {
  jobs: KeyedJob[]
}

/** A delivery of the first job of a key. */
export type KeyedTicket = Pick<StoredJob, 'id'> & { key: string }

/** The job of that delivery is done, or dead for a reason. */
export interface KeyedEnding extends KeyedTicket, Pick<Running, 'fence'> {
  /** Failed attempts before this one. */
  attempt: number
  reason: string | null
  /** Of a dead one: as its ticket had them. */
  history?: StoredJob['history']
  note?: FailureNote | undefined
}

/** What one key may have waiting, in bytes, with 76 for each job. */
export const MOST_STRAND_BYTES = 4_000_000
/** What a job of a key takes beside its payload. */
export const STRAND_ENTRY_BYTES = 76
