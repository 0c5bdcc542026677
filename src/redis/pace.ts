import { type Clock, sleep } from '../clock.ts'

/** At most so many keys a second, evenly. Time that was not used is not made up for. */
export class Pace {
  private readonly keysPerSecond: number
  private readonly clock: Clock
  private freeAtMs = Number.NEGATIVE_INFINITY

  constructor(keysPerSecond: number, clock: Clock) {
    this.keysPerSecond = keysPerSecond
    this.clock = clock
  }

  /** Waits for the turn of so many keys. Rejects with the signal's reason. */
  async turn(keys: number, signal: AbortSignal | undefined): Promise<void> {
    signal?.throwIfAborted()
    if (this.keysPerSecond === Number.POSITIVE_INFINITY) return
    const now = this.clock.monotonicMs()
    const startMs = Math.max(now, this.freeAtMs)
    this.freeAtMs = startMs + (keys / this.keysPerSecond) * 1_000
    if (startMs > now) await sleep(this.clock, startMs - now, signal)
  }
}
