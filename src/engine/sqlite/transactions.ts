import { EngineUnavailableError, type Outcome } from '../../errors.ts'
import type { Transaction } from './engine.ts'
import { isBusy, isFull, storeFailure } from './failure.ts'
import type { Access, Durable, Session } from './session.ts'
import { Turns } from './turns.ts'

interface Call {
  access: Access
  work: (transaction: Transaction) => unknown
  /** Whether the commit must outlive a power cut. */
  durable: Durable
  /** On this process's own monotonic clock, whatever clock the stores have. */
  deadlineMs: number
  /** It was part of a transaction that failed, and runs again by itself. */
  isAlone: boolean
  resolve: (value: unknown) => void
  reject: (error: unknown) => void
}

interface TransactionsOptions {
  session: Session
  place: string
  commandTimeoutMs: number
  /** Throws when the file is not the one that was opened any more. */
  check: () => void
  onCommit: (topics: Set<string>) => void
  /** Another process has committed. */
  onForeignCommit: () => void
}

/** A transaction takes no more calls after this, so that it ends within 2 ms. */
const LONGEST_MS = 1.5

/** When emptying the log did not help, how long until it is tried again. */
const EMPTY_LOG_AGAIN_MS = 1_000

function strongestOf(calls: readonly Call[]): Durable {
  if (calls.some(({ durable }) => durable === 'always')) return 'always'
  return calls.some(({ durable }) => durable)
}

/** Runs calls in their order, as many as are there in one transaction: one sync to disk for all. */
export class Transactions {
  private readonly options: TransactionsOptions
  private readonly turns = new Turns()
  private readonly idleListeners: (() => void)[] = []
  private waiting: Call[] = []
  private isScheduled = false
  private hasRunThisTurn = false
  private hasForeignCommit = false
  private emptiedLogAtMs = Number.NEGATIVE_INFINITY

  constructor(options: TransactionsOptions) {
    this.options = options
  }

