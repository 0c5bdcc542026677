import type { Clock } from '../clock.ts'
import { isPassing, Watcher, type Watching } from './watchers.ts'

export interface Until<Seen, Value> extends Pick<Watching<Seen>, 'look' | 'onNews'> {
  clock: Clock
  waitMs: number
  /** Looked at again after so many milliseconds at the latest; or what was waited for. Throws what it ends with. */
  read(seen: Seen): { againMs: number } | { value: Value }
  /** What it ends with when it was not seen in time. */
  late(seen: Seen, waitedMs: number): unknown
}

/** One caller that waits until it sees something, or for as long as it wants to. */
export class UntilSeen<Seen, Value> {
  readonly outcome: Promise<Value>
  private readonly until: Until<Seen, Value>
  private readonly startedMs: number
  private readonly stop: () => void
  private resolve: (value: Value) => void = () => {}
  private reject: (reason: unknown) => void = () => {}
  private last: { seen: Seen } | null = null
  private failure: { error: unknown } | null = null
  private isOverdue = false

  constructor(until: Until<Seen, Value>) {
    const { clock, look, onNews } = until
    this.until = until
    this.startedMs = clock.monotonicMs()
    this.outcome = new Promise((resolve, reject) => {
      this.resolve = resolve
      this.reject = reject
    })
    const deadline = clock.after(until.waitMs, () => this.timeOut())
    const watcher = new Watcher<Seen>({
      clock,
      look,
      onNews,
      seen: (seen) => this.see(seen),
      failed: (error) => this.fail(error),
    })
    this.stop = () => {
      deadline.cancel()
      watcher.stop()
    }
  }

  end(reason: unknown): void {
    this.stop()
    this.reject(reason)
  }

  private see(seen: Seen): number {
    this.last = { seen }
    this.failure = null
    try {
      const read = this.until.read(seen)
      if ('againMs' in read) {
        if (this.isOverdue) this.timeOut()
        return read.againMs
      }
      this.stop()
      this.resolve(read.value)
    } catch (error) {
      this.end(error)
    }
    return Number.POSITIVE_INFINITY
  }

  private fail(error: unknown): void {
    this.failure = { error }
    if (!isPassing(error)) this.end(error)
    else if (this.isOverdue) this.timeOut()
  }

  /** Nobody is told that it is late before it was looked at once. */
  private timeOut(): void {
    this.isOverdue = true
    if (this.failure) return this.end(this.failure.error)
    if (!this.last) return
    const waitedMs = Math.round(this.until.clock.monotonicMs() - this.startedMs)
    this.end(this.until.late(this.last.seen, waitedMs))
  }
}

/** What waits, so that whoever closes ends all of it. */
export class Waits {
  private readonly open = new Set<{ end: (reason: unknown) => void }>()

  async until<Seen, Value>(
    until: Until<Seen, Value>,
    signal: AbortSignal | undefined,
  ): Promise<Value> {
    signal?.throwIfAborted()
    const waiting = new UntilSeen(until)
    const onAbort = () => waiting.end(signal?.reason)
    this.open.add(waiting)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await waiting.outcome
    } finally {
      this.open.delete(waiting)
      signal?.removeEventListener('abort', onAbort)
    }
  }

  endAll(reason: unknown): void {
    for (const waiting of [...this.open]) waiting.end(reason)
  }
}
