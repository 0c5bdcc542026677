import type { Clock, Timer } from '../clock.ts'
import { stillOwed } from './still-owed.ts'
import type { LimitStore, RateRule, TakeAnswer } from './store.ts'

export interface LeaseTerms {
  /** Most that a process holds of one key. */
  tokens: number
  /** Unused tokens are given back when they are this old. */
  forMs: number
}

interface Batch {
  units: number
  /** Monotonic, from before they were asked for. */
  sinceMs: number
  heardMs: number
  /** What the engine said with them. */
  answers: readonly TakeAnswer[]
}

interface Held {
  /** The oldest first; never one without units. */
  batches: Batch[]
  units: number
  /** How many are asked for next. */
  size: number
  /** What those who wait need, and what they wait for: whether there are more tokens now. */
  wanted: number
  asking: Promise<boolean> | null
  /** Monotonic. */
  askedMs: number
}

/** Keys of which tokens are held at a time; of others each take asks the engine. */
const MOST_KEYS = 10_000
/** More are asked for in the background when less than this share is left. */
const LOW_SHARE = 0.3

/**
 * Tokens that one limiter took in advance, to answer takes without the engine. They are charged before
 * they are used, and used or given back within `forMs`: so any window admits at most what the rule
 * admits in a window longer by `forMs`, and at most `tokens` for each process more than in its own.
 */
export class TokenLeases {
  private readonly store: LimitStore
  private readonly clock: Clock
  private readonly limiter: string
  private readonly rules: readonly RateRule[]
  private readonly terms: LeaseTerms
  /** Of all limiters of this engine: those who hold tokens are told when it closes. */
  private readonly holders: Set<TokenLeases>
  private readonly byKey = new Map<string, Held>()
  private timer: Timer | null = null
  private isClosed = false

  constructor(
    store: LimitStore,
    { clock, holders }: { clock: Clock; holders: Set<TokenLeases> },
    { limiter, rules }: { limiter: string; rules: readonly RateRule[] },
    terms: LeaseTerms,
  ) {
    this.store = store
    this.clock = clock
    this.holders = holders
    this.limiter = limiter
    this.rules = rules
    this.terms = terms
  }

  /** Uses tokens that are there, or answers null. `remaining` includes those that are left. */
  take(key: string, cost: number): readonly TakeAnswer[] | null {
    const held = this.byKey.get(key)
    if (held === undefined || held.units < cost) return null
    const nowMs = this.clock.monotonicMs()
    const [oldest] = held.batches
    if (oldest === undefined || nowMs - oldest.sinceMs >= this.terms.forMs) {
      this.expire(key, held, nowMs)
      if (held.units < cost) return null
    }
    held.units -= cost
    const last = held.batches[held.batches.length - 1] as Batch
    spend(held.batches, cost)
    if (held.asking === null && held.units < held.size * LOW_SHARE && held.size > 1) {
      held.asking = this.askSoon(key, held)
      // Whoever needs them asks again, and is told.
      held.asking.catch(() => {})
    }
    const sinceUs = Math.floor((nowMs - last.heardMs) * 1000)
    return last.answers.map(({ remaining, resetAfterUs }) => ({
      allowed: true,
      remaining: remaining + held.units,
      retryAfterUs: 0,
      resetAfterUs: Math.max(0, resetAfterUs - sinceUs),
    }))
  }

  /** Asks for more tokens, together with all that need some of this key. False when there are none. */
  fetch(key: string, cost: number): Promise<boolean> {
    let held = this.byKey.get(key)
    if (this.isClosed || cost > this.terms.tokens) return NO
    if (held === undefined) {
      if (this.byKey.size >= MOST_KEYS) return NO
      held = { batches: [], units: 0, size: 1, wanted: 0, asking: null, askedMs: -Infinity }
      this.byKey.set(key, held)
    }
    held.wanted += cost
    held.asking ??= this.askSoon(key, held)
    return held.asking
  }

