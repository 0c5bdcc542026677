/** Some of many items, each as likely as any other. */
export class Sample<Item> {
  private readonly most: number
  private readonly items: Item[] = []
  private seen = 0

  constructor(most: number) {
    this.most = most
  }

  offer(item: Item): void {
    this.seen++
    if (this.items.length < this.most) this.items.push(item)
    else {
      const place = Math.floor(Math.random() * this.seen)
      if (place < this.most) this.items[place] = item
    }
  }

  list(): Item[] {
    return [...this.items]
  }
}
