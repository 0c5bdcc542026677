// What a queue is, as plainly as it can be said: lists in memory. Where the contract leaves an order
// open, the model takes the one that the engine chose.
import { LEASE_MS } from '../../src/queue/bench.contract.ts'
import type { NewJob, QueueCounts, StoredJob } from '../../src/queue/store.ts'
import { type ModelJob, ReadyJobs, told } from './queue-model-ready.ts'
import { Strands } from './queue-model-strands.ts'

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
  held: Map<string, ModelJob>
  suspect: string | null
}

interface Dead {
  job: ModelJob
  reason: string
}

export interface Expected {
  staleIds: string[]
  nextDueMs: number | null
  watch: boolean
  /** What may be claimed: one of `suspects`, and then lists of ids, each in whichever order. */
  suspects: string[]
  order: string[][]
}

export const MAX_CRASHES = 2
export const MAX_ATTEMPTS = 5
export const OVERDUE = 'its deadline passed'

export class QueueModel {
  nowMs = 0
  /** Two leases ended at one moment, and either may have been recovered: the game is over. */
  isUndecided = false
  isPaused = false
  dead: Dead[] = []
  private lastCallMs: number | null = null
  private readonly ready = new ReadyJobs()
  private readonly strands = new Strands()
  private timed: ModelJob[] = []
  private readonly epochs = new Map<string, Epoch>()

  add(ids: string[], jobs: (NewJob & { key?: string })[]): void {
    for (const [
      index,
      { payload, delayMs, priority = 0, lifo, deadlineMs, key },
    ] of jobs.entries()) {
      const id = ids[index] ?? ''
      const job: ModelJob = {
        ...{ id, payload, name: null, attempt: 0, crashes: 0, maxAttempts: MAX_ATTEMPTS },
        ...(key === undefined ? {} : { key }),
        rank: lifo ? -Number(id) : priority,
        deadlineMs: deadlineMs === undefined ? null : this.nowMs + deadlineMs,
        dueMs: this.nowMs + delayMs,
      }
      if (key === undefined || this.strands.join(job)) this.place(job)
    }
  }

  isLost(name: string, heldCount: number): boolean {
    return heldCount > 0 && this.leaseOf(name) === null
  }

  leaseOf(name: string): number | null {
    return this.epochs.get(name)?.deadlineMs ?? null
  }

  /** What an epoch holds. */
  jobOf(name: string, id: string): ModelJob | undefined {
    return this.epochs.get(name)?.held.get(id)
  }

  /** Whether it is anywhere, but behind others of its key, or dead. */
  has(id: string): boolean {
    const held = [...this.epochs.values()].flatMap((epoch) => [...epoch.held.values()])
    return [...this.ready.all, ...this.timed, ...held].some((job) => job.id === id)
  }

  /** What its consumer is to be given of a job that is ready. */
  toldOf(id: string): StoredJob {
    return told(this.readyOne(id))
  }

  /** The first job of a key has ended, dead for a reason or done: then its ticket is acknowledged. */
  closeKeyed(name: string, id: string, reason: string | null): void {
    const job = this.epochs.get(name)?.held.get(id)
    if (!job) throw new Error(`${name} does not hold ${id}`)
    if (reason !== null) this.dead.push({ job: { ...job, attempt: job.attempt + 1 }, reason })
    const next = this.strands.leave(job)
    if (next) this.place(next)
  }

  /** The first half of a call: what was said is done, and what is due is ready. */
  settle(name: string, said: Said): Expected {
    const fresh: Epoch = { name, deadlineMs: null, held: new Map(), suspect: null }
    const epoch = this.epochs.get(name) ?? fresh
    this.epochs.set(name, epoch)
    const order = ['ack', 'retry', 'handBack', 'death']
    const sorted = said.toSorted((a, b) => order.indexOf(a[1].tag) - order.indexOf(b[1].tag))
    const staleIds = sorted.flatMap(([{ id }, how]) => (this.end(epoch, id, how) ? [] : [id]))
    const watch = this.others(epoch).length > 0
    if (this.isPaused) return { staleIds, nextDueMs: null, watch, suspects: [], order: [] }
    const due = this.timed.filter(({ dueMs }) => dueMs <= this.nowMs)
    this.timed = this.timed.filter(({ dueMs }) => dueMs > this.nowMs)
    due.sort((a, b) => a.dueMs - b.dueMs || Number(a.id) - Number(b.id))
    for (const job of due) this.ready.append(job)
    const nextMs = Math.min(...this.timed.map(({ dueMs }) => dueMs))
    return {
      ...{ staleIds, watch, order: this.ready.inOrder() },
      nextDueMs: this.timed.length === 0 ? null : nextMs - this.nowMs,
      suspects: epoch.suspect === null ? this.ready.suspects.map(({ id }) => id) : [],
    }
  }

