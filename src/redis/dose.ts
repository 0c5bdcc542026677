/** Between these bounds, how many items one command may name. */
export interface DoseBounds {
  readonly least: number
  readonly first: number
  readonly most: number
}

/** Delays of this process only ever add: the quickest of the last few tells what the server took. */
const REMEMBERED = 8
const GROWTH = 1.5
const LONGEST_REST_MS = 100

/** How long an answer takes that costs a server nothing: the quickest one tells. */
export class Way {
  private quickestMs = Number.POSITIVE_INFINITY

  get ms(): number {
    return this.quickestMs
  }

  took(tookMs: number): void {
    this.quickestMs = Math.min(this.quickestMs, tookMs)
  }
}

/**
 * How much to ask of a server in one command so that its other clients wait no longer than
 * `budgetMs` for it: found by how long the last commands took, less the way there and back. After
 * each command it rests for as long as that kept the server, so that half of its time is left to
 * others. A server that others keep busy takes longer, and is given less.
 */
export class Dose {
  private readonly budgetMs: number
  private readonly bounds: DoseBounds
  private readonly way: Way
  private readonly seen: { tookMs: number; items: number }[] = []
  private items: number

  constructor(budgetMs: number, bounds: DoseBounds, way: Way) {
    this.budgetMs = budgetMs
    this.bounds = bounds
    this.way = way
    this.items = bounds.first
  }

  /** How many items the next command may name. */
  get size(): number {
    return this.items
  }

  /** A command with so many items took so long. Returns how long to rest. */
  took(tookMs: number, items: number): number {
    this.way.took(tookMs)
    this.seen.push({ tookMs, items })
    if (this.seen.length > REMEMBERED) this.seen.shift()
    // By the way as it is known by now: what seemed to cost nothing only came by a slower one.
    const costMs = Math.min(...this.seen.map((one) => (one.tookMs - this.way.ms) / one.items))
    const { least, most } = this.bounds
    // Without a cost there is no telling how much more would be too much.
    const growth = costMs > 0 ? GROWTH : 1
    const fitting = Math.min(this.budgetMs / costMs, this.items * growth, most)
    this.items = Math.max(least, Math.floor(fitting))
    return Math.min(LONGEST_REST_MS, costMs * items)
  }
}
