import { isPassing, LOOK_EVERY_MS, Watcher, type Watching } from '../gate/watchers.ts'

/** What is observed, as it was at one look. */
export interface Sight<Value> {
  value: Value
  /** Two sights with the same one are not told apart. */
  identity: string
  /** It will have changed after this many milliseconds, unless it is prolonged. */
  changesInMs: number | null
}

/** Timers and clocks are a little apart: what should be over is looked at this much later. */
const AFTER_CHANGE_MS = 3

/**
 * Gives what it sees first, and then each change of it. Who takes them slowly gets the latest one,
 * not all. It looks from the first `next` on.
 */
export class Observation<Value> implements AsyncIterator<Value, undefined> {
  private readonly watching: Omit<Watching<Sight<Value>>, 'seen' | 'failed'>
  private readonly onEnd: () => void
  private readonly readers: Reader<Value>[] = []
  private watcher: Watcher<Sight<Value>> | null = null
  private given: string | undefined
  private unread: Sight<Value> | null = null
  private failure: { error: unknown } | null = null
  private isEnded = false

  constructor(watching: Omit<Watching<Sight<Value>>, 'seen' | 'failed'>, onEnd: () => void) {
    this.watching = watching
    this.onEnd = onEnd
  }

  next(): Promise<IteratorResult<Value, undefined>> {
    return new Promise((resolve, reject) => {
      this.readers.push({ resolve, reject })
      if (!this.isEnded) this.watcher ??= this.watch()
      this.serve()
    })
  }

  async return(): Promise<IteratorResult<Value, undefined>> {
    this.end()
    return { done: true, value: undefined }
  }

  /** Whoever reads gets no more; the first of them the error, if there is one. */
  end(failure: { error: unknown } | null = null): void {
    if (this.isEnded) return
    this.isEnded = true
    this.failure = failure
    this.unread = null
    this.watcher?.stop()
    this.onEnd()
    this.serve()
  }

  private watch(): Watcher<Sight<Value>> {
    return new Watcher({
      ...this.watching,
      seen: (sight) => this.seen(sight),
      failed: (error) => {
        if (!isPassing(error)) this.end({ error })
      },
    })
  }

  private seen(sight: Sight<Value>): number {
    this.unread = sight.identity === this.given ? null : sight
    this.serve()
    const { changesInMs } = sight
    return changesInMs === null ? LOOK_EVERY_MS : changesInMs + AFTER_CHANGE_MS
  }

  private serve(): void {
    const { unread } = this
    if (unread && this.readers.length > 0) {
      this.unread = null
      this.given = unread.identity
      this.readers.shift()?.resolve({ done: false, value: unread.value })
    }
    if (!this.isEnded) return
    for (const { resolve, reject } of this.readers.splice(0)) {
      if (this.failure) reject(this.failure.error)
      else resolve({ done: true, value: undefined })
      this.failure = null
    }
  }
}

interface Reader<Value> {
  resolve: (result: IteratorResult<Value, undefined>) => void
  reject: (error: unknown) => void
}
