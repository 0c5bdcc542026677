import type { Redis, RedisOptions } from 'ioredis'
import type { RawClient } from './client.ts'
import type { RedisAddress } from './url.ts'

/** Everything off that acts on its own: the supervisor does these things, with deadlines. */
const passive = (connectTimeoutMs: number) =>
  ({
    protocol: 2,
    lazyConnect: true,
    connectTimeout: connectTimeoutMs,
    retryStrategy: () => null,
    reconnectOnError: null,
    maxRetriesPerRequest: null,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    enableAutoPipelining: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    disableClientInfo: true,
    stringNumbers: false,
    keyPrefix: '',
  }) satisfies RedisOptions

/** A client of the default library, which is loaded by the first connection: 0.1 s of start-up. */
export function openIoredis(address: RedisAddress, connectTimeoutMs: number): RawClient {
  let redis: Redis | null = null
  let lastError: Error | undefined
  let destroyed = false
  let closeListener: (cause?: Error) => void = () => {}

  async function open(): Promise<Redis> {
    const library = await import('ioredis')
    if (destroyed) throw new Error('the connection was closed')
    const opened = new library.Redis({ ...passive(connectTimeoutMs), ...targetOf(address) })
    opened.on('error', (error: Error) => {
      lastError = error
    })
    opened.once('close', () => closeListener(lastError))
    redis = opened
    return opened
  }

  const connected = (): Redis => {
    if (redis) return redis
    throw new Error('the client is not connected')
  }

  return {
    async connect() {
      const opened = await open()
      await opened.connect().catch((error: unknown) => Promise.reject(lastError ?? error))
    },
    // The library recognises commands with an effect on the connection by their lower-case name.
    send: (command, args) => connected().call(command.toLowerCase(), args),
    isReply: (error) => error.name === 'ReplyError',
    async subscribe(channel, listener) {
      connected().on('message', (_, message: string) => listener(message))
      await connected().subscribe(channel)
    },
    onClose(listener) {
      closeListener = listener
    },
    destroy() {
      destroyed = true
      redis?.disconnect()
      redis?.stream?.destroy()
    },
  }
}

function targetOf({ host, port, database, username, password, tls }: RedisAddress) {
  return {
    host,
    port,
    db: database,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: { servername: host } } : {}),
  } satisfies RedisOptions
}
