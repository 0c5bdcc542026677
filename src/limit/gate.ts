import { ArgumentError } from '../errors.ts'
import type { Entry, Gate, GateKind, Pass, UnitTaker } from '../gate/gate.ts'
import { escapePart, gateKey } from '../gate/key.ts'
import { readName, readOptions, withDefault } from '../options.ts'
import { describe } from '../text.ts'
import { type InsideLimiter, insideOfLimiter } from './inside.ts'
import type { Limiter, LimiterOptions, Verdict } from './limiter.ts'
import { wholeUnits } from './options.ts'
import { readRuleTexts } from './rule-texts.ts'
import { type Rule, readRule } from './rules.ts'
import { stillOwed } from './still-owed.ts'
import { type LimitStore, mostAtOnce } from './store.ts'
import { tagFor } from './tags.ts'

/** Units that jobs need. */
export interface LimitGates extends GateKind {
  /** @throws {ArgumentError} also for a cost that can never be had */
  of(limiter: UnitTaker | LimiterTerms, key: string, cost: number): Gate
}

interface LimiterTerms {
  name: string
  rules: readonly object[]
}

/** A limiter, and what is behind it. */
interface Known {
  limiter: Limiter
  inside: InsideLimiter
}

/** Limiters that are known by their name and rules; who was known first is forgotten. */
const MOST_KNOWN = 1_000
/** Units that are given back or a limit that is reset are noticed after so long. */
const LONGEST_WAIT_MS = 30_000
/** Leases are released at any time, long before they are over. */
const LONGEST_WAIT_FOR_LEASES_MS = 1_000

const shape = {
  name: readName,
  key: readName,
  tag: withDefault(readName, null),
  rules: readRuleTexts,
}

/** @param make a limiter of the same engine */
export function limitGates(
  store: LimitStore,
  make: (name: string, rules: readonly Rule[], options?: LimiterOptions) => Limiter,
): LimitGates {
  const kind = 'limit'
  const known = new Map<string, Known>()

  function remember(limiter: Limiter, inside: InsideLimiter): Known {
    const identity = identityOf(limiter.name, limiter.rules)
    const found = known.get(identity)
    if (found?.limiter === limiter) return found
    const [first] = known.keys()
    if (known.size >= MOST_KNOWN && first !== undefined) known.delete(first)
    const one = { limiter, inside }
    known.set(identity, one)
    return one
  }

  function made(name: string, rules: readonly Rule[], options?: LimiterOptions): Known {
    const limiter = make(name, rules, options)
    const inside = insideOfLimiter(limiter) as InsideLimiter
    return { limiter, inside }
  }

  /** The user's own limiter decides as it was told to, also while the engine is away. */
  function limiterOf(given: UnitTaker | LimiterTerms): Known {
    const inside = insideOfLimiter(given)
    if (inside?.store === store) return remember(given as Limiter, inside)
    if (inside || !('rules' in given)) {
      throw new ArgumentError('gate.limit', 'a limiter of the same Sluice', describe(given))
    }
    const rules = given.rules as readonly Rule[]
    const found = known.get(identityOf(given.name, rules))
    if (found) return found
    const { limiter, inside: parts } = made(given.name, rules)
    return remember(limiter, parts)
  }

  function gate({ limiter, inside }: Known, key: string, demand: string): Gate {
    const { name, rules } = limiter
    readCost(limiter, demand)
    return {
      key: gateKey(kind, `${escapePart(name)}:${key}`),
      get terms() {
        return JSON.stringify({ kind, name, key, tag: tagFor(inside.tag, key) ?? undefined, rules })
      },
      demand,
      isShared: true,
      isSpent: true,
      enter: (entry) => enter({ limiter, inside }, key, entry),
      async describe() {
        const cost = readCost(limiter, demand)
        const verdict = await limiter.peek(key, { cost })
        const { allowed, remaining, limit, retryAfterMs } = verdict
        const again = allowed ? '' : `, again in ${Math.ceil(retryAfterMs ?? 0)} ms`
        return {
          text: `${allowed ? remaining + cost : remaining} of ${limit} left${again}`,
          line: [],
        }
      },
    }
  }

  return {
    kind,
    of: (limiter, key, cost) => gate(limiterOf(limiter), readName(key, 'gate.key'), String(cost)),
    open(terms, demand = '1') {
      const { name, key, tag, rules } = readOptions('gate.terms', terms, shape)
      const found = known.get(identityOf(name, rules))
      const isSame = found !== undefined && tagFor(found.inside.tag, key) === tag
      const one = isSame ? found : made(name, rules, tag === null ? {} : { tag })
      return gate(one, key, demand)
    },
  }
}

