import type { Clock, Timer } from '../clock.ts'

interface Beat {
  everyMs: number
  nextMs: number
  run: () => void
}

/** A beat may come early by this share of its period, so that beats close in time go together. */
const EARLY_SHARE = 0.2

/**
 * Calls many things back, each at its own period, from one timer. What is due at about the same
 * time runs in one tick, and so shares one round trip to the engine.
 */
export class Rhythm {
  private readonly clock: Clock
  private readonly beats = new Set<Beat>()
  private timer: Timer | null = null
  private timerAtMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** Calls `run` every `everyMs`, the first time after that long. Returns what stops it. */
  every(everyMs: number, run: () => void): () => void {
    const beat: Beat = { everyMs, nextMs: this.clock.monotonicMs() + everyMs, run }
    this.beats.add(beat)
    this.arm(beat.nextMs)
    return () => {
      this.beats.delete(beat)
      if (this.beats.size === 0) this.disarm()
    }
  }

  private arm(atMs: number): void {
    if (atMs >= this.timerAtMs) return
    this.timer?.cancel()
    this.timerAtMs = atMs
    this.timer = this.clock.after(atMs - this.clock.monotonicMs(), () => this.tick())
  }

  private disarm(): void {
    this.timer?.cancel()
    this.timer = null
    this.timerAtMs = Number.POSITIVE_INFINITY
  }

  private tick(): void {
    this.disarm()
    const now = this.clock.monotonicMs()
    for (const beat of [...this.beats]) {
      if (beat.nextMs > now + beat.everyMs * EARLY_SHARE) continue
      beat.nextMs = now + beat.everyMs
      beat.run()
    }
    const next = Math.min(...[...this.beats].map((beat) => beat.nextMs))
    if (this.beats.size > 0) this.arm(next)
  }
}
