import keySlot from 'cluster-key-slot'
import type { Duration } from '../duration.ts'
import { tagOfSlot } from '../engine/redis/slot-tags.ts'
import { abortSignal, callback, duration, readOptions, withDefault } from '../options.ts'
import { type RedisConnections, type RedisTarget, withRedis } from './client.ts'
import { CommandError } from './errors.ts'
import { Gentle, gentleTerms } from './gentle.ts'
import { COUNT_COMMANDS, isKeyType, type KeyType, readKey } from './key-types.ts'

export interface DrainOptions {
  /** How long one step may keep the server from its other clients: by default 0.15 ms. */
  maxBlock?: Duration
  /** Called after each step. */
  onProgress?: (progress: DrainProgress) => void
  /** Ends it by rejecting with the signal's reason: the same call goes on. */
  signal?: AbortSignal
}

export interface DrainProgress {
  /** Elements that were removed by this call. */
  readonly removed: number
  /** Elements that are left. */
  readonly left: number
}

export interface DrainReport {
  /** False if there was nothing of that name, and nothing left of it from an earlier call. */
  readonly found: boolean
  /** Null when nothing was found. */
  readonly type: string | null
  /** Elements that were removed by this call. Of strings and types of modules 0: they go whole. */
  readonly removed: number
  readonly elapsedMs: number
}

const drainShape = {
  maxBlock: withDefault(duration({ minMs: 0.05, maxMs: 1_000 }), 0.15),
  onProgress: withDefault(callback<(progress: DrainProgress) => void>, undefined),
  signal: withDefault(abortSignal, undefined),
}

interface Terms {
  maxBlock: number
  onProgress: DrainOptions['onProgress'] | undefined
  signal: AbortSignal | undefined
}

const TOMBSTONE = 'sluice:trash:'
/** Beyond the most, no server is that quick: its answer told too little. */
const BOUNDS = { least: 32, first: 32, most: 500 }
/** They go by the block, of some hundred elements each. */
const BLOCK_BOUNDS = { ...BOUNDS, most: 10_000 }
/** What is this small goes in one piece: no server needs a background thread for it. */
const SMALL = 64

/**
 * Deletes a key of any size in steps so small that no other client notices. It is gone at once: it is
 * renamed to `sluice:trash:{tag}:key` in the same slot, loses its time to live, and then shrinks.
 *
 * The same call after a crash goes on with what is left, and takes what has the name by then as well.
 * `UNLINK` is shorter, and as gentle where a thread of the server may free what it detached: use this
 * where replicas have `lazyfree-lazy-user-del no` and receive `DEL`, where memory must come back
 * evenly, or where there is no core for that thread.
 *
 * @throws {ArgumentError} at once
 * @throws {EngineUnavailableError} with the outcome of one step; the same call goes on
 */
export async function drainKey(
  target: RedisTarget,
  key: string,
  options?: DrainOptions,
): Promise<DrainReport> {
  const terms = readOptions('drainKey', options, drainShape)
  const name = readKey(key, 'drainKey.key')
  const startMs = performance.now()
  return withRedis(target, 'drainKey.client', async (redis) => {
    const tombstone = name.startsWith(TOMBSTONE) ? name : tombstoneOf(name)
    let type: string | null = null
    let removed = 0
    do {
      const left = await typeOf(redis, tombstone)
      if (left === null) continue
      type = left
      removed += await drain(redis, tombstone, left, terms)
    } while (tombstone !== name && (await bury(redis, name, tombstone)))
    return { found: type !== null, type, removed, elapsedMs: performance.now() - startMs }
  })
}

/** Always the same for a key, so that the next call finds what this one leaves when it is killed. */
const tombstoneOf = (key: string) => `${TOMBSTONE}{${tagOfSlot(keySlot(key))}}:${key}`

/** Renames it; false if there is no such key. */
async function bury(redis: RedisConnections, key: string, tombstone: string): Promise<boolean> {
  try {
    // Not done if another process buried one of that name meanwhile: that one is drained first.
    await redis.callFor(key, 'RENAMENX', [key, tombstone])
  } catch (error) {
    if (error instanceof CommandError && /no such key/.test(error.message)) return false
    throw error
  }
  // The server would free the rest at once when its time is up.
  await redis.callFor(tombstone, 'PERSIST', [tombstone])
  return true
}

async function typeOf(redis: RedisConnections, key: string): Promise<string | null> {
  const type = String(await redis.callFor(key, 'TYPE', [key]))
  return type === 'none' ? null : type
}

/** Shrinks it until one command may delete it. Returns how many elements it removed. */
async function drain(
  redis: RedisConnections,
  key: string,
  type: string,
  { maxBlock, signal, onProgress }: Terms,
): Promise<number> {
  let removed = 0
  if (isKeyType(type) && type !== 'string') {
    const terms = gentleTerms(maxBlock, signal)
    const isInBlocks = type === 'list' || type === 'stream'
    const gentle = new Gentle(terms, isInBlocks ? BLOCK_BOUNDS : BOUNDS)
    const counted = async () => {
      const startMs = performance.now()
      const elements = await count(redis, key, type)
      terms.way.took(performance.now() - startMs)
      return elements
    }
    const total = await counted()
    let left = total
    let before = Number.POSITIVE_INFINITY
    // Fields of a hash that are no UTF-8 cannot be named, and so stay to the end.
    while (left > SMALL && left < before) {
      const [elements, leftBefore] = [Math.min(gentle.size, left), left]
      await gentle.ask(elements, () => trim(redis, key, type, elements, leftBefore))
      before = left
      left = await counted()
      removed = Math.max(0, total - left)
      onProgress?.({ removed, left })
    }
    removed = total
  }
  await redis.callFor(key, 'UNLINK', [key])
  onProgress?.({ removed, left: 0 })
  return removed
}

const count = async (redis: RedisConnections, key: string, type: KeyType) =>
  Number(await redis.callFor(key, COUNT_COMMANDS[type], [key]))

/** Removes so many elements, in time proportional to their number. */
async function trim(
  redis: RedisConnections,
  key: string,
  type: Exclude<KeyType, 'string'>,
  elements: number,
  left: number,
): Promise<void> {
  const call = (command: string, ...args: (string | number)[]) =>
    redis.callFor(key, command, [key, ...args.map(String)])
  switch (type) {
    case 'list':
      await call('LTRIM', elements, -1)
      return
    case 'set':
      await call('SPOP', elements)
      return
    case 'zset':
      await call('ZREMRANGEBYRANK', 0, elements - 1)
      return
    case 'stream':
      await call('XTRIM', 'MAXLEN', left - elements)
      return
    case 'hash': {
      const fields = await call('HRANDFIELD', elements)
      if (Array.isArray(fields) && fields.length > 0) await call('HDEL', ...fields.map(String))
    }
  }
}
