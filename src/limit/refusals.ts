import type { Clock } from '../clock.ts'
import type { StoredRule, TakeAnswer } from './store.ts'

interface Refusal {
  rules: readonly StoredRule[]
  cost: number
  answers: readonly TakeAnswer[]
  heardMs: number
  /** Until then the engine would say no again, as far as this process knows. */
  untilMs: number
}

/** Keys that are remembered; the oldest refusal makes room. */
const MOST_KEYS = 10_000

/**
 * Refusals of the engine that are still true: whoever asks again too early is answered here. Only
 * another process can make one untrue, by giving back or resetting: so none is repeated for longer
 * than the staleness that its limiter allows.
 */
export class Refusals {
  private readonly clock: Clock
  private readonly mostKeys: number
  private readonly byKey = new Map<string, Refusal>()
  private forgotten = 0

  constructor(clock: Clock, mostKeys = MOST_KEYS) {
    this.clock = clock
    this.mostKeys = mostKeys
  }

  /** Changes when something is forgotten: an answer to what was asked before is not to be learnt. */
  get era(): number {
    return this.forgotten
  }

  /** What the engine said to an equal take, with what is left of its waits. */
  find(key: string, rules: readonly StoredRule[], cost: number): readonly TakeAnswer[] | null {
    if (this.byKey.size === 0) return null
    const refusal = this.byKey.get(key)
    if (refusal === undefined) return null
    const nowMs = this.clock.monotonicMs()
    if (nowMs >= refusal.untilMs) {
      this.byKey.delete(key)
      return null
    }
    if (refusal.cost !== cost || refusal.rules !== rules) return null
    const sinceUs = Math.floor((nowMs - refusal.heardMs) * 1000)
    if (sinceUs === 0) return refusal.answers
    return refusal.answers.map(({ allowed, remaining, retryAfterUs, resetAfterUs }) => ({
      allowed,
      remaining,
      retryAfterUs: retryAfterUs === null ? null : Math.max(0, retryAfterUs - sinceUs),
      resetAfterUs: Math.max(0, resetAfterUs - sinceUs),
    }))
  }

  /**
   * Remembers answers of which one at least is a refusal, until the first of its waits is over,
   * counted from when it was asked: so nothing is refused here that the engine would allow.
   */
  learn(
    key: string,
    asked: { rules: readonly StoredRule[]; cost: number; askedMs: number; era: number },
    answers: readonly TakeAnswer[],
    stalenessMs: number,
  ): void {
    const { rules, cost, askedMs, era } = asked
    if (era !== this.forgotten) return
    let keepMs = stalenessMs
    for (const { allowed, retryAfterUs } of answers) {
      if (!allowed && retryAfterUs !== null) keepMs = Math.min(keepMs, retryAfterUs / 1000)
    }
    const heardMs = this.clock.monotonicMs()
    if (askedMs + keepMs <= heardMs) return
    this.byKey.delete(key)
    if (this.byKey.size >= this.mostKeys) {
      const [oldest] = this.byKey.keys()
      if (oldest !== undefined) this.byKey.delete(oldest)
    }
    this.byKey.set(key, { rules, cost, answers, heardMs, untilMs: askedMs + keepMs })
  }

  /** The key may have more free than was said. */
  forget(key: string): void {
    this.forgotten++
    this.byKey.delete(key)
  }
}
