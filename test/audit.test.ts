// The audit that every test of the conformance suite ends with, itself put to the test.

import { afterEach, describe, expect, it } from 'vitest'
import type { SemaphoreDemand } from '../src/semaphore/store.ts'
import { type Client, chooseEngines, engines, type OpenedEngine, redisAdmin } from './engines.ts'
import { ORDINARY } from './lock-request.js'

const opened: OpenedEngine[] = []
const labels = engines.map(({ label }) => label)

afterEach(async () => {
  for (const engine of opened.splice(0)) {
    await engine.wipe()
    await engine.close()
  }
})

async function open(label: string): Promise<OpenedEngine> {
  const [engine] = chooseEngines(label)
  const result = await engine?.open()
  if (!result) throw new Error(`${label} did not open`)
  opened.push(result)
  return result
}

/** A bit of everything: locks and permits with a line, jobs in all places, limits. */
async function use({ first, clock }: OpenedEngine): Promise<void> {
  const owner = (number: number) => `${first.clientId}.${number}`
  for (const number of [1, 2]) {
    await first.lock.acquire({
      name: 'a',
      owner: owner(number),
      ttlMs: 30_000,
      claimMs: 3_000,
      enqueue: true,
      heartbeat: false,
      ...ORDINARY,
    })
  }
  await first.lock.leave({ name: 'b', owner: owner(3), ...ORDINARY })
  await usePermits(first, 'semaphore', { weight: 2, permits: 3, solo: false })
  await usePermits(first, 'readWriteLock', { weight: 1, permits: 3, solo: true })
  const jobs = [0, 0, 0, 0, 1_000].map((delayMs) => ({ payload: '1', maxAttempts: 3, delayMs }))
  await first.queue.add({ queue: 'q', producer: 'p', sequence: 1, jobs })
  const call = { queue: 'q', epoch: 'e', leaseMs: 9_000, heldCount: 0, maxCrashes: 3 }
  const nothing = { acks: [], retries: [], deaths: [] }
  const answer = await first.queue.exchange({ ...call, ...nothing, sequence: 1, want: 3 })
  const [acked, dead] = answer.tag === 'ok' ? answer.jobs : []
  await first.queue.exchange({
    ...call,
    ...nothing,
    heldCount: 3,
    sequence: 2,
    want: 0,
    acks: acked ? [acked.id] : [],
    deaths: dead ? [{ id: dead.id, reason: 'é' }] : [],
  })
  const request = { limiter: 'l', key: 'k', cost: 1, peek: false }
  for (const isLong of [false, true]) {
    const rule = { kind: 'slidingLog' as const, limit: 5, perUs: 60e6, isLong }
    await first.limit.take({ ...request, rule })
  }
  await first.limit.take({ ...request, rule: { kind: 'funnel', capacity: 5, emissionUs: 1e6 } })
  const half = { limit: 5, slices: 1, sliceUs: 30e6, isStrict: false }
  await first.limit.takeSeveral({
    ...request,
    rules: [
      { kind: 'bucket', capacity: 5, refill: 1, intervalUs: 1e6, isAligned: true },
      { kind: 'counter', ...half },
      { kind: 'funnel', capacity: 5, emissionUs: 1e6 },
      { kind: 'counter', ...half, slices: 10, isStrict: true },
    ],
  })
  await clock.advance(1)
}

/** One who holds, one who waits for the same, and one who left. */
async function usePermits(
  client: Client,
  kind: 'semaphore' | 'readWriteLock',
  demand: SemaphoreDemand,
): Promise<void> {
  const tags: string[] = []
  for (const number of [1, 2]) {
    const { tag } = await client[kind].acquire({
      ...{ name: 'a', owner: `${client.clientId}.${number}`, ttlMs: 30_000, claimMs: 3_000 },
      ...{ enqueue: true, heartbeat: false, metadata: '', replicas: 0, demand },
    })
    tags.push(tag)
  }
  expect(tags).toEqual(['acquired', 'waiting'])
  await client[kind].leave({ name: 'b', owner: `${client.clientId}.3`, demand })
}

