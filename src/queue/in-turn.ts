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

  wakeNext(): void {
    const [next] = this.listeners
    if (!next) return
    this.listeners.delete(next)
    this.listeners.add(next)
    next()
  }
}
