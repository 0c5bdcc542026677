import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import type { RedisOptions } from 'ioredis'
import { type RawClient, refuseStranger } from './client.ts'
import type { Credentials, Host, RedisSource } from './source.ts'
import { endOnUnasked } from './unasked.ts'
import { hostText, type RedisUrl } from './url.ts'
import { Wire } from './wire.ts'

/** What we use of a client of ioredis 5 or 6, or of iovalkey. */
export interface IoredisClient {
  readonly stream?: Duplex
  /** The calls that wait for an answer, the oldest first. */
  readonly commandQueue?: { shift(): unknown }
  readonly options: { password?: string | null | undefined }
  connect(): Promise<void>
  call(command: string, args: string[]): Promise<unknown>
  on(event: string, listener: (...args: never[]) => void): unknown
  once(event: string, listener: (...args: never[]) => void): unknown
  disconnect(): void
}

/** Everything off that acts on its own: the supervisor does these things, with deadlines. */
export const passive = (connectTimeoutMs: number) =>
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

/**
 * One socket of ioredis. The library makes it: address, TLS, user, password, database. From then on what is
 * said on it is said by {@link Wire}, which takes a tenth to a quarter less of the client's work.
 */
export function rawIoredis(open: () => Promise<IoredisClient>): RawClient {
  let redis: IoredisClient | null = null
  let cause: Error | undefined
  let destroyed = false
  let closed = false
  let wire: Wire | null = null
  let closeListener: (cause?: Error) => void = () => {}

  function close(): void {
    if (closed) return
    closed = true
    closeListener(cause)
    wire?.close(cause ?? new Error('the server closed the connection'))
  }

  /** With the answer to that PING nothing of the library's is under way. */
  function takeOver({ stream }: IoredisClient): void {
    if (!stream) throw new Error('the library has no socket')
    wire = new Wire(stream, (error) => {
      cause ??= error
      end()
    })
  }

  function connected(): Wire {
    if (wire) return wire
    throw new Error('the client is not connected')
  }

  function end(): void {
    destroyed = true
    redis?.disconnect()
    redis?.stream?.destroy()
    if (!redis) queueMicrotask(close)
  }

  return {
    async connect() {
      const client = await open()
      // From here to its `connect()` nothing may wait: it would connect even after a `destroy()`.
      if (destroyed) throw new Error('the connection was closed')
      redis = client
      // What answers nonsense makes the library complain, and wait.
      let complain: (error: Error) => void = () => {}
      const complaint = new Promise<never>((_, reject) => {
        complain = reject
      })
      client.on('error', (error: Error) => {
        if (error.name !== 'ReplyError') complain(error)
        // After a failed AUTH, SELECT fails with NOAUTH, which says less and may be told earlier.
        if (!cause || /^NOAUTH/.test(cause.message)) cause = withoutCommand(error)
      })
      client.once('close', close)
      // The only event of a client that is closed before it has made its socket.
      client.once('end', close)
      // Version 5 and iovalkey are ready before AUTH and SELECT are answered, and when SELECT
      // fails they go on in another database. PING is answered after both.
      const steps = client.connect().then(() => {
        endOnUnasked(client, (error) => {
          cause ??= error
          complain(error)
        })
        return client.call('ping', [])
      })
      const answered = steps.then((pong) => {
        refuseStranger(pong)
        takeOver(client)
      })
      const thrown: unknown = await Promise.race([answered, complaint]).then(
        () => null,
        (error: unknown) => error,
      )
      const failure = cause ?? thrown
      if (!failure && !destroyed) return
      end()
      if (failure instanceof Error) throw withoutCommand(failure)
      throw new Error('the connection was closed')
    },
    send: (command, args) =>
      new Promise((resolve, reject) => connected().ask(command, args, resolve, reject)),
    transmit: (...call) => connected().ask(...call),
    isReply: (error) => error.name === 'ReplyError',
    subscribe: async (channel, listener) => {
      await connected().subscribe(channel, listener)
    },
    secrets: () => (redis?.options.password ? [redis.options.password] : []),
    onClose(listener) {
      closeListener = listener
    },
    destroy: end,
  }
}

/** A reply's error carries the command that it answers: for AUTH, the password. */
function withoutCommand(error: Error): Error {
  if ('command' in error) delete error.command
  return error
}

/** What a URL cannot say. */
export interface UrlExtras {
  /** Asked at each connect, and wins over what the URL says. */
  credentials?: (() => Credentials | Promise<Credentials>) | undefined
  sentinelCredentials?: (() => Credentials | Promise<Credentials>) | undefined
  /** For `rediss` schemes. */
  tls?: RedisOptions['tls']
}

/** Servers named by a URL, talked to by the default library: loaded by the first connection, 0.1 s. */
export function urlSource(url: RedisUrl, extras: UrlExtras = {}): RedisSource {
  const tlsTo = (host: string) =>
    url.tls ? { tls: { servername: isIP(host) ? '' : host, ...extras.tls } } : {}
  const open = (
    at: Host,
    connectTimeoutMs: number,
    credentials: () => Credentials | Promise<Credentials>,
    more: { db?: number } = {},
  ) =>
    rawIoredis(async () => {
      const [library, { username, password }] = await Promise.all([
        import('ioredis'),
        credentials(),
      ])
      return new library.Redis({
        ...passive(connectTimeoutMs),
        ...at,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        ...tlsTo(at.host),
        ...more,
      })
    })

  return {
    topology: topologyOf(url),
    place: url.hosts.map(hostText).join(',') + (url.tls ? ' by TLS' : ''),
    openData: (at, connectTimeoutMs) =>
      open(at ?? url.hosts[0], connectTimeoutMs, extras.credentials ?? (() => url.credentials), {
        db: url.database,
      }),
    openSentinel: (at, connectTimeoutMs) =>
      open(at, connectTimeoutMs, extras.sentinelCredentials ?? (() => ({}))),
  }
}

function topologyOf({ kind, hosts, name }: RedisUrl): RedisSource['topology'] {
  if (kind === 'sentinel') return { kind, sentinels: hosts, name: name ?? '' }
  if (kind === 'cluster') return { kind, seeds: hosts, translate: (announced) => announced }
  return { kind }
}
