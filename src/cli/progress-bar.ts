import { printable } from '../text.ts'

const EVERY_MS = 100
const WIDTH = 24
const CLEAR_LINE = '\r\u001b[K'

/** One line at the bottom of a terminal that is written over and over; nothing where there is none. */
export class ProgressBar {
  private readonly stream: NodeJS.WriteStream
  private readonly isShown: boolean
  private drawnAtMs = Number.NEGATIVE_INFINITY
  private isDrawn = false

  constructor(isWanted: boolean, stream: NodeJS.WriteStream = process.stderr) {
    this.stream = stream
    this.isShown = isWanted && stream.isTTY === true && process.env.TERM !== 'dumb'
  }

  /** Done is a share of `total`, which may be 0. */
  show(done: number, total: number, text: string): void {
    const now = performance.now()
    if (!this.isShown || now - this.drawnAtMs < EVERY_MS) return
    this.drawnAtMs = now
    this.isDrawn = true
    const share = total > 0 ? Math.min(1, done / total) : 0
    const full = Math.round(share * WIDTH)
    const bar = '█'.repeat(full) + '░'.repeat(WIDTH - full)
    const columns = Math.max(40, this.stream.columns || 80)
    const line = `${bar} ${String(Math.floor(share * 100)).padStart(3)} % ${printable(text)}`
    this.stream.write(CLEAR_LINE + line.slice(0, columns - 1))
  }

  /** Gives the line back to whatever is written next. */
  clear(): void {
    if (this.isDrawn) this.stream.write(CLEAR_LINE)
    this.isDrawn = false
  }
}