describe.each(labels)('the audit of %s', (label) => {
  it('finds nothing where everything is as it should be', async () => {
    const engine = await open(label)
    await use(engine)
    expect((await engine.dump()).length).toBeGreaterThan(6)
    expect(await engine.audit()).toEqual([])
  })
})

/** Keys are written without their prefix. */
const REDIS_DAMAGE: [finding: string, ...command: string[]][] = [
  ['no kind of key that sluice writes', 'SET', 'what', 'is this'],
  ['no kind of key that sluice writes', 'SET', 'queue:{a:b}:meta', '1'],
  ['is a hash, a lock is a string', 'HSET', 'lock:{c}', 'owner', 'a'],
  ['a lock without a TTL is never removed', 'PERSIST', 'lock:{a}'],
  ['without a TTL', 'PERSIST', 'queue:{q}:producer:p'],
  ['is too long', 'PEXPIRE', 'lock:{a}:line', '62000'],
  ['has no TTL', 'PEXPIRE', 'queue:{q}:ready', '1000'],
  ['has a place but no deadline', 'ZADD', 'lock:{a}:line', '5', 'stranger'],
  ['has a deadline but no place', 'HSET', 'lock:{a}:waiters', 'stranger', 'caller 1 1'],
  ['is a string, a semaphore is a hash', 'SET', 'semaphore:{c}', '3'],
  ['a semaphore without a TTL is never removed', 'PERSIST', 'semaphore:{a}'],
  ['a semaphore without a TTL is never removed', 'PERSIST', 'readwrite:{a}'],
  ['without a TTL', 'PERSIST', 'semaphore:{a}:holders'],
  ['without a TTL', 'PERSIST', 'semaphore:{a}:held'],
  ['is too long', 'PEXPIRE', 'semaphore:{a}:waiters', '62000'],
  ['has a place but no deadline', 'ZADD', 'semaphore:{a}:line', '5', 'stranger'],
  ['has a deadline but no place', 'HSET', 'readwrite:{a}:waiters', 'stranger', 'caller 1 1 1 0 '],
  ['has a lease for nothing', 'ZADD', 'semaphore:{a}:holders', '5', 'stranger'],
  ['holds without a lease', 'HSET', 'semaphore:{a}:held', 'stranger', '1 0 1 1 '],
  ['9 of 2 used', 'HSET', 'semaphore:{a}', 'used', '9'],
  ['2 hold alone', 'HSET', 'readwrite:{a}:held', 'stranger', '1 1 1 1 '],
  ['without a TTL', 'PERSIST', 'limit:{l/k}:bucket'],
  ['without a TTL', 'PERSIST', 'limit:{l/k}:counter:2'],
  ['no kind of key', 'SET', 'limit:{l/k}:funnel:5', '1 1'],
  ['holds a lease for nothing', 'ZADD', 'queue:{q}:leases', '5', 'stranger'],
  ['holds jobs without a lease', 'ZREM', 'queue:{q}:leases', 'e'],
  ['is a bucket that is not listed', 'ZREM', 'queue:{q}:buckets', '00000000'],
  ['is listed, and no bucket', 'ZADD', 'queue:{q}:buckets', '5', '00000007'],
  ['is no job', 'RPUSH', 'queue:{q}:ready', 'nonsense'],
  ['is in queue:{q}', 'COPY', 'queue:{q}:ready', 'queue:{q}:suspects'],
  ['queue:{q}:wake', 'ZADD', 'queue:{q}:wake', '-1', 'something else'],
]

// Only where the run has that engine, which ENGINES may leave out.
describe.runIf(labels.includes('redis'))('on redis, the audit finds', () => {
  it.each(REDIS_DAMAGE)('%s after %s %s', async (finding, command, ...args) => {
    const engine = await open('redis')
    await use(engine)
    const prefixed = args.map((arg) =>
      /^(lock|semaphore|readwrite|queue|limit|what)/.test(arg) ? name(engine, arg) : arg,
    )
    await redisAdmin().call(command, ...prefixed)
    expect((await engine.audit()).join('\n')).toContain(finding)
  })

  it('something, and fails the test that left it', async () => {
    const engine = await open('redis')
    opened.pop()
    await redisAdmin().set(name(engine, 'what'), 'is this')
    await expect(engine.close()).rejects.toThrow('what: no kind of key that sluice writes')
    expect(await engine.dump()).toEqual([])
  })
})

