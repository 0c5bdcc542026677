// What may be left on a Redis server under one prefix: which keys, of which type, for how long,
// and what must be true between them.
import { Cluster, type Redis } from 'ioredis'
import { unpackJob } from '../../src/queue/redis/body.ts'
import { bodiesOf, differences, evenOf, fieldOf, type Key, membersOf } from './redis-content.ts'
import { auditGates } from './redis-gates.ts'
import { KNOWN_KEYS } from './redis-keys.ts'
import { auditRecords, auditSchedules, auditStrands } from './redis-tickets.ts'

/** A server rounds, and clocks of a test may differ from its own by this much. */
const SLACK_MS = 1_000

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
    ...auditBuckets(keys),
    ...keys.flatMap(auditSize),
    ...auditPlaces(keys),
    ...auditCounters(keys),
    ...auditStates(keys),
    ...auditRecords(keys),
    ...auditSchedules(keys),
    ...auditStrands(keys),
    ...auditGates(keys),
  ]
}

function auditKey({ name, type, ttlMs }: Key): string[] {
  const kind = KNOWN_KEYS.find(({ pattern }) => pattern.test(name))
  if (!kind) return [`${name}: no kind of key that sluice writes`]
  if (!kind.type.split(' or ').includes(type))
    return [`${name}: is a ${type}, a ${kind.what} is a ${kind.type}`]
  if (kind.ttl === 'while it lives') return []
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

/** A list or bucket is closed after 4,096 jobs, by the call that finds it so; a call has 1,000. */
const MOST_IN_ONE_KEY = 4_096 + 2 * 1_000

/** No key of a queue grows with the queue. */
function auditSize({ name, type, content }: Key): string[] {
  if (!/^queue:\{[^}]*\}:(ready|tail|segment:.*|timed:.*|ranked:.*|gate:[^:]*:\d{8})$/s.test(name))
    return []
  const jobs = type === 'zset' ? content.length / 2 : content.length
  return jobs <= MOST_IN_ONE_KEY ? [] : [`${name}: ${jobs} jobs in one key`]
}

/** Every bucket of timed or ranked jobs is listed, with when its first job is due, or its rank. */
const auditBuckets = (keys: Key[]) => [
  ...auditBucketsOf(keys, 'buckets', 'timed'),
  ...auditBucketsOf(keys, 'ranks', 'ranked'),
]

function auditBucketsOf(keys: Key[], heads: string, kind: string): string[] {
  const pairs = (list: string[]) => evenOf(list).map((one, index) => [one, list[index * 2 + 1]])
  const listed = keys.flatMap(({ name, content }) => {
    const match = new RegExp(`^queue:(.*):${heads}$`, 's').exec(name)
    return match
      ? pairs(content).map(([bucket, first]) => `${match[1]}:${kind}:${bucket} ${first}`)
      : []
  })
  const there = keys.flatMap(({ name, content }) => {
    const match = new RegExp(`^queue:(.*:${kind}:(?:\\d+|schedules|gates-\\d\\d))$`, 's').exec(name)
    return match ? [`${match[1]} ${content[1]}`] : []
  })
  return differences(listed, there, 'is listed, and no bucket', 'is a bucket that is not listed')
}

/** A bucket behind a gate. */
const PARKED = /^gate:[^:]*:\d{8}$/

/** What meta counts of a queue is what there is. */
function auditCounters(keys: Key[]): string[] {
  return keys.flatMap(({ name, content }) => {
    const [, queue] = /^(queue:.*):meta$/s.exec(name) ?? []
    if (queue === undefined) return []
    const bodiesIn = (parts: RegExp) =>
      keys.flatMap((key) => {
        const part = key.name.startsWith(`${queue}:`) ? key.name.slice(queue.length + 1) : ''
        return parts.test(part) ? bodiesOf(key.type, part, key.content) : []
      })
    const found = {
      timed: bodiesIn(/^timed:(?!gates-)/).length,
      ranked: bodiesIn(/^ranked:/).length,
      parked: bodiesIn(PARKED).length,
      bytes:
        Buffer.byteLength(
          bodiesIn(/^(ready|tail|segment:.*|timed:(?!gates-).*|ranked:.*)$/).join(''),
        ) +
        Buffer.byteLength(bodiesIn(PARKED).join('')) +
        keptBytes(keys, queue),
    }
    return Object.entries(found).flatMap(([field, count]) => {
      const said = Number(fieldOf(content, field)?.split(' ').at(-1) ?? 0)
      return said === count ? [] : [`${name}: ${field} says ${said}, and there are ${count}`]
    })
  })
}

/** Of the data that strands and records keep until their jobs have ended. */
function keptBytes(keys: Key[], queue: string): number {
  const HEADER = 76
  const bytesOf = ({ name, content }: Key) => {
    if (name.startsWith(`${queue}:record:`)) return [Number(fieldOf(content, 'counted') ?? 0)]
    if (!name.startsWith(`${queue}:strand:`)) return []
    return content.map((entry) => Buffer.byteLength(entry) - HEADER)
  }
  return keys.flatMap(bytesOf).reduce((sum, bytes) => sum + bytes, 0)
}

/** A job is in one place only, and what lies there is a job. */
function auditPlaces(keys: Key[]): string[] {
  const findings: string[] = []
  const places = new Map<string, string>()
  for (const { name, type, content } of keys) {
    const match =
      /^queue:(\{[^}]*\}):(ready|tail|segment:.*|suspects|timed:(?!gates-).*|ranked:.*|gate:[^:]*:\d{8}|inflight:.*|dead)$/s.exec(
        name,
      )
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
