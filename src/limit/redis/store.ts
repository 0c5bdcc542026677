import type { Asker } from '../../engine/redis/batch.ts'
import type { RedisEngine } from '../../engine/redis/engine.ts'
import type { ReplyOf, Sent } from '../../engine/redis/script.ts'
import { InternalError } from '../../errors.ts'
import { answerOfDebt } from '../funnel.ts'
import {
  type LimitStore,
  partsOf,
  type RateRule,
  type StoredRule,
  type TakeAnswer,
  type TakeRequest,
} from '../store.ts'
import { answersOfRuns, pourTimes, type Run } from '../times.ts'
import { ownerOf, stateKey, stateKeysOf, statePattern } from './keys.ts'
import { redisParts } from './parts.ts'
import * as scripts from './scripts.gen.ts'

/** So many takes of one key are a call of their own: a tenth to a quarter more of them a second, with 1,000 in flight. */
const FULL_TIMES = 100

/** Limits on Redis: a key for each rule of a key, described in the `.lua` files beside this one. */
export function redisLimitStore(engine: RedisEngine): LimitStore {
  const together = redisParts(engine)

  const stateKeys = new WeakMap<StoredRule, { limiter: string; keyOf: (key: string) => string }>()

  /** Most takes by a rule are of the same limiter. */
  function stateOf(request: TakeRequest): string {
    const { limiter, key, tag, rule } = request
    if (tag !== undefined && tag !== null) return stateKey(engine.keys, request, rule.kind)
    const known = stateKeys.get(rule)
    if (known !== undefined && known.limiter === limiter) return known.keyOf(key)
    const keyOf = stateKeysOf(engine.keys, limiter, rule.kind)
    stateKeys.set(rule, { limiter, keyOf })
    return keyOf(key)
  }

  /** A script of its own for each kind: a short one costs the server less. */
  function judge(
    state: string,
    rule: RateRule,
    { cost, times }: { cost: number; times: number },
    asker: Asker<JudgeReply>,
  ): void {
    const key = { state }
    const isFull = times >= FULL_TIMES
    switch (rule.kind) {
      case 'funnel':
        return engine.tell(scripts.takeFunnel, key, funnelTerms(rule, cost, times), asker, isFull)
      case 'slidingLog': {
        const script = rule.isLong ? scripts.takeLongLog : scripts.takeLog
        return engine.tell(script, key, logTerms(rule, cost, times), asker, isFull)
      }
      case 'bucket':
        return engine.tell(scripts.takeBucket, key, bucketTerms(rule, cost, times), asker, isFull)
      case 'counter':
        return engine.tell(scripts.takeCounter, key, counterTerms(rule, cost, times), asker, isFull)
    }
  }

  /** What the script of one rule does not know: a block in front of the state. It may be corrupt too. */
  const takeOfMany = async (request: TakeRequest): Promise<TakeAnswer> =>
    onlyOf(await together.take(partsOf({ ...request, rules: [request.rule] }), request))

  async function takeTimes(request: TakeRequest, times: number): Promise<TakeAnswer[]> {
    const { rule, cost } = request
    const state = stateOf(request)
    const answer = isRate(rule)
      ? await new Promise<JudgeReply & Sent>((resolve, reject) =>
          judge(state, rule, { cost, times }, { resolve, reject }),
        )
      : CORRUPT
    if (answer.tag === 'corrupt') {
      const answers: TakeAnswer[] = []
      do answers.push(await takeOfMany(request))
      while (answers.length < times && answers.at(-1)?.allowed)
      return filled(answers, times)
    }
    if (answer.tag === 'poured' && rule.kind === 'funnel') {
      const before = { debtUs: answer.debtUs, atUs: 0 }
      return pourTimes(before, rule, { cost, times, nowUs: answer.elapsedUs }).answers
    }
    if (answer.tag === 'several') {
      return answersOfRuns(rule, { cost, times }, runsOf(answer.runs), answer.retryUs)
    }
    return new Array<TakeAnswer>(times).fill(answerOf(answer, rule, state))
  }

  return {
    /** No async function: one is made for every take. */
    take(request) {
      const { rule, cost, peek } = request
      if (!isRate(rule) || request.requestId !== undefined) return takeOfMany(request)
      const state = stateOf(request)
      return new Promise((resolve, reject) => {
        const asker = new TakeAsker(takeOfMany, request, state, resolve, reject)
        judge(state, rule, { cost, times: peek ? 0 : 1 }, asker)
      })
    },

    takeTimes,

    takeSeveral: (request) => together.take(partsOf(request), request),

    takeAtMost: (request) => together.takeAtMost(partsOf(request), request),

    takeTogether: (request) => together.take(request.parts, request),

    reserve: together.reserve,
    cancel: together.cancel,
    penalize: together.penalize,
    block: together.block,
    renewLeases: together.renewLeases,
    releaseLeases: together.releaseLeases,
    onDoubt: (listener) => engine.onDoubt(listener),
    resetSince: (sinceMs) => engine.resetSince(sinceMs),

    async reset(request) {
      const states = partsOf(request).map((part) =>
        stateKey(engine.keys, part, part.rule.kind, part.place),
      )
      await Promise.all(states.map((state) => engine.call(scripts.reset, { state }, {})))
    },

    async list(limit) {
      const found = await engine.scan(statePattern(engine.keys), limit)
      const owners = found.map((key) => ownerOf(engine.keys, key)).filter((owner) => owner !== null)
      const distinct = new Map(owners.map((owner) => [JSON.stringify(owner), owner]))
      return [...distinct.values()]
    },
  }
}

