/** One of those who take their jobs from the same slots. */
export interface Sharer {
  wake(): void
}

/** What is known of one of them. */
interface Holding {
  /** Jobs that it has, as far as its last call told. */
  held: number
  /** Those that a call under way may bring, and since when it is. */
  asked: number
  askedMs: number
  /** There was more than it got when it asked last. */
  isHungry: boolean
}

/** How long a call is believed to bring jobs soon: one to a server that is away must not keep others out. */
const BELIEVED_MS = 250

/**
 * Shares the slots of a worker among its consumers, one for each partition. One that is alone with its work
 * may have all; where several have more than can be done, each gets its part. Who finds none is woken when
 * there are some, in the order of asking.
 */
export class Shares {
  private readonly freeSlots: () => number
  private readonly nowMs: () => number
  private readonly waiting = new Set<Sharer>()
  private readonly holdings = new Map<Sharer, Holding>()

  constructor(freeSlots: () => number, nowMs: () => number) {
    this.freeSlots = freeSlots
    this.nowMs = nowMs
  }

  /** How many there are for all. Where there are none, it is woken when there are. */
  free(sharer: Sharer): number {
    const free = this.freeSlots()
    if (free <= 0) this.waiting.add(sharer)
    return free
  }

  /** How many of them it may ask for. */
  of(sharer: Sharer): number {
    const share = Math.max(0, this.shareOf(sharer))
    if (share === 0) this.waiting.add(sharer)
    return share
  }

  /** A call that may bring `want` jobs has left, of one that holds so many. */
  ask(sharer: Sharer, want: number, held: number): void {
    if (want > 0) this.waiting.delete(sharer)
    const { isHungry = false } = this.holdings.get(sharer) ?? {}
    this.holdings.set(sharer, { held, asked: want, askedMs: this.nowMs(), isHungry })
  }

  /** It brought so many jobs, and there may be more. */
  answered(sharer: Sharer, brought: number, hasMore: boolean): void {
    const holding = this.holdings.get(sharer)
    if (!holding) return
    if (holding.asked > 0) holding.isHungry = hasMore
    holding.held += brought
    holding.asked = 0
  }

  /** There may be slots for who waits for one. Answers whether somebody was woken. */
  next(): boolean {
    for (const sharer of this.waiting) {
      if (this.shareOf(sharer) <= 0) continue
      sharer.wake()
      return true
    }
    return false
  }

  private shareOf(sharer: Sharer): number {
    const nowMs = this.nowMs()
    let left = this.freeSlots()
    let held = 0
    let others = 0
    for (const [other, { asked, askedMs, ...holding }] of this.holdings) {
      held += holding.held
      if (other === sharer) continue
      if (nowMs - askedMs < BELIEVED_MS) left -= asked
      if (holding.isHungry && !this.waiting.has(other)) others++
    }
    others += this.waiting.size - (this.waiting.has(sharer) ? 1 : 0)
    if (others === 0) return left
    const part = Math.ceil((left + held) / (others + 1))
    return Math.min(left - this.before(sharer, part), part - this.heldBy(sharer))
  }

  /** Those who have waited longer and have less than their part. */
  private before(sharer: Sharer, part: number): number {
    let count = 0
    for (const other of this.waiting) {
      if (other === sharer) break
      if (this.heldBy(other) < part) count++
    }
    return count
  }

  private heldBy(sharer: Sharer): number {
    return this.holdings.get(sharer)?.held ?? 0
  }
}
