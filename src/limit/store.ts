/**
 * The contract of limits on an engine: one method per atomic operation. Internal, outside semver.
 *
 * Promises, proved by `limit.contract.ts` on every engine:
 * - R1  A sliding log never admits more than `limit` in any window of `perUs`.
 * - R2  A funnel never admits more than `capacity + floor(window / emissionUs)` in any window.
 * - R3  A refused take and every peek change nothing.
 * - R4  `retryAfterUs` is exact: the same take is allowed then, and not a microsecond before,
 *       if nobody else takes.
 * - R5  Every key has a TTL no longer than it takes to be as good as new.
 * - R6  A clock that stepped back, or state from a clock that ran ahead, refuses nobody for longer
 *       than one period.
 * - R7  Takes of one tick on one key are judged one after the other, in call order.
 * - R8  A bucket never admits more than `capacity + refill × ceil(window / intervalUs)` in any window.
 * - R9  A counter never admits `2 × limit` in any window of `slices × sliceUs`; a strict one never
 *       more than `limit`.
 * - R10 Several rules of one take admit together or not at all: what one refuses changes none of
 *       them, and when the last of their waits is over, all of them admit.
 * - R11 Units that are given back are free at once; a key never has more free than when it is new.
 * - R12 A charged take with a request's id is charged once, however often it is repeated within
 *       5 minutes: a repeat is answered as the first was.
 * - R13 A penalty is charged whatever is left. A key owes at most what fits, and as much again: of
 *       windows; of funnels and buckets also what leaks or comes in an hour.
 * - R14 A blocked key refuses every take until the block is over, and not a microsecond longer; a
 *       clock that steps back makes it last at most twice as long. A reset lifts it.
 * - R15 Reservations begin in the order in which the store judged them, never more than the longest
 *       wait later, and are admitted then within the bounds of R2, R8 and R10. One that is cancelled is
 *       given back as far as nobody has reserved behind it.
 * - R16 No more than `limit` units are held at one time, each until its lease is over, renewed or
 *       released.
 */
import type { ReleaseAnswer, RenewAnswer } from '../gate/store.ts'

/** What a key may do; all durations are in microseconds. */
export type StoredRule = RateRule | LeaseRule

/** How many units may be held at one time, each by a lease of this length. */
export interface LeaseRule {
  kind: 'concurrency'
  limit: number
  leaseUs: number
}

/** How many units may be taken in a time. */
export type RateRule =
  /** `isLong`: an engine that has a smaller layout for many units is to use it. */
  | { kind: 'slidingLog'; limit: number; perUs: number; isLong: boolean }
  /** GCRA: `emissionUs` is the time one unit takes to leak, it may be fractional. */
  | { kind: 'funnel'; capacity: number; emissionUs: number }
  /** Refilled in steps: a fixed window is one whose steps refill all of it. */
  | {
      kind: 'bucket'
      capacity: number
      refill: number
      intervalUs: number
      /** Whether steps are at multiples of `intervalUs` since 1970. */
      isAligned: boolean
    }
  | { kind: 'counter'; limit: number; slices: number; sliceUs: number; isStrict: boolean }

/** Units that a rule allows at once. */
export const mostAtOnce = (rule: StoredRule): number =>
  'capacity' in rule ? rule.capacity : rule.limit

export type RuleKind = StoredRule['kind']

/** For so long the answer to a charged request is remembered. */
export const REQUEST_MEMORY_US = 300e6

/** What a funnel or a bucket may owe beyond what fits, if twice that is less. */
export const LONGEST_DEBT_US = 3_600e6

/** Rules that one take may have. */
export const MOST_RULES = 4

/** For each rule of a list, that it is the first, second … of its kind. */
export function placesOf(rules: readonly StoredRule[]): number[] {
  const found = new Map<RuleKind, number>()
  return rules.map(({ kind }) => {
    const place = (found.get(kind) ?? 0) + 1
    found.set(kind, place)
    return place
  })
}

export interface TakeRequest extends Demand {
  rule: StoredRule
}

/** The second rule of a kind has a state of its own, and so on: in the order of the list. */
export interface TakeSeveralRequest extends Demand {
  /** From 1 to {@link MOST_RULES}. */
  rules: readonly StoredRule[]
}