/** Told what one take was answered. A class: see `Item`. */
class TakeAsker implements Asker<JudgeReply> {
  private readonly takeOfMany: (request: TakeRequest) => Promise<TakeAnswer>
  private readonly request: TakeRequest
  private readonly state: string
  private readonly answer: (answer: TakeAnswer | Promise<TakeAnswer>) => void
  readonly reject: (error: unknown) => void

  constructor(
    takeOfMany: (request: TakeRequest) => Promise<TakeAnswer>,
    request: TakeRequest,
    state: string,
    answer: (answer: TakeAnswer | Promise<TakeAnswer>) => void,
    reject: (error: unknown) => void,
  ) {
    this.takeOfMany = takeOfMany
    this.request = request
    this.state = state
    this.answer = answer
    this.reject = reject
  }

  resolve(reply: JudgeReply & Sent): void {
    const { request, state } = this
    this.answer(
      reply.tag === 'corrupt' ? this.takeOfMany(request) : answerOf(reply, request.rule, state),
    )
  }
}

type JudgeReply = ReplyOf<
  | typeof scripts.takeFunnel
  | typeof scripts.takeLog
  | typeof scripts.takeLongLog
  | typeof scripts.takeBucket
  | typeof scripts.takeCounter
>

const CORRUPT = { tag: 'corrupt' } as const

type RuleOf<Kind extends RateRule['kind']> = RateRule & { kind: Kind }

const funnelTerms = madeOnce(({ capacity, emissionUs }: RuleOf<'funnel'>, cost, times) => {
  return { capacity, emissionUs, cost, times }
})
const logTerms = madeOnce(({ limit, perUs }: RuleOf<'slidingLog'>, cost, times) => {
  return { limit, perUs, cost, times }
})
const bucketTerms = madeOnce((rule: RuleOf<'bucket'>, cost, times) => {
  return { ...rule, isAligned: rule.isAligned ? 1 : 0, cost, times }
})
const counterTerms = madeOnce((rule: RuleOf<'counter'>, cost, times) => {
  return { ...rule, isStrict: rule.isStrict ? 1 : 0, cost, times }
})

/** Most takes say the same of their rule as the one before: then it is the same object, and is written out once. */
function madeOnce<OneRule extends RateRule, Terms>(
  make: (rule: OneRule, cost: number, times: number) => Terms,
): (rule: OneRule, cost: number, times: number) => Terms {
  const last = new WeakMap<OneRule, { cost: number; times: number; terms: Terms }>()
  return (rule, cost, times) => {
    const known = last.get(rule)
    if (known !== undefined && known.cost === cost && known.times === times) return known.terms
    const terms = make(rule, cost, times)
    last.set(rule, { cost, times, terms })
    return terms
  }
}

const isRate = (rule: StoredRule): rule is RateRule => rule.kind !== 'concurrency'

function onlyOf(answers: TakeAnswer[]): TakeAnswer {
  const [answer] = answers
  if (answer === undefined) throw new InternalError('A take was not answered.')
  return answer
}

/** Refusals change nothing: those after the first are told the same. */
function filled(answers: TakeAnswer[], times: number): TakeAnswer[] {
  const last = onlyOf(answers.slice(-1))
  while (answers.length < times) answers.push(last)
  return answers
}

/** What the script of any kind of rule answers to one take. */
type TakeReply =
  | { tag: 'charged'; state: string; nowUs: number }
  | { tag: 'judged'; remaining: number; resetUs: number; retryUs: number }
  | { tag: 'several' | 'poured' }

function answerOf(reply: TakeReply, rule: StoredRule, state: string): TakeAnswer {
  if (reply.tag === 'charged' && rule.kind === 'funnel') {
    return answerOfDebt(Number(reply.state.slice(0, 16)) - reply.nowUs, rule)
  }
  if (reply.tag !== 'judged')
    throw new InternalError(`One take of ${state} was answered as several.`)
  const { remaining, resetUs, retryUs } = reply
  return {
    allowed: retryUs === 0,
    remaining,
    retryAfterUs: retryUs < 0 ? null : retryUs,
    resetAfterUs: resetUs,
  }
}

function runsOf(numbers: readonly number[]): Run[] {
  const runs: Run[] = []
  for (let at = 0; at < numbers.length; at += 3) {
    const [count = 0, remaining = 0, resetAfterUs = 0] = numbers.slice(at, at + 3)
    runs.push({ count, remaining, resetAfterUs })
  }
  return runs
}
