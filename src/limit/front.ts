import type { Circuit } from './circuit.ts'
import { type FailurePolicy, type Fallback, isEngineFailure, openFallback } from './fallback.ts'
import type { PartVerdict, Verdict, VerdictSource } from './limiter.ts'
import type { Named, Nearby } from './nearby.ts'
import type { Rule } from './rules.ts'
import type { Taker } from './same-tick.ts'
import type { LimitStore, PartAnswer, StoredRule, TakeAnswer } from './store.ts'
import { type LeaseTerms, TokenLeases } from './token-lease.ts'
import { alone, type Judge, type JudgedVerdict, judgeOf, shadowed, together } from './verdict.ts'

export interface FrontOptions {
  onEngineFailure: FailurePolicy
  /** How long a refusal may be repeated without asking; null never. */
  stalenessMs: number | null
  /** Null where each take asks the engine. */
  lease: LeaseTerms | null
  shadow: boolean
}

/** Asks for tokens that one take makes: the others that wait may be faster. */
const MOST_ROUNDS = 3

/**
 * All that a call of one limiter goes through, its arguments being checked. A take, in this order:
 * tokens that were taken in advance; what a remembered refusal answers; what is decided without an
 * engine that is away; and the engine, which is asked once for equal takes of a tick. Then it is
 * counted.
 */
export class Front {
  private readonly store: LimitStore
  private readonly nearby: Nearby
  readonly circuit: Circuit
  private readonly limiter: string
  private readonly named: Named
  private readonly judges: readonly Judge[]
  /** The only rule, if there is one. */
  private readonly only: Judge | null
  private readonly rules: readonly StoredRule[]
  /** What decides while the engine fails; null where failures are thrown. */
  readonly fallback: Fallback | null
  private readonly leases: TokenLeases | null
  private readonly stalenessMs: number | null
  /** Nobody is refused. */
  readonly shadow: boolean

  constructor(
    store: LimitStore,
    nearby: Nearby,
    { limiter, rules }: { limiter: string; rules: readonly Rule[] },
    { onEngineFailure, stalenessMs, lease, shadow }: FrontOptions,
  ) {
    this.store = store
    this.nearby = nearby
    this.circuit = nearby.circuit
    this.limiter = limiter
    this.named = nearby.named(limiter)
    this.judges = rules.map(judgeOf)
    this.only = this.judges.length === 1 ? (this.judges[0] ?? null) : null
    this.rules = this.judges.map(({ stored }) => stored)
    this.fallback = openFallback(onEngineFailure, this.rules, nearby)
    const rates = this.rules.filter((rule) => rule.kind !== 'concurrency')
    this.leases = lease && new TokenLeases(store, nearby, { limiter, rules: rates }, lease)
    this.stalenessMs = stalenessMs
    this.shadow = shadow
  }

  /** No async function: what those allocate was a third of the work. */
  take(key: string, cost: number): Promise<Verdict> {
    const { leases, only, fallback, stalenessMs, rules } = this
    const held = leases?.take(key, cost)
    if (held) return Promise.resolve(this.tell(key, this.verdictOf(held, 'lease')))
    if (stalenessMs !== null) {
      const known = this.named.refusals.find(key, rules, cost)
      if (known !== null) {
        return Promise.resolve(this.tell(key, this.verdictOf(known, 'denied-cache')))
      }
    }
    if (fallback !== null && !this.circuit.mayAsk()) {
      const answers = fallback.take(key, cost, false)
      return Promise.resolve(this.tell(key, this.verdictOf(answers, 'fallback')))
    }
    return leases === null && only !== null ? this.ask(only, key, cost) : this.askInSteps(key, cost)
  }

  /** What leases, or several rules, may need more than one call for. */
  private async askInSteps(key: string, cost: number): Promise<Verdict> {
    const { leases, only } = this
    try {
      const lent = leases && (await this.lent(leases, key, cost))
      if (lent === null && only !== null) return await this.ask(only, key, cost)
      const verdict = lent ?? (await this.askAll(key, cost))
      this.circuit.answered()
      return this.tell(key, verdict)
    } catch (error) {
      return this.insteadOf(error, key, cost)
    }
  }

  /** The answer to a take without the engine because of `error`; what is none of its failures is thrown. */
  insteadOf(error: unknown, key: string, cost: number): Verdict {
    const answers = this.afterFailure(error).take(key, cost, false)
    return this.tell(key, this.verdictOf(answers, 'fallback'))
  }

  /** A take that `ask` sends, and that is not merged with others. */
  async takeAlone(
    key: string,
    cost: number,
    ask: () => Promise<readonly TakeAnswer[]>,
  ): Promise<Verdict> {
    this.sendFirst(key)
    const { answer, source } = await this.askOr(ask, (instead) => instead.take(key, cost, false))
    return this.tell(key, this.verdictOf(answer, source))
  }

  async peek(key: string, cost: number): Promise<Verdict> {
    const { store, only, limiter, rules } = this
    this.sendFirst(key)
    const request = { limiter, key, cost, peek: true }
    const { answer, source } = await this.askOr<readonly TakeAnswer[]>(
      async () =>
        only
          ? [await store.take({ ...request, rule: only.stored })]
          : store.takeSeveral({ ...request, rules }),
      (instead) => instead.take(key, cost, true),
    )
    const verdict = this.verdictOf(answer, source)
    return this.shadow ? shadowed(verdict) : verdict
  }