  /** Whether one that is ready is so too late. */
  get hasOverdue(): boolean {
    return this.ready.all.some((job) => this.isOverdue(job))
  }

  /** The second half: the epoch has what it claimed, what came too late is dead, and who is gone is recovered. */
  claimed(name: string, ids: string[], overdueIds: string[]): void {
    const epoch = this.epochs.get(name)
    if (!epoch) throw new Error(`${name} did not call`)
    epoch.suspect ??= this.ready.suspects.find(({ id }) => ids.includes(id))?.id ?? null
    for (const id of ids) {
      const job = this.readyOne(id)
      if (this.isOverdue(job)) throw new Error(`${id} was claimed after its deadline`)
      epoch.held.set(id, job)
    }
    for (const id of overdueIds) {
      const job = this.readyOne(id)
      if (!this.isOverdue(job)) throw new Error(`${id} was buried before its time`)
      this.dead.push({ job, reason: OVERDUE })
    }
    this.ready.remove(new Set([...ids, ...overdueIds]))
    this.keepLeases(epoch)
  }

  redrive(limit: number): number {
    const taken = this.dead.splice(0, limit)
    for (const { job } of taken) {
      const fresh = { ...job, attempt: 0, crashes: 0, deadlineMs: null, dueMs: this.nowMs }
      if (job.key === undefined || this.strands.join(fresh)) this.ready.append(fresh)
    }
    return taken.length
  }

  purge(limit: number): number {
    return this.dead.splice(0, limit).length
  }

  drain(): number {
    const waiting = [...this.ready.removeAll(), ...this.timed.splice(0)]
    const behind = this.strands.drain()
    for (const job of waiting) if (job.key !== undefined) this.strands.leave(job)
    return waiting.length + behind
  }

  counts(): QueueCounts {
    const held = [...this.epochs.values()].map((epoch) => epoch.held.size)
    return {
      ready: this.ready.count + this.strands.count,
      timed: this.timed.length,
      inFlight: held.reduce((sum, size) => sum + size, 0),
      dead: this.dead.length,
      ...(this.isPaused ? { paused: true } : {}),
    }
  }

  private isOverdue = ({ deadlineMs }: ModelJob): boolean =>
    deadlineMs !== null && deadlineMs < this.nowMs

  private readyOne(id: string): ModelJob {
    const job = this.ready.all.find((one) => one.id === id)
    if (!job) throw new Error(`${id} is not ready`)
    return job
  }

  /** In line, or where it waits for its time. */
  private place(job: ModelJob): void {
    if (job.dueMs > this.nowMs) this.timed.push(job)
    else this.ready.append(job)
  }

  private keepLeases(epoch: Epoch): void {
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
      this.timed.push({ ...failed, dueMs: this.nowMs + settlement.delayMs })
    } else if (settlement.tag === 'handBack') {
      if (isSuspect) this.ready.suspects.push(job)
      else this.ready.handBack(job)
    } else if (settlement.tag === 'death') {
      this.dead.push({ job: failed, reason: settlement.reason })
    }
    return true
  }

  private recover(epoch: Epoch): void {
    for (const job of epoch.held.values()) {
      const crashes = job.crashes + (job.id === epoch.suspect ? 1 : 0)
      const back = { ...job, crashes }
      // Whoever is given a ticket next ends its job.
      if (crashes < MAX_CRASHES || job.key !== undefined) this.ready.suspects.push(back)
      else {
        const reason = `its worker crashed ${crashes} times while it ran alone under suspicion`
        this.dead.push({ job: back, reason })
      }
    }
    Object.assign(epoch, { deadlineMs: null, held: new Map(), suspect: null })
  }
}
