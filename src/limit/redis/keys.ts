import type { Keyspace } from '../../engine/redis/keys.ts'
import type { RuleKind } from '../store.ts'

/** A rule of another kind starts anew under a key of its own. */
const PARTS: Record<RuleKind, string> = {
  funnel: 'funnel',
  slidingLog: 'log',
  bucket: 'bucket',
  counter: 'counter',
}

/**
 * The key of one rule: `prefix:limit:{limiter/key}:funnel`, `…:log`, `…:bucket` or `…:counter`; that
 * of the second rule of its kind ends in `:2`. All rules of a limiter's key are in one slot.
 */
export function stateKey(
  keys: Keyspace,
  limiter: string,
  key: string,
  kind: RuleKind,
  place = 1,
): string {
  const part = place === 1 ? PARTS[kind] : `${PARTS[kind]}:${place}`
  return keys.key('limit', `${escapeLimiter(limiter)}/${key}`, part)
}

/** A `SCAN` pattern for all of them. */
export const statePattern = (keys: Keyspace): string => keys.pattern('limit', '*')

/** Whose state a key of {@link stateKey} is, or null for a foreign key. */
export function ownerOf(keys: Keyspace, key: string): { limiter: string; key: string } | null {
  const name = keys.nameOf('limit', key)
  const slash = name?.indexOf('/') ?? -1
  if (name === null || slash < 0) return null
  return { limiter: unescapeLimiter(name.slice(0, slash)), key: name.slice(slash + 1) }
}

/** The first slash divides, so that `a/b` limiting `c` and `a` limiting `b/c` stay apart. */
const escapeLimiter = (text: string) => text.replaceAll('~', '~0').replaceAll('/', '~1')
const unescapeLimiter = (text: string) => text.replaceAll('~1', '/').replaceAll('~0', '~')
