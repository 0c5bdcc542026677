import type { Pass } from '../gate/gate.ts'
import type { StoredJob } from './store.ts'

const NONE: readonly Pass[] = []

/** What jobs hold that were given out. */
export class HeldPasses {
  private readonly jobs = new Map<string, StoredJob>()
  private readonly onLost: (id: string, reason: unknown) => void

  constructor(onLost: (id: string, reason: unknown) => void) {
    this.onLost = onLost
  }

  ids(): string[] {
    return [...this.jobs.keys()]
  }

  /** Nothing of a job that holds nothing. */
  get(id: string): StoredJob | undefined {
    return this.jobs.size === 0 ? undefined : this.jobs.get(id)
  }

  /** False if something of it is lost already. */
  add(job: StoredJob): boolean {
    const { id, passes = NONE } = job
    let isLost = false
    this.jobs.set(id, job)
    const lost = (reason: unknown) => {
      isLost = true
      if (this.jobs.get(id) === job) this.onLost(id, reason)
    }
    for (const pass of passes) {
      pass.onLost(lost)
      // Who stood still since it was let in is not told by a timer yet.
      if (pass.isLost) isLost = true
    }
    return !isLost
  }

  /** What it held, which is to be released. */
  remove(id: string): readonly Pass[] {
    const job = this.get(id)
    if (!job) return NONE
    this.jobs.delete(id)
    return job.passes ?? NONE
  }
}
