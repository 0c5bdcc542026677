// Jobs of a key, one after the other: of each key the first one stands in line, for all of them.
import type { ModelJob } from './queue-model-ready.ts'

export class Strands {
  private readonly behind = new Map<string, ModelJob[]>()

  /** Those that wait behind others of their key. */
  get count(): number {
    return [...this.behind.values()].reduce((sum, jobs) => sum + jobs.length, 0)
  }

  /** Whether it is the first of its key, and so to be put in line. */
  join(job: ModelJob): boolean {
    const key = job.key ?? ''
    const others = this.behind.get(key)
    if (others) others.push(job)
    else this.behind.set(key, [])
    return !others
  }

  /** The first one has ended: answers the next. */
  leave({ key = '' }: Pick<ModelJob, 'key'>): ModelJob | undefined {
    const next = this.behind.get(key)?.shift()
    if (!next) this.behind.delete(key)
    return next
  }

  /** Removes all that wait behind others. Answers how many. */
  drain(): number {
    const { count } = this
    for (const key of this.behind.keys()) this.behind.set(key, [])
    return count
  }
}
