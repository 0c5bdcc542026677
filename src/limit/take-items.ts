/** Decides takes of several limiters and keys together: all of them, or none. */
import { randomUUID } from 'node:crypto'
import { isEngineFailure } from './fallback.ts'
import type { LimitLease } from './holds.ts'
import type { InsideLimiter } from './inside.ts'
import type { Verdict, VerdictSource } from './limiter.ts'
import type { Nearby } from './nearby.ts'
import type { LimitStore, Part } from './store.ts'

/** All that is asked of one limiter and key. */
export interface Take {
  readonly inside: InsideLimiter
  readonly key: string
  /** What it asks of each rule: the costs of all its items together. */
  readonly parts: Part[]
}

export interface Together {
  readonly store: LimitStore
  readonly nearby: Nearby
  readonly consistency: 'atomic' | 'compensating'
}

type Verdicts = ReadonlyMap<Take, Verdict>

interface Decision {
  verdicts: Verdicts
  lease?: LimitLease
}

interface Told extends Decision {
  isAllowed: boolean
}

/**
 * What each was told, counted by its limiter. One in shadow refuses nobody: where no other does, the
 * rest is asked again without it.
 */
export async function decideTogether(terms: Together, takes: readonly Take[]): Promise<Told> {
  const told = new Map<Take, Verdict>()
  let asked = takes
  for (;;) {
    const { verdicts, ...held } = await decide(terms, asked)
    for (const [take, verdict] of verdicts) told.set(take, verdict)
    const refusing = asked.filter((take) => !verdicts.get(take)?.allowed)
    const isRefused = refusing.some(({ inside }) => !inside.front.shadow)
    asked = asked.filter((take) => !refusing.includes(take))
    if (isRefused || refusing.length === 0 || asked.length === 0) {
      return { isAllowed: !isRefused, verdicts: counted(told, !isRefused), ...held }
    }
  }
}

/** One that would have allowed, and was not charged because of others, is no take of its limiter. */
function counted(told: Verdicts, isAllowed: boolean): Verdicts {
  return new Map(
    [...told].map(([take, verdict]) => {
      const { inside, key } = take
      return [take, verdict.allowed && !isAllowed ? verdict : inside.front.tell(key, verdict)]
    }),
  )
}

/** Without the engine if it fails, and every limiter says what then. */
async function decide(terms: Together, takes: readonly Take[]): Promise<Decision> {
  const { circuit, holds } = terms.nearby
  const canDecide = takes.every(({ inside }) => inside.front.fallback !== null)
  if (canDecide && !circuit.mayAsk()) return { verdicts: decideAlone(takes) }
  for (const { inside, key } of takes) inside.front.sendFirst(key)
  const owner = randomUUID()
  const held = takes.flatMap(({ parts }) => parts).filter(isHeld)
  const sentAtMs = holds.clock.monotonicMs()
  try {
    const ask = terms.consistency === 'atomic' ? takeAtOnce : takeInTurn
    const verdicts = await ask(terms, takes, owner)
    circuit.answered()
    if (held.length === 0 || !areAllowed(verdicts)) return { verdicts }
    return { verdicts, lease: holds.hold(held, owner, sentAtMs) }
  } catch (error) {
    if (held.length > 0) holds.inBackground(holds.releaseAll(held, owner))
    if (!canDecide || !isEngineFailure(error)) throw error
    circuit.failed()
    return { verdicts: decideAlone(takes) }
  }
}

/** By the policy of each; nobody else is asked in between. */
function decideAlone(takes: readonly Take[]): Verdicts {
  const judge = (peek: boolean) =>
    verdictsOf(takes, 'fallback', ({ inside, key, parts }) => {
      return inside.front.fallback?.take(key, parts[0]?.cost ?? 0, peek) ?? []
    })
  const seen = judge(true)
  return areAllowed(seen) ? judge(false) : seen
}

async function takeAtOnce(
  { store }: Together,
  takes: readonly Take[],
  owner: string,
): Promise<Verdicts> {
  const parts = takes.flatMap((take) => take.parts)
  const answers = await store.takeTogether({ parts, peek: false, owner })
  let start = 0
  return verdictsOf(takes, 'engine', (take) => {
    start += take.parts.length
    return answers.slice(start - take.parts.length, start)
  })
}

/** One after the other; at the first that refuses, those before it are given back. */
async function takeInTurn(
  { store, nearby }: Together,
  takes: readonly Take[],
  owner: string,
): Promise<Verdicts> {
  const taken: Take[] = []
  const verdicts = new Map<Take, Verdict>()
  let peek = false
  try {
    for (const take of takes) {
      const answers = await store.takeTogether({ parts: take.parts, peek, owner })
      const verdict = take.inside.front.verdictOf(answers, 'engine')
      verdicts.set(take, verdict)
      if (!verdict.allowed && !peek) {
        peek = true
        await giveBack(store, taken.splice(0), owner)
      } else if (!peek) taken.push(take)
    }
  } catch (error) {
    // Whoever asked is answered by the deadline of the call that failed.
    nearby.holds.inBackground(giveBack(store, taken, owner))
    throw error
  }
  return verdicts
}

async function giveBack(store: LimitStore, taken: readonly Take[], owner: string): Promise<void> {
  await Promise.all(
    taken.map(({ inside, key, parts }) =>
      inside.front.freeing(key, () => {
        const back = parts.map((part) => ({ ...part, cost: -part.cost }))
        return Promise.all([
          store.takeTogether({ parts: back, peek: false }),
          ...parts.filter(isHeld).map((part) => store.releaseLeases({ part, owner })),
        ])
      }),
    ),
  )
}

function verdictsOf(
  takes: readonly Take[],
  source: VerdictSource,
  answersOf: (take: Take) => Parameters<InsideLimiter['front']['verdictOf']>[0],
): Verdicts {
  return new Map(takes.map((take) => [take, take.inside.front.verdictOf(answersOf(take), source)]))
}

const isHeld = ({ rule }: Part) => rule.kind === 'concurrency'

const areAllowed = (verdicts: Verdicts) => [...verdicts.values()].every(({ allowed }) => allowed)
