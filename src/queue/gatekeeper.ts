import type { Clock, Timer } from '../clock.ts'
import { SluiceError } from '../errors.ts'
import type { Gate, Pass } from '../gate/gate.ts'
import { UnderWay } from '../gate/under-way.ts'
import type { FreeSlots } from './free-slots.ts'
import { type Claimed, MOST_GATES_IN_A_CALL, type Unparked } from './parking.ts'
import type { GateAnswer } from './parking-store.ts'
import { KEEPER_MS } from './parking-store.ts'
import { AllSeries, type Part, SeriesLength } from './series.ts'
import { inLine, type Standing } from './standing.ts'

export interface GatekeeperTerms {
  clock: Clock
  /** JSON that others in a line see of this consumer. */
  metadata: string
  /** @throws for terms of another version */
  open: (terms: string) => Gate
  /** Says that it lives; in parts of at most 100. */
  keepGates: (gates: string[]) => Promise<GateAnswer[]>
  yieldGates: (gates: string[]) => Promise<void>
  slots: FreeSlots
  /** Whether keys take turns there. */
  takesTurns: (gate: Gate) => boolean
  /** Null if nothing can be claimed now. */
  unpark: (gate: string, count: number) => Promise<Unparked | null>
  /** Runs what was unparked, with what it was let in with. */
  letIn: (claimed: Claimed, pass: LetIn | null) => void
  /** Parks again what was not let in. */
  putBack: (claimed: Claimed[], gate: Gate) => Promise<unknown>
}

/** What the first job behind a gate was let in with, for what it asked. Without a pass it has to ask itself, and is told why. */
export interface LetIn {
  gate: Gate
  pass: Pass | null
  demand: string
}

/** A gate that is kept here. */
interface Keep {
  gate: Gate | null
  /** What the first job behind it asks. */
  demand: string
  standing: Standing | null
  readonly length: SeriesLength
  /** How often it was told to keep it: what was answered before the last time says nothing of what was parked then. */
  news: number
}

/** Who was let in and has no room yet passes the gate on after this time. */
const LONGEST_WAIT_MS = 20
/** Before what failed is asked again. */
const PAUSE_MS = 1_000

/**
 * Keeps gates for the jobs that one queue has parked behind them: stands in the line of each for the first one, unparks that
 * when it is let in, and stands there again for the next while it runs. Where nobody else stands there, several short ones are let in
 * for one place.
 */
export class Gatekeeper {
  private readonly terms: GatekeeperTerms
  private readonly keeps = new Map<string, Keep>()
  private readonly series: AllSeries
  private timer: Timer | null = null
  private isTelling = false
  private stopped = false
  private readonly underWay = new UnderWay()

  constructor(terms: GatekeeperTerms) {
    this.terms = terms
    this.series = new AllSeries({ ...terms, track: (promise) => this.track(promise) })
  }

  isKeeping(key: string): boolean {
    return this.keeps.has(key)
  }

  /** The store says that this is the keeper now; `standing` may stand in line already. */
  keep(key: string, open: () => Gate | null, demand: string, standing: Standing | null): void {
    const known = this.keeps.get(key)
    if (known) known.news++
    if (known || this.stopped) {
      if (standing) this.track(standing.abandon())
      if (this.stopped) this.track(this.terms.yieldGates([key]))
      return
    }
    const keep: Keep = { gate: open(), demand, standing, news: 0, length: new SeriesLength() }
    this.keeps.set(key, keep)
    this.arm()
    this.track(this.stand(key, keep))
  }

  /**
   * There are gates without a keeper. Also what is kept here may be one, given up by a call that came late: it is kept anew, as
   * giving up what the store does not know to be kept tells nobody.
   */
  look(keys: readonly string[]): void {
    if (keys.length > 0 && !this.stopped) this.track(this.ask([...keys]))
  }

  /** Whether the first job that is parked there took over the pass of one that stands in line for itself. */
  async letPass(gate: Gate, pass: Pass): Promise<boolean> {
    const { slots, unpark, letIn } = this.terms
    const isRoomy = slots.hasSlot && !this.stopped
    const unparked = isRoomy ? await slots.reserveDuring(unpark(gate.key, 1)) : null
    const [first] = unparked?.claimed ?? []
    if (!first) return false
    letIn(first, { gate, pass, demand: gate.demand })
    return true
  }

  /** Who holds the gate keeps it for longer: those who were to follow on the same pass are parked again. */
  endSeries(key: string): void {
    this.series.end(key)
  }

  /** None of them is this consumer's any more, or is to begin. */
  endAllSeries(): void {
    this.series.endAll()
  }

  /** Gives all gates up. */
  stop(): void {
    if (this.stopped) return
    this.stopped = true
    this.timer?.cancel()
    this.series.endAll()
    const keys = [...this.keeps.keys()]
    for (const key of keys) this.drop(key)
    if (keys.length > 0) this.track(this.terms.yieldGates(keys))
  }

  /** Resolves when nothing is under way any more. */
  async settled(): Promise<void> {
    while (this.stopped && !this.underWay.isIdle) await this.underWay.idle()
  }

  private track(promise: Promise<unknown>): void {
    this.underWay.during(promise.catch(() => {}))
  }

