import type { Clock } from '../clock.ts'
import type { LimitStore, StoredRule, TakeAnswer, TakeRequest } from './store.ts'

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
const ENOUGH_GROUPS = 50
/** The same for takes of one key: with 1,000 in flight some batches are always on their way. */
const ENOUGH_TIMES = 256

/** Equal takes of one key that are judged together, in the order of their calls; and what is asked for them. */
class Group implements TakeRequest {
  readonly limiter: string
  readonly key: string
  readonly rule: StoredRule
  readonly cost: number
  readonly peek = false
  /** Monotonic: no answer is older. */
  private readonly askedMs: number
  private readonly first: Taker
  /** Nearly all keys have one. */
  private others: Taker[] | null = null

  constructor(
    limiter: string,
    key: string,
    rule: StoredRule,
    cost: number,
    askedMs: number,
    first: Taker,
  ) {
    this.limiter = limiter
    this.key = key
    this.rule = rule
    this.cost = cost
    this.askedMs = askedMs
    this.first = first
  }

  /** Answers how many there are now. */
  add(taker: Taker): number {
    this.others ??= []
    return this.others.push(taker) + 1
  }

  send(store: LimitStore): void {
    const { first, others, askedMs } = this
    if (others === null) {
      store.take(this).then(
        (answer) => first.answered(answer, true, askedMs),
        (error: unknown) => first.failed(error),
      )
      return
    }
    const takers = [first, ...others]
    store.takeTimes(this, takers.length).then(
      (answers) => {
        const last = takers.length - 1
        for (let index = 0; index <= last; index++) {
          takers[index]?.answered(answers[index] as TakeAnswer, index === last, askedMs)
        }
      },
      (error: unknown) => {
        for (const taker of takers) taker.failed(error)
      },
    )
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
    line.groups.set(key, new Group(line.limiter, key, rule, cost, this.askedMs, taker))
    if (++this.count === ENOUGH_GROUPS) this.flush()
  }

  /** Sends what is gathered of a key, so that it comes before what is called next. */
  sendFirst({ groups }: Line, key: string): void {
    const group = groups.get(key)
    if (group === undefined) return
    groups.delete(key)
    group.send(this.store)
  }

  private flush(): void {
    if (this.askedMs === null) return
    this.askedMs = null
    this.count = 0
    const { open } = this
    this.open = []
    for (const line of open) {
      const { groups } = line
      // Another map: one that is cleared holds on to all that was in it until the next full collection.
      line.groups = new Map()
      for (const group of groups.values()) group.send(this.store)
    }
  }
}

const settled = Promise.resolve()
