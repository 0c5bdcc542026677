/** For how long after the last sign of another writer this one leaves gaps. */
const CONTENDED_MS = 25
/** A waiting writer tries again after this, plus up to the spread. */
const RETRY_MS = 0.2
const RETRY_SPREAD_MS = 1
/** Waits this short are spent in the event loop, whose timers can not be finer. */
const SHORTEST_TIMER_MS = 1

/**
 * Fairness between processes that write to one file in tight loops. SQLite has no line for its
 * write lock: whoever has just committed would win it again before those who wait have looked.
 */
export class Turns {
  private contendedUntilMs = 0
  private lastMs = 0

  /** Another process was seen writing. */
  noteOthers(): void {
    this.contendedUntilMs = performance.now() + CONTENDED_MS
  }

  /** A transaction of this process ended, and had held the write lock for so long. */
  noteOwn(heldMs: number): void {
    this.lastMs = heldMs
  }

  /** The gap to leave before the next transaction of this process, so that another gets in. */
  gapMs(): number {
    if (performance.now() > this.contendedUntilMs) return 0
    return Math.min(RETRY_MS + RETRY_SPREAD_MS, this.lastMs * (1 + Math.random()))
  }

  retryMs(): number {
    return RETRY_MS + Math.random() * RETRY_SPREAD_MS
  }
}

/** Calls back after `delayMs`, letting the event loop run meanwhile. */
export function afterPause(delayMs: number, callback: () => void): void {
  if (delayMs >= SHORTEST_TIMER_MS) {
    setTimeout(callback, delayMs)
    return
  }
  const dueMs = performance.now() + delayMs
  const look = () => {
    if (performance.now() >= dueMs) callback()
    else setImmediate(look)
  }
  setImmediate(look)
}