const identityOf = (name: string, rules: readonly object[]) => JSON.stringify([name, rules])

/** @throws {ArgumentError} for what no limiter of these rules ever allows */
function readCost({ name, rules }: Limiter, demand: string): number {
  const cost = /^\d{1,16}$/.test(demand) ? Number(demand) : Number.NaN
  const most = Math.min(...rules.map((rule) => mostAtOnce(readRule(rule, 'gate.rule'))))
  if (cost >= 1 && cost <= most) return wholeUnits(cost, 'gate.demand')
  const expected = `1 to ${most}, all that limiter ${JSON.stringify(name)} allows at once`
  const hint = 'Add the job with a lower cost, or give the limiter a higher limit.'
  throw new ArgumentError('gate.demand', expected, describe(demand), hint)
}

/** Asks, and again when there should be budget. */
async function enter({ limiter, inside }: Known, key: string, entry: Entry): Promise<Pass | null> {
  const cost = readCost(limiter, entry.demand)
  const { holds } = inside
  let isTold = false
  try {
    while (!entry.aborted) {
      const askedMs = holds.clock.monotonicMs()
      const verdict = await limiter.take(key, { cost })
      if (verdict.allowed) return passOf({ limiter, inside }, key, cost, verdict, askedMs)
      if (!isTold) entry.onWaiting()
      isTold = true
      await holds.sleep(
        Math.min(verdict.retryAfterMs ?? LONGEST_WAIT_MS, longestOf(verdict)),
        entry.signal,
      )
    }
    return null
  } catch (error) {
    if (entry.aborted) return null
    throw error
  }
}

const longestOf = ({ refusedBy }: Verdict) =>
  refusedBy.some(({ kind }) => kind === 'concurrency')
    ? LONGEST_WAIT_FOR_LEASES_MS
    : LONGEST_WAIT_MS

function passOf(
  { limiter, inside }: Known,
  key: string,
  cost: number,
  { lease, degraded, shadow, rules }: Verdict,
  askedMs: number,
): Pass {
  const release = async () => {
    await lease?.release().catch(() => {})
  }
  /** What has come back of itself meanwhile may be another's by now. */
  const owed = () => {
    const ageMs = inside.holds.clock.monotonicMs() - askedMs
    const each = rules.flatMap(({ rule, remaining, resetAfterMs }) => {
      const stored = readRule(rule, 'gate.rule')
      if (stored.kind === 'concurrency') return []
      const charged = {
        allowed: true,
        remaining,
        retryAfterUs: 0,
        resetAfterUs: resetAfterMs * 1000,
      }
      return [stillOwed(stored, cost, ageMs, charged)]
    })
    return each.length === 0 ? 0 : Math.min(...each)
  }
  return {
    key: gateKey('limit', `${escapePart(limiter.name)}:${key}`),
    fence: null,
    get signal() {
      return lease?.signal ?? null
    },
    onLost(listener) {
      const signal = lease?.signal
      if (signal?.aborted) listener(signal.reason)
      else signal?.addEventListener('abort', () => listener(signal.reason), { once: true })
    },
    get isLost() {
      return lease?.signal.aborted ?? false
    },
    // Each job pays for itself.
    reserve: async () => false,
    release,
    async giveBack() {
      await release()
      // What was allowed without the engine, or in spite of it, was not charged there.
      const units = degraded || shadow ? 0 : owed()
      if (units > 0) await limiter.refund(key, units).catch(() => {})
    },
  }
}
