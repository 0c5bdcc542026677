import { Redis } from 'ioredis'
import type { RedisAddress } from './url.ts'

/** All that a connection needs of a Redis client. One object serves one socket, once. */
export interface RawClient {
  /** TCP, TLS, authentication and database; rejects if any of it fails. */
  connect(): Promise<void>
  send(command: string, args: string[]): Promise<unknown>
  onMessage(listener: (channel: string, message: string) => void): void
  /** Called once when the socket is gone, whoever closed it. */
  onClose(listener: (cause?: Error) => void): void
  /** Closes the socket at once, whatever state it is in. */
  destroy(): void
}

/**
 * A client of the default library with everything turned off that acts on its own: re-sending,
 * offline queue, reconnecting, resubscribing. The supervisor does these, with deadlines.
 */
export function openIoredis(address: RedisAddress, connectTimeoutMs: number): RawClient {
  const redis = new Redis({
    host: address.host,
    port: address.port,
    db: address.database,
    ...(address.username === undefined ? {} : { username: address.username }),
    ...(address.password === undefined ? {} : { password: address.password }),
    ...(address.tls ? { tls: { servername: address.host } } : {}),
    protocol: 2,
    lazyConnect: true,
    connectTimeout: connectTimeoutMs,
    retryStrategy: () => null,
    reconnectOnError: null,
    maxRetriesPerRequest: null,
    enableOfflineQueue: false,
    enableReadyCheck: false,
    autoResubscribe: false,
    autoResendUnfulfilledCommands: false,
    disableClientInfo: true,
  })
  let lastError: Error | undefined
  redis.on('error', (error: Error) => {
    lastError = error
  })
  return {
    connect: () => redis.connect().catch((error: unknown) => Promise.reject(lastError ?? error)),
    // The library recognises commands with an effect on the connection by their lower-case name.
    send: (command, args) => redis.call(command.toLowerCase(), args),
    onMessage: (listener) => {
      redis.on('message', listener)
    },
    onClose: (listener) => {
      redis.once('close', () => listener(lastError))
    },
    destroy() {
      redis.disconnect()
      redis.stream?.destroy()
    },
  }
}
