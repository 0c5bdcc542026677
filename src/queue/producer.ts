import { InternalError } from '../errors.ts'
import type { NewJob, QueueStore } from './store.ts'

interface Waiting {
  jobs: NewJob[]
  resolve: (ids: string[]) => void
  reject: (error: unknown) => void
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
  private readonly waiting: Waiting[] = []
  private sequence = 0
  private running: Promise<void> | null = null

  constructor(store: QueueStore, queue: string, id: string) {
    this.store = store
    this.queue = queue
    this.id = id
  }

  add(jobs: NewJob[]): Promise<string[]> {
    return new Promise((resolve, reject) => {
      this.waiting.push({ jobs, resolve, reject })
      this.running ??= this.run()
    })
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
    return this.waiting.splice(0, end)
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
      const added = await this.store.add(request)
      if (added.length !== part.length)
        throw new InternalError('A batch of jobs was out of sequence.')
      ids.push(...added)
    }
    return ids
  }
}
