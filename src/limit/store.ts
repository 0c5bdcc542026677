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
 */

/** What a key may do; all durations are in microseconds. */
export type StoredRule =
  | { kind: 'slidingLog'; limit: number; perUs: number }
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

export type RuleKind = StoredRule['kind']

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
  /** Whole units; 0 only looks, and below 0 they are given back. */
  cost: number
  /** Answer as a take would, and change nothing. */
  peek: boolean
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
   * The same for several rules at once. Answers for each in their order; it was charged if all of
   * them are allowed. If not, those that are say what is left of them as it is.
   */
  takeSeveral(request: TakeSeveralRequest): Promise<TakeAnswer[]>
  /** The same for as many units as all rules have left, up to the cost. */
  takeAtMost(request: TakeSeveralRequest): Promise<PartAnswer>
  /** Makes a key as good as new. */
  reset(request: Pick<TakeSeveralRequest, 'limiter' | 'key' | 'rules'>): Promise<void>
  /** Keys that are not as good as new, at most `limit`. */
  list(limit: number): Promise<{ limiter: string; key: string }[]>
}
