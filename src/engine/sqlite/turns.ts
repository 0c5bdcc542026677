/** For how long after the last sign of another writer this one leaves gaps. */
const CONTENDED_MS = 30
/** How long one process may write before it lets another in. */
const TURN_MS = 5
/** Longer than the pause of those who wait, so that one of them gets in. */
const GAP_MS = 2
/** Timers are no finer, and waiting in a busy loop takes the core from whoever holds the lock. */
const RETRY_MS = 1

/**
 * Fairness between processes that write to one file in tight loops. SQLite has no line for its
 * write lock: whoever has just committed would win it again before those who wait have looked.
 */
export class Turns {
  private contendedUntilMs = 0
  private turnStartMs = 0
  private lastEndMs = 0

  /** Another process was seen writing: this one's turn, if any, starts anew. */
  noteOthers(): void {
    this.turnStartMs = performance.now()
    this.contendedUntilMs = this.turnStartMs + CONTENDED_MS
  }

  /** A transaction of this process has ended. */
  noteEnd(): void {
    this.lastEndMs = performance.now()
  }

  /** The pause to make before the next transaction: none, or a gap when the turn is over. */
  gapMs(): number {
    const nowMs = performance.now()
    const hasLeftGap = nowMs - this.lastEndMs >= GAP_MS
    if (hasLeftGap || nowMs > this.contendedUntilMs) this.turnStartMs = nowMs
    if (nowMs - this.turnStartMs < TURN_MS) return 0
    this.turnStartMs = nowMs + GAP_MS
    return GAP_MS
  }

  /** The pause to make before looking again whether the lock is free. */
  retryMs(): number {
    return RETRY_MS
  }
}
