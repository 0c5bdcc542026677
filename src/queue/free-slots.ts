import type { Clock } from '../clock.ts'

/** The slots that are free, less those of jobs that are about to run, and who waits a moment for one. */
export class FreeSlots {
  private readonly clock: Clock
  private readonly freeSlots: () => number
  private listeners: (() => void)[] = []
  private reservedCount = 0

  constructor(clock: Clock, freeSlots: () => number) {
    this.clock = clock
    this.freeSlots = freeSlots
  }

  /** Kept for jobs that are held and neither wait nor run: they ask for their gates. */
  get reserved(): number {
    return this.reservedCount
  }

  /** Those, and what others wait for: who was let in goes first. It would pass its gate on soon, and what is claimed instead is parked behind it. */
  get spokenFor(): number {
    return this.reservedCount + this.listeners.length
  }

  get hasSlot(): boolean {
    return this.freeSlots() > this.reservedCount
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

  /** Resolves with whether there is one, after so many milliseconds at the latest. */
  until(ms: number): Promise<boolean> {
    if (this.hasSlot) return Promise.resolve(true)
    return new Promise((resolve) => {
      const end = () => {
        timer.cancel()
        this.listeners = this.listeners.filter((one) => one !== end)
        resolve(this.hasSlot)
      }
      const timer = this.clock.after(ms, end)
      this.listeners.push(end)
    })
  }

  /** There may be one. */
  tell(): void {
    if (this.listeners.length === 0) return
    for (const listener of this.listeners.splice(0)) listener()
  }
}
