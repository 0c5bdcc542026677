import type { Keyspace } from '../../engine/redis/keys.ts'
import type { StoredRule } from '../store.ts'

/** A rule of another kind starts anew under a key of its own. */
const PARTS: Record<StoredRule['kind'], string> = { funnel: 'funnel', slidingLog: 'log' }

/** The one key of a limiter's key: `prefix:limit:{limiter/key}:funnel` or `…:log`. */
export const stateKey = (
  keys: Keyspace,
  limiter: string,
  key: string,
  kind: StoredRule['kind'],
): string => keys.key('limit', `${escapeLimiter(limiter)}/${key}`, PARTS[kind])

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
