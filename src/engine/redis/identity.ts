import { randomUUID } from 'node:crypto'
import type { Clock } from '../../clock.ts'
import { StoreResetError } from '../../errors.ts'
import type { ScriptCalls } from './calls.ts'
import { touch } from './scripts.gen.ts'

/** A mark this old at most is missing when data came back from an older copy. */
const TOUCH_EVERY_MS = 10_000

/**
 * Notices that the data is not what it was: emptied, or older than what this client has seen. The
 * store has an id, and a mark of time that every client moves on; both are read again whenever a
 * connection was made anew.
 */
export class Identity {
  private readonly calls: ScriptCalls
  private readonly clock: Clock
  private readonly key: string
  private readonly place: string
  private readonly onReset: (error: StoreResetError) => void
  private readonly serversMet = new Set<string>()
  private readonly timer: NodeJS.Timeout
  private id: string | null = null
  private seenUs = 0
  private lastReset: { atMs: number; error: StoreResetError } | null = null
  private newServerAtMs = Number.NEGATIVE_INFINITY

  constructor(
    calls: ScriptCalls,
    clock: Clock,
    key: string,
    place: string,
    onReset: (error: StoreResetError) => void,
  ) {
    this.calls = calls
    this.clock = clock
    this.key = key
    this.place = place
    this.onReset = onReset
    this.timer = setInterval(() => {
      if (this.id !== null) void this.look()
    }, TOUCH_EVERY_MS)
    this.timer.unref()
  }

  get known(): boolean {
    return this.id !== null
  }

  /** A server was met: another one, or another run of it, may not have what those before had. */
  meet(runId: string): void {
    if (this.serversMet.has(runId)) return
    if (this.serversMet.size > 0) this.newServerAtMs = this.clock.monotonicMs()
    this.serversMet.add(runId)
  }

  /** Compares the store with what is known of it. What cannot be read now is read next time. */
  async look(): Promise<void> {
    try {
      const seen = await this.calls.call(touch, { store: this.key }, { candidate: randomUUID() })
      this.compare(seen)
    } catch {
      // Nobody waits for the answer: the calls that somebody waits for report the same failure.
    }
  }

  /** Why something of this client may be gone that was there at `sinceMs`, a monotonic time. */
  resetSince(sinceMs: number): StoreResetError | null {
    if (this.lastReset && this.lastReset.atMs >= sinceMs) return this.lastReset.error
    return this.newServerAtMs >= sinceMs ? new StoreResetError(this.place, 'restarted') : null
  }

  close(): void {
    clearInterval(this.timer)
  }

  private compare({
    id,
    beforeUs,
    touchedUs,
  }: {
    id: string
    beforeUs: number
    touchedUs: number
  }) {
    if (this.id !== null && id !== this.id) this.report('emptied')
    else if (this.id !== null && beforeUs < this.seenUs) this.report('older')
    this.id = id
    this.seenUs = touchedUs
  }

  private report(what: 'emptied' | 'older'): void {
    const error = new StoreResetError(this.place, what)
    this.lastReset = { atMs: this.clock.monotonicMs(), error }
    this.onReset(error)
  }
}
