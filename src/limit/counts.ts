import { type TopKey, TopKeys } from './top-keys.ts'

/** Keys of each kind that are shown, and what the sketch behind them is made for. */
const MOST_SHOWN = 20
const SKETCHED = 128

/** What the takes of one limiter were told in this process, since it first was used there. */
export interface LimiterCounts {
  readonly limiter: string
  /** Takes that were allowed; in shadow mode those that would have been. */
  readonly allowed: number
  /** Takes that were refused; in shadow mode those that would have been. */
  readonly refused: number
  /** Of all of them, those that the engine was not asked about, because it failed. */
  readonly degraded: number
  /** Keys with the most takes, the most frequent first; counts may be too low by `tooFew`. */
  readonly topKeys: { readonly keys: readonly TopKey[]; readonly tooFew: number }
  /** The same of refused takes. */
  readonly topRefused: { readonly keys: readonly TopKey[]; readonly tooFew: number }
}

/** Counts the takes of one limiter in bounded memory. */
export class Counts {
  private allowed = 0
  private refused = 0
  private degraded = 0
  private readonly taken = new TopKeys(SKETCHED)
  private readonly refusedKeys = new TopKeys(SKETCHED)

  count(key: string, isAllowed: boolean, isDegraded: boolean): void {
    this.taken.count(key)
    if (isDegraded) this.degraded++
    if (isAllowed) {
      this.allowed++
      return
    }
    this.refused++
    this.refusedKeys.count(key)
  }

  read(limiter: string): LimiterCounts {
    const { allowed, refused, degraded } = this
    const topKeys = shown(this.taken)
    return { limiter, allowed, refused, degraded, topKeys, topRefused: shown(this.refusedKeys) }
  }
}

const shown = (keys: TopKeys) => ({ keys: keys.list(MOST_SHOWN), tooFew: keys.tooFew })
