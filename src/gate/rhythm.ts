import type { Clock, Timer } from '../clock.ts'

/** What is called back from time to time. It sets its own `dueMs` anew when it is. */
export interface Beat {
  /** Monotonic time by which it wants to be called. */
  dueMs: number
  /** How much earlier it may be called, so that beats close in time go together. */
  slackMs: number
  /** Its neighbours in the rhythm, which alone sets them; null when it is in none. */
  next: Beat | null
  previous: Beat | null
  beat(nowMs: number): void
}

/**
 * Calls many things back, each in its own time, from one timer. What is due at about the same time
 * runs in one tick, and so shares one round trip to the engine. Nothing is kept alive by it. It is
 * a linked list, because a set of what comes and goes quickly is half of the cost of a lease.
 */
export class Rhythm<Member extends Beat = Beat> {
  private readonly clock: Clock
  private readonly head: Beat = { ...IDLE }
  private timer: Timer | null = null
  private timerAtMs = Number.POSITIVE_INFINITY

  constructor(clock: Clock) {
    this.clock = clock
  }

  /** All members, as of now: they may come and go meanwhile. */
  members(): Member[] {
    const found: Member[] = []
    for (let beat = this.head.next; beat; beat = beat.next) found.push(beat as Member)
    return found
  }

  add(beat: Member): void {
    const { next } = this.head
    beat.next = next
    beat.previous = this.head
    if (next) next.previous = beat
    this.head.next = beat
    this.expect(beat)
  }

  /** Its `dueMs` may be earlier than before. */
  expect(beat: Member): void {
    if (beat.dueMs < this.timerAtMs) this.arm(beat.dueMs)
  }

  /** The timer stays: setting and clearing one costs more than a short lease does otherwise. */
  remove(beat: Member): void {
    const { next, previous } = beat
    if (!previous) return
    previous.next = next
    if (next) next.previous = previous
    beat.next = null
    beat.previous = null
  }

  private arm(atMs: number): void {
    this.timer?.cancel()
    this.timerAtMs = atMs
    const delayMs = atMs - this.clock.monotonicMs()
    this.timer = this.clock.after(delayMs, () => this.tick(), { background: true })
  }

  /** A beat may remove itself, or others, while it is called. */
  private tick(): void {
    this.timerAtMs = Number.POSITIVE_INFINITY
    const nowMs = this.clock.monotonicMs()
    const due = this.members().filter((beat) => beat.dueMs - beat.slackMs <= nowMs)
    for (const beat of due) if (beat.previous) beat.beat(nowMs)
    let nextMs = Number.POSITIVE_INFINITY
    for (const { dueMs } of this.members()) nextMs = Math.min(nextMs, dueMs)
    if (nextMs < this.timerAtMs) this.arm(nextMs)
  }
}

const IDLE: Beat = {
  dueMs: Number.POSITIVE_INFINITY,
  slackMs: 0,
  next: null,
  previous: null,
  beat() {},
}