  private async ask(keys: string[]): Promise<void> {
    const before = keys.map((key) => this.keeps.get(key)?.news)
    const answers = await this.terms.keepGates(keys)
    for (const [index, key] of keys.entries()) {
      const answer = answers[index]
      if (answer?.tag === 'keeper') {
        this.keep(key, () => this.opened(answer.terms), answer.demand, null)
      } else if (answer && this.keeps.get(key)?.news === before[index]) this.drop(key)
    }
  }

  /** Null for what another version wrote: its jobs have to ask for themselves. */
  private opened(terms: string): Gate | null {
    try {
      return this.terms.open(terms)
    } catch {
      return null
    }
  }

  private drop(key: string): void {
    const keep = this.keeps.get(key)
    this.keeps.delete(key)
    if (keep?.standing) this.track(keep.standing.abandon())
  }

  /** Until nothing is left behind the gate, or somebody else keeps it. */
  private async stand(key: string, keep: Keep): Promise<void> {
    const { metadata, slots, letIn } = this.terms
    while (this.keeps.get(key) === keep) {
      const { gate, demand } = keep
      if (gate) keep.standing ??= inLine(gate, demand, metadata)
      const pass = await this.untilIn(keep)
      if (pass === 'failed') continue
      const isKept = this.keeps.get(key) === keep
      if (!isKept || !(await slots.until(LONGEST_WAIT_MS))) {
        await pass?.giveBack()
        if (isKept) this.giveUp(key)
        return
      }
      const count = gate && this.mayBeSeries(gate) ? this.series.countFor(keep.length) : 1
      const part = await slots.reserveDuring(this.claim(key, keep, pass, count))
      // In line again before the last one can end: nobody of the same queue gets in between.
      const standAgain = () => {
        if (gate && this.keeps.get(key) === keep)
          keep.standing ??= inLine(gate, keep.demand, metadata)
      }
      const [first] = part?.claimed ?? []
      if (part && first && gate && pass && this.mayBeSeries(gate)) {
        const more = () => this.more(key, keep, pass)
        const inWith = { gate, pass, demand }
        await this.series.begin(inWith, part, { length: keep.length, more, standAgain })
      } else {
        standAgain()
        if (first) letIn(first, gate && { gate, pass, demand })
        else await pass?.giveBack()
      }
    }
  }

  /** Null: nothing can be claimed now, and the gate is given up. */
  private async claim(
    key: string,
    keep: Keep,
    pass: Pass | null,
    count: number,
  ): Promise<Part | null> {
    const { news } = keep
    const isReserved = count > 1 && pass ? pass.reserve(count) : Promise.resolve(true)
    // It is looked at when the first one has ended.
    isReserved.catch(() => {})
    const unparked = await this.terms.unpark(key, count)
    if (!unparked) {
      this.giveUp(key)
      return null
    }
    const { claimed, rest } = unparked
    if (this.keeps.get(key) === keep) {
      if (rest) keep.demand = rest.demand
      else if (keep.news === news) this.keeps.delete(key)
    }
    return { claimed, isReserved }
  }

  /**
   * Where jobs are long the keeper stands in line instead: what is claimed would only be parked again. And where no other slot is
   * free: all else that this worker could run would wait for the end of those behind one gate.
   */
  private more(key: string, keep: Keep, pass: Pass): Promise<Part | null> | null {
    const count = this.series.countFor(keep.length)
    const isAble = count > 1 && this.terms.slots.hasSlot && this.keeps.get(key) === keep
    return isAble ? this.claimMore(key, keep, pass, count) : null
  }

  /** Not before it is known that nobody has come to the line: under contention somebody has, mostly. */
  private async claimMore(
    key: string,
    keep: Keep,
    pass: Pass,
    count: number,
  ): Promise<Part | null> {
    // The fence of the one that runs is the last of those there are.
    const isReserved = await pass.reserve(count + 1)
    return isReserved && this.keeps.get(key) === keep ? this.claim(key, keep, null, count) : null
  }

  /** Where several may be in there is nothing to save, and where keys take turns who is put back would have to know whose turn it was. */
  private mayBeSeries(gate: Gate): boolean {
    return !gate.isShared && !this.terms.takesTurns(gate)
  }

  /** What fails for good is for the job to fail by: it asks once more. */
  private async untilIn(keep: Keep): Promise<Pass | null | 'failed'> {
    try {
      return (await keep.standing?.entered) ?? null
    } catch (error) {
      const mayPass = error instanceof SluiceError && error.retryable
      if (mayPass) await new Promise<void>((resolve) => this.terms.clock.after(PAUSE_MS, resolve))
      return mayPass ? 'failed' : null
    } finally {
      keep.standing = null
    }
  }

  private giveUp(key: string): void {
    if (!this.keeps.has(key)) return
    this.drop(key)
    this.track(this.terms.yieldGates([key]))
  }

  /** Several times within what a keeper may be silent. */
  private arm(): void {
    if (this.timer || this.stopped) return
    this.timer = this.terms.clock.after((KEEPER_MS * 3) / 8, () => {
      this.timer = null
      if (this.keeps.size === 0) return
      this.arm()
      if (!this.isTelling) this.track(this.tell())
    })
  }

  private async tell(): Promise<void> {
    this.isTelling = true
    const keys = [...this.keeps.keys()]
    try {
      for (let at = 0; at < keys.length; at += MOST_GATES_IN_A_CALL) {
        await this.ask(keys.slice(at, at + MOST_GATES_IN_A_CALL))
      }
    } finally {
      this.isTelling = false
    }
  }
}
