import type { Clock } from '../../clock.ts'
import { newClientId } from '../client-id.ts'
import { ScriptCalls } from './calls.ts'
import { Connection } from './connection.ts'
import { fromReply, isReplyError } from './failures.ts'
import { Inbox } from './inbox.ts'
import { openIoredis } from './ioredis.ts'
import { type Keyspace, keyspace } from './keys.ts'
import type { Script } from './script.ts'
import { Tokens } from './tokens.ts'
import { addressText, type RedisAddress } from './url.ts'

/** A socket that has been silent for this long is asked whether it lives. */
const PING_AFTER_MS = 5_000
/** How long a poke waits for a client that is just being closed. */
const POKE_TTL_SECONDS = 60

export interface RedisEngineOptions {
  address: RedisAddress
  prefix: string
  clock: Clock
  commandTimeoutMs: number
  connectTimeoutMs: number
}

export interface RedisEngine {
  readonly kind: 'redis'
  /** `host:pid:random`, unique to this engine object. */
  readonly clientId: string
  readonly clock: Clock
  readonly keys: Keyspace
  /** `host:port`, for messages. */
  readonly place: string
  readonly inbox: Inbox
  readonly tokens: Tokens
  /** Runs a script for one item; calls of one tick share one round trip. */
  call<Keys, Args, Reply>(
    script: Script<Keys, Args, Reply>,
    keys: Keys,
    args: Args,
  ): Promise<Reply & { sentAtMs: number }>
  /** One plain command with the command deadline. Only for reads, and writes safe to lose. */
  command(name: string, ...args: string[]): Promise<unknown>
  /** At most `limit` keys that match, from a bounded scan. */
  scan(pattern: string, limit: number): Promise<string[]>
  /** Resolves when no script is under way. */
  idle(): Promise<void>
  close(): Promise<void>
}

/** Opens nothing yet: connections are made on first use. */
export function openRedisEngine(options: RedisEngineOptions): RedisEngine {
  const { address, clock, commandTimeoutMs, connectTimeoutMs } = options
  const clientId = newClientId()
  const keys = keyspace(options.prefix)
  const place = addressText(address)
  const connectionOptions = (role: string) => ({
    label: `${role} at ${place}`,
    openClient: () => openIoredis(address, connectTimeoutMs),
    connectTimeoutMs,
  })
  const commands = new Connection({ ...connectionOptions('commands'), pingAfterMs: PING_AFTER_MS })
  const calls = new ScriptCalls(commands, clock, commandTimeoutMs)

  async function command(name: string, ...args: string[]): Promise<unknown> {
    try {
      return await commands.call(name, args, performance.now() + commandTimeoutMs)
    } catch (error) {
      throw isReplyError(error) ? fromReply(error.message, name, args.slice(0, 1)) : error
    }
  }

  const inbox = new Inbox(keys.inbox(clientId), {
    ...connectionOptions('messages'),
    pingAfterMs: PING_AFTER_MS,
  })
  const pokeKey = keys.key('poke', clientId)
  const addToken = (key: string) => void command('ZADD', key, '0', 'wake').catch(() => {})
  const tokens = new Tokens(connectionOptions('wake-ups'), pokeKey, {
    poke() {
      addToken(pokeKey)
      void command('EXPIRE', pokeKey, String(POKE_TTL_SECONDS)).catch(() => {})
    },
    giveBack: addToken,
  })

  return {
    kind: 'redis',
    clientId,
    clock,
    keys,
    place,
    inbox,
    tokens,
    call: (script, scriptKeys, args) => calls.call(script, scriptKeys, args),
    command,
    scan: (pattern, limit) => scanKeys(command, pattern, limit),
    idle: () => calls.idle(),
    async close() {
      await Promise.all([tokens.close(), inbox.close(), commands.close()])
    },
  }
}

/** Rounds of `SCAN` that a listing may take: a page of a big keyspace, not all of it. */
const MOST_SCANS = 100

async function scanKeys(
  command: RedisEngine['command'],
  pattern: string,
  limit: number,
): Promise<string[]> {
  const found = new Set<string>()
  let cursor = '0'
  for (let round = 0; round < MOST_SCANS && found.size < limit; round++) {
    const reply = (await command('SCAN', cursor, 'MATCH', pattern, 'COUNT', '1000')) as [
      string,
      string[],
    ]
    cursor = reply[0]
    for (const key of reply[1]) found.add(key)
    if (cursor === '0') break
  }
  return [...found].slice(0, limit)
}