  async takeAtMost(key: string, units: number): Promise<PartVerdict> {
    const { store, limiter, rules } = this
    this.sendFirst(key)
    const { answer, source } = await this.askOr<PartAnswer>(
      () => store.takeAtMost({ limiter, key, rules, cost: units, peek: false }),
      (instead) => instead.takeAtMost(key, units),
    )
    const verdict = this.tell(key, this.verdictOf(answer.answers, source))
    return { ...verdict, taken: this.shadow ? units : answer.units }
  }

  refund(key: string, units: number): Promise<Verdict> {
    const { store, only, limiter, rules } = this
    return this.freeing(key, async () => {
      const request = { limiter, key, cost: -units, peek: false }
      const answers = only
        ? [await store.take({ ...request, rule: only.stored })]
        : await store.takeSeveral({ ...request, rules })
      return this.verdictOf(answers, 'engine')
    })
  }

  reset(key: string): Promise<void> {
    const { store, limiter, rules } = this
    return this.freeing(key, () => {
      this.leases?.drop(key)
      return store.reset({ limiter, key, rules })
    })
  }

  /** Sends takes that wait for the end of the tick, so that they come before what is called next. */
  sendFirst(key: string): void {
    this.nearby.sameTick.sendFirst(this.named.line, key)
  }

  /** Does what may free units of a key: a refusal from before it is not repeated. */
  async freeing<Answer>(key: string, work: () => Promise<Answer>): Promise<Answer> {
    const { refusals } = this.named
    this.sendFirst(key)
    refusals.forget(key)
    try {
      return await work()
    } finally {
      refusals.forget(key)
    }
  }

  private ask(only: Judge, key: string, cost: number): Promise<Verdict> {
    const { line, refusals } = this.named
    return new Promise((resolve, reject) => {
      const taking = new Taking(this, only, key, cost, refusals.era, resolve, reject)
      this.nearby.sameTick.join(line, key, only.stored, cost, taking)
    })
  }

  private async askAll(key: string, cost: number): Promise<Verdict> {
    const { store, limiter, rules } = this
    const asked = { cost, askedMs: this.nearby.clock.monotonicMs(), era: this.named.refusals.era }
    const answers = await store.takeSeveral({ limiter, key, rules, cost, peek: false })
    if (answers.some(({ allowed }) => !allowed)) this.learn(key, asked, answers)
    return this.verdictOf(answers, 'engine')
  }

  /** Tokens that had to be asked for first; null when there are none for this take. */
  private async lent(leases: TokenLeases, key: string, cost: number): Promise<Verdict | null> {
    for (let round = 0; round < MOST_ROUNDS && (await leases.fetch(key, cost)); round++) {
      const answers = leases.take(key, cost)
      if (answers !== null) return this.verdictOf(answers, 'lease')
    }
    return null
  }

  learn(
    key: string,
    asked: { cost: number; askedMs: number; era: number },
    answers: readonly TakeAnswer[],
  ): void {
    const { stalenessMs, rules } = this
    if (stalenessMs === null) return
    this.named.refusals.learn(key, { ...asked, rules }, answers, stalenessMs)
  }

  /** The engine's answer, or that of what decides in its place. */
  async askOr<Answer>(
    ask: () => Promise<Answer>,
    decide: (instead: Fallback) => Answer,
  ): Promise<{ answer: Answer; source: VerdictSource }> {
    const { fallback, circuit } = this
    if (fallback !== null && !circuit.mayAsk()) {
      return { answer: decide(fallback), source: 'fallback' }
    }
    try {
      const answer = await ask()
      circuit.answered()
      return { answer, source: 'engine' }
    } catch (error) {
      return { answer: decide(this.afterFailure(error)), source: 'fallback' }
    }
  }

  /** What decides without the engine because of `error`; what is none of its failures is thrown. */
  private afterFailure(error: unknown): Fallback {
    if (this.fallback === null || !isEngineFailure(error)) throw error
    this.circuit.failed()
    return this.fallback
  }

  verdictOf(answers: readonly TakeAnswer[], source: VerdictSource): JudgedVerdict {
    const [answer] = answers
    if (this.only && answer) return alone(this.only.verdict(answer), source)
    const verdicts = this.judges.flatMap(({ verdict }, index) => {
      const one = answers[index]
      return one ? [verdict(one)] : []
    })
    return together(verdicts, source)
  }

  /** Counts it, and is silent about refusals in shadow mode. */
  tell(key: string, verdict: Verdict): Verdict {
    this.named.counts.count(key, verdict.allowed, verdict.degraded)
    return this.shadow ? shadowed(verdict) : verdict
  }
}

/** One take of one rule that waits for the engine. */
class Taking implements Taker {
  private readonly front: Front
  private readonly judge: Judge
  private readonly key: string
  private readonly cost: number
  private readonly era: number
  private readonly resolve: (verdict: Verdict) => void
  private readonly reject: (error: unknown) => void

  constructor(
    front: Front,
    judge: Judge,
    key: string,
    cost: number,
    era: number,
    resolve: (verdict: Verdict) => void,
    reject: (error: unknown) => void,
  ) {
    this.front = front
    this.judge = judge
    this.key = key
    this.cost = cost
    this.era = era
    this.resolve = resolve
    this.reject = reject
  }

  /** Of refusals the last is remembered: it is that of all. */
  answered(answer: TakeAnswer, isLast: boolean, askedMs: number): void {
    const { front, judge, key, cost, era } = this
    if (!answer.allowed && isLast) front.learn(key, { cost, askedMs, era }, [answer])
    front.circuit.answered()
    this.resolve(front.tell(key, alone(judge.verdict(answer))))
  }

  failed(error: unknown): void {
    try {
      this.resolve(this.front.insteadOf(error, this.key, this.cost))
    } catch (failure) {
      this.reject(failure)
    }
  }
}
