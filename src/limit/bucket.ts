/**
 * The arithmetic of a bucket that is refilled in steps. A fixed window is one whose every step
 * refills all of it. It keeps the units that are missing, and since when: all whole numbers.
 *
 * `redis/bucket.lua` is the same, line by line: both engines give the same answers.
 */
import { type Judgement, LONGEST_DEBT_US } from './store.ts'

/** What is kept of a bucket. A key without state is full. */
export interface BucketState {
  /** Units that are missing. */
  used: number
  /** The last step that was counted: the next refill comes `intervalUs` later. */
  atUs: number
}

export interface BucketTake {
  capacity: number
  refill: number
  intervalUs: number
  /** Whether steps are at multiples of `intervalUs` since 1970, instead of since the first take. */
  isAligned: boolean
  cost: number
  nowUs: number
  /** The take may be so far in the future. */
  putOffUs?: number
  /** It is charged whatever is left. */
  isPenalty?: boolean
}

/** Judges one take, which changes nothing itself. */
export function judgeBucket(
  state: BucketState | undefined,
  take: BucketTake,
): Judgement<BucketState> {
  const { capacity, refill, intervalUs, isAligned, cost, nowUs, putOffUs = 0 } = take
  const stepOf = (timeUs: number) => (isAligned ? timeUs - (timeUs % intervalUs) : timeUs)

  let atUs = stepOf(state?.atUs ?? nowUs)
  const steps = Math.max(0, Math.floor((nowUs - atUs) / intervalUs))
  const most = capacity + Math.max(capacity, Math.floor(LONGEST_DEBT_US / intervalUs) * refill)
  const used = Math.max(0, Math.min(state?.used ?? 0, most) - steps * refill)
  // A full bucket begins anew: the steps of a key are counted from its first take.
  atUs = used === 0 ? stepOf(nowUs) : atUs + steps * intervalUs

  const verdict = (allowed: boolean, retryAfterUs: number | null, after: BucketState) => {
    const refilledUs = Math.ceil(after.used / refill) * intervalUs
    return {
      allowed,
      remaining: Math.max(0, capacity - after.used),
      retryAfterUs,
      resetAfterUs: Math.max(0, refilledUs - Math.max(0, nowUs - after.atUs)),
      next: after,
    }
  }
  if (take.isPenalty) {
    return verdict(true, 0, { used: Math.max(used, Math.min(used + cost, most)), atUs })
  }
  if (cost > capacity) return verdict(false, null, { used, atUs })
  const lacking = used + cost - capacity
  const refilled = Math.max(0, Math.floor((nowUs + putOffUs - atUs) / intervalUs)) * refill
  if (lacking <= refilled) {
    // Until it begins, nobody else may take what it waits for.
    return verdict(true, 0, { used: Math.max(0, Math.max(used, refilled) + cost), atUs })
  }
  const retryAfterUs = atUs + Math.ceil(lacking / refill) * intervalUs - nowUs
  // Longer than what is missing takes to come: the state is from a clock that ran ahead. A refusal
  // writes nothing, so it could not pull that back: one take fits instead.
  const missing = Math.max(capacity, used)
  if (retryAfterUs > Math.ceil(missing / refill) * intervalUs) {
    return verdict(true, 0, { used: missing, atUs: stepOf(nowUs) })
  }
  return verdict(false, retryAfterUs, { used, atUs })
}
