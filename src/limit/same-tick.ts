import type { Clock } from '../clock.ts'
import type { LimitStore, StoredRule, TakeAnswer } from './store.ts'

/** The keys of one limiter that are asked about in this tick. */
export interface Line {
  readonly limiter: string
  groups: Map<string, Group>
}

/** One take that waits for its answer. It is told as a method: a promise for each would cost more. */
export interface Taker {
  /** @param isLast of those that were judged together, asked at this monotonic time */
  answered(answer: TakeAnswer, isLast: boolean, askedMs: number): void
  failed(error: unknown): void
}

/**
 * So many are sent before the tick is over: the engine works on them while this process is busy
 * with the rest. One call of the Redis engine carries as many.
 */
const ENOUGH_GROUPS = 32
/** The same for takes of one key: with 1,000 in flight some batches are always on their way. */
const ENOUGH_TIMES = 256

/** Equal takes of one key that are judged together, in the order of their calls. */
class Group {
  readonly rule: StoredRule
  readonly cost: number
  /** Monotonic: no answer is older. */
  readonly askedMs: number
  private readonly takers: Taker[]

  constructor(rule: StoredRule, cost: number, askedMs: number, first: Taker) {
    this.rule = rule
    this.cost = cost
    this.askedMs = askedMs
    this.takers = [first]
  }

  /** Answers how many there are now. */
  add(taker: Taker): number {
    return this.takers.push(taker)
  }

  send(store: LimitStore, limiter: string, key: string): void {
    const { rule, cost, takers, askedMs } = this
    const request = { limiter, key, rule, cost, peek: false }
    const failed = (error: unknown) => {
      for (const taker of takers) taker.failed(error)
    }
    const [only] = takers
    if (takers.length === 1 && only !== undefined) {
      store.take(request).then((answer) => only.answered(answer, true, askedMs), failed)
      return
    }
    store.takeTimes(request, takers.length).then((answers) => {
      for (const [index, taker] of takers.entries()) {
        taker.answered(answers[index] as TakeAnswer, index === takers.length - 1, askedMs)
      }
    }, failed)
  }
}

/**
 * Makes one evaluation of equal takes of a tick: a key that everybody wants costs the engine as much
 * as any other. They are told what they would be told one after the other, in call order.
 */
export class SameTick {
  private readonly store: LimitStore
  private readonly clock: Clock
  /** Lines with something that is not sent yet. */
  private open: Line[] = []
  /** Monotonic, when the first of those was asked; null when there are none. */
  private askedMs: number | null = null
  private count = 0

  constructor(store: LimitStore, clock: Clock) {
    this.store = store
    this.clock = clock
  }

  join(line: Line, key: string, rule: StoredRule, cost: number, taker: Taker): void {
    const found = line.groups.get(key)
    if (found !== undefined) {
      if (found.cost === cost && found.rule === rule) {
        if (found.add(taker) === ENOUGH_TIMES) this.sendFirst(line, key)
        return
      }
      this.sendFirst(line, key)
    }
    if (this.askedMs === null) {
      this.askedMs = this.clock.monotonicMs()
      // After the promises that are settled now have run on: what they call joins the same tick.
      void settled.then(() => process.nextTick(() => this.flush()))
    }
    if (line.groups.size === 0) this.open.push(line)
    line.groups.set(key, new Group(rule, cost, this.askedMs, taker))
    if (++this.count === ENOUGH_GROUPS) this.flush()
  }

  /** Sends what is gathered of a key, so that it comes before what is called next. */
  sendFirst({ limiter, groups }: Line, key: string): void {
    const group = groups.get(key)
    if (group === undefined) return
    groups.delete(key)
    group.send(this.store, limiter, key)
  }

  private flush(): void {
    if (this.askedMs === null) return
    this.askedMs = null
    this.count = 0
    const { open } = this
    this.open = []
    for (const line of open) {
      const { limiter, groups } = line
      // Another map: one that is cleared holds on to all that was in it until the next full collection.
      line.groups = new Map()
      for (const [key, group] of groups) group.send(this.store, limiter, key)
    }
  }
}

const settled = Promise.resolve()
