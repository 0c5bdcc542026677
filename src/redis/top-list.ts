/** The greatest of many items, each name once, the greatest first. */
export class TopList<Item extends { readonly key: string }> {
  private readonly most: number
  private readonly sizeOf: (item: Item) => number
  private readonly items: Item[] = []
  private readonly names = new Set<string>()

  constructor(most: number, sizeOf: (item: Item) => number) {
    this.most = most
    this.sizeOf = sizeOf
  }

  /** What is not greater than this is not taken. */
  get threshold(): number {
    const last = this.items.length < this.most ? undefined : this.items.at(-1)
    return last === undefined ? -1 : this.sizeOf(last)
  }

  /** Takes it if it is among the greatest and not here yet: a scan may name a key twice. */
  offer(item: Item): void {
    const size = this.sizeOf(item)
    if (size <= this.threshold || this.names.has(item.key)) return
    let [low, high] = [0, this.items.length]
    while (low < high) {
      const middle = (low + high) >> 1
      const other = this.items[middle]
      if (other !== undefined && this.sizeOf(other) >= size) low = middle + 1
      else high = middle
    }
    this.items.splice(low, 0, item)
    this.names.add(item.key)
    const dropped = this.items.length > this.most ? this.items.pop() : undefined
    if (dropped !== undefined) this.names.delete(dropped.key)
  }

  list(): readonly Item[] {
    return this.items
  }
}
