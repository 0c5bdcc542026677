import type { Clock } from '../clock.ts'

export interface FreeSlotsTerms {
  clock: Clock
  freeSlots: () => number
  /** Asks the store for jobs. */
  ask: () => void
}

/** The slots that are free, less those of jobs that are about to run, and who waits a moment for one. */
export class FreeSlots {
  private readonly terms: FreeSlotsTerms
  private listeners: (() => void)[] = []
  private reservedCount = 0
  /** One that was let in took the last slot, and since then the store was not asked for what waits behind nothing. */
  private isTurnOfOthers = false

  constructor(terms: FreeSlotsTerms) {
    this.terms = terms
  }

  /** Kept for jobs that are held and neither wait nor run: they ask for their gates. */
  get reserved(): number {
    return this.reservedCount
  }

  /** Those, and what others wait for: who was let in goes first. It would pass its gate on soon, and what is claimed instead is parked behind it. */
  get spokenFor(): number {
    return this.reservedCount + (this.isTurnOfOthers ? 0 : this.listeners.length)
  }

  get hasSlot(): boolean {
    return this.freeCount > 0
  }

  private get freeCount(): number {
    return this.terms.freeSlots() - this.reservedCount
  }

  /** Whether there is one or not. */
  reserve(): void {
    this.reservedCount++
  }

  giveUp(): void {
    this.reservedCount--
  }

  async reserveDuring<T>(work: Promise<T>): Promise<T> {
    this.reserve()
    try {
      return await work
    } finally {
      this.giveUp()
    }
  }

  /**
   * Resolves with whether there is one for who was let in, after so many milliseconds at the latest. The last one goes by turns to
   * them and to jobs that wait behind nothing: a gate that is handed over within a process is here before those were asked for.
   */
  until(ms: number): Promise<boolean> {
    if (this.hasSlot && !this.isTurnOfOthers) return Promise.resolve(this.take())
    return new Promise((resolve) => {
      const end = () => {
        timer.cancel()
        this.listeners = this.listeners.filter((one) => one !== end)
        resolve(this.take())
      }
      const timer = this.terms.clock.after(ms, end)
      this.listeners.push(end)
      if (this.hasSlot) this.terms.ask()
    })
  }

  /** The store has answered with what there is for the slots that were free. */
  asked(): void {
    this.isTurnOfOthers = false
    if (this.hasSlot) this.tell()
  }

  /** Whether there is one: who asks reserves it then. */
  private take(): boolean {
    const { freeCount } = this
    if (freeCount === 1) this.isTurnOfOthers = true
    return freeCount > 0
  }

  /** There may be one. */
  tell(): void {
    if (this.listeners.length === 0) return
    for (const listener of this.listeners.splice(0)) listener()
  }
}
