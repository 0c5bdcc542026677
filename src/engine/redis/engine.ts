import type { Clock } from '../../clock.ts'
import { printable } from '../../text.ts'
import { newClientId } from '../client-id.ts'
import type { EngineEvents, EngineHealth } from '../engine.ts'
import { ScriptCalls } from './calls.ts'
import { commandSender, type SendCommand } from './command.ts'
import type { ConnectionOptions } from './connection.ts'
import { greet } from './greeting.ts'
import { Health } from './health.ts'
import { Identity } from './identity.ts'
import { Inbox } from './inbox.ts'
import { type Keyspace, keyspace } from './keys.ts'
import { queueScript, type Told } from './multi.ts'
import { openServers } from './open-servers.ts'
import { ConfirmedCalls } from './replication.ts'
import { scanKeys } from './scan.ts'
import type { Script, Sent } from './script.ts'
import type { Servers } from './servers.ts'
import type { RedisSource, Topology } from './source.ts'
import { Tokens } from './tokens.ts'
import { Writes } from './writes.ts'

/** Loss is told within 2 s: a silent socket is asked after this long, and told 0.6 s later. */
const PING_AFTER_MS = 700
/** The connection for messages carries hints, so it may be found dead later. */
const MESSAGES_PING_AFTER_MS = 5_000
const LONGEST_PING_TIMEOUT_MS = 5_000
/** How long a poke waits for a client that is just being closed. */
const POKE_TTL_SECONDS = 60

export interface RedisEngineOptions {
  source: RedisSource
  prefix: string
  clock: Clock
  commandTimeoutMs: number
  connectTimeoutMs: number
  tell: <Name extends keyof EngineEvents>(name: Name, event: EngineEvents[Name]) => void
  warn: (message: string) => void
}

/** A run of a server, as it said itself. */
export interface MetServer {
  /** Of this run, or of its data where the server may not be asked; null if neither is known. */
  readonly id: string | null
  /** Monotonic time when it began, at the latest. */
  readonly startedAtMs: number
  readonly inCluster: boolean
}

