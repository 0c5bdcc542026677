/** Listeners of which one is woken at a time: who was woken longest ago is the next. */
export class InTurn {
  private readonly listeners = new Set<() => void>()

  get size(): number {
    return this.listeners.size
  }

  /** Returns what takes it out. */
  add(listener: () => void): () => void {
    const entry = () => listener()
    this.listeners.add(entry)
    return () => this.listeners.delete(entry)
  }

  /** Whether there was one. */
  wakeNext(): boolean {
    const [next] = this.listeners
    if (!next) return false
    this.listeners.delete(next)
    this.listeners.add(next)
    next()
    return true
  }
}
