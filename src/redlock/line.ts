import type { Clock } from '../clock.ts'
import type { AcquireRequest, Holder, Owner } from '../gate/store.ts'
import type { LockDemand } from '../lock/open.ts'
import type { Attempt } from './attempt.ts'

/** What became of one attempt. */
export type Outcome =
  | { tag: 'won'; lease: Attempt }
  /** Others have it: enough nodes said so that more of them could not help. */
  | { tag: 'taken'; holder: Holder | null }
  | { tag: 'failed'; error: Error }

/** One of this process who waits for a lock. */
export interface Contender {
  readonly request: AcquireRequest<LockDemand>
  /** What it got, until it comes for it. */
  lease: Attempt | null
}

/** After so many from this process in a row, other processes get time to ask. */
const MOST_IN_A_ROW = 16
const FIRST_PAUSE_MS = 5
const LONGEST_PAUSE_MS = 250
const GROWTH = 1.5

export interface LineSettings {
  clock: Clock
  /** From 0 to 1. */
  random: () => number
  attempt(request: AcquireRequest<LockDemand>): Promise<Outcome>
  /** It was won for somebody who does not wait any more. */
  drop(lease: Attempt): void
  /** Has the owner ask what became of it. */
  tell(owner: Owner): void
  /** Nobody holds it, asks for it or waits for it any more. */
  onEmpty(line: Line): void
}

/**
 * Those of one process who want one lock, first come first served: of several processes one of each
 * asks the nodes, so that a process never splits the votes with itself. The first in line asks again
 * and again, after a time that is random and grows, and at once when the one before it is done.
 */
export class Line {
  readonly name: string
  readonly waiting: Contender[] = []
  /** Whoever of this process has the lock. */
  holder: Attempt | null = null
  /** Resolves when who asks the nodes now has their answer. */
  asking: Promise<unknown> | null = null
  /** What is known of others that have it. */
  otherHolder: Holder | null = null
  trouble: Error | null = null
  private readonly settings: LineSettings
  private failures = 0
  /** How long the last attempt in vain took. */
  private tookMs = 0
  private inARow = 0
  private isServing = false
  private wakeUp: (() => void) | null = null

  constructor(name: string, settings: LineSettings) {
    this.name = name
    this.settings = settings
  }

  get isIdle(): boolean {
    return !this.isHeld && this.asking === null && this.waiting.length === 0
  }

  get isHeld(): boolean {
    return this.holder !== null && !this.holder.isOver
  }

  /** Asks the nodes once for somebody who need not wait in the line. */
  async ask(request: AcquireRequest<LockDemand>): Promise<Outcome> {
    const { clock, attempt } = this.settings
    const startedMs = clock.monotonicMs()
    const asking = attempt(request)
    this.asking = asking
    const outcome = await asking
    this.asking = null
    if (outcome.tag === 'won') {
      this.failures = 0
      this.holder = outcome.lease
    } else {
      this.failures++
      this.tookMs = clock.monotonicMs() - startedMs
    }
    this.otherHolder = outcome.tag === 'taken' ? outcome.holder : null
    this.trouble = outcome.tag === 'failed' ? outcome.error : null
    return outcome
  }

  join(request: AcquireRequest<LockDemand>): Contender {
    const contender = { request, lease: null }
    this.waiting.push(contender)
    void this.serve()
    return contender
  }

  leave(contender: Contender): void {
    const index = this.waiting.indexOf(contender)
    if (index >= 0) this.waiting.splice(index, 1)
    this.look()
  }

  /** The one of this process that had it does not any more. */
  free(lease: Attempt): void {
    if (this.holder === lease) this.holder = null
    this.look()
  }

  /** Something has changed: whoever waits need not sleep on. */
  private look(): void {
    this.wakeUp?.()
    if (this.isIdle && !this.isServing) this.settings.onEmpty(this)
  }

  /** Gets the lock for one after the other. */
  private async serve(): Promise<void> {
    if (this.isServing) return
    this.isServing = true
    while (this.waiting.length > 0) {
      const [first] = this.waiting as [Contender]
      if (this.isHeld) {
        await this.sleep((this.holder as Attempt).validUntilMs - this.settings.clock.monotonicMs())
        continue
      }
      if (this.asking) {
        await this.asking
        continue
      }
      if (this.failures > 0 || this.inARow >= MOST_IN_A_ROW) await this.pause()
      if (this.waiting[0] !== first || this.isHeld) continue
      const outcome = await this.ask(first.request)
      if (outcome.tag === 'won') this.give(first, outcome.lease)
      this.settings.tell(first.request.owner)
    }
    this.isServing = false
    this.look()
  }

  private give(contender: Contender, lease: Attempt): void {
    this.inARow++
    const index = this.waiting.indexOf(contender)
    if (index < 0) return this.settings.drop(lease)
    this.waiting.splice(index, 1)
    contender.lease = lease
  }

  /** A moment in which whoever has half of the votes can get the others, or give them back. */
  private pause(): Promise<void> {
    this.inARow = 0
    const least = Math.max(this.tookMs, FIRST_PAUSE_MS)
    const grown = Math.min(least * GROWTH ** (this.failures - 1), LONGEST_PAUSE_MS)
    return this.sleep(grown * (1 + this.settings.random()))
  }

  private sleep(forMs: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        timer.cancel()
        this.wakeUp = null
        resolve()
      }
      const timer = this.settings.clock.after(forMs, wake)
      this.wakeUp = wake
    })
  }
}
