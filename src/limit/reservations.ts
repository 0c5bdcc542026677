/** Places that were reserved, on any state of a rule that knows beforehand when it admits. */
import { type BucketState, judgeBucket } from './bucket.ts'
import { type FunnelState, judgeFunnel } from './funnel.ts'
import { owedWithout, type Receipt } from './receipts.ts'
import type { Judgement, StoredRule, TakeAnswer } from './store.ts'

export type ReservableRule = Extract<StoredRule, { kind: 'funnel' | 'bucket' }>
export type ReservableState = FunnelState | BucketState

/** What a reservation was told, and how it is given back. */
export interface Reserved {
  /** Until it is admitted; null when it was refused. */
  waitUs: number | null
  answers: readonly TakeAnswer[]
  giveBack(): Promise<void>
}

export const isReservable = (rule: StoredRule): rule is ReservableRule =>
  rule.kind === 'funnel' || rule.kind === 'bucket'

/** What is owed after all that has leaked or come back, and when the next step is counted from. */
export function owedNow(
  rule: ReservableRule,
  state: ReservableState | undefined,
  nowUs: number,
): { owed: number; atUs: number } {
  if (rule.kind === 'funnel') {
    const { next } = judgeFunnel(state as FunnelState | undefined, { ...rule, cost: 0, nowUs })
    return { owed: next.debtUs, atUs: next.atUs }
  }
  const { next } = judgeBucket(state as BucketState | undefined, { ...rule, cost: 0, nowUs })
  return { owed: next.used, atUs: next.atUs }
}

/** What a reservation paid, from before and after it was charged. */
export function receiptOf(
  rule: ReservableRule,
  before: ReservableState | undefined,
  after: ReservableState | undefined,
  nowUs: number,
): Receipt {
  const { owed, atUs } = owedNow(rule, after, nowUs)
  return { paid: owed - owedNow(rule, before, nowUs).owed, owed, atUs }
}

/** The state without a reservation, but for what others have reserved behind it. */
export function withoutReservation(
  rule: ReservableRule,
  state: ReservableState | undefined,
  receipt: Receipt,
  nowUs: number,
): Judgement<ReservableState> {
  const passedUs = Math.max(0, nowUs - receipt.atUs)
  const { owed, atUs } = owedNow(rule, state, nowUs)
  const take = { cost: 0, nowUs }
  if (rule.kind === 'funnel') {
    return judgeFunnel({ debtUs: owedWithout(owed, receipt, passedUs), atUs }, { ...rule, ...take })
  }
  const refilled = Math.floor(passedUs / rule.intervalUs) * rule.refill
  return judgeBucket({ used: owedWithout(owed, receipt, refilled), atUs }, { ...rule, ...take })
}