interface Demand {
  limiter: string
  key: string
  /** Keys of one tag are in one slot of a cluster; of the key's own if it is left out. */
  tag?: string | null
  /** Whole units; 0 only looks, and below 0 they are given back. */
  cost: number
  /** Answer as a take would, and change nothing. */
  peek: boolean
  /** Names the request, so that a repeat is told from another: see R12. */
  requestId?: string
  /** Who gets the leases, where there is a rule that gives some: unlike any other owner. */
  owner?: string
}

/** One rule of one key, and what is asked of it. */
export interface Part {
  limiter: string
  key: string
  /** Keys of one tag are in one slot of a cluster; null for one of the key's own. */
  tag: string | null
  rule: StoredRule
  /** As {@link placesOf} counts. */
  place: number
  cost: number
}

/** What a request asks of each of its rules. */
export function partsOf(
  request: Pick<TakeSeveralRequest, 'limiter' | 'key' | 'rules' | 'tag'> & { cost?: number },
): Part[] {
  const { limiter, key, rules, tag = null, cost = 0 } = request
  const places = placesOf(rules)
  return rules.map((rule, index) => ({ limiter, key, tag, rule, place: places[index] ?? 1, cost }))
}

/** Several parts of any limiters; no two of one state. */
export interface TakeTogetherRequest extends Pick<Demand, 'peek' | 'requestId' | 'owner'> {
  parts: readonly Part[]
}

export interface ReserveRequest {
  parts: readonly Part[]
  /** A longer wait is refused. */
  longestUs: number
}

export interface ReserveAnswer {
  /** Until the take is admitted; null when it was refused. */
  waitUs: number | null
  answers: TakeAnswer[]
  /** For {@link LimitStore.cancel}, one for each part. */
  receipts: string[]
}

/** Units of one take that are held. */
export interface LeaseRequest {
  part: Part
  owner: string
}

export interface TakeAnswer {
  allowed: boolean
  remaining: number
  /** 0 when allowed; null when the cost can never fit. */
  retryAfterUs: number | null
  /** Until the key is as good as new. */
  resetAfterUs: number
}

export interface PartAnswer {
  /** Taken; 0 when not one was left, and then the answers are to a take of one. */
  units: number
  answers: TakeAnswer[]
}

/** What the arithmetic of a rule says about one take. */
export interface Judgement<State> extends TakeAnswer {
  /** What to keep if the take is allowed and is no peek. */
  next: State
}

export interface LimitStore {
  /** Takes of one tick may share one round trip. */
  take(request: TakeRequest): Promise<TakeAnswer>
  /**
   * The same for so many equal takes, one after the other, each with its answer: in the order of
   * calls with every other take of the tick. The cost is at least 1, and none of them is a peek.
   */
  takeTimes(request: TakeRequest, times: number): Promise<TakeAnswer[]>
  /**
   * The same for several rules at once. Answers for each in their order; it was charged if all of
   * them are allowed. If not, those that are say what is left of them as it is.
   */
  takeSeveral(request: TakeSeveralRequest): Promise<TakeAnswer[]>
  /** The same for as many units as all rules have left, up to the cost. */
  takeAtMost(request: TakeSeveralRequest): Promise<PartAnswer>
  /** The same for rules of any limiters and keys, each with a cost of its own. */
  takeTogether(request: TakeTogetherRequest): Promise<TakeAnswer[]>
  /** Charges a take that begins later, if it has to. Only funnels and buckets. */
  reserve(request: ReserveRequest): Promise<ReserveAnswer>
  /** Gives a reservation back. */
  cancel(request: { parts: readonly Part[]; receipts: readonly string[] }): Promise<void>
  /** Charges units that nothing refuses. Answers for each rule what is left. */
  penalize(parts: readonly Part[]): Promise<TakeAnswer[]>
  /** Refuses every take of the key from now on, for so long; a block that lasts longer stays. */
  block(request: { parts: readonly Part[]; forUs: number }): Promise<void>
  /** A lease as long as the rule says, from now on. */
  renewLeases(request: LeaseRequest): Promise<RenewAnswer>
  releaseLeases(request: LeaseRequest): Promise<ReleaseAnswer>
  /** Calls back when leases may have been forgotten. */
  onDoubt(listener: () => void): () => void
  /** Why a lease may be gone that was there at `sinceMs`, a monotonic time; else null. */
  resetSince(sinceMs: number): Error | null
  /** Makes a key as good as new, and ends its leases. */
  reset(request: Pick<TakeSeveralRequest, 'limiter' | 'key' | 'rules' | 'tag'>): Promise<void>
  /** Keys that are not as good as new, at most `limit`. */
  list(limit: number): Promise<{ limiter: string; key: string }[]>
}
