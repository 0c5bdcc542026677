import { type Clock, sleep, systemClock } from '../clock.ts'
import { Dose, type DoseBounds, Way } from './dose.ts'

/** What is shared by all who ask the same servers. */
export interface GentleTerms {
  /** How long one command may keep a server. */
  readonly maxBlockMs: number
  readonly way: Way
  readonly rest: Rest
  readonly clock: Clock
  readonly signal: AbortSignal | undefined
}

export const gentleTerms = (
  maxBlockMs: number,
  signal: AbortSignal | undefined,
  clock: Clock = systemClock,
): GentleTerms => ({ maxBlockMs, way: new Way(), rest: new Rest(), clock, signal })

/** Timers take a millisecond at least, so that less than this is saved up. */
const SHORTEST_REST_MS = 0.25

/** The time that servers are left to others after what they did. */
class Rest {
  private owedMs = 0

  async owe(restMs: number, { clock, signal }: GentleTerms): Promise<void> {
    this.owedMs += restMs
    if (this.owedMs < SHORTEST_REST_MS) return
    const owedMs = this.owedMs
    this.owedMs = 0
    await sleep(clock, owedMs, signal)
  }
}

/** Asks servers for one kind of work, a dose at a time, and lets them rest after each. */
export class Gentle {
  private readonly terms: GentleTerms
  private readonly dose: Dose

  constructor(terms: GentleTerms, bounds: DoseBounds) {
    this.terms = terms
    this.dose = new Dose(terms.maxBlockMs, bounds, terms.way)
  }

  /** How many items the next command may name. */
  get size(): number {
    return this.dose.size
  }

  /** All of them, a dose at a time. */
  *portions<T>(items: readonly T[]): Generator<readonly T[]> {
    for (let from = 0; from < items.length; ) {
      const portion = items.slice(from, from + this.size)
      from += portion.length
      yield portion
    }
  }

  /**
   * Has the answer once the server has rested, or will have to later. Whoever waited meanwhile was
   * served by then, as the next command only comes after this answer. Rejects with the signal's reason.
   */
  async ask<T>(items: number, command: () => Promise<T>): Promise<T> {
    const { clock, rest, signal } = this.terms
    signal?.throwIfAborted()
    const startMs = clock.monotonicMs()
    const answer = await command()
    await rest.owe(this.dose.took(clock.monotonicMs() - startMs, items), this.terms)
    return answer
  }
}
