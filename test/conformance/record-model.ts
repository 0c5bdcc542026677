// What jobs with an id are, as plainly as it can be said. Where a ticket stands in line is the engine's
// business: the model knows which jobs may be run, and which must be.
import type { CancelVerdict, ChangeVerdict, RecordState } from '../../src/queue/record-store.ts'

/** How a delivery ends. */
export type End =
  /** `isLeft`: its worker says no more of its ticket. */
  | { tag: 'done'; isLeft?: true }
  | { tag: 'dead' }
  | { tag: 'back' }
  | { tag: 'retry'; delayMs: number }

export interface NamedWay {
  delayMs: number
  priority?: number
  lifo?: boolean
  deadlineMs?: number
}

export interface ModelRecord {
  number: string
  payload: string
  state: RecordState
  /** Failed attempts. */
  attempt: number
  dueMs: number
  /** Lower ones go first; 0 is the line. */
  rank: number
  deadlineMs: number | null
  /** In flight, for somebody who lives. */
  isHeld: boolean
  /** Its worker crashed, so nobody gets it beside another one of that kind. */
  isSuspect: boolean
}

const ENDED: ReadonlySet<RecordState> = new Set(['done', 'dead', 'cancelled'])
const lives = (record: ModelRecord) => !ENDED.has(record.state)

export class RecordModel {
  nowMs = 0
  deadCount = 0
  private readonly records = new Map<string, ModelRecord>()

  get(name: string): ModelRecord | undefined {
    return this.records.get(name)
  }

  get live(): string[] {
    return [...this.records].flatMap(([name, record]) => (lives(record) ? [name] : []))
  }

  /** Whether an add makes a job: `once` as long as nobody remembers one, else when that has ended. */
  makes(name: string, mode: 'once' | 'simple'): boolean {
    const found = this.records.get(name)
    return !found || (mode === 'simple' && !lives(found))
  }

  add(name: string, number: string, payload: string, way: NamedWay): void {
    const { delayMs, priority = 0, lifo, deadlineMs } = way
    this.records.set(name, {
      ...{ number, payload, state: 'waiting', attempt: 0, isHeld: false, isSuspect: false },
      dueMs: this.nowMs + delayMs,
      rank: lifo ? Number.NEGATIVE_INFINITY : priority,
      deadlineMs: deadlineMs === undefined ? null : this.nowMs + deadlineMs,
    })
  }

  cancel(name: string): CancelVerdict | null {
    const found = this.records.get(name)
    if (!found) return null
    if (found.state === 'waiting' || found.state === 'cancelled') {
      found.state = 'cancelled'
      return 'cancelled'
    }
    if (!lives(found)) return 'ended'
    found.state = 'cancelling'
    return 'cancelling'
  }

  change(name: string, delayMs: number | null, priority?: number): ChangeVerdict | null {
    const found = this.records.get(name)
    if (!found) return null
    if (!lives(found)) return 'ended'
    if (found.state !== 'waiting') return 'running'
    if (delayMs !== null) found.dueMs = this.nowMs + delayMs
    if (priority !== undefined) found.rank = priority
    return 'changed'
  }

  /** Those that somebody may be given now. */
  claimable(): string[] {
    return this.live.filter((name) => {
      const { isHeld, state, dueMs } = this.records.get(name) as ModelRecord
      return !isHeld && (state !== 'waiting' || dueMs <= this.nowMs)
    })
  }

  /** What whoever is given its ticket is told to do. */
  open(name: string): 'run' | 'overdue' | 'cancelled' {
    const record = this.records.get(name)
    if (!record) throw new Error(`nobody knows ${name}`)
    record.isHeld = true
    if (record.state === 'cancelling') return 'cancelled'
    record.state = 'running'
    return record.deadlineMs !== null && record.deadlineMs < this.nowMs ? 'overdue' : 'run'
  }

  end(name: string, end: End): 'closed' | 'cancelled' {
    const record = this.records.get(name)
    if (!record) throw new Error(`nobody knows ${name}`)
    record.isHeld = false
    if (record.state === 'cancelling') {
      record.state = 'cancelled'
      return 'cancelled'
    }
    if (end.tag === 'back') {
      Object.assign(record, { state: 'waiting', dueMs: this.nowMs })
    } else if (end.tag === 'retry') {
      const dueMs = this.nowMs + end.delayMs
      Object.assign(record, { state: 'waiting', dueMs, isSuspect: false })
      record.attempt++
    } else {
      record.state = end.tag
      if (end.tag === 'dead') this.deadCount++
    }
    return 'closed'
  }

  /** Its worker is gone, and that was noticed: it says that it runs until somebody opens it again. */
  crash(name: string): void {
    Object.assign(this.records.get(name) ?? {}, { isHeld: false, isSuspect: true })
  }

  /** What waits is forgotten with its name. */
  drain(): void {
    for (const name of this.live) if (!this.records.get(name)?.isHeld) this.records.delete(name)
  }
}
