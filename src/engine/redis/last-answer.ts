/**
 * When a server answered last, exact to how often it is asked, which the watch does every 150 ms:
 * reading the clock for each answer would cost every call.
 */
export class LastAnswer {
  count = 0
  private seenCount = 0
  private seenMs: number | null = null

  /** Monotonic; null before the first. */
  get atMs(): number | null {
    if (this.count !== this.seenCount) {
      this.seenCount = this.count
      this.seenMs = performance.now()
    }
    return this.seenMs
  }
}
