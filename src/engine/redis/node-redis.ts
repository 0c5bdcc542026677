import { type RawClient, refuseStranger } from './client.ts'
import { asHost, asOptions, mapAddress, type Options, readNodeUrl } from './foreign-options.ts'
import type { Host, RedisSource } from './source.ts'
import { hostText } from './url.ts'

/** What we use of a client of node-redis 5 or 6. */
export interface NodeRedisClient {
  readonly options: Options
  readonly isOpen: boolean
  readonly isReady: boolean
  duplicate(overrides: Options): NodeRedisClient
  connect(): Promise<unknown>
  sendCommand(args: string[]): Promise<unknown>
  subscribe(channel: string, listener: (message: string) => void): Promise<unknown>
  on(event: string, listener: (...args: never[]) => void): unknown
  destroy(): void
}

interface ClusterNode {
  address: string
  host: string
  port: number
  readonly: boolean
  client?: NodeRedisClient | undefined
}

/** What we use of a cluster of node-redis 5 or 6. */
export interface NodeRedisCluster {
  /** Not in its types, but the only place where a cluster that is not connected yet has them. */
  readonly _options: Options & {
    readonly rootNodes: readonly Options[]
    readonly defaults?: Options
    readonly nodeAddressMap?: unknown
  }
  readonly masters: readonly ClusterNode[]
  duplicate(overrides: Options): NodeRedisCluster
  nodeClient(node: ClusterNode): Promise<NodeRedisClient>
  on(event: string, listener: (...args: never[]) => void): unknown
}

/** Everything off that acts on its own: the supervisor does these things, with deadlines. */
const PASSIVE = {
  // What it says has gone into the other options when the user's client was made. Read once more,
  // it would win over the address we want, and the error for a contradiction quotes all of it.
  url: undefined,
  RESP: 2,
  disableOfflineQueue: true,
  disableClientInfo: true,
  maintNotifications: 'disabled',
  // Version 6 has a timeout of its own, 5 s, which would end every blocking command.
  commandOptions: { timeout: undefined },
  commandsQueueMaxLength: undefined,
  keyPrefix: undefined,
  pingInterval: undefined,
  clientSideCache: undefined,
  emitInvalidate: undefined,
  himportRegistry: undefined,
  readonly: false,
} satisfies Options

/** How the socket tells us of its end, and we end it. */
interface SocketControl {
  signal: AbortSignal
  reconnectStrategy: (retries: number, cause: Error) => false
}

/** One socket of node-redis. `open` makes a client that has not connected yet. */
export function rawNodeRedis(open: (control: SocketControl) => NodeRedisClient): RawClient {
  // Until TCP and TLS are up the library does not know its own socket, so that `destroy()` leaves
  // it open. It hands all socket options to Node, whose sockets end with this signal at any time.
  const ending = new AbortController()
  const replies = new WeakSet<Error>()
  const passwords = new Set<string>()
  let client: NodeRedisClient | null = null
  let closed = false
  let closeListener: (cause?: Error) => void = () => {}
  let failConnect: (cause: Error) => void = () => {}

  const lost = (cause?: Error) => cause ?? new Error('the connection was closed')

  function close(cause?: Error): void {
    if (closed) return
    closed = true
    // Version 5 throws when it is closed already, and forgets to let go of its metrics and of a
    // subscription for credentials. We come here earlier than that, whoever closes.
    if (client?.isOpen) client.destroy()
    ending.abort()
    failConnect(lost(cause))
    queueMicrotask(() => closeListener(cause))
  }

  const connected = (): NodeRedisClient => {
    if (client?.isReady && !closed) return client
    throw new Error('the client is not connected')
  }

  function sendCommand(command: string, args: readonly string[]): Promise<unknown> {
    try {
      return connected().sendCommand([command, ...args])
    } catch (error) {
      return Promise.reject(error)
    }
  }

  function note(error: unknown): void {
    // Class names do not survive a bundler that shortens them, so this goes by elimination:
    // with its queue limit and timeouts off, the library fails for a closed socket only.
    if (!closed && client?.isReady && error instanceof Error) replies.add(error)
  }

  return {
    async connect() {
      if (closed) throw lost()
      // A server that dies during the handshake can leave `connect()` of version 5 pending.
      const failed = new Promise<never>((_, reject) => {
        failConnect = reject
      })
      failed.catch(() => {})
      try {
        client = open({
          signal: ending.signal,
          reconnectStrategy: (_, cause) => {
            close(cause)
            return false
          },
        })
        overhear(client.options, (password) => passwords.add(password))
        client.on('error', close)
        client.on('end', () => close())
        await Promise.race([client.connect(), failed])
        refuseStranger(await Promise.race([connected().sendCommand(['PING']), failed]))
      } catch (error) {
        close(error instanceof Error ? error : undefined)
        throw error
      }
    },
    send: (command, args) =>
      sendCommand(command, args).catch((error: unknown) => {
        note(error)
        throw error
      }),
    transmit(command, args, answered, failed) {
      sendCommand(command, args).then(answered, (error: unknown) => {
        note(error)
        failed(error)
      })
    },
    isReply: (error) => replies.has(error) || isHandshakeReply(error),
    async subscribe(channel, listener) {
      await connected().subscribe(channel, (message) => listener(message))
    },
    secrets: () => [...passwords],
    onClose(listener) {
      closeListener = listener
    },
    destroy: () => close(),
  }
}

