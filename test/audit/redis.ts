// What may be left on a Redis server under one prefix: which keys, of which type, for how long,
// and what must be true between them.
import { Cluster, type Redis } from 'ioredis'
import { unpackJob } from '../../src/queue/redis/body.ts'

const SECOND_MS = 1_000
const MINUTE_MS = 60 * SECOND_MS
const DAY_MS = 24 * 60 * MINUTE_MS
/** A server rounds, and clocks of a test may differ from its own by this much. */
const SLACK_MS = SECOND_MS

/** A name, as keys carry it: nothing in it divides a key. */
const NAME = '\\{[^{}:*?[\\]\\\\]+\\}'
/** What one owner holds: an election is a lock under another name. */
const LOCK = '(?:lock|election)'
/** What has permits: a read-write lock is a semaphore under another name. */
const PERMITS = '(?:semaphore|readwrite)'
/** The second rule of a kind, the third, the fourth. */
const PLACE = '(?::[2-4])?'

interface KnownKey {
  what: string
  pattern: RegExp
  type: string
  /** The longest TTL it may have, and it must have one; `none` if it must not. */
  ttl: number | 'none'
}

const known = (what: string, pattern: string, type: string, ttl: number | 'none'): KnownKey => ({
  what,
  pattern: new RegExp(`^${pattern}$`, 's'),
  type,
  ttl,
})

/**
 * Every kind of key that Sluice writes. A lock that somebody waited for keeps its fence for a day
 * after the last lease; of all others there is one fence, or one for each slot of a cluster.
 */
const KNOWN_KEYS: readonly KnownKey[] = [
  known('lock', `${LOCK}:${NAME}`, 'string', 2 * DAY_MS),
  known('fence of many locks', 'fence:\\{[0-9a-z]*\\}', 'string', 2 * DAY_MS),
  known('line of a lock', `${LOCK}:${NAME}:line`, 'zset', MINUTE_MS),
  known('waiters of a lock', `${LOCK}:${NAME}:waiters`, 'hash', MINUTE_MS),
  known('tombstone of an owner', `${LOCK}:${NAME}:gone:.+`, 'string', 30 * SECOND_MS),
  known('watchers', `(?:election|latch):${NAME}:watchers`, 'zset', MINUTE_MS),
  known('latch', `latch:${NAME}`, 'hash', 30 * DAY_MS),
  known('arrivals at a latch', `latch:${NAME}:arrived`, 'set', 30 * DAY_MS),
  known('semaphore', `${PERMITS}:${NAME}`, 'hash', 2 * DAY_MS),
  known('holders of a semaphore', `${PERMITS}:${NAME}:holders`, 'zset', DAY_MS + MINUTE_MS),
  known('holds of a semaphore', `${PERMITS}:${NAME}:held`, 'hash', DAY_MS + MINUTE_MS),
  known('line of a semaphore', `${PERMITS}:${NAME}:line`, 'zset', MINUTE_MS),
  known('waiters of a semaphore', `${PERMITS}:${NAME}:waiters`, 'hash', MINUTE_MS),
  known('tombstone of an owner', `${PERMITS}:${NAME}:gone:.+`, 'string', 30 * SECOND_MS),
  known('meta of a queue', `queue:${NAME}:meta`, 'hash', 'none'),
  known('ready jobs', `queue:${NAME}:ready`, 'list', 'none'),
  known('suspects', `queue:${NAME}:suspects`, 'list', 'none'),
  known('timed jobs', `queue:${NAME}:timers`, 'zset', 'none'),
  known('leases', `queue:${NAME}:leases`, 'zset', 'none'),
  known('jobs in flight', `queue:${NAME}:inflight:[\\w-]+`, 'hash', 'none'),
  known('last answer of an epoch', `queue:${NAME}:last:[\\w-]+`, 'string', 10 * MINUTE_MS),
  known('last batch of a producer', `queue:${NAME}:producer:.+`, 'string', 10 * MINUTE_MS),
  known('wake-up token', `queue:${NAME}:wake`, 'zset', 'none'),
  known('dead letters', `queue:${NAME}:dead`, 'list', 'none'),
  known('funnel', `limit:${NAME}:funnel${PLACE}`, 'string', 366 * DAY_MS),
  known('sliding log', `limit:${NAME}:log${PLACE}`, 'zset', 366 * DAY_MS),
  known('bucket', `limit:${NAME}:bucket${PLACE}`, 'string', 366 * DAY_MS),
  known('counter', `limit:${NAME}:counter${PLACE}`, 'string', 366 * DAY_MS),
  known('poke of a client', `poke:${NAME}:.+`, 'zset', MINUTE_MS),
  known('identity of the store', 'store:\\{identity\\}', 'string', 30 * DAY_MS),
  known('mark of a client', 'store:\\{identity\\}:.+', 'string', 60 * MINUTE_MS),
]

