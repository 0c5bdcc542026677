import type { Clock, Timer } from '../clock.ts'
import { SluiceError } from '../errors.ts'

/** News are hints and may be lost, so whoever waits for them looks at least this often. */
export const LOOK_EVERY_MS = 5_000
/** Those who began together do not go on looking together. */
const JITTER_SHARE = 0.2

export interface Watching<Seen> {
  clock: Clock
  /** Reads it, and asks to be told of changes from then on. */
  look(): Promise<Seen>
  /** Calls back when it may have changed, or when news of that may have been missed. */
  onNews(listener: () => void): () => void
  /** Answers after how many milliseconds at the latest it must be looked at again. */
  seen(seen: Seen): number
  failed(error: unknown): void
}

/** Whether what went wrong may be gone at the next look. */
export const isPassing = (error: unknown) => error instanceof SluiceError && error.retryable

/**
 * Keeps an eye on something, from when it is made until it is stopped: it looks at once, whenever
 * there is news, when it is time, and after a while in any case.
 */
export class Watcher<Seen> {
  private readonly watching: Watching<Seen>
  private readonly stopNews: () => void
  private timer: Timer | null = null
  private isLooking = false
  private looksAgain = false
  private isStopped = false

  constructor(watching: Watching<Seen>) {
    this.watching = watching
    this.stopNews = watching.onNews(() => this.look())
    this.look()
  }

  stop(): void {
    this.isStopped = true
    this.timer?.cancel()
    this.stopNews()
  }

  private look(): void {
    this.looksAgain = true
    if (this.isLooking || this.isStopped) return
    this.isLooking = true
    void this.lookWhileNeeded()
  }

  /** What happened while an answer was on its way is not in it: then it looks once more. */
  private async lookWhileNeeded(): Promise<void> {
    while (this.looksAgain && !this.isStopped) {
      this.looksAgain = false
      this.lookWithin(await this.lookOnce())
    }
    this.isLooking = false
  }

  private async lookOnce(): Promise<number> {
    try {
      const seen = await this.watching.look()
      return this.isStopped ? LOOK_EVERY_MS : this.watching.seen(seen)
    } catch (error) {
      if (!this.isStopped) this.watching.failed(error)
      return LOOK_EVERY_MS
    }
  }

  private lookWithin(ms: number): void {
    this.timer?.cancel()
    if (this.isStopped) return
    const longestMs = LOOK_EVERY_MS * (1 - JITTER_SHARE * Math.random())
    this.timer = this.watching.clock.after(Math.min(ms, longestMs), () => this.look())
  }
}
