/** One command on its way. */
export interface Call {
  readonly command: string
  readonly args: string[]
  /** Monotonic. */
  readonly deadlineMs: number
  /** False while it waits for a connection. */
  sent: boolean
  /** Sent in front of it: a redirected call must say that it was. */
  readonly asking: boolean
  settled: boolean
  /** This or `reject` is called once, and as a method. */
  resolve(reply: unknown): void
  reject(error: unknown): void
}

/** Calls back. A class: literals that many are made of, the compiler comes to make old from the start. */
export class PlainCall implements Call {
  readonly command: string
  readonly args: string[]
  readonly deadlineMs: number
  readonly asking: boolean
  readonly resolve: (reply: unknown) => void
  readonly reject: (error: unknown) => void
  sent = false
  settled = false

  constructor(
    command: string,
    args: string[],
    deadlineMs: number,
    resolve: (reply: unknown) => void,
    reject: (error: unknown) => void,
    asking = false,
  ) {
    this.command = command
    this.args = args
    this.deadlineMs = deadlineMs
    this.asking = asking
    this.resolve = resolve
    this.reject = reject
  }
}

/** How many settled calls may be left in front before they are cut off. */
const MOST_SETTLED = 1_024

/**
 * Calls in the order in which they came. Answers come in that order too, so the one that is settled
 * is nearly always the oldest: a list with a moving head costs a quarter of what a `Set` does, which
 * was 1 µs a call at 1,000 in flight.
 */
export class CallLine {
  private readonly calls: (Call | undefined)[] = []
  private head = 0
  private live = 0

  get size(): number {
    return this.live
  }

  get oldest(): Call | undefined {
    return this.calls[this.head]
  }

  add(call: Call): void {
    this.calls.push(call)
    this.live++
  }

  /** Takes a call out; false if that was done before. */
  settle(call: Call): boolean {
    if (call.settled) return false
    call.settled = true
    this.live--
    while (this.calls[this.head]?.settled) this.calls[this.head++] = undefined
    if (this.live === 0) this.cut(this.calls.length)
    else if (this.head > MOST_SETTLED) this.cut(this.head)
    return true
  }

  /** Those that are not settled, the oldest first. They may be settled meanwhile. */
  list(): Call[] {
    return this.calls.slice(this.head).filter((call): call is Call => call?.settled === false)
  }

  private cut(count: number): void {
    this.calls.splice(0, count)
    this.head = 0
  }
}
