// Every client library and every topology: the same few calls, also after all sockets were cut.
import { randomUUID } from 'node:crypto'
import { Cluster, Redis } from 'ioredis'
import { Cluster as Cluster5, Redis as Redis5 } from 'ioredis5'
import { Redis as Valkey, Cluster as ValkeyCluster } from 'iovalkey'
import { createClient, createCluster } from 'redis'
import { createClient as createClient5, createCluster as createCluster5 } from 'redis5'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createSluice, funnel, type Sluice, type SluiceOptions } from '../src/index.ts'
import { startCluster, startSentinel, startServer, startTls } from './fault/servers.js'

/** A server, or a node of a set of servers, as far as these tests go. */
interface Node {
  command(...words: (string | number)[]): Promise<unknown>
}

/** Cuts every connection of every client. */
async function cutAll(nodes: readonly Node[]): Promise<void> {
  for (const node of nodes) {
    for (const type of ['normal', 'pubsub']) await node.command('CLIENT', 'KILL', 'TYPE', type)
  }
}

/** A lock, a job, pulled deliveries, a limit; then the same, and the wake-ups, after the cut. */
async function expectToWork(sluice: Sluice, cut: () => Promise<void>): Promise<void> {
  const lock = sluice.lock('door')
  const fences = [await lock.run(({ fence }) => fence), await lock.run(({ fence }) => fence)]
  expect(fences[1]).toBeGreaterThan(fences[0] ?? 0)

  const queue = sluice.queue<number>('work')
  const done: number[] = []
  let tell = () => {}
  const worker = queue.work((job) => {
    done.push(job.data)
    tell()
  })
  const doneCount = async (count: number) => {
    while (done.length < count) await new Promise<void>((resolve) => (tell = resolve))
  }
  await queue.addMany([1, 2])
  await doneCount(2)

  const pulled = sluice.queue<string>('by hand')
  await pulled.add('a')
  const [delivery] = await pulled.take({ wait: '5s' })
  await delivery?.ack()
  expect(delivery?.data).toBe('a')

  const limiter = sluice.limiter('calls', funnel({ capacity: 1, leak: 1, per: '1h' }))
  expect((await limiter.take('k')).allowed).toBe(true)
  expect((await limiter.take('k')).allowed).toBe(false)

  const lease = await lock.acquire()
  const waiting = lock.acquire({ wait: '20s' })
  while ((await lock.inspect()).waiters.length === 0) await new Promise(setImmediate)
  await cut()
  await queue.add(3)
  await doneCount(3)
  expect(await lease.release()).toBe('released')
  await (await waiting).release()
  await worker.close()
  expect(done).toEqual([1, 2, 3])
}

const closers: (() => unknown)[] = []
afterAll(async () => {
  for (const close of closers.reverse()) await close()
})

interface Way {
  name: string
  /** Opens the user's client. */
  open(url: string): Promise<{ client: object; close(): unknown }>
}

const ioredis =
  (Library: { new (url: string): Redis | Redis5 | Valkey }) => async (url: string) => {
    const client = new Library(url)
    client.on('error', () => {})
    return { client, close: () => client.disconnect() }
  }

const nodeRedis = (create: typeof createClient | typeof createClient5) => async (url: string) => {
  const client = (create as typeof createClient)({ url })
  client.on('error', () => {})
  await client.connect()
  return { client, close: () => client.destroy() }
}

const ioredisCluster =
  (Library: { new (nodes: string[]): Cluster | Cluster5 | ValkeyCluster }) =>
  async (url: string) => {
    const client = new Library(nodesOf(url))
    client.on('error', () => {})
    return { client, close: () => client.disconnect() }
  }

const nodeRedisCluster =
  (create: typeof createCluster | typeof createCluster5) => async (url: string) => {
    const client = (create as typeof createCluster)({
      rootNodes: nodesOf(url).map((node) => ({ url: node })),
    })
    client.on('error', () => {})
    await client.connect()
    return { client, close: () => client.destroy() }
  }

