import type { Clock, Timer } from '../clock.ts'

/** What would be begun within this time is claimed before there is room for it. */
const CLAIM_AHEAD_MS = 1
/** A worker that had nothing to run for so long may get jobs of another kind. */
const LONGEST_PAUSE_MS = 10
/** What was claimed ahead and waits for longer than this goes back, for others to run. */
const LONGEST_WAIT_MS = 20
/** How much one more job moves the average. */
const WEIGHT = 0.1

/**
 * How many jobs are worth claiming before they can start: none where handlers take their time, as
 * many as keep a fast worker busy during a call.
 */
export class ClaimAhead {
  private readonly clock: Clock
  private readonly concurrency: number
  private readonly most: number
  private averageMs: number | null = null
  private lastEndMs = 0
  private startedCount = 0
  private timer: Timer | null = null

  /** @param most jobs that one worker claims ahead */
  constructor(clock: Clock, concurrency: number, most: number) {
    this.clock = clock
    this.concurrency = concurrency
    this.most = most
  }

  /** @param isRunning whether any job runs now */
  count(isRunning: boolean): number {
    const { averageMs } = this
    // Who has not finished anything for a moment is busy with something long; where nothing runs, jobs are being let in.
    const mostMs = isRunning ? CLAIM_AHEAD_MS : LONGEST_PAUSE_MS
    const isSlow = this.clock.monotonicMs() - this.lastEndMs > mostMs
    if (averageMs === null || isSlow) return 0
    return Math.min(this.most, Math.floor((this.concurrency * CLAIM_AHEAD_MS) / averageMs))
  }

  noteStart(): void {
    this.startedCount++
  }

  noteEnd(tookMs: number, nowMs: number): void {
    this.lastEndMs = nowMs
    this.averageMs ??= tookMs
    this.averageMs += (tookMs - this.averageMs) * WEIGHT
  }

  /** Calls `giveBack` if nothing has started for a while, although `isWaiting`. */
  watch(isWaiting: () => boolean, giveBack: () => void): void {
    if (this.timer || !isWaiting()) return
    const before = this.startedCount
    this.timer = this.clock.after(LONGEST_WAIT_MS, () => {
      this.timer = null
      if (!isWaiting() || this.startedCount !== before) return this.watch(isWaiting, giveBack)
      // What runs now takes at least as long.
      this.averageMs = Math.max(this.averageMs ?? 0, LONGEST_WAIT_MS * this.concurrency)
      giveBack()
    })
  }

  stop(): void {
    this.timer?.cancel()
    this.timer = null
  }
}
