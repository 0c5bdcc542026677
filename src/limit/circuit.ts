import type { Clock } from '../clock.ts'

/** Failures in a row after which the engine counts as away. */
const MOST_FAILURES = 3
/** While it is away, one take in this time asks all the same. */
const ASK_EVERY_MS = 1_000

/**
 * Keeps an outage from making every take wait for its deadline: after some failures in a row only
 * one take a second asks the engine, and the first answer closes the circuit again.
 */
export class Circuit {
  private readonly clock: Clock
  private failures = 0
  /** Monotonic; null while takes ask as usual. */
  private nextAskMs: number | null = null

  constructor(clock: Clock) {
    this.clock = clock
  }

  get isOpen(): boolean {
    return this.nextAskMs !== null
  }

  /** Whether this take is to ask the engine. */
  mayAsk(): boolean {
    if (this.nextAskMs === null) return true
    const nowMs = this.clock.monotonicMs()
    if (nowMs < this.nextAskMs) return false
    this.nextAskMs = nowMs + ASK_EVERY_MS
    return true
  }

  /** Until the engine is asked again. */
  get waitMs(): number {
    if (this.nextAskMs === null) return ASK_EVERY_MS
    return Math.max(0, this.nextAskMs - this.clock.monotonicMs())
  }

  answered(): void {
    this.failures = 0
    this.nextAskMs = null
  }

  failed(): void {
    if (++this.failures < MOST_FAILURES) return
    this.nextAskMs = this.clock.monotonicMs() + ASK_EVERY_MS
  }
}