  add<T>(access: Access, work: (transaction: Transaction) => T, durable: Durable): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      this.waiting.push({
        access,
        work,
        durable,
        deadlineMs: performance.now() + this.options.commandTimeoutMs,
        isAlone: false,
        resolve: resolve as (value: unknown) => void,
        reject,
      })
      this.schedule()
    })
  }

  /** Another process was seen writing. */
  noteOthers(): void {
    this.turns.noteOthers()
  }

  /** Resolves when every call has settled. */
  async idle(): Promise<void> {
    while (this.waiting.length > 0) {
      await new Promise<void>((resolve) => this.idleListeners.push(resolve))
    }
  }

  /**
   * The first run comes after the promises that are settled now have run on: what they call joins
   * it. The next one leaves the event loop a turn, lest calls in a chain keep it from its timers.
   */
  private schedule(): void {
    if (this.isScheduled) return
    this.isScheduled = true
    const looks = this.turns.gapLooks()
    if (looks > 0) this.letOthersIn(looks)
    else if (this.hasRunThisTurn) setImmediate(() => this.run())
    else queueMicrotask(() => process.nextTick(() => this.run()))
  }

  /** Runs as soon as another process has had its turn, or after `looks` if none wants it. */
  private letOthersIn(looks: number): void {
    setTimeout(() => {
      if (!this.options.session.hasNewSchema) this.runReads()
      if (!this.othersHaveCommitted()) {
        if (looks > 1) return this.letOthersIn(looks - 1)
        this.turns.noteEmptyGap()
      }
      this.run()
    }, this.turns.retryMs())
  }

  private othersHaveCommitted(): boolean {
    try {
      if (!this.options.session.look()) return false
    } catch {
      // The transaction meets the same failure, and can tell someone.
      return true
    }
    this.hasForeignCommit = true
    this.turns.noteOthers()
    return true
  }

  private run(): void {
    this.isScheduled = false
    this.hasRunThisTurn = true
    setImmediate(() => {
      this.hasRunThisTurn = false
    })
    const isRead = this.waiting[0]?.access === 'read' && !this.options.session.hasNewSchema
    const hasCalls = this.waiting.length > 0
    if (hasCalls && this.runTransaction(isRead ? 'read' : 'write') === 'busy') this.waitForOthers()
    else if (this.waiting.length > 0) this.schedule()
    if (this.hasForeignCommit) this.tellForeignCommit()
    if (this.waiting.length === 0) for (const done of this.idleListeners.splice(0)) done()
  }

  private waitForOthers(): void {
    this.turns.noteOthers()
    const nowMs = performance.now()
    const overdue = this.waiting.filter((call) => call.deadlineMs <= nowMs)
    this.waiting = this.waiting.filter((call) => call.deadlineMs > nowMs)
    for (const call of overdue) call.reject(this.lockedOut())
    if (!this.options.session.hasNewSchema) this.runReads()
    if (this.waiting.length === 0) return
    this.isScheduled = true
    setTimeout(() => this.run(), this.turns.retryMs())
  }

  /** Reads need not wait for writers: they overtake the writes of this process that do. */
  private runReads(): void {
    const reads = this.waiting.filter((call) => call.access === 'read')
    if (reads.length === 0) return
    const writes = this.waiting.filter((call) => call.access === 'write')
    this.waiting = reads
    this.runTransaction('read')
    this.waiting = [...this.waiting, ...writes]
  }

  private runTransaction(access: Access): 'done' | 'busy' {
    const { session } = this.options
    const startMs = performance.now()
    try {
      this.options.check()
      const durable = strongestOf(this.waiting)
      if (session.begin(access, durable)) this.hasForeignCommit = true
    } catch (error) {
      session.rollback()
      if (isBusy(error)) return 'busy'
      if (this.makesRoom(error)) return 'done'
      this.rejectAll(this.waiting.splice(0), error, 'not-applied')
      return 'done'
    }
    const settlers: (() => void)[] = []
    for (const call of this.waiting) {
      if (call.access === 'write' && access === 'read') break
      if (settlers.length > 0 && (call.isAlone || performance.now() - startMs > LONGEST_MS)) break
      const outcome = this.runCall(call)
      settlers.push(outcome.settle)
      if (outcome.isFailedWrite) return this.giveUp(settlers, outcome.error)
      if (call.isAlone) break
    }
    return this.finish(settlers)
  }

  private runCall(call: Call): { settle: () => void; isFailedWrite: boolean; error?: unknown } {
    const { session, place } = this.options
    session.callAccess = call.access
    try {
      const value = call.work(session)
      return { settle: () => call.resolve(value), isFailedWrite: false }
    } catch (error) {
      const settle = () => call.reject(storeFailure(error, place, 'not-applied'))
      return { settle, isFailedWrite: call.access === 'write', error }
    }
  }

  /** After a write that threw: it is undone, and what shared its transaction runs by itself. */
  private giveUp(settlers: (() => void)[], error: unknown): 'done' | 'busy' {
    this.options.session.rollback()
    if (isBusy(error)) return 'busy'
    if (settlers.length > 1 || this.makesRoom(error)) {
      for (const call of this.waiting.slice(0, settlers.length)) call.isAlone = true
    } else {
      this.waiting.shift()
      settlers[0]?.()
    }
    return 'done'
  }

  private finish(settlers: (() => void)[]): 'done' | 'busy' {
    const { session, onCommit } = this.options
    let topics: Set<string>
    try {
      topics = session.commit()
    } catch (error) {
      session.rollback()
      if (isBusy(error)) return 'busy'
      return this.commitFailed(settlers.length, error)
    }
    this.turns.noteEnd()
    this.emptiedLogAtMs = Number.NEGATIVE_INFINITY
    this.waiting.splice(0, settlers.length)
    for (const settle of settlers) settle()
    onCommit(topics)
    return 'done'
  }

  /** A disk that failed while it synced may have kept the commit: it is not tried again. */
  private commitFailed(callCount: number, error: unknown): 'done' {
    const failure = storeFailure(error, this.options.place, 'unknown')
    const isUnknown = failure instanceof EngineUnavailableError
    if (isUnknown || (callCount === 1 && !this.makesRoom(error))) {
      this.rejectAll(this.waiting.splice(0, callCount), error, 'unknown')
    } else {
      for (const call of this.waiting.slice(0, callCount)) call.isAlone = true
    }
    return 'done'
  }

  /**
   * Whether a full disk has room now for what was undone: a log that was copied into the file is
   * written anew from its start. So what drains the store goes on, unless the file has to grow.
   */
  private makesRoom(error: unknown): boolean {
    const nowMs = performance.now()
    if (!isFull(error) || nowMs - this.emptiedLogAtMs < EMPTY_LOG_AGAIN_MS) return false
    this.emptiedLogAtMs = nowMs
    return this.options.session.emptyLog()
  }

  private rejectAll(calls: Call[], error: unknown, outcome: Outcome): void {
    const failure = storeFailure(error, this.options.place, outcome)
    for (const call of calls) call.reject(failure)
  }

  private tellForeignCommit(): void {
    this.hasForeignCommit = false
    this.turns.noteOthers()
    this.options.onForeignCommit()
  }

  private lockedOut(): EngineUnavailableError {
    const { place, commandTimeoutMs } = this.options
    return new EngineUnavailableError(
      `${place} was locked by another process for ${commandTimeoutMs} ms. End transactions on it ` +
        'within milliseconds, and keep other programs from opening it for writing.',
      { outcome: 'not-applied' },
    )
  }
}
