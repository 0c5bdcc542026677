import type { Clock } from '../../clock.ts'

/** Somebody who waits asks again within this time, and then it is crowded anew. */
const CROWDED_MS = 3_000
const MOST_NAMES = 10_000

/**
 * Remembers which locks somebody waited for lately, so that they are asked for the long way at once.
 * It may be wrong either way: that costs a call, and nothing else.
 */
export class Crowds {
  private readonly clock: Clock
  private readonly until = new Map<string, number>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  saw(name: string): void {
    if (this.until.size >= MOST_NAMES) this.until.clear()
    this.until.set(name, this.clock.monotonicMs() + CROWDED_MS)
  }

  isAt(name: string): boolean {
    if (this.until.size === 0) return false
    const untilMs = this.until.get(name)
    if (untilMs === undefined) return false
    if (untilMs > this.clock.monotonicMs()) return true
    this.until.delete(name)
    return false
  }
}