interface Key {
  /** Without the prefix. */
  name: string
  type: string
  ttlMs: number
  /** Members, fields and values, or the text of a string. */
  content: string[]
}

/** A client of one server, or of all masters of a cluster, that belongs to no client under test. */
export type Admin = Redis | Cluster

/** Everything under the prefix that should not be there, one line each. */
export async function auditRedis(redis: Admin, prefix: string): Promise<string[]> {
  const keys = await readKeys(redis, prefix)
  return [
    ...keys.flatMap(auditKey),
    ...auditLines(keys),
    ...auditPermits(keys),
    ...auditLeases(keys),
    ...auditPlaces(keys),
    ...auditStates(keys),
  ]
}

function auditKey({ name, type, ttlMs }: Key): string[] {
  const kind = KNOWN_KEYS.find(({ pattern }) => pattern.test(name))
  if (!kind) return [`${name}: no kind of key that sluice writes`]
  if (type !== kind.type) return [`${name}: is a ${type}, a ${kind.what} is a ${kind.type}`]
  if (kind.ttl === 'none') return ttlMs === -1 ? [] : [`${name}: a ${kind.what} has no TTL`]
  if (ttlMs === -1) return [`${name}: a ${kind.what} without a TTL is never removed`]
  return ttlMs <= kind.ttl + SLACK_MS ? [] : [`${name}: a TTL of ${ttlMs} ms is too long`]
}

/** Whoever has a place in a line has a deadline, and the other way round. */
function auditLines(keys: Key[]): string[] {
  const places = membersOf(keys, /^((?:lock|semaphore|readwrite):.*):line$/s)
  const waiters = membersOf(keys, /^((?:lock|semaphore|readwrite):.*):waiters$/s)
  return differences(places, waiters, 'has a place but no deadline', 'has a deadline but no place')
}

/** Who holds permits has a lease for them, and their sum is what is said to be used. */
function auditPermits(keys: Key[]): string[] {
  const leases = membersOf(keys, /^((?:semaphore|readwrite):.*):holders$/s)
  const holds = membersOf(keys, /^((?:semaphore|readwrite):.*):held$/s)
  const findings = differences(leases, holds, 'has a lease for nothing', 'holds without a lease')
  for (const { name, content } of keys) {
    if (!/^(?:semaphore|readwrite):\{[^}]*\}$/s.test(name)) continue
    const held = keys.find((key) => key.name === `${name}:held`)?.content ?? []
    const used = held.reduce(
      (sum, hold, at) => sum + (at % 2 === 1 ? Number.parseInt(hold, 10) : 0),
      0,
    )
    const solos = held.filter((hold, at) => at % 2 === 1 && /^\d+ 1 /.test(hold))
    const said = fieldOf(content, 'used')
    if (held.length > 0 && said !== String(used)) findings.push(`${name}: ${said} of ${used} used`)
    if (solos.length > 1) findings.push(`${name}: ${solos.length} hold alone`)
  }
  return findings
}

const fieldOf = (content: string[], field: string) =>
  content.find((_, index) => index % 2 === 1 && content[index - 1] === field)

/** The columns of a lock, and the fence of those that leave none. */
function auditStates(keys: Key[]): string[] {
  return keys.flatMap(({ name, type, content: [text = ''] }) => {
    if (type !== 'string' || !/^(?:lock|election|fence):\{[^}]*\}$/s.test(name)) return []
    const columns = name.startsWith('fence') ? /^\d{16}$/ : /^[NHFWX][\da-f]( \d{16}){4} \S+ \S+ /s
    return columns.test(text) ? [] : [`${name}: ${JSON.stringify(text)} is no state of a lock`]
  })
}

/** An epoch holds a lease exactly as long as something is in flight for it. */
function auditLeases(keys: Key[]): string[] {
  const leases = membersOf(keys, /^queue:(.*):leases$/s)
  const epochs = keys.flatMap(({ name }) => {
    const match = /^queue:(.*):inflight:(.*)$/s.exec(name)
    return match ? [`${match[1]} ${match[2]}`] : []
  })
  return differences(leases, epochs, 'holds a lease for nothing', 'holds jobs without a lease')
}

