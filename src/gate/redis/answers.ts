import type { RedisEngine } from '../../engine/redis/engine.ts'
import { EngineUnavailableError } from '../../errors.ts'
import type { Holder, ReleaseAnswer } from '../store.ts'

/** A command that its client gave up on may still be executed for about this long. */
export const GONE_MS = 30_000
/** Names whose fence alone is left are many, and not listed: a list looks at no more than these. */
const MOST_LOOKED_AT = 10_000
const LIST_STEP = 200

export const RELEASED: ReleaseAnswer = { tag: 'released' }

/** Who a script says that holds it; null where it names nobody. */
export function holderOf(answer: {
  holder: string
  sinceUs: number
  remainingUs: number
}): Holder | null {
  const { holder, sinceUs, remainingUs } = answer
  if (holder === '') return null
  return { owner: holder, sinceMs: sinceUs / 1000, remainingMs: remainingUs / 1000 }
}

/** Who released lately is remembered, but not for ever: then a repeat is no answer to the first. */
export const releasedOrLost = (what: string, name: string) =>
  new EngineUnavailableError(
    `${what} ${JSON.stringify(name)} is no longer held by this lease, but the answer that says whether it was released in time or lost went down with a connection.`,
    { outcome: 'unknown' },
  )

/** What is in use of a kind of keys, at most `limit`. */
export async function listInUse<View>(
  engine: RedisEngine,
  kind: string,
  limit: number,
  inspect: (name: string) => Promise<View>,
  isInUse: (view: View) => boolean,
): Promise<View[]> {
  const keys = await engine.scan(engine.keys.pattern(kind), MOST_LOOKED_AT)
  const names = keys.map((key) => engine.keys.nameOf(kind, key)).filter((name) => name !== null)
  const found: View[] = []
  for (let start = 0; start < names.length && found.length < limit; start += LIST_STEP) {
    const views = await Promise.all(names.slice(start, start + LIST_STEP).map(inspect))
    found.push(...views.filter(isInUse))
  }
  return found.slice(0, limit)
}
