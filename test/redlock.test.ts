// Redlock on five real servers, some of which are killed, stopped, restarted or listed twice.
import { Redis } from 'ioredis'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { QuorumError } from '../src/redlock/errors.ts'
import { type Redlock, type RedlockNode, redlock } from '../src/redlock/index.ts'
import { type RedisProcess, startRedis } from './redis.ts'

const TTL_MS = 2_000
// A busy machine takes longer for an answer than a twentieth of that.
const options = { longestTtl: TTL_MS, nodeTimeout: TTL_MS / 4 }
const terms = { ttl: TTL_MS }
const servers: RedisProcess[] = []
const opened: Redlock[] = []

function open(nodes: RedlockNode[] = servers.map(({ url }) => url)): Redlock {
  const red = redlock(nodes, options)
  opened.push(red)
  return red
}

const failureOf = (promise: Promise<unknown>) =>
  promise.then(
    () => undefined,
    (error: unknown) => error as QuorumError,
  )

/** Servers that began to run just now do not vote yet. */
async function take(red: Redlock, name: string) {
  return red.lock(name, terms).acquire({ wait: '10s' })
}

async function grantedOf(red: Redlock, name: string): Promise<number> {
  const { nodes } = await red.lock(name).inspect()
  return nodes.filter(({ vote }) => vote === 'granted').length
}

async function countGranted(red: Redlock): Promise<number> {
  const lease = await take(red, 'counted')
  const count = await grantedOf(red, 'counted')
  await lease.release()
  return count
}

beforeAll(async () => {
  servers.push(...(await Promise.all(Array.from({ length: 5 }, () => startRedis()))))
  while ((await countGranted(open())) < servers.length);
})
afterAll(async () => {
  await Promise.all(opened.map((red) => red.close()))
  await Promise.all(servers.map((server) => server.kill()))
})

describe('five servers', () => {
  it('M1 are named by URL, or by a client of the user', async () => {
    const clients = servers.map(({ url }) => new Redis(url))
    try {
      const [byClient, byUrl] = [open(clients.map((client) => ({ client }))), open()]
      const lease = await take(byClient, 'by client')
      expect(await byUrl.lock('by client', terms).tryAcquire()).toBeNull()
      expect(await lease.release()).toBe('released')
    } finally {
      for (const client of clients) client.disconnect()
    }
  })

  it('M6 one of them under two addresses has one vote', async () => {
    const [a, b, c] = servers as [RedisProcess, RedisProcess, RedisProcess]
    const twice = open([a.url, b.url, a.url.replace('127.0.0.1', 'localhost')])
    const lease = await take(twice, 'twin')
    // The other two are a majority, so it may not have answered yet.
    const third = async () => (await twice.lock('twin').inspect()).nodes[2]
    await expect.poll(third).toMatchObject({
      vote: 'duplicate',
      reason: expect.stringContaining('127.0.0.1'),
    })
    await lease.release()
    const three = open([c.url, c.url.replace('127.0.0.1', 'localhost'), a.url])
    expect(await (await take(three, 'twin')).release()).toBe('released')
  })

  it('M1 M2 M7 exclude while a majority is up, and name the votes when none is', async () => {
    const [mine, theirs] = [open(), open()]
    const first = await take(mine, 'a')
    // A majority is enough to acquire: those that two failures leave must have it, too.
    await expect.poll(() => grantedOf(mine, 'a')).toBe(servers.length)
    expect(await theirs.lock('a', terms).tryAcquire()).toBeNull()
    servers[0]?.pause()
    await servers[1]?.kill()
    await first.extend(TTL_MS)
    expect(await theirs.lock('a', terms).tryAcquire()).toBeNull()
    expect(await first.release()).toBe('released')
    const second = await take(theirs, 'a')
    expect(second.fence).toBeGreaterThan(first.fence)
    expect(await mine.lock('a', terms).tryAcquire()).toBeNull()
    await servers[2]?.kill()
    const error = await failureOf(mine.lock('b', terms).tryAcquire())
    expect(error).toMatchObject({ code: 'SLUICE_QUORUM', needed: 3 })
    expect(error?.votes.map(({ node }) => node)).toEqual(
      servers.map(({ port }) => `127.0.0.1:${port}`),
    )
    expect(
      error?.votes.slice(0, 3).every(({ vote }) => ['unreachable', 'late'].includes(vote)),
    ).toBe(true)
    await expect.poll(() => second.signal.aborted).toBe(true)
    expect(second.signal.reason).toMatchObject({ reason: 'expired' })
  })

  it('M5 a server that came back empty votes when no lease can be forgotten any more', async () => {
    for (const index of [1, 2]) {
      const { port } = servers[index] as RedisProcess
      servers[index] = await startRedis({ port })
    }
    // The first is stopped still: without the two that are new there is no majority.
    const [lock, theirs] = [open().lock('c', terms), open().lock('c', terms)]
    const early = await failureOf(lock.tryAcquire())
    expect(early?.votes.map(({ vote }) => vote)).toContain('restarted')
    const lease = await lock.acquire({ wait: '10s' })
    // Each client finds out by itself when they vote.
    await expect.poll(() => theirs.tryAcquire().catch(() => undefined)).toBeNull()
    await lease.release()
    servers[0]?.resume()
  })
})

describe('servers of which a majority is not there from the start', () => {
  const votesOf = async (red: Redlock) =>
    (await failureOf(red.lock('d', terms).tryAcquire()))?.votes.map(({ vote }) => vote)

  it('M2 refuse', async () => {
    const [gone, silent] = [await startRedis(), await startRedis()]
    await gone.kill()
    const [there] = servers as [RedisProcess]
    try {
      expect(await votesOf(open([there.url, gone.url, `redis://127.0.0.1:1`]))).toEqual([
        ...['pending', 'unreachable', 'unreachable'],
      ])
      silent.pause()
      const votes = await votesOf(open([gone.url, silent.url, `redis://127.0.0.1:1`]))
      expect(votes).toEqual(['unreachable', 'unreachable', 'unreachable'])
    } finally {
      silent.resume()
      await silent.kill()
    }
  })
})