/** A job is in one place only, and what lies there is a job. */
function auditPlaces(keys: Key[]): string[] {
  const findings: string[] = []
  const places = new Map<string, string>()
  for (const { name, type, content } of keys) {
    const match = /^queue:(.*):(ready|suspects|timers|inflight:.*|dead)$/s.exec(name)
    if (!match) continue
    for (const body of bodiesOf(type, String(match[2]), content)) {
      const job = unpackJob(body)
      if (!job) findings.push(`${name}: ${JSON.stringify(body.slice(0, 60))} is no job`)
      const id = `${match[1]} ${job?.id}`
      const other = places.get(id)
      if (job && other) findings.push(`job ${id} is in ${other} and in ${name}`)
      places.set(id, name)
    }
  }
  for (const { name, content } of keys) {
    if (/:wake$/.test(name) && content[0] !== 'wake') findings.push(`${name}: ${content}`)
  }
  return findings
}

function bodiesOf(type: string, part: string, content: string[]): string[] {
  if (type === 'zset') return evenOf(content)
  if (type === 'hash') {
    return content.filter((_, index) => index % 2 === 1 && content[index - 1] !== 'suspect')
  }
  if (part !== 'dead') return content
  return content.map((letter) => {
    const bytes = Buffer.from(letter)
    return bytes.toString('utf8', 20 + Number(letter.slice(16, 20)))
  })
}

const evenOf = (list: string[]) => list.filter((_, index) => index % 2 === 0)

function membersOf(keys: Key[], pattern: RegExp): string[] {
  return keys.flatMap(({ name, content }) => {
    const match = pattern.exec(name)
    return match ? evenOf(content).map((member) => `${match[1]} ${member}`) : []
  })
}

function differences(these: string[], those: string[], onlyThese: string, onlyThose: string) {
  return [
    ...these.filter((one) => !those.includes(one)).map((one) => `${one} ${onlyThese}`),
    ...those.filter((one) => !these.includes(one)).map((one) => `${one} ${onlyThose}`),
  ]
}

/**
 * Everything under the prefix, one line a key, in the order of names; without TTLs, and without what
 * belongs to nobody: the mark by which every client knows the store again, the fence of many locks.
 */
export async function dumpRedis(redis: Admin, prefix: string): Promise<string[]> {
  const keys = await readKeys(redis, prefix)
  return keys
    .filter(({ name }) => !/^(?:store|fence):/.test(name))
    .map(({ name, type, content }) => `${type} ${name} ${JSON.stringify(content)}`)
    .sort()
}

export async function wipeRedis(redis: Admin, prefix: string): Promise<void> {
  const names = await namesBelow(redis, prefix)
  await Promise.all(names.map((name) => redis.unlink(name)))
}

async function namesBelow(redis: Admin, prefix: string): Promise<string[]> {
  const names = new Set<string>()
  for (const server of redis instanceof Cluster ? redis.nodes('master') : [redis]) {
    let cursor = '0'
    do {
      const reply = await server.call('SCAN', cursor, 'MATCH', `${prefix}:*`, 'COUNT', '1000')
      const [next, found] = reply as [string, string[]]
      for (const name of found) names.add(name)
      cursor = next
    } while (cursor !== '0')
  }
  return [...names]
}

async function readKeys(redis: Admin, prefix: string): Promise<Key[]> {
  const names = await namesBelow(redis, prefix)
  const keys = await Promise.all(names.map((name) => readKey(redis, prefix, name)))
  // A key may have gone between being listed and being read.
  return keys.filter(({ type }) => type !== 'none')
}

async function readKey(redis: Admin, prefix: string, key: string): Promise<Key> {
  const [type, ttlMs] = await Promise.all([redis.type(key), redis.pttl(key)])
  const name = key.slice(prefix.length + 1)
  return { name, type, ttlMs, content: await readContent(redis, key, type) }
}

async function readContent(redis: Admin, key: string, type: string): Promise<string[]> {
  switch (type) {
    case 'string':
      return [String(await redis.get(key))]
    case 'list':
      return redis.lrange(key, 0, -1)
    case 'set':
      return (await redis.smembers(key)).sort()
    case 'zset':
      return (await redis.call('ZRANGE', key, '0', '-1', 'WITHSCORES')) as string[]
    case 'hash':
      return Object.entries(await redis.hgetall(key))
        .sort()
        .flat()
    default:
      return []
  }
}
