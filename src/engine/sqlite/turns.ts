/**
 * For how long after the last sign of another writer this one leaves gaps. Longer than a call may
 * wait by default: whoever waits now gives no sign, and must not be forgotten meanwhile.
 */
const CONTENDED_MS = 3_000
/** How long one process may write before it lets another in. */
const TURN_MS = 5
/** After gaps in which nobody came, a turn may become as many times as long, by doubling. */
const LONGEST_TURNS = 16
/** A process that has written nothing for this long has let others in. */
const PAUSE_MS = 2
/**
 * How often to look whether another one takes its turn. Not in milliseconds: where the timers of
 * those who wait are late, these looks are as late.
 */
const GAP_LOOKS = 20
/** The same after a gap in which nobody came: most likely nobody waits. */
const LATER_GAP_LOOKS = 4
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
  /** Gaps in a row in which nobody came. */
  private emptyGaps = 0

  /** Another process was seen writing: this one's turn, if any, starts anew. */
  noteOthers(): void {
    this.turnStartMs = performance.now()
    this.contendedUntilMs = this.turnStartMs + CONTENDED_MS
    this.emptyGaps = 0
  }

  /** Nobody came. */
  noteEmptyGap(): void {
    this.turnStartMs = performance.now()
    this.emptyGaps++
  }

  /** A transaction of this process has ended. */
  noteEnd(): void {
    this.lastEndMs = performance.now()
  }

  /**
   * Whether the next transaction should wait for another process to commit: not at all, or for this
   * many looks when the turn is over.
   */
  gapLooks(): number {
    const nowMs = performance.now()
    const hasPaused = nowMs - this.lastEndMs >= PAUSE_MS
    if (hasPaused || nowMs > this.contendedUntilMs) this.turnStartMs = nowMs
    const turnMs = TURN_MS * Math.min(2 ** this.emptyGaps, LONGEST_TURNS)
    if (nowMs - this.turnStartMs < turnMs) return 0
    return this.emptyGaps === 0 ? GAP_LOOKS : LATER_GAP_LOOKS
  }

  /** The pause to make before looking again whether the lock is free. */
  retryMs(): number {
    return RETRY_MS
  }
}
