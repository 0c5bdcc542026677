// Each promise holds for every library that a user's client may come from, on a real server.
import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import path from 'node:path'
import { inspect } from 'node:util'
import { Redis as Ioredis6 } from 'ioredis'
import { Redis as Ioredis5 } from 'ioredis5'
import { Redis as Iovalkey } from 'iovalkey'
import * as nodeRedis6 from 'redis'
import * as nodeRedis5 from 'redis5'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type RedisProcess, startRedis } from '../../../test/redis.ts'
import { adoptedSource } from './adopted.ts'
import type { RawClient } from './client.ts'

const PASSWORD = 'correct-horse'
const PREFIX = 'user:'
const CONNECT_TIMEOUT_MS = 5_000

interface Address {
  host?: string
  port?: number
  path?: string
  password?: string
  tls?: boolean
  database?: number
}

/** What a test does to a client that the user made. */
interface UsersClient {
  client: object
  options: () => object
  listenerCount: () => number
  connect: () => Promise<unknown>
  ping: () => Promise<unknown>
  /** As the library's documentation tells its users to. */
  changePassword: (password: string) => void
  end: () => void
}

/** With everything on that would hurt us. */
function usersIoredis(
  make: (options: object) => Ioredis6 | Ioredis5 | Iovalkey,
  { tls, database = 3, ...address }: Address,
): UsersClient {
  const client = make({
    ...address,
    ...(tls ? { tls: { rejectUnauthorized: false } } : {}),
    ...{
      db: database,
      keyPrefix: PREFIX,
      commandTimeout: 100,
      socketTimeout: 100,
      stringNumbers: true,
    },
    ...{ enableAutoPipelining: true, lazyConnect: true, retryStrategy: () => 10 },
  })
  client.on('error', () => {})
  return {
    client,
    options: () => client.options,
    listenerCount: () => client.eventNames().length + client.listenerCount('error'),
    connect: () => client.connect(),
    ping: () => client.ping(),
    changePassword: (password) => {
      client.options.password = password
    },
    end: () => client.disconnect(),
  }
}

function usersNodeRedis(
  { createClient, RESP_TYPES }: typeof nodeRedis6 | typeof nodeRedis5,
  { tls, password = '', database = 3, ...address }: Address,
): UsersClient {
  let current = password
  const client = (createClient as typeof nodeRedis6.createClient)({
    RESP: 3,
    database,
    pingInterval: 50,
    keyPrefix: PREFIX,
    clientSideCache: { ttl: 0, maxEntries: 10, evictPolicy: 'LRU' },
    commandOptions: {
      typeMapping: { [RESP_TYPES.BLOB_STRING]: Buffer, [RESP_TYPES.NUMBER]: String },
    },
    socket: {
      ...(address as { host: string; port: number }),
      ...(tls ? { tls: true, rejectUnauthorized: false } : {}),
      ...{ socketTimeout: 100, reconnectStrategy: () => 10 },
    },
    credentialsProvider: {
      type: 'async-credentials-provider',
      credentials: async () => ({ password: current }),
    },
  })
  client.on('error', () => {})
  return {
    client,
    options: () => client.options ?? {},
    listenerCount: () => client.eventNames().length + client.listenerCount('error'),
    connect: () => client.connect(),
    ping: () => client.ping(),
    changePassword: (password) => {
      current = password
    },
    end: () => {
      if (client.isOpen) client.destroy()
    },
  }
}

const libraries: [name: string, make: (address: Address) => UsersClient][] = [
  ['ioredis 6', (address) => usersIoredis((options) => new Ioredis6(options), address)],
  ['ioredis 5', (address) => usersIoredis((options) => new Ioredis5(options), address)],
  ['iovalkey', (address) => usersIoredis((options) => new Iovalkey(options), address)],
  ['node-redis 6', (address) => usersNodeRedis(nodeRedis6, address)],
  ['node-redis 5', (address) => usersNodeRedis(nodeRedis5, address)],
]

let server: RedisProcess
let socketPath: string
const ends: (() => void)[] = []

