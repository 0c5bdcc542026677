import type { Pass } from '../gate/gate.ts'
import type { StoredJob } from './store.ts'

const NONE: readonly Pass[] = []

/** Whether it may not begin any more: no timer tells a process that it stood still since its job was let in. */
export function hasLost({ passes }: StoredJob): boolean {
  return passes?.some(({ isLost }) => isLost) ?? false
}

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

  add(job: StoredJob): void {
    const { id, passes = NONE } = job
    this.jobs.set(id, job)
    const lost = (reason: unknown) => {
      if (this.jobs.get(id) === job) this.onLost(id, reason)
    }
    for (const pass of passes) pass.onLost(lost)
  }

  /** What it held, which is to be released. */
  remove(id: string): readonly Pass[] {
    const job = this.get(id)
    if (!job) return NONE
    this.jobs.delete(id)
    return job.passes ?? NONE
  }
}
