import type { Deadline, Deadlines } from '../deadlines.ts'

/**
 * What one call of a user's adds in several calls of the store: all of it may take as long as one of those may, and so
 * long again after each that is answered. So it takes the time that it needs, and never hangs.
 */
export class Together {
  private readonly deadlines: Deadlines
  private readonly open = new Set<Deadline>()
  private shared: Deadline | null = null

  constructor(deadlines: Deadlines) {
    this.deadlines = deadlines
  }

  begin(expire: () => void): Deadline {
    this.shared ??= this.beginShared()
    const one: Deadline = { atMs: this.shared.atMs, expire }
    this.open.add(one)
    return one
  }

  end(one: Deadline): void {
    this.open.delete(one)
    if (this.open.size === 0) this.endShared()
  }

  /** Some of it was answered. */
  goOn(): void {
    if (this.shared === null) return
    this.endShared()
    this.shared = this.beginShared()
  }

  private beginShared(): Deadline {
    return this.deadlines.begin(() => {
      this.shared = null
      for (const { expire } of this.open) expire?.()
      this.open.clear()
    })
  }

  private endShared(): void {
    if (this.shared) this.deadlines.end(this.shared)
    this.shared = null
  }
}
