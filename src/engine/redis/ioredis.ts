import { isIP } from 'node:net'
import type { Duplex } from 'node:stream'
import type { RedisOptions } from 'ioredis'
import { type RawClient, refuseStranger } from './client.ts'
import { type CommandClass, textCommand } from './ioredis-command.ts'
import type { Credentials, Host, RedisSource } from './source.ts'
import { endOnUnasked } from './unasked.ts'
import { hostText, type RedisUrl } from './url.ts'

/** What we use of a client of ioredis 5 or 6, or of iovalkey. */
export interface IoredisClient {
  readonly stream?: Duplex
  /** The calls that wait for an answer, the oldest first. */
  readonly commandQueue?: { readonly length: number; shift(): unknown }
  readonly options: { password?: string | null | undefined }
  connect(): Promise<void>
  call(command: string, args: string[]): Promise<unknown>
  sendCommand(command: object): unknown
  subscribe(channel: string): Promise<unknown>
  on(event: string, listener: (...args: never[]) => void): unknown
  once(event: string, listener: (...args: never[]) => void): unknown
  disconnect(): void
}

/** How many arguments make a call worth a packet of its own: some 4 KiB. */
const LONG_CALL = 64

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

/** A client that has not connected yet, and the class of its commands where that is known. */
export interface OpenedIoredis {
  client: IoredisClient
  Command?: CommandClass
}

/** One socket of ioredis. */
export function rawIoredis(open: () => Promise<OpenedIoredis>): RawClient {
  let redis: IoredisClient | null = null
  let cause: Error | undefined
  let destroyed = false
  let closed = false
  let gathering = false
  let commandClass: CommandClass | undefined
  let closeListener: (cause?: Error) => void = () => {}

  function close(): void {
    if (closed) return
    closed = true
    closeListener(cause)
  }

  /**
   * The library writes each command on its own, which is a system call each. What is sent in one
   * turn leaves as one packet: about half of the client's CPU at 100 in flight, and of the server's.
   * What is long, or has nothing in front of it, leaves at once: the server works on it meanwhile.
   */
  function gather({ stream }: IoredisClient): void {
    if (gathering || !stream) return
    gathering = true
    stream.cork()
    process.nextTick(leave)
  }

  function leave(): void {
    if (!gathering) return
    gathering = false
    redis?.stream?.uncork()
  }

  /** The library recognises commands with an effect on the connection by their lower-case name. */
  function send(command: string, args: string[]): Promise<unknown> {
    if (!redis) return Promise.reject(new Error('the client is not connected'))
    const atOnce = args.length >= LONG_CALL || redis.commandQueue?.length === 0
    if (!atOnce) gather(redis)
    const name = lowerCase(command)
    const answer = commandClass
      ? redis.sendCommand(textCommand(commandClass, name, args))
      : redis.call(name, args)
    if (atOnce) leave()
    return answer as Promise<unknown>
  }

  function end(): void {
    destroyed = true
    redis?.disconnect()
    redis?.stream?.destroy()
    if (!redis) queueMicrotask(close)
  }

  return {
    async connect() {
      const { client, Command } = await open()
      // From here to its `connect()` nothing may wait: it would connect even after a `destroy()`.
      if (destroyed) throw new Error('the connection was closed')
      redis = client
      commandClass = Command
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
        return client.call('ping', []).then(refuseStranger)
      })
      const thrown: unknown = await Promise.race([steps, complaint]).then(
        () => null,
        (error: unknown) => error,
      )
      const failure = cause ?? thrown
      if (!failure && !destroyed) return
      end()
      if (failure instanceof Error) throw withoutCommand(failure)
      throw new Error('the connection was closed')
    },
    send,
    transmit(command, args, answered, failed) {
      send(command, args).then(answered, failed)
    },
    isReply: (error) => error.name === 'ReplyError',
    async subscribe(channel, listener) {
      if (!redis) throw new Error('the client is not connected')
      redis.on('message', (from: string, message: string) => {
        if (from === channel) listener(message)
      })
      await redis.subscribe(channel)
    },
    secrets: () => (redis?.options.password ? [redis.options.password] : []),
    onClose(listener) {
      closeListener = listener
    },
    destroy: end,
  }
}

const lowerCaseOf = new Map<string, string>()

/** There are a dozen commands, and every call names one. */
function lowerCase(command: string): string {
  const known = lowerCaseOf.get(command)
  if (known !== undefined) return known
  const name = command.toLowerCase()
  lowerCaseOf.set(command, name)
  return name
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
      const client = new library.Redis({
        ...passive(connectTimeoutMs),
        ...at,
        ...(username === undefined ? {} : { username }),
        ...(password === undefined ? {} : { password }),
        ...tlsTo(at.host),
        ...more,
      })
      return { client, Command: library.Command }
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
