import type { Clock, Timer } from '../clock.ts'
import type { Gate, Pass } from '../gate/gate.ts'
import type { FreeSlots } from './free-slots.ts'
import type { LetIn } from './gatekeeper.ts'
import type { Claimed } from './parking.ts'
import { endOfTurn } from './turn.ts'

export interface SeriesTerms {
  clock: Clock
  pass: Pass
  /** In their order, at least one. */
  claimed: Claimed[]
  /** Whether the pass is good for all of them: somebody may stand in line, who comes first. */
  isReserved: Promise<boolean>
  slots: FreeSlots
  letIn: (claimed: Claimed, pass: Pass) => void
  /** Those that were not let in are parked again. */
  putBack: (claimed: Claimed[]) => Promise<unknown>
  /** Called before the last one begins, or when the others are parked again. */
  onLast: () => void
  /** @param tookMs for those that were let in; null where others had to be put back that might have ended in time */
  onOver: (count: number, tookMs: number | null) => void
  /** Keeps in sight what nobody waits for. */
  track: (promise: Promise<unknown>) => void
}

/** Who comes to the line meanwhile waits that long besides for the job that runs. */
const LONGEST_SERIES_MS = 25
const MOST_IN_A_SERIES = 16

/** How many jobs are let in with one pass: as many as end in a short time, and one at a time where others often stand in line. */
export class SeriesLength {
  private length = 1

  get count(): number {
    return Math.max(1, Math.floor(this.length))
  }

  /** After that comes more than one again when several in a row went well. */
  wasCut(): void {
    this.length /= 8
  }

  wentWell(count: number, tookMs: number): void {
    const fitting = (LONGEST_SERIES_MS * count) / Math.max(tookMs, 0.1)
    this.length = Math.min(2 * this.length, Math.max(1, fitting), MOST_IN_A_SERIES)
  }
}

/**
 * Jobs that are let in with one pass, one after the other: nobody stood in line, so they pass nobody. Between two of them the engine
 * is not asked, which is two calls and their time for each.
 */
export class Series {
  private readonly terms: SeriesTerms
  private startedMs = 0
  private timer: Timer | null = null
  private count = 0
  private isCut = false
  private ending: Promise<unknown> | null = null

  constructor(terms: SeriesTerms) {
    this.terms = terms
  }

  begin(): void {
    const { clock, claimed, isReserved } = this.terms
    this.startedMs = clock.monotonicMs()
    if (claimed.length > 1) {
      this.timer = clock.after(LONGEST_SERIES_MS, () => this.end())
      isReserved.then(
        (isGood) => isGood || this.cut(),
        () => this.cut(),
      )
    }
    this.letNextIn()
  }

  /** Nobody else is let in. */
  end(): void {
    this.ending ??= this.putBack()
    this.terms.track(this.ending)
  }

  private cut(): void {
    this.isCut = true
    this.end()
  }

  private async putBack(): Promise<void> {
    const { claimed, putBack, onLast } = this.terms
    this.timer?.cancel()
    const left = claimed.splice(0)
    if (left.length === 0) return
    await putBack(left)
    onLast()
  }

  private letNextIn(): void {
    const { pass, claimed, letIn, onLast } = this.terms
    const next = claimed.shift()
    if (!next) return
    if (claimed.length === 0 && !this.ending) onLast()
    letIn(next, new SeriesPass(pass, this.count++, () => this.leave()))
  }

  /** One of them has ended: the next one runs in its slot, if that is not to be left free. */
  private leave(): Promise<void> {
    const { claimed, slots, track } = this.terms
    if (claimed.length === 0) return this.finish()
    if (!slots.hasSlot) this.cut()
    slots.reserve()
    track(this.goOn().finally(() => slots.giveUp()))
    return Promise.resolve()
  }