interface Credentials {
  password?: string | undefined
}

/** All that the library uses of a provider of credentials, which every client with some has. */
interface Provider {
  readonly type: string
  credentials(): Promise<Credentials>
  subscribe(listener: unknown): Promise<[Credentials, unknown]>
  onReAuthenticationError(error: Error): void
}

/** Tells of each password on its way to the library. The options are those of a client of ours. */
function overhear(options: { credentialsProvider?: Provider }, hear: (password: string) => void) {
  const provider = options.credentialsProvider
  if (!provider) return
  const heard = (credentials: Credentials) => {
    if (credentials.password) hear(credentials.password)
    return credentials
  }
  options.credentialsProvider = {
    type: provider.type,
    credentials: async () => heard(await provider.credentials()),
    subscribe: async (listener) => {
      const [credentials, subscription] = await provider.subscribe(listener)
      return [heard(credentials), subscription]
    },
    onReAuthenticationError: (error) => provider.onReAuthenticationError(error),
  }
}

/** `WRONGPASS invalid…` and not `Socket closed…` or `connect ECONNREFUSED…`. */
const isHandshakeReply = (error: Error) => !('code' in error) && /^[A-Z]+ /.test(error.message)

/** The server of the user's own client. */
export function nodeRedisSource(client: NodeRedisClient): RedisSource {
  const open = (at: Host | null, connectTimeoutMs: number) =>
    rawNodeRedis((control) =>
      client.duplicate({
        ...PASSIVE,
        socket: {
          ...asOptions(client.options.socket),
          ...at,
          ...control,
          connectTimeout: connectTimeoutMs,
          // A consumer that waits is silent for longer.
          socketTimeout: undefined,
        },
      }),
    )
  const { path, host, port } = asOptions(client.options.socket)
  return {
    topology: { kind: 'single' },
    place: typeof path === 'string' ? path : hostText(asHost(host, port)),
    openData: open,
    openSentinel: open,
  }
}

/** The servers of the user's own cluster. */
export function nodeRedisClusterSource(cluster: NodeRedisCluster): RedisSource {
  let template: NodeRedisClient | null = null
  const open = (at: Host, connectTimeoutMs: number) =>
    rawNodeRedis((control) => {
      template ??= templateOf(cluster)
      const { defaults = {}, rootNodes } = cluster._options
      const root = rootNodes.map(readRoot).find(({ host }) => hostText(host) === hostText(at))
      return template.duplicate({
        // The template may have older ones than the cluster has now.
        ...{ username: undefined, password: undefined, credentialsProvider: undefined },
        ...defaults,
        ...root?.options,
        ...PASSIVE,
        socket: {
          ...asOptions(defaults.socket),
          ...asOptions(root?.options.socket),
          ...at,
          ...control,
          connectTimeout: connectTimeoutMs,
          socketTimeout: undefined,
        },
      })
    })
  const seeds = cluster._options.rootNodes.map((root) => readRoot(root).host)
  return {
    topology: {
      kind: 'cluster',
      seeds,
      translate: (announced) => mapAddress(cluster._options.nodeAddressMap, announced),
    },
    place: seeds.map(hostText).join(','),
    openData: (at, connectTimeoutMs) => open(at ?? asHost(), connectTimeoutMs),
    openSentinel: open,
  }
}

/** A client to duplicate: the library has no other way from a cluster to the class of its nodes. */
function templateOf(cluster: NodeRedisCluster): NodeRedisClient {
  const client = cluster.masters.find((node) => node.client)?.client
  if (client) return client
  // It is not connected yet. A cluster of our own makes a client for any node it is asked for, and
  // connects it at once: to a path where nothing can be, and no further.
  const own = cluster.duplicate({
    ...PASSIVE,
    defaults: { ...PASSIVE, socket: { reconnectStrategy: false } },
    nodeAddressMap: () => ({ path: '/dev/null/nothing' }),
  })
  own.on('error', () => {})
  const node: ClusterNode = { address: '', host: '', port: 0, readonly: false }
  own.nodeClient(node).catch(() => {})
  if (!node.client) throw new Error('this version of node-redis is not supported: use 5 or 6')
  node.client.destroy()
  return node.client
}

/** A seed, which is allowed to say more than the options for all nodes. */
function readRoot(root: Options): { host: Host; options: Options } {
  const { url, ...options } = root
  const socket = asOptions(root.socket)
  if (typeof url !== 'string') return { host: asHost(socket.host, socket.port), options }
  const { host, port, tls, username, password } = readNodeUrl(url, 'client.rootNodes')
  return {
    host: asHost(host, port),
    options: {
      ...options,
      socket: { ...socket, tls },
      ...(username || password ? { username, password, credentialsProvider: undefined } : {}),
    },
  }
}
