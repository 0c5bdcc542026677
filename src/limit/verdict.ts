/** What stores answer, as a limiter's user reads it. */
import type { RuleVerdict, Verdict, VerdictSource } from './limiter.ts'
import { type Rule, readRule } from './rules.ts'
import { mostAtOnce, type TakeAnswer } from './store.ts'

/** A rule as the store knows it, and how its answers read. */
export type Judge = ReturnType<typeof judgeOf>

export function judgeOf(rule: Rule) {
  const stored = readRule(rule, 'limiter.rule')
  const limit = mostAtOnce(stored)
  const verdict = (answer: TakeAnswer): RuleVerdict => ({
    rule,
    allowed: answer.allowed,
    limit,
    remaining: answer.remaining,
    retryAfterMs: answer.retryAfterUs === null ? null : answer.retryAfterUs / 1000,
    resetAfterMs: answer.resetAfterUs / 1000,
  })
  return { stored, verdict }
}

/** What was judged, before shadow mode has its say. */
export type JudgedVerdict = Omit<Verdict, 'shadow'>

const NONE: readonly Rule[] = Object.freeze([])

/** Spelt out, as every take comes through here: spreading took longer than all else. */
export function alone(one: RuleVerdict, source: VerdictSource = 'engine'): JudgedVerdict {
  return {
    allowed: one.allowed,
    limit: one.limit,
    remaining: one.remaining,
    retryAfterMs: one.retryAfterMs,
    resetAfterMs: one.resetAfterMs,
    rules: [one],
    refusedBy: one.allowed ? NONE : [one.rule],
    source,
    degraded: source === 'fallback',
  }
}

export function together(rules: RuleVerdict[], source: VerdictSource = 'engine'): JudgedVerdict {
  const tightest = rules.reduce((least, one) => (one.remaining < least.remaining ? one : least))
  const refusals = rules.filter(({ allowed }) => !allowed)
  return {
    allowed: refusals.length === 0,
    limit: tightest.limit,
    remaining: tightest.remaining,
    retryAfterMs: refusals.reduce<number | null>(
      (longest, { retryAfterMs }) =>
        longest === null || retryAfterMs === null ? null : Math.max(longest, retryAfterMs),
      0,
    ),
    resetAfterMs: Math.max(...rules.map(({ resetAfterMs }) => resetAfterMs)),
    rules,
    refusedBy: refusals.length === 0 ? NONE : refusals.map(({ rule }) => rule),
    source,
    degraded: source === 'fallback',
  }
}

/** In shadow mode nothing is refused: what would have been is told beside. */
export function shadowed(verdict: Verdict): Verdict {
  if (verdict.allowed) return verdict
  return { ...verdict, allowed: true, retryAfterMs: 0, refusedBy: NONE, shadow: verdict }
}