const name = ({ prefix }: OpenedEngine, key: string) => `${prefix}:${key}`

const FIRST_IN_LINE = 'SELECT owner FROM waiter WHERE gate ='

const SQLITE_DAMAGE: [finding: string, sql: string][] = [
  ['no table that sluice makes', 'CREATE TABLE what (is_this TEXT)'],
  ['is never removed', 'UPDATE lock SET expires_us = 9007199254740991'],
  ['is never removed', 'UPDATE withdrawal SET until_us = 9007199254740991'],
  ['granted to nobody', 'UPDATE lock SET owner = NULL, is_granted = 1'],
  ['a holder that still waits', `UPDATE lock SET owner = (${FIRST_IN_LINE} 'lock:a')`],
  ['is never removed', 'UPDATE permit SET expires_us = 9007199254740991'],
  ['is never removed', 'UPDATE semaphore SET until_us = 9007199254740991'],
  ['another sum than that of the weights', 'UPDATE semaphore SET used = used + 1'],
  ['a lower fence than that of a holder', 'UPDATE semaphore SET fence = 0'],
  ['over before a lease is', 'UPDATE semaphore SET until_us = 0'],
  ['a holder of no semaphore', 'DELETE FROM semaphore'],
  [
    'a holder that waits for what it has',
    `UPDATE permit SET owner = (${FIRST_IN_LINE} 'semaphore:a') WHERE gate = 'semaphore:a'`,
  ],
  ['a job of no queue', 'DELETE FROM queue'],
  ['a job in flight without a lease', 'UPDATE epoch SET deadline_us = NULL'],
  ['a lease for nothing', 'DELETE FROM job WHERE state = 2'],
  ['more than one suspect', 'UPDATE job SET state = 2, is_suspect = 1, epoch = 1 WHERE state <> 3'],
  ['an entry of no log', 'DELETE FROM sliding_log'],
  ['is never removed', 'UPDATE bucket SET until_us = 9007199254740991'],
  ['a counter of other things', `UPDATE counter SET counts = '[1,"a"]'`],
]

// Only where the run has that engine, which ENGINES may leave out.
describe.runIf(labels.includes('memory'))('on sqlite, the audit finds', () => {
  it.each(SQLITE_DAMAGE)('%s after %s', async (finding, sql) => {
    const engine = await open('memory')
    await use(engine)
    await damage(engine, sql)
    expect((await engine.audit()).join('\n')).toContain(finding)
    await damage(engine, 'DROP TABLE IF EXISTS what')
  })

  it('something, and fails the test that left it', async () => {
    const engine = await open('memory')
    opened.pop()
    await use(engine)
    await damage(engine, 'DELETE FROM queue')
    await expect(engine.close()).rejects.toThrow('a job of no queue')
  })
})

async function damage({ engine }: OpenedEngine, sql: string): Promise<void> {
  if (engine.kind !== 'sqlite') throw new Error('this is no SQLite')
  await engine.write((transaction) => transaction.run(sql))
}

describe('the matrix of engines', () => {
  it('is everything unless some are named', () => {
    const names = ['memory', 'file', 'redis', 'node-redis', 'cluster']
    expect(chooseEngines(undefined).map(({ label }) => label)).toEqual(names)
    expect(chooseEngines('').map(({ label }) => label)).toEqual(names)
    expect(chooseEngines('redis, memory').map(({ label }) => label)).toEqual(['redis', 'memory'])
  })

  it('fails on a name that is none, instead of leaving it out', () => {
    expect(() => chooseEngines('memory,postgres')).toThrow('postgres')
  })
})
