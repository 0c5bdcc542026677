import type { Clock, Timer } from './clock.ts'

/** Of what is under way; nothing expires any more once it is settled. */
export interface Deadline {
  atMs: number
  expire: (() => void) | null
}

/**
 * The engine answers by its own time-out, which begins when a call reaches it. What has to wait for
 * another call first counts from when it was made, and gets this much more.
 */
const GRACE_MS = 100

/** How many settled ones may be left in front before they are cut off. */
const MOST_SETTLED = 1_024
const SETTLED: Deadline = { atMs: 0, expire: null }

/**
 * Ends what has waited for as long as a call may take. All of it may take equally long, so one timer
 * for the oldest is enough, and it is set again only when that is over.
 */
export class Deadlines {
  readonly clock: Clock
  private readonly afterMs: number
  private watched: Deadline[] = []
  /** What is in front of it is over. Kept any longer, it would outlive many collections of garbage. */
  private head = 0
  private timer: Timer | null = null

  constructor(clock: Clock, callTimeoutMs: number) {
    this.clock = clock
    this.afterMs = callTimeoutMs + GRACE_MS
  }

  /** Calls `expire` once, unless what is returned was called before. */
  watch(expire: () => void): () => void {
    const one = this.begin(expire)
    return () => this.end(one)
  }

  /** The same for who ends many: no function is made for each. */
  begin(expire: () => void): Deadline {
    const one: Deadline = { atMs: this.clock.monotonicMs() + this.afterMs, expire }
    this.watched.push(one)
    if (!this.timer) this.arm(this.afterMs)
    return one
  }

  end(one: Deadline): void {
    one.expire = null
    this.dropSettled()
  }

  private dropSettled(): void {
    while (this.watched[this.head]?.expire === null) this.watched[this.head++] = SETTLED
    if (this.head < this.watched.length && this.head < MOST_SETTLED) return
    this.watched.splice(0, this.head)
    this.head = 0
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
    this.head = 0
    for (const { expire } of over) expire?.()
    const [next] = this.watched
    if (next && !this.timer) this.arm(next.atMs - now)
  }
}
