import type { Clock, Timer } from '../clock.ts'
import { type Handling, readInTime } from './handling.ts'
import { type Job, jobOf, type Run } from './run.ts'
import type { ReadPayload } from './schema.ts'

/**
 * What became of one job of a batch: `{ ok: true }`, `{ ok: false, error }`, or what
 * `Promise.allSettled` tells of it.
 */
export type BatchResult =
  | { ok: true; result?: unknown }
  | { ok: false; error: unknown }
  | PromiseSettledResult<unknown>

// biome-ignore lint/suspicious/noConfusingVoidType: an async function without a return is one of void
type BatchAnswer = readonly BatchResult[] | undefined | void

/**
 * Gets jobs in the order of the line. Nothing returned: all are done. An array: what became of each,
 * at its place. Anything else, or what it throws, fails all.
 */
export type BatchHandler<Data> = (jobs: Job<Data>[]) => BatchAnswer | Promise<BatchAnswer>

export interface BatchTerms {
  /** Jobs in a batch, at most. */
  size: number
  /** Batches at one time. */
  concurrency: number
  /** How long the first job of a batch waits for others. */
  waitMs: number
}

/** A job that has begun, and what ends it. */
interface Member {
  run: Run
  resolve: (result: unknown) => void
  reject: (error: unknown) => void
}

interface Readable<Data> {
  member: Member
  data: Data
}

/**
 * Brings jobs to their handler in batches. To the worker each job runs for itself: it times out, is
 * lost and settled alone.
 */
export class BatchHandling<Data> implements Handling {
  private readonly clock: Clock
  private readonly terms: BatchTerms
  private readonly handler: BatchHandler<Data>
  private readonly read: ReadPayload
  private collected: Member[] = []
  private batches: Run[][] = []
  private timer: Timer | null = null
  private flushing = false
  private hurried = false

  constructor(clock: Clock, terms: BatchTerms, handler: BatchHandler<Data>, read: ReadPayload) {
    this.clock = clock
    this.terms = terms
    this.handler = handler
    this.read = read
  }

  /** A batch has its place until the last of its jobs has ended, or timed out. */
  room(running: ReadonlyMap<string, Run>): number {
    const { size, concurrency } = this.terms
    this.batches = this.batches.filter((runs) =>
      runs.some((run) => running.get(run.stored.id) === run),
    )
    return (concurrency - this.batches.length) * size - this.collected.length
  }

  handle(run: Run): Promise<unknown> {
    return new Promise((resolve, reject) => {
      this.collected.push({ run, resolve, reject })
      if (this.collected.length >= this.terms.size) this.begin()
      else this.beginLater()
    })
  }

  hurry(): void {
    this.hurried = true
    this.begin()
  }

  /** What comes with the same claim is collected by then; more of it may come until the wait is over. */
  private beginLater(): void {
    if (this.timer || this.flushing) return
    const { waitMs } = this.terms
    if (waitMs > 0 && !this.hurried) {
      this.timer = this.clock.after(waitMs, () => this.begin())
      return
    }
    this.flushing = true
    queueMicrotask(() => {
      this.flushing = false
      this.begin()
    })
  }

  private begin(): void {
    this.timer?.cancel()
    this.timer = null
    // What was lost or handed back while it waited here is not ours to run.
    const members = this.collected.filter(({ run, reject }) => {
      if (run.aborted) reject(run.aborted.reason)
      return !run.aborted
    })
    this.collected = []
    if (members.length === 0) return
    this.batches.push(members.map(({ run }) => run))
    void this.run(members)
  }

  private async run(members: Member[]): Promise<void> {
    const readable = await Promise.all(members.map((member) => this.readOne(member)))
    const given = readable.filter((one) => one !== null)
    if (given.length === 0) return
    try {
      const results = await this.handler(given.map(({ member, data }) => jobOf(member.run, data)))
      settleEach(given, results)
    } catch (error) {
      for (const { member } of given) member.reject(error)
    }
  }

  /** Null for what no handler may see: it must not cost its batch. */
  private async readOne(member: Member): Promise<Readable<Data> | null> {
    try {
      const data = (await this.read(member.run.stored.payload)) as Data
      return { member, data: readInTime(member.run, data) }
    } catch (error) {
      member.reject(error)
      return null
    }
  }
}

function settleEach(given: { member: Member }[], results: unknown): void {
  if (results === undefined) {
    for (const { member } of given) member.resolve(undefined)
    return
  }
  if (!Array.isArray(results) || results.length !== given.length) {
    const came = Array.isArray(results) ? `an array of ${results.length}` : `a ${typeof results}`
    throw new TypeError(
      `The handler of a batch must return nothing, or an array of ${given.length} results, one for each job; it returned ${came}.`,
    )
  }
  for (const [index, { member }] of given.entries()) settleOne(member, results[index])
}

function settleOne({ resolve, reject }: Member, result: Partial<Record<string, unknown>>): void {
  if (result?.ok === true) resolve(result.result)
  else if (result?.ok === false) reject(result.error)
  else if (result?.status === 'fulfilled') resolve(result.value)
  else if (result?.status === 'rejected') reject(result.reason)
  else {
    reject(
      new TypeError(
        'The result of a job of a batch must be { ok: true }, { ok: false, error }, or one of Promise.allSettled.',
      ),
    )
  }
}
