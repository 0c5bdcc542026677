/**
 * The arithmetic of a funnel: the generic cell rate algorithm (ITU-T I.371, ATM Forum). Where the
 * usual form keeps one "theoretical arrival time", this one keeps the debt, and when it was that
 * much. So fractions survive: next to 1.8e15 µs a double has quarters left, which lets a funnel
 * that leaks every 1.1 µs through 10 % too fast, next to the debt it has billionths. And what a
 * clock that ran ahead left behind can be told from a debt made under a larger capacity.
 *
 * `redis/funnel.lua` is the same, line by line: both engines give the same answers.
 */
import { type Judgement, LONGEST_DEBT_US, type TakeAnswer } from './store.ts'

/** What is kept of a funnel. A key without state is empty. */
export interface FunnelState {
  /** Microseconds until it is empty, from `atUs`; may be fractional. */
  debtUs: number
  /** When it was that full. */
  atUs: number
}

export interface FunnelTake {
  capacity: number
  emissionUs: number
  cost: number
  nowUs: number
  /** The take may be so far in the future. */
  putOffUs?: number
  /** It is charged whatever is left. */
  isPenalty?: boolean
}

/**
 * Sums of fractions end a hair off: what exceeds the capacity by this share of it, or by less than
 * the clock can tell, still fits. It stays in the debt, so it never adds up to a unit.
 */
const TOLERANCE = 2 ** -44
const LARGEST_TOLERANCE_US = 0.25

/** What is said of a debt that is within what may be owed, when nothing was refused. */
export function answerOfDebt(
  debtUs: number,
  { capacity, emissionUs }: Pick<FunnelTake, 'capacity' | 'emissionUs'>,
): TakeAnswer {
  const fullUs = capacity * emissionUs
  const slackUs = Math.min(LARGEST_TOLERANCE_US, fullUs * TOLERANCE)
  return {
    allowed: true,
    remaining: Math.max(0, Math.floor((fullUs + slackUs - debtUs) / emissionUs)),
    retryAfterUs: 0,
    resetAfterUs: Math.max(0, Math.ceil(debtUs - slackUs)),
  }
}

/** Judges one take, which changes nothing itself. */
export function judgeFunnel(
  state: FunnelState | undefined,
  take: FunnelTake,
): Judgement<FunnelState> {
  const { capacity, emissionUs, cost, nowUs, putOffUs = 0, isPenalty = false } = take
  const fullUs = capacity * emissionUs
  const slackUs = Math.min(LARGEST_TOLERANCE_US, fullUs * TOLERANCE)
  const atUs = state?.atUs ?? nowUs
  // A debt from a larger capacity is cut to what this one may owe where it was made, so that it leaks on.
  const mostUs = fullUs + Math.max(fullUs, LONGEST_DEBT_US)
  const debtUs = Math.max(0, Math.min(state?.debtUs ?? 0, mostUs) - Math.max(0, nowUs - atUs))

  const verdict = (allowed: boolean, retryAfterUs: number | null, afterUs: number) => ({
    allowed,
    remaining: Math.max(0, Math.floor((fullUs + slackUs - afterUs) / emissionUs)),
    retryAfterUs,
    resetAfterUs: Math.max(0, Math.ceil(afterUs - slackUs)),
    next: { debtUs: afterUs, atUs: nowUs },
  })
  if (isPenalty) {
    return verdict(true, 0, Math.max(debtUs, Math.min(debtUs + cost * emissionUs, mostUs)))
  }
  if (cost > capacity) return verdict(false, null, debtUs)
  const excessUs = debtUs + cost * emissionUs - fullUs
  if (excessUs <= slackUs + putOffUs) {
    // Until it begins, nobody else may take what it waits for.
    return verdict(true, 0, Math.max(0, Math.max(debtUs, putOffUs) + cost * emissionUs))
  }
  const retryAfterUs = Math.max(0, atUs - nowUs) + Math.ceil(excessUs - slackUs)
  // Nobody waits longer than what is owed takes to leak, unless the state is from a clock that ran
  // ahead. A refusal writes nothing, so it could not pull that back: one take fits instead.
  const longestUs = Math.max(fullUs, debtUs)
  if (retryAfterUs > Math.ceil(longestUs)) return verdict(true, 0, longestUs)
  return verdict(false, retryAfterUs, debtUs)
}
