/** For how long after the last sign of another writer this one leaves gaps. */
const CONTENDED_MS = 30
/** How long one process may write before it lets another in. */
const TURN_MS = 5
/** A process that has written nothing for this long has let others in. */
const PAUSE_MS = 2
/** How long to wait for another one to take its turn: its timers are late on a busy machine. */
const LONGEST_GAP_MS = 20
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

  /**
   * How long the next transaction should wait for another process to commit: not at all, or up to
   * this long when the turn is over.
   */
  gapMs(): number {
    const nowMs = performance.now()
    const hasPaused = nowMs - this.lastEndMs >= PAUSE_MS
    if (hasPaused || nowMs > this.contendedUntilMs) this.turnStartMs = nowMs
    if (nowMs - this.turnStartMs < TURN_MS) return 0
    this.turnStartMs = nowMs + LONGEST_GAP_MS
    return LONGEST_GAP_MS
  }

  /** The pause to make before looking again whether the lock is free. */
  retryMs(): number {
    return RETRY_MS
  }
}