  private async goOn(): Promise<void> {
    const { clock, pass, isReserved } = this.terms
    // What it ended with leaves first.
    await endOfTurn()
    const isGood = await isReserved.catch(() => false)
    if (!isGood || pass.isLost) this.cut()
    else if (clock.monotonicMs() - this.startedMs > LONGEST_SERIES_MS) this.end()
    if (this.ending) await this.finish()
    else this.letNextIn()
  }

  /** Who was put back stands in line again before the pass is given up: nobody of the same queue gets in between. */
  private async finish(): Promise<void> {
    const { clock, pass, onOver } = this.terms
    this.timer?.cancel()
    onOver(this.count, this.isCut ? null : clock.monotonicMs() - this.startedMs)
    await this.ending
    await pass.release()
  }
}

export interface AllSeriesTerms {
  clock: Clock
  slots: FreeSlots
  letIn: (claimed: Claimed, granted: LetIn) => void
  putBack: (claimed: Claimed[], gate: Gate) => Promise<unknown>
  track: (promise: Promise<unknown>) => void
}

/** Of all gates together: one step recovers all that a consumer holds. */
const MOST_WAITING = 100

/** The series of all gates that one consumer keeps. */
export class AllSeries {
  private readonly terms: AllSeriesTerms
  private readonly ofGates = new Map<string, Series>()
  /** Jobs that are yet to begin. */
  private waitingCount = 0

  constructor(terms: AllSeriesTerms) {
    this.terms = terms
  }

  countFor({ count }: SeriesLength): number {
    return Math.max(1, Math.min(count, MOST_WAITING - this.waitingCount))
  }

  /**
   * Resolves when the last of them begins, or the others are parked again.
   *
   * @param how.isReserved left out, there is but one of them
   */
  begin(
    { gate, pass, demand }: LetIn & { pass: Pass },
    claimed: Claimed[],
    how: { isReserved: Promise<boolean> | null; length: SeriesLength; standAgain: () => void },
  ): Promise<void> {
    const { clock, slots, letIn, putBack, track } = this.terms
    const { isReserved, length, standAgain } = how
    const { key } = gate
    const waitingCount = claimed.length - 1
    this.waitingCount += waitingCount
    return new Promise((resolve) => {
      const series = new Series({
        ...{ clock, slots, pass, claimed, track },
        isReserved: isReserved ?? Promise.resolve(true),
        letIn: (one, part) => letIn(one, { gate, pass: part, demand }),
        putBack: (left) => putBack(left, gate),
        onLast: () => {
          this.waitingCount -= waitingCount
          standAgain()
          resolve()
        },
        onOver: (count, tookMs) => {
          if (this.ofGates.get(key) === series) this.ofGates.delete(key)
          if (tookMs === null) length.wasCut()
          else length.wentWell(count, tookMs)
        },
      })
      if (waitingCount > 0) this.ofGates.set(key, series)
      series.begin()
    })
  }

  end(key: string): void {
    this.ofGates.get(key)?.end()
  }

  endAll(): void {
    for (const series of this.ofGates.values()) series.end()
  }
}

/** One job's part of a pass. */
class SeriesPass implements Pass {
  readonly key: string
  readonly fence: number | null
  readonly #whole: Pass
  readonly #leave: () => Promise<void>
  #left: Promise<void> | null = null

  constructor(whole: Pass, index: number, leave: () => Promise<void>) {
    this.key = whole.key
    this.fence = whole.fence === null ? null : whole.fence + index
    this.#whole = whole
    this.#leave = leave
  }

  get signal(): AbortSignal | null {
    return this.#whole.signal
  }

  get isLost(): boolean {
    return this.#whole.isLost
  }

  onLost(listener: (loss: unknown) => void): void {
    this.#whole.onLost(listener)
  }

  async reserve(): Promise<boolean> {
    return false
  }

  release(): Promise<void> {
    this.#left ??= this.#leave()
    return this.#left
  }

  giveBack(): Promise<void> {
    return this.release()
  }
}
