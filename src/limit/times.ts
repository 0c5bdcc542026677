/**
 * What equal takes of one moment are told, worked out from what the first of them met: a hot key
 * costs the engine one evaluation for all of them. The answers are those of takes that are judged
 * one after the other, to the microsecond.
 */
import { type FunnelState, judgeFunnel } from './funnel.ts'
import type { StoredRule, TakeAnswer } from './store.ts'

/** Takes in a row that were allowed, and what the first of them was told. */
export interface Run {
  count: number
  remaining: number
  resetAfterUs: number
}

type RuleOf<Kind> = StoredRule & { kind: Kind }

/** Of a funnel: from how full it was. Each take is judged, since sums of fractions depend on their order. */
export function pourTimes(
  before: FunnelState | undefined,
  { capacity, emissionUs }: RuleOf<'funnel'>,
  { cost, times, nowUs }: { cost: number; times: number; nowUs: number },
): { answers: TakeAnswer[]; after: FunnelState | null } {
  const take = { capacity, emissionUs, cost, nowUs }
  const answers: TakeAnswer[] = []
  let state = before
  let after: FunnelState | null = null
  while (answers.length < times) {
    const { allowed, remaining, retryAfterUs, resetAfterUs, next } = judgeFunnel(state, take)
    // Spelt out: to leave out one property of each answer took longer than to judge.
    const answer = { allowed, remaining, retryAfterUs, resetAfterUs }
    if (!allowed) return { answers: filled(answers, answer, times), after }
    answers.push(answer)
    state = next
    after = next
  }
  return { answers, after }
}

/**
 * Of every other rule: from runs of allowed takes. The takes after them are refused, each with the
 * same words, since a refusal changes nothing.
 */
export function answersOfRuns(
  rule: StoredRule,
  { cost, times }: { cost: number; times: number },
  runs: readonly Run[],
  retryAfterUs: number,
): TakeAnswer[] {
  const answers: TakeAnswer[] = []
  for (const { count, remaining, resetAfterUs } of runs) {
    for (let index = 0; index < count; index++) {
      const left = remaining - index * cost
      const laterUs = rule.kind === 'bucket' ? refillsBetween(rule, remaining, left) : 0
      answers.push({
        allowed: true,
        remaining: left,
        retryAfterUs: 0,
        resetAfterUs: resetAfterUs + laterUs,
      })
    }
  }
  const last = answers.at(-1)
  if (answers.length === times || last === undefined) return answers
  return filled(answers, { ...last, allowed: false, retryAfterUs }, times)
}

/** The refusal of all that are not answered yet. */
function filled(answers: TakeAnswer[], refusal: TakeAnswer, times: number): TakeAnswer[] {
  while (answers.length < times) answers.push(refusal)
  return answers
}

/** How much longer a bucket takes to fill when `left` units are left instead of `remaining`. */
function refillsBetween(
  { capacity, refill, intervalUs }: RuleOf<'bucket'>,
  remaining: number,
  left: number,
): number {
  const refillsTo = (units: number) => Math.ceil((capacity - units) / refill)
  return (refillsTo(left) - refillsTo(remaining)) * intervalUs
}
