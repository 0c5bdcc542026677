import type { WriteEvents } from './calls.ts'
import type { AnyScript } from './script.ts'
import { touch } from './scripts.gen.ts'

/** A server that takes no writes is asked again this often, whether or not anyone calls. */
const TRY_AGAIN_MS = 1_000

export interface WritesEvents {
  onRefused(group: number, reply: string): void
  onServed(): void
  /** Makes one small write. */
  tryAgain(): void
}

/**
 * Whether writes are served. A replica, or a master without enough replicas, answers PING and every
 * read, and refuses inside the scripts: nobody would notice but those who write.
 */
export class Writes implements WriteEvents {
  readonly label: string
  private readonly events: WritesEvents
  private timer: NodeJS.Timeout | null = null

  constructor(label: string, events: WritesEvents) {
    this.label = label
    this.events = events
  }

  onRefused(group: number, reply: string): void {
    if (this.timer) return
    this.timer = setTimeout(() => {
      this.timer = null
      this.events.tryAgain()
    }, TRY_AGAIN_MS)
    this.timer.unref()
    this.events.onRefused(group, reply)
  }

  /** Only what surely wrote tells. */
  onServed(script: AnyScript): void {
    if (script.name === touch.name) this.events.onServed()
  }

  close(): void {
    if (this.timer) clearTimeout(this.timer)
  }
}
