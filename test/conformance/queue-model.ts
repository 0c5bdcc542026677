// What a queue is, as plainly as it can be said: lists in memory. Where the contract leaves an order
// open, the model takes the one that the engine chose.
import { LEASE_MS } from '../../src/queue/bench.contract.ts'
import type { QueueCounts, StoredJob } from '../../src/queue/store.ts'

/** What a consumer may say of a delivery. */
export type Settlement =
  | { tag: 'ack' }
  | { tag: 'retry'; delayMs: number }
  | { tag: 'handBack' }
  | { tag: 'death'; reason: string }

export type Said = [job: StoredJob, settlement: Settlement][]

interface Epoch {
  name: string
  /** Null: no lease. */
  deadlineMs: number | null
  held: Map<string, StoredJob>
  suspect: string | null
}

interface Dead {
  job: StoredJob
  reason: string
}

export interface Expected {
  staleIds: string[]
  nextDueMs: number | null
  watch: boolean
  /** What may be claimed: `suspects` is one of these, then all of `first` in any order, then `line`. */
  suspects: StoredJob[]
  first: StoredJob[]
  line: StoredJob[]
}

export const MAX_CRASHES = 2

export class QueueModel {
  nowMs = 0
  /** Two leases ended at one moment, and either may have been recovered: the game is over. */
  isUndecided = false
  private lastCallMs: number | null = null
  /** Handed back: in front of what is ready, in whichever order. */
  private first: StoredJob[] = []
  private line: StoredJob[] = []
  private suspects: StoredJob[] = []
  private timed: { job: StoredJob; dueMs: number }[] = []
  private readonly epochs = new Map<string, Epoch>()
  dead: Dead[] = []

  add(ids: string[], payloads: string[], delayMs: number): void {
    ids.forEach((id, index) => {
      const payload = payloads[index] ?? ''
      const job = { id, payload, name: null, attempt: 0, crashes: 0, maxAttempts: 5 }
      if (delayMs > 0) this.timed.push({ job, dueMs: this.nowMs + delayMs })
      else this.line.push(job)
    })
  }

  isLost(name: string, heldCount: number): boolean {
    return heldCount > 0 && this.leaseOf(name) === null
  }

  leaseOf(name: string): number | null {
    return this.epochs.get(name)?.deadlineMs ?? null
  }

  /** The first half of a call: what was said is done, and what is due is ready. */
  settle(name: string, said: Said): Expected {
    const epoch = this.epochs.get(name) ?? {
      name,
      deadlineMs: null,
      held: new Map(),
      suspect: null,
    }
    this.epochs.set(name, epoch)
    const order = ['ack', 'retry', 'handBack', 'death']
    const sorted = said.toSorted((a, b) => order.indexOf(a[1].tag) - order.indexOf(b[1].tag))
    const staleIds = sorted.flatMap(([{ id }, how]) => (this.end(epoch, id, how) ? [] : [id]))
    const due = this.timed.filter(({ dueMs }) => dueMs <= this.nowMs)
    this.timed = this.timed.filter(({ dueMs }) => dueMs > this.nowMs)
    due.sort((a, b) => a.dueMs - b.dueMs || Number(a.job.id) - Number(b.job.id))
    this.line.push(...due.map(({ job }) => job))
    const nextMs = Math.min(...this.timed.map(({ dueMs }) => dueMs))
    return {
      staleIds,
      nextDueMs: this.timed.length === 0 ? null : nextMs - this.nowMs,
      watch: this.others(epoch).length > 0,
      suspects: epoch.suspect === null ? this.suspects : [],
      ...{ first: this.first, line: this.line },
    }
  }

  /** The second half: the epoch has what it claimed, and one that is gone is recovered. */
  claimed(name: string, jobs: StoredJob[]): void {
    const epoch = this.epochs.get(name)
    if (!epoch) throw new Error(`${name} did not call`)
    const ids = new Set(jobs.map(({ id }) => id))
    const suspect = this.suspects.find(({ id }) => ids.has(id))
    if (suspect) epoch.suspect = suspect.id
    const without = (list: StoredJob[]) => list.filter(({ id }) => !ids.has(id))
    this.suspects = without(this.suspects)
    this.first = without(this.first)
    this.line = without(this.line)
    for (const job of jobs) epoch.held.set(job.id, job)

    const isSilent = this.lastCallMs !== null && (this.nowMs - this.lastCallMs) * 3 > LEASE_MS
    this.lastCallMs = this.nowMs
    if (isSilent) {
      for (const one of this.epochs.values()) {
        if (one.deadlineMs !== null) one.deadlineMs = this.nowMs + LEASE_MS
      }
    }
    epoch.deadlineMs = epoch.held.size > 0 ? this.nowMs + LEASE_MS : null
    const [over, next] = this.others(epoch)
    if (isSilent || !over || (over.deadlineMs ?? 0) > this.nowMs) return
    if (over.deadlineMs === next?.deadlineMs) this.isUndecided = true
    this.recover(over)
  }

  redrive(limit: number): number {
    const taken = this.dead.splice(0, limit)
    this.line.push(...taken.map(({ job }) => ({ ...job, attempt: 0, crashes: 0 })))
    return taken.length
  }

  purge(limit: number): number {
    return this.dead.splice(0, limit).length
  }

  counts(): QueueCounts {
    const held = [...this.epochs.values()].map((epoch) => epoch.held.size)
    return {
      ready: this.first.length + this.line.length + this.suspects.length,
      timed: this.timed.length,
      inFlight: held.reduce((sum, size) => sum + size, 0),
      dead: this.dead.length,
    }
  }

  /** Those with a lease, the one that ends first in front. */
  private others({ name }: Epoch): Epoch[] {
    const holders = [...this.epochs.values()].filter(
      (epoch) => epoch.name !== name && epoch.deadlineMs !== null,
    )
    return holders.sort((a, b) => (a.deadlineMs ?? 0) - (b.deadlineMs ?? 0))
  }

  private end(epoch: Epoch, id: string, settlement: Settlement): boolean {
    const job = epoch.held.get(id)
    if (!job) return false
    epoch.held.delete(id)
    const isSuspect = epoch.suspect === id
    if (isSuspect) epoch.suspect = null
    const failed = { ...job, attempt: job.attempt + 1 }
    if (settlement.tag === 'retry') {
      this.timed.push({ job: failed, dueMs: this.nowMs + settlement.delayMs })
    } else if (settlement.tag === 'handBack') {
      const list = isSuspect ? this.suspects : this.first
      list.push(job)
    } else if (settlement.tag === 'death') {
      this.dead.push({ job: failed, reason: settlement.reason })
    }
    return true
  }

  private recover(epoch: Epoch): void {
    for (const job of epoch.held.values()) {
      const crashes = job.crashes + (job.id === epoch.suspect ? 1 : 0)
      const back = { ...job, crashes }
      if (crashes < MAX_CRASHES) this.suspects.push(back)
      else {
        const reason = `its worker crashed ${crashes} times while it ran alone under suspicion`
        this.dead.push({ job: back, reason })
      }
    }
    Object.assign(epoch, { deadlineMs: null, held: new Map(), suspect: null })
  }
}
