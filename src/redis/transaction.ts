import { sleep, systemClock } from '../clock.ts'
import { ArgumentError, EngineUnavailableError } from '../errors.ts'
import { abortSignal, callback as aFunction, count, readOptions, withDefault } from '../options.ts'
import { describe } from '../text.ts'
import { Attempt, otherSlot, type WatchedKeys } from './attempt.ts'
import { type RedisConnections, type RedisTarget, withRedis } from './client.ts'
import { isText } from './command.ts'
import { Again } from './commit.ts'
import { TransactionConflictError } from './errors.ts'
import type { Resolved, Transaction } from './queued.ts'

export interface TransactionOptions {
  /** How often the callback may run again after a conflict, 0 to 10,000. Defaults to 50. */
  retries?: number
  /** Ends it before EXEC is sent. After that its answer is awaited. */
  signal?: AbortSignal
}

const transactionOptions = {
  retries: withDefault(count(0, 10_000), 50),
  signal: withDefault(abortSignal, undefined),
}

const MOST_KEYS = 1_000
const FIRST_PAUSE_MS = { conflict: 1, trouble: 20 }
const LONGEST_PAUSE_MS = { conflict: 100, trouble: 500 }

/**
 * Reads some keys, and writes what follows from them, only if nobody changed them meanwhile. The
 * callback reads with `tx.read` and queues writes with `tx.queue`; then all writes run with nothing
 * in between. If others changed a key, or the connection that watched it was lost, nothing is
 * written and the callback runs again, after a pause that grows and is random. So it must have no
 * other effects. What it returns is what the transaction resolves to, with the answer of each queued
 * write in its place, alone or in an array.
 *
 * `WATCH` and `MULTI` belong to a connection, and this one is used by nobody else and never made
 * anew. Nothing is rolled back: a queued command that fails leaves the others applied. What was
 * acknowledged is lost with a master that fails before its replicas have it.
 *
 * @throws {ArgumentError} before anything is written
 * @throws {TransactionConflictError} after `retries`; nothing was written
 * @throws {TransactionAbortedError} the server refused a queued command; nothing was written
 * @throws {TransactionPartialError} a command failed at run time; says which were applied
 * @throws {TransactionUnknownError} no answer to EXEC; never repeated
 * @throws {EngineUnavailableError} no server to be had; nothing was written
 */
export async function transaction<const Value>(
  redis: RedisTarget,
  keys: readonly string[],
  callback: (tx: Transaction) => Promise<Value> | Value,
  options?: TransactionOptions,
): Promise<Resolved<Value>> {
  const { retries, signal } = readOptions('transaction', options, transactionOptions)
  const named = readKeys(keys)
  aFunction(callback, 'transaction.callback')
  signal?.throwIfAborted()
  return withRedis(redis, 'transaction.redis', async (connections) => {
    const watched = { keys: named, group: groupOf(connections, named) }
    for (let attempt = 1; ; attempt++) {
      const ended = await runOnce(connections, watched, attempt, callback, signal)
      if (!(ended instanceof Again)) return ended.value
      if (attempt > retries) throw exhausted(connections.place, named, attempt, ended)
      await sleep(systemClock, pauseMs(attempt, ended), signal)
    }
  })
}

async function runOnce<Value>(
  redis: RedisConnections,
  watched: WatchedKeys,
  attempt: number,
  callback: (tx: Transaction) => Promise<Value> | Value,
  signal: AbortSignal | undefined,
): Promise<{ value: Resolved<Value> } | Again> {
  const session = await redis.sessions.take(watched.group, signal)
  const tx = new Attempt(attempt, redis, session, watched)
  let isClean = false
  try {
    const ended = await called(tx, callback, signal)
    isClean = !(ended instanceof Again && ended.cause)
    return ended
  } finally {
    if (isClean) redis.sessions.giveBack(watched.group, session)
    else redis.sessions.drop(session)
  }
}

async function called<Value>(
  tx: Attempt,
  callback: (tx: Transaction) => Promise<Value> | Value,
  signal: AbortSignal | undefined,
): Promise<{ value: Resolved<Value> } | Again> {
  let value: Value
  try {
    await tx.watch()
    value = await callback(tx)
    signal?.throwIfAborted()
  } catch (error) {
    return tx.fail(error)
  }
  return tx.end(value)
}

function pauseMs(attempt: number, { cause }: Again): number {
  const kind = cause ? 'trouble' : 'conflict'
  const longest = Math.min(
    LONGEST_PAUSE_MS[kind],
    FIRST_PAUSE_MS[kind] * 2 ** Math.min(attempt, 20),
  )
  return Math.random() * longest
}

function exhausted(place: string, keys: readonly string[], attempts: number, { cause }: Again) {
  if (!cause) return new TransactionConflictError(keys, attempts)
  return new EngineUnavailableError(
    `Redis at ${place} did not serve the transaction in ${attempts} attempts, and nothing was written. The last time: ${cause.message}`,
    { outcome: 'not-applied', cause },
  )
}

function readKeys(value: unknown): string[] {
  if (!Array.isArray(value) || value.length === 0 || value.length > MOST_KEYS) {
    throw new ArgumentError(
      'transaction.keys',
      `an array of 1 to ${MOST_KEYS} keys`,
      describe(value),
      'They are watched: name all that the callback reads.',
    )
  }
  for (const [at, key] of value.entries()) {
    if (isText(key) && key !== '') continue
    throw new ArgumentError(`transaction.keys[${at}]`, 'the name of a key', describe(key))
  }
  return [...new Set<string>(value)]
}

function groupOf({ servers }: RedisConnections, keys: readonly string[]): number {
  const [first = '', ...others] = keys
  const group = servers.groupOf(first)
  for (const key of others) {
    if (servers.groupOf(key) !== group) throw otherSlot('transaction.keys', first, key)
  }
  return group
}
