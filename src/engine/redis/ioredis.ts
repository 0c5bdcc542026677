import { Redis, type RedisOptions } from 'ioredis'
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

/** A client of the default library. */
export function openIoredis(address: RedisAddress, connectTimeoutMs: number): RawClient {
  const { host, port, database: db, username, password, tls } = address
  const redis = new Redis({
    ...passive(connectTimeoutMs),
    host,
    port,
    db,
    ...(username === undefined ? {} : { username }),
    ...(password === undefined ? {} : { password }),
    ...(tls ? { tls: { servername: host } } : {}),
  })
  return wrapIoredis(redis)
}

function wrapIoredis(redis: Redis): RawClient {
  let lastError: Error | undefined
  redis.on('error', (error: Error) => {
    lastError = error
  })
  return {
    connect: () => redis.connect().catch((error: unknown) => Promise.reject(lastError ?? error)),
    // The library recognises commands with an effect on the connection by their lower-case name.
    send: (command, args) => redis.call(command.toLowerCase(), args),
    isReply: (error) => error.name === 'ReplyError',
    async subscribe(channel, listener) {
      redis.on('message', (_, message: string) => listener(message))
      await redis.subscribe(channel)
    },
    onClose(listener) {
      redis.once('close', () => listener(lastError))
    },
    destroy() {
      redis.disconnect()
      redis.stream?.destroy()
    },
  }
}