beforeAll(async () => {
  socketPath = path.join('/tmp', `sluice-adopted-${process.pid}.sock`)
  server = await startRedis({ args: ['--requirepass', PASSWORD, '--unixsocket', socketPath] })
})
afterAll(() => server.stop())
afterEach(() => {
  for (const end of ends.splice(0)) end()
})

describe.each(libraries)('a client of %s', (_, make) => {
  const user = (address: Address = {}) => {
    const made = make({ host: '127.0.0.1', port: server.port, password: PASSWORD, ...address })
    ends.push(made.end)
    return made
  }
  const raw = (users: UsersClient) => {
    const client = adoptedSource(users.client, 'client').openData(null, CONNECT_TIMEOUT_MS)
    const closes: (Error | undefined)[] = []
    const closed = new Promise<void>((resolve) =>
      client.onClose((cause) => {
        closes.push(cause)
        resolve()
      }),
    )
    ends.push(() => client.destroy())
    return { client, closes, closed }
  }
  const connected = async (users = user()) => {
    const made = raw(users)
    await made.client.connect()
    return made
  }

  test('has its place in messages, without secrets', () => {
    const source = adoptedSource(user().client, 'client')
    expect(source.topology).toEqual({ kind: 'single' })
    expect(source.place).toBe(`127.0.0.1:${server.port}`)
  })

  test('lends its address, password and database to a client that answers as RESP2 does', async () => {
    const { client } = await connected()
    const script = "return {1, 'two', {3, redis.status_reply('FOUR')}, false}"
    expect(await client.send('EVAL', [script, '0'])).toEqual([1, 'two', [3, 'FOUR'], null])
    const sha = await client.send('SCRIPT', ['LOAD', 'return #ARGV'])
    expect(await client.send('EVALSHA', [String(sha), '0', 'a', 'b'])).toBe(2)
    expect(await client.send('CLIENT', ['INFO'])).toMatch(/ db=3 .* resp=2/)
  })

  test('keeps its key prefix, its timeouts and its type mapping to itself', async () => {
    const { client } = await connected()
    const key = `adopted:${Math.random()}`
    await client.send('ZADD', [key, '1.5', 'member'])
    expect(await client.send('KEYS', [`*${key}`])).toEqual([key])
    expect(await client.send('BZPOPMIN', [key, '1'])).toEqual([key, 'member', '1.5'])
    expect(await client.send('BZPOPMIN', [key, '0.3'])).toBe(null)
  })

  test('hears the messages of the channel that was asked for', async () => {
    const [subscriber, publisher] = await Promise.all([connected(), connected()])
    const channel = `adopted:${Math.random()}`
    const other = `${channel}:other`
    const heard: string[] = []
    await subscriber.client.subscribe(channel, (message) => heard.push(`1 ${message}`))
    const second = new Promise<void>((resolve) => {
      void subscriber.client.subscribe(other, (message) => {
        heard.push(`2 ${message}`)
        resolve()
      })
    })
    await subscriber.client.send('PING', [])
    await publisher.client.send('PUBLISH', [channel, 'first'])
    await publisher.client.send('PUBLISH', [other, 'second'])
    await second
    expect(heard).toEqual(['1 first', '2 second'])
  })

  test('tells an error of the server from the loss of its socket, and loss is told once', async () => {
    const [{ client, closes, closed }, killer] = await Promise.all([connected(), connected()])
    const sha = 'f'.repeat(40)
    const refusal = await client.send('EVALSHA', [sha, '0']).catch((error: Error) => error)
    expect((refusal as Error).message).toMatch(/^NOSCRIPT/)
    expect(client.isReply(refusal as Error)).toBe(true)

    const id = String(await client.send('CLIENT', ['ID']))
    const blocked = client.send('BZPOPMIN', ['adopted:nothing', '0']).catch((error: Error) => error)
    await killer.client.send('CLIENT', ['KILL', 'ID', id])
    await closed
    const loss = (await blocked) as Error
    expect(loss).toBeInstanceOf(Error)
    expect(client.isReply(loss)).toBe(false)
    expect(client.isReply(refusal as Error)).toBe(true)
    await expect(client.send('PING', [])).rejects.toSatisfy(
      (error: Error) => !client.isReply(error),
    )
    client.destroy()
    client.destroy()
    await killer.client.send('PING', [])
    expect(closes).toHaveLength(1)
  })

  test('closes its socket at once when destroyed, and says so once', async () => {
    const { client, closes, closed } = await connected()
    const other = await connected()
    const id = String(await client.send('CLIENT', ['ID']))
    const blocked = client.send('BZPOPMIN', ['adopted:nothing', '0']).catch((error: Error) => error)
    client.destroy()
    client.destroy()
    await closed
    expect(client.isReply((await blocked) as Error)).toBe(false)
    await expect
      .poll(() => other.client.send('CLIENT', ['LIST', 'ID', id]), { interval: 5 })
      .toBe('')
    expect(closes).toHaveLength(1)
  })

  test('refuses to connect or send after it was destroyed', async () => {
    const { client, closed } = raw(user())
    client.destroy()
    await expect(client.connect()).rejects.toThrow()
    await expect(client.send('PING', [])).rejects.toThrow()
    await closed
  })

  test.each([
    ['the handshake', false],
    ['TLS', true],
  ])('is destroyed in the middle of %s with a server that is silent', async (_, tls) => {
    const silent = await listen()
    const { client, closes, closed } = raw(user({ port: silent.port, tls }))
    const connecting = client.connect().catch((error: unknown) => error)
    const [socket] = (await once(silent.server, 'connection')) as [Socket]
    const gone = once(socket, 'close')
    client.destroy()
    await Promise.all([gone, closed])
    expect(await connecting).toBeInstanceOf(Error)
    expect(closes).toHaveLength(1)
  })

  test('is destroyed at any moment before its socket is up', async () => {
    const silent = await listen()
    for (let moment = 0; moment < 8; moment++) {
      const { client, closes, closed } = raw(user({ port: silent.port }))
      const connecting = client.connect().catch((error: unknown) => error)
      for (let turn = 0; turn < moment; turn++) await null
      client.destroy()
      await closed
      expect(await connecting).toBeInstanceOf(Error)
      expect(closes).toHaveLength(1)
    }

    // Connections come in order: when this one is there, no other is still to come.
    const last = connect(silent.port, '127.0.0.1')
    ends.push(() => last.destroy())
    await once(last, 'connect')
    await expect
      .poll(() => silent.peers(), { interval: 5 })
      .toEqual([(last.address() as AddressInfo).port])
  })

  test('fails to connect when refused, and when the server hangs up', async () => {
    const silent = await listen()
    silent.server.on('connection', (socket) => socket.destroy())
    const hungUp = raw(user({ port: silent.port }))
    await expect(hungUp.client.connect()).rejects.toThrow()
    await hungUp.closed
    await silent.close()
    const refused = raw(user({ port: silent.port }))
    await expect(refused.client.connect()).rejects.toMatchObject({ code: 'ECONNREFUSED' })
    await refused.closed
    expect([...hungUp.closes, ...refused.closes]).toHaveLength(2)
  })

  test('fails to connect with a wrong password, which no message repeats', async () => {
    const { client, closes, closed } = raw(user({ password: 'battery-staple' }))
    const failure = (await client.connect().catch((error: Error) => error)) as Error
    await closed
    expect(failure.message).toMatch(/WRONGPASS/)
    expect(client.isReply(failure)).toBe(true)
    expect(client.secrets()).toEqual(['battery-staple'])
    expect(inspect([failure, closes], { depth: null, showHidden: true })).not.toMatch('staple')
    expect(closes).toHaveLength(1)
  })

  test('fails to connect when its database does not exist', async () => {
    const { client, closes, closed } = raw(user({ database: 99 }))
    await expect(client.connect()).rejects.toThrow(/DB index is out of range/)
    await closed
    expect(closes).toHaveLength(1)
  })

  test('is asked for its password at each connect', async () => {
    const users = user()
    const source = adoptedSource(users.client, 'client')
    const { client } = await connected()
    await client.send('CONFIG', ['SET', 'requirepass', 'rotated'])
    try {
      users.changePassword('rotated')
      const later = source.openData(null, CONNECT_TIMEOUT_MS)
      ends.push(() => later.destroy())
      await later.connect()
      expect(await later.send('PING', [])).toBe('PONG')
    } finally {
      await client.send('CONFIG', ['SET', 'requirepass', PASSWORD])
    }
  })

  test('is left as it was, and goes on working', async () => {
    const users = user()
    await users.connect()
    const before = { options: { ...users.options() }, listeners: users.listenerCount() }
    const source = adoptedSource(users.client, 'client')
    const opened: RawClient[] = []
    for (let round = 0; round < 12; round++) {
      const client = source.openData(null, CONNECT_TIMEOUT_MS)
      await client.connect()
      opened.push(client)
    }
    expect(users.listenerCount()).toBe(before.listeners)
    for (const client of opened) client.destroy()
    expect({ ...users.options() }).toEqual(before.options)
    expect(users.listenerCount()).toBe(before.listeners)
    expect(String(await users.ping())).toBe('PONG')
  })

  test('lends its Unix socket', async () => {
    const users = make({ path: socketPath, password: PASSWORD })
    ends.push(users.end)
    expect(adoptedSource(users.client, 'client').place).toBe(socketPath)
    const { client } = await connected(users)
    expect(await client.send('CLIENT', ['INFO'])).toContain(`laddr=${socketPath}:0`)
  })
})

