import type { Clock } from '../clock.ts'

/** Those who wait a moment for a slot to run a job in. */
export class SlotWaits {
  private readonly clock: Clock
  private readonly hasSlot: () => boolean
  private listeners: (() => void)[] = []

  constructor(clock: Clock, hasSlot: () => boolean) {
    this.clock = clock
    this.hasSlot = hasSlot
  }

  get count(): number {
    return this.listeners.length
  }

  /** Resolves with whether there is one, after so many milliseconds at the latest. */
  until(ms: number): Promise<boolean> {
    if (this.hasSlot()) return Promise.resolve(true)
    return new Promise((resolve) => {
      const end = () => {
        timer.cancel()
        this.listeners = this.listeners.filter((one) => one !== end)
        resolve(this.hasSlot())
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
