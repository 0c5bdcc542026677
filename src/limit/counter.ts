/**
 * The arithmetic of a sliding counter: units are counted by slices of the period. The slice that is
 * leaving the window counts for the share of it that is still inside, or, when strict, as a whole.
 *
 * `redis/counter.lua` is the same, line by line: both engines give the same answers.
 */
import type { Judgement } from './store.ts'

/** What is kept of a counter. A key without state is as good as new. */
export interface CounterState {
  /** Units of each slice, the newest first; what is left out is 0. */
  counts: readonly number[]
  /** When the newest slice began. */
  atUs: number
}

export interface CounterTake {
  limit: number
  /** Slices of a period; one more is kept, the one that is leaving. */
  slices: number
  sliceUs: number
  isStrict: boolean
  cost: number
  nowUs: number
  /** It is charged whatever is left. */
  isPenalty?: boolean
}

/** Judges one take, which changes nothing itself. */
export function judgeCounter(
  state: CounterState | undefined,
  take: CounterTake,
): Judgement<CounterState> {
  const { limit, slices, sliceUs, isStrict, nowUs, isPenalty = false } = take
  const ages = Array.from({ length: slices + 1 }, (_, age) => age)
  const shift = Math.max(0, Math.floor((nowUs - (state?.atUs ?? nowUs)) / sliceUs))
  const stored = foldedTo(slices, state?.counts ?? [])
  const counts = ages.map((age) => stored[age - shift] ?? 0)
  const isNew = counts.every((count) => count === 0)
  // One that is as good as new begins anew: the slices of a key are counted from its first take.
  const atUs = isNew ? nowUs : (state?.atUs ?? nowUs) + shift * sliceUs
  const elapsedUs = Math.max(0, nowUs - atUs)

  const verdict = (allowed: boolean, retryAfterUs: number | null, after: CounterState) => {
    const newest = after.counts.findIndex((count) => count > 0)
    const insideUs = newest < 0 ? 0 : (slices + 1 - newest) * sliceUs
    const used = usedAt(after.counts, sliceUs - Math.max(0, nowUs - after.atUs), take)
    return {
      allowed,
      remaining: Math.max(0, limit - used),
      retryAfterUs,
      resetAfterUs: Math.max(0, insideUs - Math.max(0, nowUs - after.atUs)),
      next: after,
    }
  }
  const now = { counts, atUs }
  const owed = counts.reduce((sum, count) => sum + count, 0)
  const cost = isPenalty ? Math.max(0, Math.min(take.cost, 2 * limit - owed)) : take.cost
  if (isPenalty) return verdict(true, 0, { counts: charged(counts, cost), atUs })
  if (cost > limit) return verdict(false, null, now)
  const used = usedAt(counts, sliceUs - elapsedUs, take)
  if (cost <= 0 || used + cost <= limit) {
    return verdict(true, 0, { counts: charged(counts, cost), atUs })
  }
  const waitUs = untilRoom(counts, limit - cost, { slices, sliceUs, isStrict })
  const retryAfterUs = waitUs + atUs - nowUs
  // Longer than anything is counted: the state is from a clock that ran ahead. A refusal writes
  // nothing, so it could not pull that back: one take fits instead.
  if (retryAfterUs > (slices + 1) * sliceUs) {
    return verdict(true, 0, { counts: [limit, ...counts.slice(1).fill(0)], atUs: nowUs })
  }
  return verdict(false, retryAfterUs, now)
}

/** Tenths of a counter that was strict are one slice: what came before the newest came in one `per`. */
function foldedTo(slices: number, counts: readonly number[]): readonly number[] {
  if (counts.length <= slices + 1) return counts
  return [...counts.slice(0, slices), counts.slice(slices).reduce((sum, count) => sum + count, 0)]
}

/** What is given back was taken last, as far as anybody knows. */
function charged(counts: readonly number[], cost: number): number[] {
  let rest = cost
  return counts.map((count) => {
    const after = Math.max(0, count + rest)
    rest -= after - count
    return after
  })
}

type Slices = Pick<CounterTake, 'slices' | 'sliceUs' | 'isStrict'>

/** Units that count while `leftUs` of the newest slice are to come. */
function usedAt(counts: readonly number[], leftUs: number, rule: Slices): number {
  const whole = counts.slice(0, rule.slices).reduce((sum, count) => sum + count, 0)
  return whole + shareOf(counts[rule.slices] ?? 0, leftUs, rule)
}

/** Whole units, rounded up: it only falls while the slice leaves. */
const shareOf = (units: number, leftUs: number, { sliceUs, isStrict }: Slices) =>
  isStrict ? units : Math.min(units, Math.ceil((units * leftUs) / sliceUs))

/** Microseconds from the start of the newest slice until no more than `room` units count. */
function untilRoom(counts: readonly number[], room: number, rule: Slices): number {
  const { slices, sliceUs, isStrict } = rule
  let whole = counts.slice(0, slices).reduce((sum, count) => sum + count, 0)
  let steps = 0
  while (whole > room) {
    steps++
    whole -= counts[slices - steps] ?? 0
  }
  if (isStrict) return (steps + 1) * sliceUs
  // What is leaving has to shrink to the rest. The quotient may be a microsecond off.
  const leaving = counts[slices - steps] ?? 0
  let leftUs = Math.floor(((room - whole) * sliceUs) / leaving)
  while (shareOf(leaving, leftUs + 1, rule) <= room - whole) leftUs++
  while (shareOf(leaving, leftUs, rule) > room - whole) leftUs--
  return (steps + 1) * sliceUs - leftUs
}