describe.each([
  ['node-redis 6', nodeRedis6],
  ['node-redis 5', nodeRedis5],
])('the credentials provider of a client of %s', (_, library) => {
  const createClient = library.createClient as typeof nodeRedis6.createClient
  const open = (provider: object, port = server.port) => {
    const client = createClient({
      socket: { host: '127.0.0.1', port },
      credentialsProvider: provider as { type: 'async-credentials-provider' } & never,
    })
    const opened = adoptedSource(client, 'client').openData(null, CONNECT_TIMEOUT_MS)
    ends.push(() => opened.destroy())
    return opened
  }

  test('that is subscribed to is let go of, however the connection ends', async () => {
    let [subscribed, subscriptions] = [0, 0]
    const provider = (password: string) => ({
      type: 'streaming-credentials-provider',
      onReAuthenticationError: () => {},
      subscribe: async () => {
        subscribed++
        subscriptions++
        return [{ username: 'default', password }, { dispose: () => subscribed-- }]
      },
    })
    const [destroyed, killed] = [open(provider(PASSWORD)), open(provider(PASSWORD))]
    const lost = new Promise<void>((resolve) => killed.onClose(() => resolve()))
    await Promise.all([destroyed.connect(), killed.connect()])
    await destroyed.send('CLIENT', ['KILL', 'ID', String(await killed.send('CLIENT', ['ID']))])
    await lost
    destroyed.destroy()
    await expect(open(provider('battery-staple')).connect()).rejects.toThrow(/WRONGPASS/)
    expect([subscriptions, subscribed]).toEqual([3, 0])
  })

  test('may hang: when the server hangs up, connecting fails', async () => {
    const silent = await listen()
    silent.server.on('connection', (socket) => socket.end())
    const client = open(
      { type: 'async-credentials-provider', credentials: () => new Promise(() => {}) },
      silent.port,
    )
    await expect(client.connect()).rejects.toThrow(/closed/)
  })
})

/** Accepts connections and says nothing. */
async function listen() {
  const silent = createServer()
  const sockets = new Set<Socket>()
  silent.on('connection', (socket) => {
    sockets.add(socket)
    socket
      .on('error', () => {})
      .on('close', () => sockets.delete(socket))
      .resume()
  })
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', () => resolve()))
  const close = () => {
    for (const socket of sockets) socket.destroy()
    return new Promise((resolve) => silent.close(resolve))
  }
  ends.push(() => void close())
  return {
    server: silent,
    port: (silent.address() as AddressInfo).port,
    peers: () => [...sockets].map((socket) => socket.remotePort),
    close,
  }
}
