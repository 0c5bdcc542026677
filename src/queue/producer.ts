import type { Deadlines } from '../deadlines.ts'
import { EngineUnavailableError, InternalError } from '../errors.ts'
import type { NewJob, QueueStore } from './store.ts'

interface Waiting {
  jobs: NewJob[]
  /** Part of a batch that has left, or is about to. */
  underWay: boolean
  resolve: (ids: string[]) => void
  reject: (error: unknown) => void
}

/** All of one call would be told as not added, and some are. */
function partlyAdded(cause: unknown, added: number, all: number): EngineUnavailableError {
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new EngineUnavailableError(
    `The first ${added} of ${all} jobs were added, then: ${reason}`,
    {
      outcome: 'unknown',
      cause,
    },
  )
}

/** Jobs in one call of the store. */
const MOST_JOBS = 1_000

/**
 * Adds jobs in the order of the calls. One batch is under way at a time, so order is kept and a
 * batch whose answer was lost can be recognised; what is added meanwhile goes with the next.
 */
export class Producer {
  private readonly store: QueueStore
  private readonly queue: string
  private readonly id: string
  private readonly deadlines: Deadlines
  private readonly waiting: Waiting[] = []
  private sequence = 0
  private running: Promise<void> | null = null

  constructor(store: QueueStore, deadlines: Deadlines, queue: string, id: string) {
    this.store = store
    this.deadlines = deadlines
    this.queue = queue
    this.id = id
  }

  add(jobs: NewJob[]): Promise<string[]> {
    return new Promise((resolve, reject) => {
      const one: Waiting = {
        jobs,
        underWay: false,
        resolve(ids) {
          stop()
          resolve(ids)
        },
        reject(error) {
          stop()
          reject(error)
        },
      }
      const stop = this.deadlines.watch(() => this.expire(one, reject))
      this.waiting.push(one)
      this.running ??= this.run()
    })
  }

  private expire(one: Waiting, reject: (error: unknown) => void): void {
    const index = this.waiting.indexOf(one)
    if (index >= 0) this.waiting.splice(index, 1)
    const [outcome, state] = one.underWay
      ? (['unknown', 'is under way without an answer'] as const)
      : (['not-applied', 'still waited for those added before'] as const)
    reject(
      new EngineUnavailableError(
        `Queue ${JSON.stringify(this.queue)}: what was added ${state} at the deadline.`,
        { outcome },
      ),
    )
  }

  /** Resolves when every add so far is settled. */
  async settled(): Promise<void> {
    await this.running
  }

  private async run(): Promise<void> {
    // What is added in this tick, and by the promises that it settles, goes into the first batch.
    await new Promise<void>((resolve) => queueMicrotask(() => process.nextTick(resolve)))
    while (this.waiting.length > 0) await this.sendBatch(this.nextBatch())
    this.running = null
  }

  private nextBatch(): Waiting[] {
    let jobs = 0
    let end = 0
    while (end < this.waiting.length) {
      jobs += this.waiting[end]?.jobs.length ?? 0
      if (end > 0 && jobs > MOST_JOBS) break
      end++
    }
    const batch = this.waiting.splice(0, end)
    for (const one of batch) one.underWay = true
    return batch
  }

  private async sendBatch(batch: Waiting[]): Promise<void> {
    try {
      const ids = await this.addAll(batch.flatMap(({ jobs }) => jobs))
      let start = 0
      for (const { jobs, resolve } of batch) {
        resolve(ids.slice(start, start + jobs.length))
        start += jobs.length
      }
    } catch (error) {
      for (const { reject } of batch) reject(error)
    }
  }

  /** More jobs than one call may carry, all of one `addMany`, take several calls. */
  private async addAll(jobs: NewJob[]): Promise<string[]> {
    const ids: string[] = []
    for (let start = 0; start < jobs.length; start += MOST_JOBS) {
      const part = jobs.slice(start, start + MOST_JOBS)
      const request = {
        queue: this.queue,
        producer: this.id,
        sequence: ++this.sequence,
        jobs: part,
      }
      const added = await this.store.add(request).catch((error: unknown) => {
        throw ids.length > 0 ? partlyAdded(error, ids.length, jobs.length) : error
      })
      if (added.length !== part.length)
        throw new InternalError('A batch of jobs was out of sequence.')
      ids.push(...added)
    }
    return ids
  }
}
