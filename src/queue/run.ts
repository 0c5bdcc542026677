import { ArgumentError } from '../errors.ts'
import { describe } from '../text.ts'
import type { Coverage } from './coverage.ts'
import { encodeProgress } from './payload.ts'
import type { Note } from './record-store.ts'
import type { ScheduleSlot } from './schedule-store.ts'
import type { StoredJob } from './store.ts'

/** One delivery of a job to a handler. */
export interface Job<Data> extends Telling {
  /** As it was added: its `id`, `key:` and the key of its `dedupe`, or a number of 16 digits. */
  readonly id: string
  readonly data: Data
  /** 1 for the first try; a crash of a worker does not count. */
  readonly attempt: number
  /** Higher than in every earlier delivery of this job: lets a resource refuse a late writer. */
  readonly fence: number
  /** Of which slot of which schedule it is; null for other jobs. */
  readonly schedule: ScheduleSlot | null
  /** What it was to have before it runs: none for most. */
  readonly gates: readonly HeldGate[]
  /** Aborts when the delivery timed out, was lost to another worker, or its lock was, or the worker must close. */
  readonly signal: AbortSignal
}

/** What a delivery says of its job, which must have been added with `id`, `dedupe` or `addressable`. */
export interface Telling {
  /**
   * Says how far it is, for `get`: JSON of up to 4 KiB. The last one is kept.
   * @throws {ArgumentError}, {@link NotAddressableError}, {@link StaleDeliveryError}, {@link EngineUnavailableError}
   */
  progress(value: unknown): Promise<void>
  /**
   * Adds a line to what `get` shows as its log: the last 100 are kept, 1,024 characters of each.
   * @throws {ArgumentError}, {@link NotAddressableError}, {@link StaleDeliveryError}, {@link EngineUnavailableError}
   */
  log(line: string): Promise<void>
}

/** Where a delivery tells what is to be known of its job. */
export interface Notes {
  note(job: StoredJob, note: Note): Promise<void>
}

/** @throws what is said at {@link Telling} */
export const tellingOf = (notes: Notes, job: StoredJob): Telling => ({
  async progress(value) {
    await notes.note(job, progressNote(value))
  },
  async log(line) {
    await notes.note(job, lineNote(line))
  },
})

/** What users know it by. */
export const idOf = ({ id, name }: StoredJob) => name ?? id

/** Of what a job needs: what it holds while it runs. */
export interface HeldGate {
  /** `lock:` and its name, or that of a `read-write-lock`, a `semaphore` or a `limit`. */
  readonly gate: string
  /** Of a lock: hand it to the resource, and let it refuse a lower one. Null elsewhere. */
  readonly fence: number | null
}

export const gatesOf = ({ passes = [] }: StoredJob): readonly HeldGate[] =>
  passes.map(({ key, fence }) => ({ gate: key, fence }))

/** What the worker knows of one delivery. */
export interface Run {
  readonly stored: StoredJob
  readonly fence: number
  readonly notes: Notes
  readonly coverage: Coverage
  /** Monotonic, from when the handler was called. */
  startedMs: number
  /** Made on the first use of `job.signal`: most handlers never ask. */
  controller: AbortController | null
  /** Null until it was aborted. */
  aborted: { reason: unknown } | null
}

export const newRun = (
  stored: StoredJob,
  fence: number,
  notes: Notes,
  coverage: Coverage,
): Run => ({
  stored,
  fence,
  notes,
  coverage,
  startedMs: 0,
  controller: null,
  aborted: null,
})

export function abortRun(run: Run, reason: unknown): void {
  run.aborted ??= { reason }
  run.controller?.abort(reason)
}

/** Lines are cut at this length. */
const LONGEST_LINE = 1_024

export const progressNote = (value: unknown): Note => ({ progress: encodeProgress(value) })

export function lineNote(line: unknown): Note {
  if (typeof line !== 'string') throw new ArgumentError('log.line', 'text', describe(line))
  return { line: line.slice(0, LONGEST_LINE) }
}

/** What its handler gets. */
export const jobOf = <Data>(run: Run, data: Data): Job<Data> => new DeliveredJob<Data>(run, data)

/** A class, because a getter of each object's own costs more than all the rest. */
class DeliveredJob<Data> implements Job<Data> {
  readonly id: string
  readonly data: Data
  readonly attempt: number
  readonly fence: number
  readonly #run: Run

  constructor(run: Run, data: Data) {
    const { stored, fence } = run
    this.id = idOf(stored)
    this.data = data
    this.attempt = stored.attempt + 1
    this.fence = fence
    this.#run = run
  }

  progress(value: unknown): Promise<void> {
    return tellingOf(this.#run.notes, this.#run.stored).progress(value)
  }

  log(line: string): Promise<void> {
    return tellingOf(this.#run.notes, this.#run.stored).log(line)
  }

  get schedule(): ScheduleSlot | null {
    return this.#run.stored.schedule ?? null
  }

  get gates(): readonly HeldGate[] {
    return gatesOf(this.#run.stored)
  }

  get signal(): AbortSignal {
    const run = this.#run
    if (!run.controller) {
      run.controller = new AbortController()
      if (run.aborted) run.controller.abort(run.aborted.reason)
    }
    return run.controller.signal
  }
}
