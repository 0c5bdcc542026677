import { randomUUID } from 'node:crypto'
import type { Clock } from '../../clock.ts'
import { StoreResetError } from '../../errors.ts'
import type { ScriptCalls } from './calls.ts'
import { touch } from './scripts.gen.ts'

/** An older copy of the data is noticed if it was made before the last mark: this long ago at most. */
const TOUCH_EVERY_MS = 10_000
/** The server forgets a mark after an hour. What is missing after a while less proves nothing. */
const MARK_PROVES_US = 3_500_000_000

/**
 * Notices that the data is not what it was: emptied, or older than what this client has seen. The
 * store has an id, and each client leaves a mark of time of its own; both are read again whenever a
 * connection was made anew.
 */
export class Identity {
  private readonly calls: ScriptCalls
  private readonly clock: Clock
  private readonly keys: { store: string; mark: string }
  private readonly place: string
  private readonly onReset: (error: StoreResetError) => void
  private readonly serversMet = new Set<string>()
  private readonly timer: NodeJS.Timeout
  private id: string | null = null
  private markUs = 0
  private lastReset: { atMs: number; error: StoreResetError } | null = null
  private newServerAtMs = Number.NEGATIVE_INFINITY

  constructor(
    calls: ScriptCalls,
    clock: Clock,
    keys: { store: string; mark: string },
    place: string,
    onReset: (error: StoreResetError) => void,
  ) {
    this.calls = calls
    this.clock = clock
    this.keys = keys
    this.place = place
    this.onReset = onReset
    this.timer = setInterval(() => {
      if (this.serversMet.size > 0) void this.look()
    }, TOUCH_EVERY_MS)
    this.timer.unref()
  }

  /** The id that the store was given, once it has been read. */
  get storeId(): string | null {
    return this.id
  }

  get known(): boolean {
    return this.id !== null
  }

  /** A server was met; true if it is another one, or another run of it, than all before. */
  meet(runId: string): boolean {
    const isAnother = this.serversMet.size > 0 && !this.serversMet.has(runId)
    // It may not have what those before had.
    if (isAnother) this.newServerAtMs = this.clock.monotonicMs()
    this.serversMet.add(runId)
    return isAnother
  }

  /** Compares the store with what is known of it. What cannot be read now is read next time. */
  async look(): Promise<void> {
    try {
      const seen = await this.calls.call(touch, this.keys, { candidate: randomUUID() })
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

  private compare(seen: { id: string; markUs: number | null; touchedUs: number }): void {
    const { id, markUs, touchedUs } = seen
    if (this.id !== null && id !== this.id) this.report('emptied')
    else if (this.id !== null && this.isOlder(markUs, touchedUs)) this.report('older')
    this.id = id
    this.markUs = touchedUs
  }

  private isOlder(markUs: number | null, nowUs: number): boolean {
    return markUs === null ? nowUs - this.markUs < MARK_PROVES_US : markUs < this.markUs
  }

  private report(what: 'emptied' | 'older'): void {
    const error = new StoreResetError(this.place, what)
    this.lastReset = { atMs: this.clock.monotonicMs(), error }
    this.onReset(error)
  }
}
