import type { RedisEngine } from '../../engine/redis/engine.ts'
import { ArgumentError, StoreCorruptError } from '../../errors.ts'
import { otherRequest } from '../other-request.ts'
import {
  type LeaseRequest,
  type LimitStore,
  type Part,
  type PartAnswer,
  REQUEST_MEMORY_US,
  type StoredRule,
  type TakeAnswer,
  type TakeTogetherRequest,
} from '../store.ts'
import { requestKey, stateKey } from './keys.ts'
import * as scripts from './scripts.gen.ts'

type Parts = readonly Part[]
type How = Omit<TakeTogetherRequest, 'parts'>
type Shared = 'reserve' | 'cancel' | 'penalize' | 'block' | 'renewLeases' | 'releaseLeases'

/** Takes of several rules on Redis, and what else is about all of them: one script each. */
export interface RedisParts extends Pick<LimitStore, Shared> {
  take(parts: Parts, how: How): Promise<TakeAnswer[]>
  takeAtMost(parts: Parts, how: How): Promise<PartAnswer>
}

export function redisParts(engine: RedisEngine): RedisParts {
  const keyOf = (part: Part) => stateKey(engine.keys, part, part.rule.kind, part.place)

  function statesOf(parts: Parts): string[] {
    const states = parts.map(keyOf)
    const group = engine.groupOf(states[0] ?? '')
    const far = states.findIndex((state) => engine.groupOf(state) !== group)
    if (far < 0) return states
    throw new ArgumentError(
      'takeAll.items',
      'keys of one slot of the cluster',
      `${states[0]} in slot ${group} and ${states[far]} in slot ${engine.groupOf(states[far] ?? '')}`,
      "Give the limiters one tag, such as the tenant's, or say consistency: 'compensating'.",
    )
  }

  const refuseCorrupt = (parts: Parts, place: number): StoreCorruptError => {
    const part = parts[place - 1]
    const [state, kind] = part ? [keyOf(part), part.rule.kind] : ['', 'request']
    return new StoreCorruptError(
      state,
      `${state} does not hold a ${kind}. Something else writes there: use another prefix, or remove the key.`,
    )
  }

  async function judge(parts: Parts, way: string, least: number, owner = ''): Promise<PartAnswer> {
    const args = { asks: asksOf(parts), least, way, owner }
    const reply = await engine.call(scripts.takeAll, { states: statesOf(parts) }, args)
    if (reply.tag === 'corrupt') throw refuseCorrupt(parts, reply.place)
    return { units: reply.units, answers: answersOf(reply.answers) }
  }

  async function takeOnce(parts: Parts, id: string, owner = ''): Promise<PartAnswer> {
    const [first] = parts
    const memory = first === undefined ? '' : requestKey(engine.keys, first, id)
    const terms = parts.map(({ rule, cost }) => `${rule.kind}:${cost}`).join(',')
    const args = { asks: asksOf(parts), terms, memoryUs: REQUEST_MEMORY_US, owner }
    const states = [...statesOf(parts), memory]
    const reply = await engine.call(scripts.takeOnce, { states }, args)
    if (reply.tag === 'corrupt') throw refuseCorrupt(parts, reply.place)
    if (reply.tag === 'other') throw otherRequest(id)
    return { units: reply.units, answers: answersOf(reply.answers) }
  }

  const takeUnits = (parts: Parts, { peek, requestId, owner }: How, least: number) =>
    requestId === undefined || peek
      ? judge(parts, peek ? 'peek' : 'take', least, owner)
      : takeOnce(parts, requestId, owner)

  const leaseCall = ({ part, owner }: LeaseRequest) => ({
    keys: { state: keyOf(part) },
    args: { owner, units: part.cost, leaseUs: 'leaseUs' in part.rule ? part.rule.leaseUs : 0 },
  })

  return {
    take: async (parts, how) => (await takeUnits(parts, how, 0)).answers,

    takeAtMost: (parts, how) => takeUnits(parts, how, 1),

    penalize: async (parts) => (await judge(parts, 'penalty', 0)).answers,

    async reserve({ parts, longestUs }) {
      const args = { asks: asksOf(parts), longestUs }
      const reply = await engine.call(scripts.reserve, { states: statesOf(parts) }, args)
      if (reply.tag === 'corrupt') throw refuseCorrupt(parts, reply.place)
      const answers = answersOf(reply.answers)
      if (reply.tag === 'refused') return { waitUs: null, answers, receipts: [] }
      return { waitUs: reply.waitUs, answers, receipts: reply.receipts }
    },

    async cancel({ parts, receipts }) {
      const asks = asksOf(parts).map((ask, index) => ({ ...ask, receipt: receipts[index] ?? '' }))
      const reply = await engine.call(scripts.cancel, { states: statesOf(parts) }, { asks })
      if (reply.tag === 'corrupt') throw refuseCorrupt(parts, reply.place)
    },

    async block({ parts, forUs }) {
      const args = { asks: asksOf(parts), forUs }
      const reply = await engine.call(scripts.putBlock, { states: statesOf(parts) }, args)
      if (reply.tag === 'corrupt') throw refuseCorrupt(parts, reply.place)
    },

    renewLeases(request) {
      const { keys, args } = leaseCall(request)
      return engine.call(scripts.renewLeases, keys, args)
    },

    releaseLeases(request) {
      const { keys, args } = leaseCall(request)
      return engine.call(scripts.releaseLeases, keys, args)
    },
  }
}

const asksOf = (parts: Parts) => parts.map(({ rule, cost }) => ({ rule: textOf(rule), cost }))

/** Three numbers for each rule, as `parts.lua` says. */
function answersOf(numbers: readonly number[]): TakeAnswer[] {
  const answers: TakeAnswer[] = []
  for (let at = 0; at < numbers.length; at += 3) {
    const [remaining = 0, resetAfterUs = 0, retryUs = 0] = numbers.slice(at, at + 3)
    const retryAfterUs = retryUs < 0 ? null : retryUs
    answers.push({ allowed: retryAfterUs === 0, remaining, retryAfterUs, resetAfterUs })
  }
  return answers
}

/** Texts of rules, which are as few as the limiters of a program. */
const texts = new WeakMap<StoredRule, string>()

/** A rule as `rule.lua` reads it. */
function textOf(rule: StoredRule): string {
  let text = texts.get(rule)
  if (text === undefined) {
    text = measures(rule).join(' ')
    texts.set(rule, text)
  }
  return text
}

function measures(rule: StoredRule): (string | number)[] {
  const { kind } = rule
  switch (kind) {
    case 'funnel':
      return [kind, rule.capacity, rule.emissionUs, 0, 0]
    case 'slidingLog':
      return [kind, rule.limit, rule.perUs, 0, rule.isLong ? 1 : 0]
    case 'bucket':
      return [kind, rule.capacity, rule.intervalUs, rule.refill, rule.isAligned ? 1 : 0]
    case 'counter':
      return [kind, rule.limit, rule.sliceUs, rule.slices, rule.isStrict ? 1 : 0]
    case 'concurrency':
      return [kind, rule.limit, rule.leaseUs, 0, 0]
  }
}
