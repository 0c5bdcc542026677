import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { StoredRule, TakeAnswer } from '../store.ts'
import { answersOfRuns, pourTimes, type Run } from '../times.ts'
import type { Address } from './rows.ts'
import { funnels, judge } from './rule.ts'

/**
 * Judges and charges equal takes, one after the other. A run of those that fit is written once: at
 * one moment each changes what the next is told in the same way. Answers also whether any was allowed.
 */
export function takeEach(
  transaction: Transaction,
  rule: StoredRule,
  address: Address,
  { cost, times }: { cost: number; times: number },
): { answers: TakeAnswer[]; isCharged: boolean } {
  if (rule.kind === 'funnel') {
    const { nowUs } = transaction
    const before = funnels.read(transaction, address)
    const { answers, after } = pourTimes(before, rule, { cost, times, nowUs })
    const last = answers.findLast(({ allowed }) => allowed)
    if (after && last) funnels.write(transaction, address, after, last.resetAfterUs)
    return { answers, isCharged: after !== null }
  }
  const runs: Run[] = []
  let left = times
  while (left > 0) {
    const { answer, charge } = judge(transaction, rule, address, cost)
    if (!answer.allowed) {
      if (left === times) return { answers: new Array(times).fill(answer), isCharged: false }
      const answers = answersOfRuns(rule, { cost, times }, runs, answer.retryAfterUs ?? 0)
      return { answers, isCharged: true }
    }
    const { remaining, resetAfterUs } = answer
    const count = Math.min(left, 1 + Math.floor(remaining / cost))
    if (count === 1) charge()
    else judge(transaction, rule, address, cost * count).charge()
    runs.push({ count, remaining, resetAfterUs })
    left -= count
  }
  return { answers: answersOfRuns(rule, { cost, times }, runs, 0), isCharged: true }
}