  /** Forgets the tokens of a key that was made as good as new: nothing is charged for them any more. */
  drop(key: string): void {
    this.byKey.delete(key)
  }

  /** Gives back what is not used, and holds nothing any more. */
  async close(): Promise<void> {
    this.isClosed = true
    this.timer?.cancel()
    this.holders.delete(this)
    const kept = [...this.byKey]
    this.byKey.clear()
    const batches = kept.flatMap(([key, held]) => held.batches.map((batch) => ({ key, batch })))
    await Promise.all(batches.map(({ key, batch }) => this.giveBack(key, batch)))
  }

  /** When the tick is over: so all that it needs is asked for at once. */
  private askSoon(key: string, held: Held): Promise<boolean> {
    const isOver = settled.then(() => new Promise<void>((resolve) => process.nextTick(resolve)))
    return isOver
      .then(() => this.ask(key, held))
      .finally(() => {
        held.asking = null
        held.wanted = 0
      })
  }

  private async ask(key: string, held: Held): Promise<boolean> {
    const { tokens, forMs } = this.terms
    const { store, clock, limiter, rules } = this
    const sinceMs = clock.monotonicMs()
    // Used up in less than half of the time: there is a use for more.
    if (sinceMs - held.askedMs < forMs / 2) held.size = Math.min(tokens, held.size * 2)
    held.askedMs = sinceMs
    const cost = Math.min(tokens - held.units, Math.max(held.size, held.wanted - held.units))
    if (cost <= 0) return true
    const { units, answers } = await store.takeAtMost({ limiter, key, rules, cost, peek: false })
    // The less is left, the less one process keeps from the others.
    const left = Math.min(...answers.map(({ remaining }) => remaining))
    held.size = Math.max(1, Math.min(held.size, left >> 1))
    if (units === 0) return false
    const batch = { units, sinceMs, heardMs: clock.monotonicMs(), answers }
    if (this.isClosed) {
      await this.giveBack(key, batch)
      return false
    }
    held.batches.push(batch)
    held.units += units
    this.holders.add(this)
    this.timer ??= this.arm()
    return true
  }

  private arm(): Timer {
    return this.clock.after(this.terms.forMs, () => this.sweep(), { background: true })
  }

  private sweep(): void {
    const nowMs = this.clock.monotonicMs()
    for (const [key, held] of this.byKey) {
      this.expire(key, held, nowMs)
      if (held.batches.length === 0 && held.asking === null) this.byKey.delete(key)
    }
    this.timer = this.byKey.size > 0 ? this.arm() : null
    if (this.timer === null) this.holders.delete(this)
  }

  private expire(key: string, held: Held, nowMs: number): void {
    while (held.batches[0] && nowMs - held.batches[0].sinceMs >= this.terms.forMs) {
      const batch = held.batches.shift() as Batch
      held.units -= batch.units
      held.size = Math.max(1, held.size >> 1)
      void this.giveBack(key, batch)
    }
  }

  /** What cannot be given back comes back by itself. */
  private async giveBack(key: string, { units, sinceMs, answers }: Batch): Promise<void> {
    const { store, limiter, rules } = this
    const ageMs = this.clock.monotonicMs() - sinceMs
    const owed = rules.map((rule, index) => stillOwed(rule, units, ageMs, answers[index]))
    const cost = -Math.min(...owed)
    if (cost === 0) return
    await store.takeSeveral({ limiter, key, rules, cost, peek: false }).catch(() => {})
  }
}

const NO = Promise.resolve(false)
const settled = Promise.resolve()

function spend(batches: Batch[], cost: number): void {
  let rest = cost
  for (let [batch] = batches; batch !== undefined && rest > 0; [batch] = batches) {
    const used = Math.min(rest, batch.units)
    batch.units -= used
    rest -= used
    if (batch.units === 0) batches.shift()
  }
}
