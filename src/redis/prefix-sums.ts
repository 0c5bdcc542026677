/** What the keys with one beginning have in common. */
export interface PrefixSum {
  /** With its separator: `user:`. Keys without a separator are under the empty prefix. */
  readonly prefix: string
  readonly keys: number
  /** Bytes or elements, whatever was measured. */
  readonly size: number
}

type Sum = { keys: number; size: number }

/**
 * Sums by the beginning of names. Ids at the front of names make as many prefixes as there are keys,
 * so only so many are kept: when there are twice as many, the smaller half is forgotten.
 */
export class PrefixSums {
  private readonly separator: string
  private readonly depth: number
  private readonly most: number
  private readonly sums = new Map<string, Sum>()

  constructor(separator: string, depth: number, most: number) {
    this.separator = separator
    this.depth = depth
    this.most = most
  }

  add(key: string, size: number): void {
    const prefix = this.prefixOf(key)
    let sum = this.sums.get(prefix)
    if (sum === undefined) {
      if (this.sums.size >= this.most * 2) this.fold()
      sum = { keys: 0, size: 0 }
      this.sums.set(prefix, sum)
    }
    sum.keys++
    sum.size += size
  }

  /** The largest first. */
  list(): PrefixSum[] {
    return [...this.sums]
      .map(([prefix, sum]) => ({ prefix, ...sum }))
      .sort((a, b) => b.size - a.size)
  }

  private prefixOf(key: string): string {
    let end = 0
    for (let level = 0; level < this.depth; level++) {
      const at = key.indexOf(this.separator, end)
      if (at === -1) break
      end = at + this.separator.length
    }
    return key.slice(0, end)
  }

  private fold(): void {
    for (const { prefix } of this.list().slice(this.most)) this.sums.delete(prefix)
  }
}
