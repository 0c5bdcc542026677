import type { RedisEngine } from '../../engine/redis/engine.ts'
import { escapePart, type Keyspace, unescapePart } from '../../engine/redis/keys.ts'
import type { Part, RuleKind } from '../store.ts'

/** A rule of another kind starts anew under a key of its own. */
const PARTS: Record<RuleKind, string> = {
  funnel: 'funnel',
  slidingLog: 'log',
  bucket: 'bucket',
  counter: 'counter',
  concurrency: 'leases',
}

type Whose = Pick<Part, 'limiter' | 'key'> & { tag?: string | null }

/**
 * The key of one rule: `prefix:limit:{limiter/key}:funnel`, `…:log`, `…:bucket`, `…:counter` or
 * `…:leases`; that of the second rule of its kind ends in `:2`. All rules of a limiter's key are in
 * one slot; with a tag it is `prefix:limit:{tag}:limiter/key:funnel`, in that of all with this tag.
 */
export function stateKey(keys: Keyspace, whose: Whose, kind: RuleKind, place = 1): string {
  return keyOf(keys, whose, place === 1 ? PARTS[kind] : `${PARTS[kind]}:${place}`)
}

/** The same of many keys of one limiter: what they have in common is put together once. */
export function stateKeysOf(keys: Keyspace, limiter: string, kind: RuleKind) {
  const common = stateKey(keys, { limiter, key: '' }, kind)
  const end = common.indexOf('}')
  const [before, behind] = [common.slice(0, end), common.slice(end)]
  return (key: string): string => before + escapePart(key) + behind
}

/** The slot in which a limiter's key, or all of a tag, are; null where there are none. */
export const slotsOf = (engine: Pick<RedisEngine, 'topology' | 'groupOf' | 'keys'>) =>
  engine.topology === 'cluster'
    ? (whose: Whose) => engine.groupOf(stateKey(engine.keys, whose, 'funnel'))
    : null

/** What was answered to a request: `…:request:id`. */
export const requestKey = (keys: Keyspace, whose: Whose, id: string): string =>
  keyOf(keys, whose, `request:${escapePart(id)}`)

function keyOf(keys: Keyspace, { limiter, key, tag }: Whose, part: string): string {
  const name = `${escapeLimiter(limiter)}/${key}`
  if (tag === null || tag === undefined) return keys.key('limit', name, part)
  return keys.key('limit', tag, `${escapePart(name)}:${part}`)
}

/** A `SCAN` pattern for all of them. */
export const statePattern = (keys: Keyspace): string => keys.pattern('limit', '*')

/** Whose state a key of {@link stateKey} is, or null for a foreign key. */
export function ownerOf(keys: Keyspace, key: string): { limiter: string; key: string } | null {
  const tag = keys.nameOf('limit', key)
  if (tag === null) return null
  const rest = key.slice(key.indexOf('}') + 2)
  if (rest.startsWith('request:')) return null
  const colon = rest.indexOf(':')
  const name = rest.includes('/') ? unescapePart(rest.slice(0, colon)) : tag
  const slash = name.indexOf('/')
  if (slash < 0) return null
  return { limiter: unescapeLimiter(name.slice(0, slash)), key: name.slice(slash + 1) }
}

/** The first slash divides, so that `a/b` limiting `c` and `a` limiting `b/c` stay apart. */
function escapeLimiter(text: string): string {
  // Every take comes here, and hardly a name has one.
  if (!text.includes('~') && !text.includes('/')) return text
  return text.replaceAll('~', '~0').replaceAll('/', '~1')
}
const unescapeLimiter = (text: string) => text.replaceAll('~1', '/').replaceAll('~0', '~')
