import type { Clock } from '../clock.ts'

/** Gates that are remembered as kept by others. */
const MOST_ELSEWHERE = 10_000

/** Gates that a consumer need not ask for: it would be in vain. */
export class ShutGates {
  private readonly clock: Clock
  /** For one at a time, held or asked for here. */
  private readonly taken = new Set<string>()
  /** How many are about to be parked behind a gate, and do not stand in its line yet. */
  private readonly parkings = new Map<string, number>()
  /** Until when others keep a gate, monotonic. */
  private readonly elsewhere = new Map<string, number>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  has(key: string): boolean {
    if (this.taken.has(key) || this.parkings.has(key)) return true
    const untilMs = this.elsewhere.get(key)
    if (untilMs === undefined) return false
    if (untilMs > this.clock.monotonicMs()) return true
    this.elsewhere.delete(key)
    return false
  }

  take(key: string): void {
    this.taken.add(key)
  }

  /** It is held or asked for here no more. */
  free(key: string): void {
    this.taken.delete(key)
  }

  /** Until that is settled, who asked now would be let in before those who came first. */
  async whileParking(key: string, park: () => Promise<unknown>): Promise<void> {
    this.parkings.set(key, (this.parkings.get(key) ?? 0) + 1)
    try {
      await park()
    } finally {
      const left = (this.parkings.get(key) ?? 0) - 1
      if (left > 0) this.parkings.set(key, left)
      else this.parkings.delete(key)
    }
  }

  /** Others wait for it, and will for so long. */
  keepOut(key: string, forMs: number): void {
    if (this.elsewhere.size >= MOST_ELSEWHERE) this.elsewhere.clear()
    this.elsewhere.set(key, this.clock.monotonicMs() + forMs)
  }
}