export interface RedisEngine {
  readonly kind: 'redis'
  /** `host:pid:random`, unique to this engine object. */
  readonly clientId: string
  readonly clock: Clock
  /** How long any call may take. */
  readonly commandTimeoutMs: number
  readonly keys: Keyspace
  /** Hosts and ports, for messages. */
  readonly place: string
  readonly topology: Topology['kind']
  readonly inbox: Inbox
  readonly tokens: Tokens
  /** Whether PUBLISH counts every subscriber; in a cluster a count of 0 says nothing. */
  readonly countsListeners: boolean
  /** Remembers the highest fence of all: new ones are higher, whatever the server has forgotten. */
  sawFence(fence: number): number
  /**
   * Runs a script for one item; calls of one tick share one round trip. With `replicas`, an answer
   * counts only when so many have what it wrote, with `isSynced` when it is on the server's disk:
   * `unknown` else, and the caller undoes it.
   */
  call<Keys, Args, Reply>(
    script: Script<Keys, Args, Reply>,
    keys: Keys,
    args: Args,
    replicas?: number,
    isSynced?: boolean,
  ): Promise<Reply & Sent>
  /** The same for one that leaves at once where no other is under way. */
  readonly callAtOnce: ScriptCalls['callAtOnce']
  /** The same for one of many, without a promise: so much is called in a tick that those would cost as much as the rest. */
  tell: ScriptCalls['tell']
  /** @throws {EngineUnavailableError} where the server of a key can not tell what is on its disk */
  assertSyncs(key: string): Promise<void>
  /** Queues a script for one item in a MULTI of the user's own, as {@link queueScript} does. */
  within<Keys, Args, Reply>(
    transaction: unknown,
    argument: string,
    script: Script<Keys, Args, Reply>,
    keys: Keys,
    args: Args,
    told: Told,
  ): void
  /** Keys of one group may be in one call. */
  groupOf(key: string): number
  /**
   * One plain command with the command deadline, sent to the server of its key.
   * Only for reads, and writes safe to lose.
   */
  readonly command: SendCommand
  /** At most `limit` keys that match, from a bounded scan. */
  scan(pattern: string, limit: number): Promise<string[]>
  /** Calls back when the engine was away, or is another server: what it was told may be gone. */
  onDoubt(listener: () => void): () => void
  /** Why something may be gone that was there at `sinceMs`, a monotonic time; else null. */
  resetSince: Identity['resetSince']
  health(): EngineHealth
  /** Who answered last when a connection was made; null before the first. */
  server(): MetServer | null
  /** Resolves when no script is under way. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** Opens nothing yet: connections are made on first use. */
export function openRedisEngine(options: RedisEngineOptions): RedisEngine {
  const { source, clock, commandTimeoutMs, connectTimeoutMs, tell } = options
  const { place } = source
  const clientId = newClientId()
  const keys = keyspace(options.prefix)
  const pingTimeoutMs = Math.min(commandTimeoutMs, LONGEST_PING_TIMEOUT_MS)
  const doubtListeners = new Set<() => void>()
  const warnOnce = evictionWarning(options.warn, place)

  const health = new Health({
    onUnavailable: ({ label }, { message }) =>
      tell('unavailable', { place, reason: `${label}: ${printable(message).slice(0, 300)}` }),
    onAvailable: (afterMs) => tell('available', { place, afterMs }),
  })

  /** After trouble, or a new server, nothing that was held is certain. */
  async function lookAround(): Promise<void> {
    await identity.look()
    for (const listener of doubtListeners) listener()
  }

  function reconnectOthers(reason: string): void {
    tokens.reconnect(new Error(reason))
    inbox.reconnect(new Error(reason))
  }

  const servers = openServers(source, {
    connectTimeoutMs,
    pingAfterMs: PING_AFTER_MS,
    pingTimeoutMs,
    events: {
      async prepare(client, label) {
        const {
          runId,
          evictionPolicy,
          uptimeMs = 0,
          inCluster = false,
        } = await greet(client, label)
        warnOnce(evictionPolicy)
        met = {
          get id() {
            return runId ?? identity.storeId
          },
          startedAtMs: clock.monotonicMs() - uptimeMs,
          inCluster,
        }
        const isAnother = runId !== undefined && identity.meet(runId)
        // A master may live on alone, and the others hang on to it: they follow to the new one.
        if (isAnother && servers.blocksTogether) reconnectOthers('another server took over')
      },
      onReady(connection) {
        if (health.fine(connection)) void lookAround()
        else if (!identity.known) void identity.look()
      },
      onTrouble: (connection, cause) => health.trouble(connection, cause),
      onLost(_, silent) {
        if (silent) reconnectOthers('another connection to the same server fell silent')
      },
      onRetired(connection) {
        if (health.fine(connection)) void lookAround()
      },
    },
  })
  const writes = new Writes(`writes to ${place}`, {
    onRefused(group, reply) {
      health.trouble(writes, new Error(reply))
      // It may not be the master any more.
      if (reply.startsWith('READONLY')) servers.reconnect(group, new Error(reply))
    },
    onServed() {
      if (health.fine(writes)) void lookAround()
    },
    tryAgain: () => void identity.look(),
  })
  let met: MetServer | null = null
  let highestFence = 0
  const inboxes = keys.inbox('')
  const counted = servers.countsListeners ? '1' : '0'
  const facts = () => ({ self: clientId, inbox: inboxes, counted, floor: String(highestFence) })
  const sharedKey = (kind: string, group: number) => keys.key(kind, servers.tagOf(group))
  const callsTo = (to: Pick<Servers, 'groupOf' | 'take'>) =>
    new ScriptCalls(to, clock, commandTimeoutMs, writes, facts, sharedKey)
  const calls = callsTo(servers)
  const confirmed = new ConfirmedCalls(servers, (group) => beside('replication', group), callsTo)
  const marks = {
    store: keys.key('store', 'identity'),
    mark: keys.key('store', 'identity', clientId),
  }
  const identity = new Identity(calls, clock, marks, place, (error) =>
    tell('reset', { place, error }),
  )

  const command = commandSender(servers, commandTimeoutMs)

  const beside = (role: string, group: number | null): ConnectionOptions => ({
    label: `${role} at ${place}`,
    openClient: () => servers.openBeside(group),
    connectTimeoutMs,
  })
  const inbox = new Inbox(keys.inbox(clientId), {
    ...beside('messages', null),
    pulse: { pingAfterMs: MESSAGES_PING_AFTER_MS, pingTimeoutMs },
  })
  const addToken = (key: string) => void command('ZADD', key, '0', 'wake').catch(() => {})
  const tokens = new Tokens({
    groupOf: (key) => (servers.blocksTogether ? 0 : servers.groupOf(key)),
    connectionOptions: (group) => beside('wake-ups', group),
    pokeKeyOf: (key) => keys.beside(key, 'poke', clientId),
    addToken,
    addPoke(key) {
      addToken(key)
      void command('EXPIRE', key, String(POKE_TTL_SECONDS)).catch(() => {})
    },
  })

  return {
    kind: 'redis',
    clientId,
    clock,
    commandTimeoutMs,
    keys,
    place,
    topology: source.topology.kind,
    inbox,
    tokens,
    countsListeners: servers.countsListeners,
    sawFence(fence) {
      highestFence = Math.max(highestFence, fence)
      return fence
    },
    call: (script, scriptKeys, args, replicas = 0, isSynced = false) =>
      (replicas === 0 && !isSynced ? calls : confirmed.by({ replicas, isSynced })).call(
        script,
        scriptKeys,
        args,
      ),
    callAtOnce: (script, scriptKeys, args) => calls.callAtOnce(script, scriptKeys, args),
    tell: (script, scriptKeys, args, asker, isFull) =>
      calls.tell(script, scriptKeys, args, asker, isFull),
    assertSyncs: (key) => confirmed.assertSyncs(servers.groupOf(key), commandTimeoutMs),
    within: (transaction, argument, script, scriptKeys, args, told) =>
      queueScript(transaction, argument, script, calls.wordsOf(script, scriptKeys, args), told),
    groupOf: (key) => servers.groupOf(key),
    command,
    scan: (pattern, limit) => scanKeys(servers, pattern, limit, commandTimeoutMs),
    onDoubt(listener) {
      doubtListeners.add(listener)
      return () => doubtListeners.delete(listener)
    },
    resetSince: (sinceMs) => identity.resetSince(sinceMs),
    health() {
      const atMs = servers.lastAnswerMs()
      const sinceAnswerMs = atMs === null ? null : performance.now() - atMs
      return { available: health.available, sinceAnswerMs }
    },
    server: () => met,
    async idle() {
      await Promise.all([calls.idle(), confirmed.idle()])
    },
    async close() {
      identity.close()
      writes.close()
      await Promise.all([tokens.close(), inbox.close(), confirmed.close(), servers.close()])
    },
  }
}

/** A server that evicts may drop a lock, or a job, to make room for anything else. */
function evictionWarning(warn: (message: string) => void, place: string) {
  let warned = false
  return (policy: string | undefined) => {
    if (warned || policy === undefined || policy === 'noeviction') return
    warned = true
    warn(
      `Redis at ${place} has maxmemory-policy ${printable(policy).slice(0, 300)}: when memory runs out it drops keys, locks and jobs among them. Set it to noeviction.`,
    )
  }
}
