// What of a queue may be claimed, and in which order: suspects, ranks, and the line between them.
import type { StoredJob } from '../../src/queue/store.ts'

/** A job, and what only its queue knows of it. */
export interface ModelJob extends StoredJob {
  /** 0: in line. The lowest goes first, and of equal ones the oldest. */
  rank: number
  /** Not claimed after it. Null: no matter when. */
  deadlineMs: number | null
  /** Not claimed before it. */
  dueMs: number
}

/** The job as consumers are given it: that of a key is in its strand, and this is its ticket. */
export function told({ rank: _, deadlineMs: __, dueMs: ___, ...job }: ModelJob): StoredJob {
  return job.key === undefined ? job : { ...job, payload: '' }
}

export class ReadyJobs {
  suspects: ModelJob[] = []
  /** Handed back: in front of the line, in whichever order. */
  private first: ModelJob[] = []
  private line: ModelJob[] = []
  private ranked: ModelJob[] = []

  get count(): number {
    return this.suspects.length + this.first.length + this.line.length + this.ranked.length
  }

  get all(): ModelJob[] {
    return [...this.suspects, ...this.first, ...this.line, ...this.ranked]
  }

  append(job: ModelJob): void {
    if (job.rank === 0) this.line.push(job)
    else this.ranked.push(job)
  }

  handBack(job: ModelJob): void {
    if (job.rank === 0) this.first.push(job)
    else this.ranked.push(job)
  }

  remove(ids: ReadonlySet<string>): void {
    const without = (jobs: ModelJob[]) => jobs.filter(({ id }) => !ids.has(id))
    this.suspects = without(this.suspects)
    this.first = without(this.first)
    this.line = without(this.line)
    this.ranked = without(this.ranked)
  }

  removeAll(): ModelJob[] {
    const { all } = this
    this.remove(new Set(all.map(({ id }) => id)))
    return all
  }

  /** Ids in the order in which they are to be claimed, suspects aside; those of a list in whichever order. */
  inOrder(): string[][] {
    const ranked = this.ranked.toSorted((a, b) => a.rank - b.rank || Number(a.id) - Number(b.id))
    const one = ({ id }: ModelJob) => [id]
    return [
      ...ranked.filter(({ rank }) => rank < 0).map(one),
      this.first.map(({ id }) => id),
      ...this.line.map(one),
      ...ranked.filter(({ rank }) => rank > 0).map(one),
    ].filter((ids) => ids.length > 0)
  }
}
