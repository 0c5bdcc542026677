import type { Clock, Timer } from '../clock.ts'
import type { Gate, Pass } from '../gate/gate.ts'
import type { FreeSlots } from './free-slots.ts'
import type { LetIn } from './gatekeeper.ts'
import type { Claimed } from './parking.ts'
import { endOfTurn } from './turn.ts'

/** Jobs that were claimed together. */
export interface Part {
  /** In their order. */
  claimed: Claimed[]
  /** Whether the pass is good for all of them: somebody may stand in line, who comes first. */
  isReserved: Promise<boolean>
}

export interface SeriesTerms {
  clock: Clock
  pass: Pass
  length: SeriesLength
  slots: FreeSlots
  letIn: (claimed: Claimed, pass: Pass) => void
  /** Those that were not let in are parked again. */
  putBack: (claimed: Claimed[]) => Promise<unknown>
  /** Asked for when the last one begins; null where none are to follow it on this pass. */
  more: () => Promise<Part | null> | null
  /** For those that are left. Called before the last one begins, or when it is known that none follow it. */
  standAgain: () => void
  onOver: () => void
  /** Keeps in sight what nobody waits for. */
  track: (promise: Promise<unknown>) => void
}

/** After that long somebody who came to the line meanwhile is let in, when the job that runs has ended. */
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
 * Jobs that are let in with one pass, one after the other: nobody stood in line when they were claimed, so they pass nobody. Between
 * two of them the engine is not asked. While the last one runs more are claimed, if nobody has come to the line by then.
 */
export class Series {
  private readonly terms: SeriesTerms
  private claimed: Claimed[] = []
  private isReserved: Promise<boolean> = Promise.resolve(true)
  private claimedAtMs = 0
  private timer: Timer | null = null
  /** Those that were let in. */
  private count = 0
  /** Those that have ended since `sinceMs`. */
  private endedCount = 0
  private sinceMs: number
  /** More are being claimed. */
  private asking: Promise<void> | null = null
  private ending: Promise<void> | null = null
  private hasStood = false

  constructor(terms: SeriesTerms) {
    this.terms = terms
    this.sinceMs = terms.clock.monotonicMs()
  }

  /** Jobs that are yet to begin. */
  get waitingCount(): number {
    return this.claimed.length
  }

  begin(first: Part): void {
    this.add(first, first.claimed.length > 1)
    this.letNextIn()
  }

  /** Nobody else is let in. */
  end(): void {
    this.ending ??= this.putBack()
    this.terms.track(this.ending)
  }

  private add({ claimed, isReserved }: Part, hasToWait: boolean): void {
    const { clock } = this.terms
    this.claimed = claimed
    this.isReserved = isReserved
    this.claimedAtMs = clock.monotonicMs()
    this.timer?.cancel()
    if (!hasToWait) return
    this.timer = clock.after(LONGEST_SERIES_MS, () => this.end())
    isReserved.then(
      (isGood) => isGood || this.cut(),
      () => this.cut(),
    )
  }

  private cut(): void {
    if (this.ending) return
    this.terms.length.wasCut()
    this.end()
  }

  private async putBack(): Promise<void> {
    this.timer?.cancel()
    const left = this.claimed.splice(0)
    if (left.length > 0) await this.terms.putBack(left)
    await this.asking
    this.standAgain()
  }

  private standAgain(): void {
    if (this.hasStood) return
    this.hasStood = true
    this.terms.standAgain()
  }

  private letNextIn(): void {
    const { pass, letIn, more } = this.terms
    const next = this.claimed.shift()
    if (!next) return
    if (this.claimed.length === 0) {
      this.noteLength()
      const asked = more()
      if (asked) this.asking = this.follow(asked)
      else this.standAgain()
    }
    letIn(next, new SeriesPass(pass, this.count++, () => this.leave()))
  }

  private async follow(asked: Promise<Part | null>): Promise<void> {
    const part = await asked.catch(() => null)
    this.asking = null
    const hasMore = part !== null && part.claimed.length > 0
    if (hasMore && !this.ending) return this.add(part, true)
    if (hasMore) await this.terms.putBack(part.claimed)
    this.standAgain()
  }

  private noteLength(): void {
    const nowMs = this.terms.clock.monotonicMs()
    if (this.endedCount > 0) this.terms.length.wentWell(this.endedCount, nowMs - this.sinceMs)
    this.endedCount = 0
    this.sinceMs = nowMs
  }

  /** One of them has ended: the next one runs in its slot, if that is not to be left free. */
  private leave(): Promise<void> {
    const { slots, track } = this.terms
    this.endedCount++
    if (this.claimed.length === 0 && !this.asking) return this.finish()
    if (!slots.hasSlot) this.cut()
    slots.reserve()
    track(this.goOn().finally(() => slots.giveUp()))
    return Promise.resolve()
  }

  private async goOn(): Promise<void> {
    const { clock, pass } = this.terms
    // What it ended with leaves first.
    await endOfTurn()
    await this.asking
    if (this.claimed.length === 0) return this.finish()
    const isGood = await this.isReserved.catch(() => false)
    if (!isGood || pass.isLost) this.cut()
    else if (clock.monotonicMs() - this.claimedAtMs > LONGEST_SERIES_MS) this.end()
    if (this.ending) await this.finish()
    else this.letNextIn()
  }

  /** Who was put back stands in line again before the pass is given up: nobody of the same queue gets in between. */
  private async finish(): Promise<void> {
    const { pass, onOver } = this.terms
    this.timer?.cancel()
    if (!this.ending) this.noteLength()
    onOver()
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

  constructor(terms: AllSeriesTerms) {
    this.terms = terms
  }

  /** How many are to be claimed for one. */
  countFor({ count }: SeriesLength): number {
    let waitingCount = 0
    for (const series of this.ofGates.values()) waitingCount += series.waitingCount
    return Math.max(1, Math.min(count, MOST_WAITING - waitingCount))
  }

  /** Resolves when the keeper stands in line again, or has nothing to stand there for. */
  begin(
    { gate, pass, demand }: LetIn & { pass: Pass },
    first: Part,
    how: Pick<SeriesTerms, 'length' | 'more' | 'standAgain'>,
  ): Promise<void> {
    const { clock, slots, letIn, putBack, track } = this.terms
    const { length, more, standAgain } = how
    const { key } = gate
    return new Promise((resolve) => {
      const series = new Series({
        ...{ clock, slots, pass, length, more, track },
        letIn: (one, part) => letIn(one, { gate, pass: part, demand }),
        putBack: (left) => putBack(left, gate),
        standAgain() {
          standAgain()
          resolve()
        },
        onOver: () => {
          if (this.ofGates.get(key) === series) this.ofGates.delete(key)
        },
      })
      this.ofGates.set(key, series)
      series.begin(first)
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
