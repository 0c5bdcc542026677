import { randomUUID } from 'node:crypto'
import { ArgumentError } from '../errors.ts'
import type { FailurePolicy } from './fallback.ts'
import type { InsideLimiter } from './inside.ts'
import type { PartVerdict, Verdict } from './limiter.ts'
import type { Rule } from './rules.ts'
import type { Part, PartAnswer } from './store.ts'

/** Takes that are not merged with others: named ones, and those that are given leases. */
export interface TakesAlone {
  readonly givesLeases: boolean
  take(key: string, cost: number, requestId: string | undefined): Promise<Verdict>
  takeAtMost(key: string, units: number): Promise<PartVerdict>
}

export function takesAlone(
  { store, front, holds, partsOf }: InsideLimiter,
  rules: readonly Rule[],
): TakesAlone {
  const givesLeases = rules.some(({ kind }) => kind === 'concurrency')

  /** What may have been given by a call whose answer was lost is given back, or else ends by itself. */
  async function withLease<Answer extends Verdict>(
    parts: Part[],
    owner: string,
    ask: () => Promise<{ verdict: Answer; units: number }>,
  ): Promise<Answer> {
    const held = parts.filter(isHeld)
    const sentAtMs = holds.clock.monotonicMs()
    try {
      const { verdict, units } = await ask()
      if (!verdict.allowed || held.length === 0) return verdict
      const taken = held.map((part) => ({ ...part, cost: units }))
      return { ...verdict, lease: holds.hold(taken, owner, sentAtMs) }
    } catch (error) {
      if (held.length > 0) holds.inBackground(holds.releaseAll(held, owner))
      throw error
    }
  }

  return {
    givesLeases,

    take(key, cost, requestId) {
      const parts = partsOf(key, cost)
      const owner = requestId === undefined ? randomUUID() : `request ${requestId}`
      return withLease(parts, owner, async () => {
        const named = requestId === undefined ? {} : { requestId }
        const ask = () => store.takeTogether({ parts, peek: false, owner, ...named })
        return { verdict: await front.takeAlone(key, cost, ask), units: cost }
      })
    },

    takeAtMost(key, units) {
      const parts = partsOf(key, units)
      const owner = randomUUID()
      const [first] = parts
      const { limiter = '', tag = null } = first ?? {}
      const rules = parts.map(({ rule }) => rule)
      return withLease(parts, owner, async () => {
        let answer: PartAnswer = { units: 0, answers: [] }
        const request = { limiter, key, tag, rules, cost: units, peek: false, owner }
        const verdict = await front.takeAlone(key, units, async () => {
          answer = await store.takeAtMost(request)
          return answer.answers
        })
        return { verdict: { ...verdict, taken: answer.units }, units: answer.units }
      })
    },
  }
}

const isHeld = ({ rule }: Part) => rule.kind === 'concurrency'

/**
 * Without the engine nobody knows who holds what, and nobody has a lease who was not let in.
 * @throws {ArgumentError} for what leases cannot be combined with
 */
export function refuseUnheld(
  rules: readonly Rule[],
  { onEngineFailure, shadow }: { onEngineFailure: FailurePolicy | undefined; shadow: boolean },
): void {
  if (!rules.some(({ kind }) => kind === 'concurrency')) return
  const hint = 'A limiter with a concurrency rule lets nobody in without a lease.'
  if (onEngineFailure === 'local' || onEngineFailure === 'allow') {
    throw new ArgumentError('limiter.onEngineFailure', "'throw' or 'deny'", onEngineFailure, hint)
  }
  if (shadow) throw new ArgumentError('limiter.shadow', 'false', 'true', hint)
}