const nodesOf = (url: string) =>
  url
    .replace(/^.*:\/\//, '')
    .split(',')
    .map((host) => `redis://${host}`)

const singleWays: Way[] = [
  { name: 'ioredis 6', open: ioredis(Redis) },
  { name: 'ioredis 5', open: ioredis(Redis5) },
  { name: 'iovalkey', open: ioredis(Valkey) },
  { name: 'node-redis 6', open: nodeRedis(createClient) },
  { name: 'node-redis 5', open: nodeRedis(createClient5) },
]

const clusterWays: Way[] = [
  { name: 'ioredis 6', open: ioredisCluster(Cluster) },
  { name: 'ioredis 5', open: ioredisCluster(Cluster5) },
  { name: 'iovalkey', open: ioredisCluster(ValkeyCluster) },
  { name: 'node-redis 6', open: nodeRedisCluster(createCluster) },
  { name: 'node-redis 5', open: nodeRedisCluster(createCluster5) },
]

const options = (): SluiceOptions => ({ prefix: `clients-${randomUUID()}`, commandTimeout: '10s' })

describe('the client of the user', () => {
  let server: Awaited<ReturnType<typeof startServer>>
  beforeAll(async () => {
    server = await startServer()
    closers.push(() => server.close())
  })

  it.each(singleWays)('$name: works, survives a cut, and is left alone', async ({ open }) => {
    const { client, close } = await open(server.url)
    closers.push(close)
    const before = publicState(client)
    await using sluice = createSluice({ client }, options())
    await expectToWork(sluice, async () => {
      // Before the cut: some libraries note in their options how they reconnect.
      expect(publicState(client)).toEqual(before)
      await cutAll([server])
    })
    expect(await (client as { ping(): Promise<string> }).ping()).toBe('PONG')
  })
})

describe('the cluster client of the user', () => {
  let cluster: Awaited<ReturnType<typeof startCluster>>
  beforeAll(async () => {
    cluster = await startCluster()
    closers.push(() => cluster.close())
  })

  it.each(clusterWays)('$name: works, and survives a cut', async ({ open }) => {
    const { client, close } = await open(cluster.url)
    closers.push(close)
    await using sluice = createSluice({ client }, options())
    await expectToWork(sluice, () => cutAll(cluster.nodes))
  })

  it('and the URL of a cluster', async () => {
    await using sluice = createSluice(cluster.url, options())
    await expectToWork(sluice, () => cutAll(cluster.nodes))
  })
})

describe('sentinels', () => {
  let sentinels: Awaited<ReturnType<typeof startSentinel>>
  beforeAll(async () => {
    // No failover but the one that is ordered: it may lose what was just answered.
    sentinels = await startSentinel({ downAfterMs: 60_000 })
    closers.push(() => sentinels.close())
  })

  it('a client of ioredis that asks them: works, and survives a cut', async () => {
    const hosts = nodesOf(sentinels.url.replace(/\/[^/]*$/, '')).map((url) => new URL(url))
    const client = new Redis({
      sentinels: hosts.map(({ hostname, port }) => ({ host: hostname, port: Number(port) })),
      name: 'mymaster',
    })
    client.on('error', () => {})
    closers.push(() => client.disconnect())
    await using sluice = createSluice({ client }, options())
    await expectToWork(sluice, async () => cutAll([await sentinels.master()]))
  })

  it('the URL: works, and survives a cut and a failover', async () => {
    await using sluice = createSluice(sentinels.url, options())
    await expectToWork(sluice, async () => cutAll([await sentinels.master()]))
    const lock = sluice.lock('after')
    const before = await lock.run(({ fence }) => fence)
    await sentinels.failover()
    // Until the old master knows, there are two, and what the old one answers is lost.
    await sentinels.ready()
    expect(await lock.run(({ fence }) => fence)).toBeGreaterThan(before)
  }, 60_000)
})

it('TLS, by the URL and a certificate authority of our own', async () => {
  const server = await startTls()
  closers.push(() => server.close())
  await using sluice = createSluice(server.url, { ...options(), tls: { ca: server.ca } })
  await expectToWork(sluice, () => cutAll([server]))
})

/** What a user could notice of a client: its options, its state and who listens to it. */
function publicState(client: object): unknown {
  const emitter = client as unknown as {
    eventNames(): (string | symbol)[]
    listenerCount(name: string | symbol): number
    options?: object
  }
  const listeners = emitter.eventNames().map((name) => [name, emitter.listenerCount(name)])
  return { listeners, options: { ...emitter.options } }
}
