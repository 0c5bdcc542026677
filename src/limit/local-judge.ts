import type { Clock } from '../clock.ts'
import { InternalError } from '../errors.ts'
import { type BucketState, judgeBucket } from './bucket.ts'
import { type CounterState, judgeCounter } from './counter.ts'
import { type FunnelState, judgeFunnel } from './funnel.ts'
import {
  isReservable,
  type ReservableState,
  type Reserved,
  receiptOf,
  withoutReservation,
} from './reservations.ts'
import type { Judgement, PartAnswer, StoredRule, TakeAnswer } from './store.ts'

/** Keys that have a state of their own. Further ones share one, so that memory has a bound. */
const MOST_KEYS = 10_000
const SWEEP_EVERY_US = 1_000_000
/** A sliding log is judged by a strict counter of so many slices: as exact about the limit, and small. */
const SLICES = 10

type State = FunnelState | BucketState | CounterState
type LocalRule = Exclude<StoredRule, { kind: 'slidingLog' | 'concurrency' }>

interface Kept {
  states: State[]
  /** From then on it is as good as new. */
  untilUs: number
}

/** What there is of a key now. */
interface Found {
  nowUs: number
  hasOwn: boolean
  states: State[] | undefined
}

/**
 * The same rules, judged in this process alone. What one process admits this way keeps to the bounds
 * of the rules; of a sliding log a unit counts for up to a tenth of its period longer.
 */
export class LocalJudge {
  private readonly rules: readonly LocalRule[]
  private readonly clock: Clock
  private readonly mostKeys: number
  /** The clock of a machine may step, the monotonic one counts from anywhere. */
  private readonly offsetMs: number
  private readonly byKey = new Map<string, Kept>()
  private shared: Kept | undefined
  private sweptUs = 0

  constructor(rules: readonly StoredRule[], clock: Clock, mostKeys = MOST_KEYS) {
    this.rules = rules.map(smallRule)
    this.clock = clock
    this.mostKeys = mostKeys
    this.offsetMs = clock.wallMs() - clock.monotonicMs()
  }

  /** All rules allow, or none is charged; then those that allow say what is left as it is. */
  take(key: string, cost: number, peek: boolean): TakeAnswer[] {
    const found = this.find(key)
    const judged = this.judgeAll(found, cost)
    if (!judged.every(({ allowed }) => allowed)) {
      const asTheyAre = this.judgeAll(found, 0)
      return judged.map((one, index) => answerOf(one.allowed ? (asTheyAre[index] ?? one) : one))
    }
    if (!peek) this.keep(key, found, judged)
    return judged.map(answerOf)
  }

  /** Charges a take that begins later, if it has to, and that is soon enough. */
  reserve(key: string, cost: number, longestUs: number): Reserved {
    const found = this.find(key)
    let judged = this.judgeAll(found, cost)
    const waits = judged.map(({ retryAfterUs }) => retryAfterUs ?? Number.POSITIVE_INFINITY)
    const waitUs = Math.max(...waits)
    if (waitUs > longestUs) {
      return { waitUs: null, answers: this.take(key, cost, true), giveBack: async () => {} }
    }
    if (waitUs > 0) judged = this.judgeAll(found, cost, waitUs)
    this.keep(key, found, judged)
    const paid = this.rules.map((rule, index) => {
      if (!isReservable(rule)) throw new InternalError(`A ${rule.kind} knows no reservations.`)
      const before = found.states?.[index] as ReservableState | undefined
      const after = judged[index]?.next as ReservableState | undefined
      const receipt = receiptOf(rule, before, after, found.nowUs)
      return { rule, receipt }
    })
    return {
      waitUs,
      answers: judged.map(answerOf),
      giveBack: async () => {
        const now = this.find(key)
        const left = paid.map(({ rule, receipt }, index) => {
          const state = now.states?.[index] as ReservableState | undefined
          return withoutReservation(rule, state, receipt, now.nowUs)
        })
        this.keep(key, now, left)
      },
    }
  }

  /** As many units as all rules have left. */
  takeAtMost(key: string, units: number): PartAnswer {
    const left = this.take(key, 0, true).map(({ remaining }) => remaining)
    const taken = Math.min(units, ...left)
    return { units: taken, answers: this.take(key, Math.max(1, taken), false) }
  }

  private find(key: string): Found {
    const nowUs = Math.floor((this.offsetMs + this.clock.monotonicMs()) * 1000)
    const hasOwn = this.hasOwn(key, nowUs)
    return { nowUs, hasOwn, states: (hasOwn ? this.byKey.get(key) : this.shared)?.states }
  }

  private judgeAll({ nowUs, states }: Found, cost: number, putOffUs = 0): Judgement<State>[] {
    const take = { cost, nowUs, putOffUs }
    return this.rules.map((rule, index) => judgeBy(rule, states?.[index], take))
  }

  private keep(key: string, { nowUs, hasOwn }: Found, judged: Judgement<State>[]): void {
    const resetUs = judged.map(({ resetAfterUs }) => resetAfterUs)
    const kept = { states: judged.map(({ next }) => next), untilUs: nowUs + Math.max(...resetUs) }
    if (hasOwn) this.byKey.set(key, kept)
    else this.shared = kept
  }

  /** As long as keys have to share, new ones do: one that left would begin anew. */
  private hasOwn(key: string, nowUs: number): boolean {
    if (this.byKey.has(key)) return true
    if (this.shared !== undefined && this.shared.untilUs > nowUs) return false
    if (this.byKey.size >= this.mostKeys) this.sweep(nowUs)
    return this.byKey.size < this.mostKeys
  }

  private sweep(nowUs: number): void {
    if (nowUs - this.sweptUs < SWEEP_EVERY_US) return
    this.sweptUs = nowUs
    for (const [key, { untilUs }] of this.byKey) if (untilUs <= nowUs) this.byKey.delete(key)
  }
}

function smallRule(rule: StoredRule): LocalRule {
  if (rule.kind === 'concurrency') throw new InternalError('Leases are never given locally.')
  if (rule.kind !== 'slidingLog') return rule
  const { limit, perUs } = rule
  return {
    ...{ kind: 'counter', limit, slices: SLICES, sliceUs: Math.ceil(perUs / SLICES) },
    isStrict: true,
  }
}

function judgeBy(
  rule: LocalRule,
  state: State | undefined,
  take: { cost: number; nowUs: number; putOffUs: number },
): Judgement<State> {
  switch (rule.kind) {
    case 'funnel':
      return judgeFunnel(state as FunnelState | undefined, { ...rule, ...take })
    case 'bucket':
      return judgeBucket(state as BucketState | undefined, { ...rule, ...take })
    case 'counter':
      return judgeCounter(state as CounterState | undefined, { ...rule, ...take })
  }
}

const answerOf = ({ next: _, ...answer }: Judgement<State>): TakeAnswer => answer
