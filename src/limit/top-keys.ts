/** How often a key was counted: at least `count`, at most `count + tooFew`. */
export interface TopKey {
  readonly key: string
  readonly count: number
}

interface Tally {
  count: number
}

/**
 * The keys that come most often, in bounded memory: the frequent-items sketch of Misra and Gries, in
 * the batched form of Anderson et al. (A High-Performance Algorithm for Identifying Frequent Items
 * in Data Streams, 2017). With room for twice as many keys as `most`, a count is too low by at most a
 * `most`-th of everything that was counted, so whatever came more often than that is there.
 */
export class TopKeys {
  private readonly most: number
  private readonly tallies = new Map<string, Tally>()
  private lost = 0

  constructor(most: number) {
    this.most = most
  }

  /** By how much any count may be too low. */
  get tooFew(): number {
    return this.lost
  }

  count(key: string): void {
    const tally = this.tallies.get(key)
    if (tally !== undefined) tally.count++
    else {
      if (this.tallies.size >= 2 * this.most) this.makeRoom()
      this.tallies.set(key, { count: 1 })
    }
  }

  /** The most frequent first. */
  list(limit: number): TopKey[] {
    const found = [...this.tallies].map(([key, { count }]) => ({ key, count }))
    return found.sort((a, b) => b.count - a.count).slice(0, limit)
  }

  /** Takes as much from all as the middle one has, which leaves at most half of them. */
  private makeRoom(): void {
    const counts = [...this.tallies.values()].map(({ count }) => count).sort((a, b) => b - a)
    const least = counts[this.most] ?? 0
    this.lost += least
    for (const [key, tally] of this.tallies) {
      tally.count -= least
      if (tally.count <= 0) this.tallies.delete(key)
    }
  }
}
