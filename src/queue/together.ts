import type { Deadlines } from '../deadlines.ts'

/**
 * What one call of a user's adds in several calls of the store: all of it may take as long as one of those may, and so
 * long again after each that is answered. So it takes the time that it needs, and never hangs.
 */
export class Together {
  private readonly deadlines: Deadlines
  private readonly open = new Set<() => void>()
  private stop = () => {}

  constructor(deadlines: Deadlines) {
    this.deadlines = deadlines
  }

  /** Calls `expire` once, unless what is returned was called before. */
  watch(expire: () => void): () => void {
    if (this.open.size === 0) this.begin()
    this.open.add(expire)
    return () => {
      this.open.delete(expire)
      if (this.open.size === 0) this.stop()
    }
  }

  /** Some of it was answered. */
  goOn(): void {
    if (this.open.size === 0) return
    this.stop()
    this.begin()
  }

  private begin(): void {
    this.stop = this.deadlines.watch(() => {
      for (const expire of this.open) expire()
      this.open.clear()
    })
  }
}
