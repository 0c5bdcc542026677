import type { Clock } from '../clock.ts'
import { EngineUnavailableError, StoreFullError } from '../errors.ts'
import type { Circuit } from './circuit.ts'
import { LocalJudge } from './local-judge.ts'
import type { Reserved } from './reservations.ts'
import { mostAtOnce, type PartAnswer, type StoredRule, type TakeAnswer } from './store.ts'

/** What decides while the engine fails. */
export type FailurePolicy = 'throw' | 'deny' | 'allow' | 'local'

/** Decides without the engine. */
export interface Fallback {
  take(key: string, cost: number, peek: boolean): readonly TakeAnswer[]
  takeAtMost(key: string, units: number): PartAnswer
  /** A longer wait is refused. */
  reserve(key: string, cost: number, longestUs: number): Reserved
}

/** Whether it was the engine that failed: everything else is for the caller to know. */
export const isEngineFailure = (error: unknown): boolean =>
  error instanceof EngineUnavailableError || error instanceof StoreFullError

/** Null where failures are thrown. */
export function openFallback(
  policy: FailurePolicy,
  rules: readonly StoredRule[],
  { clock, circuit }: { clock: Clock; circuit: Circuit },
): Fallback | null {
  switch (policy) {
    case 'throw':
      return null
    case 'local': {
      const judge = new LocalJudge(rules, clock)
      return {
        take: (key, cost, peek) => judge.take(key, cost, peek),
        takeAtMost: (key, units) => judge.takeAtMost(key, units),
        reserve: (key, cost, longestUs) => judge.reserve(key, cost, longestUs),
      }
    }
    case 'allow':
      return fixed(rules, (limit, cost) => ({
        ...{ allowed: true, remaining: limit - cost, retryAfterUs: 0, resetAfterUs: 0 },
      }))
    case 'deny':
      return fixed(rules, () => {
        const waitUs = Math.ceil(circuit.waitMs * 1000)
        return { allowed: false, remaining: 0, retryAfterUs: waitUs, resetAfterUs: waitUs }
      })
  }
}

/** The same to everybody; but what never fits does not fit now. */
function fixed(
  rules: readonly StoredRule[],
  answer: (limit: number, cost: number) => TakeAnswer,
): Fallback {
  const take = (cost: number) =>
    rules.map((rule) => {
      const limit = mostAtOnce(rule)
      const one = answer(limit, Math.min(cost, limit))
      return cost > limit ? { ...one, allowed: false, retryAfterUs: null } : one
    })
  return {
    take: (_, cost) => take(cost),
    takeAtMost(_, units) {
      const possible = Math.min(units, ...rules.map(mostAtOnce))
      const answers = take(possible)
      return { units: areAllowed(answers) ? possible : 0, answers }
    },
    reserve(_, cost) {
      const answers = take(cost)
      return { waitUs: areAllowed(answers) ? 0 : null, answers, giveBack: async () => {} }
    },
  }
}

const areAllowed = (answers: readonly TakeAnswer[]) => answers.every(({ allowed }) => allowed)
