import type { Clock, Timer } from './clock.ts'

interface Watched {
  atMs: number
  expire: (() => void) | null
}

/**
 * The engine answers by its own time-out, which begins when a call reaches it. What has to wait for
 * another call first counts from when it was made, and gets this much more.
 */
const GRACE_MS = 100

/**
 * Ends what has waited for as long as a call may take. All of it may take equally long, so one timer
 * for the oldest is enough, and it is set again only when that is over.
 */
export class Deadlines {
  private readonly clock: Clock
  private readonly afterMs: number
  private readonly watched: Watched[] = []
  private timer: Timer | null = null

  constructor(clock: Clock, callTimeoutMs: number) {
    this.clock = clock
    this.afterMs = callTimeoutMs + GRACE_MS
  }

  /** Calls `expire` once, unless what is returned was called before. */
  watch(expire: () => void): () => void {
    const one: Watched = { atMs: this.clock.monotonicMs() + this.afterMs, expire }
    this.watched.push(one)
    if (!this.timer) this.arm(this.afterMs)
    return () => {
      one.expire = null
    }
  }

  /** The same for a promise whose work goes on: `late` makes what is rejected with at the deadline. */
  bound<T>(work: Promise<T>, late: () => Error): Promise<T> {
    return new Promise((resolve, reject) => {
      const stop = this.watch(() => reject(late()))
      work.then(resolve, reject).finally(stop)
    })
  }

  private arm(delayMs: number): void {
    this.timer = this.clock.after(delayMs, () => this.sweep(), { background: true })
  }

  private sweep(): void {
    const now = this.clock.monotonicMs()
    this.timer = null
    const open = this.watched.findIndex((one) => one.expire !== null && one.atMs > now)
    const over = this.watched.splice(0, open < 0 ? this.watched.length : open)
    for (const { expire } of over) expire?.()
    const [next] = this.watched
    if (next && !this.timer) this.arm(next.atMs - now)
  }
}
