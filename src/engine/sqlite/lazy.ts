import { resolve } from 'node:path'
import { ClosedError } from '../../errors.ts'
import { newClientId } from '../client-id.ts'
import type { SqliteEngine, Transaction, WriteOptions } from './engine.ts'
import { joinTransaction } from './joined.ts'
import { DEFAULT_COMMAND_TIMEOUT_MS, openSqliteEngine, type SqliteEngineOptions } from './open.ts'
import { StoreClock } from './store-clock.ts'

/**
 * An engine that opens its file on first use: making one does no I/O and cannot fail. What goes
 * wrong while opening is told to every call, and the next call tries again.
 */
export function lazySqliteEngine(location: string, options: SqliteEngineOptions): SqliteEngine {
  const place = location === ':memory:' ? location : resolve(location)
  const tables: string[] = []
  const subscriptions = new Set<{ topic: string; listener: () => void; stop: () => void }>()
  let opening: Promise<SqliteEngine> | null = null
  let live: SqliteEngine | null = null
  let closed = false
  /** Until the file is open. */
  const joinClock = new StoreClock(options.clock)

  async function open(): Promise<SqliteEngine> {
    const engine = await openSqliteEngine(location, options)
    for (const text of tables) engine.define(text)
    for (const one of subscriptions) one.stop = engine.onChange(one.topic, one.listener)
    live = engine
    return engine
  }

  function opened(): Promise<SqliteEngine> {
    if (closed) return Promise.reject(new ClosedError('This Sluice'))
    opening ??= open().catch((error: unknown) => {
      opening = null
      throw error
    })
    return opening
  }

  return {
    kind: 'sqlite',
    clientId: newClientId(),
    clock: options.clock,
    commandTimeoutMs: options.commandTimeoutMs ?? DEFAULT_COMMAND_TIMEOUT_MS,
    place,
    synchronous: options.synchronous,
    define(text) {
      tables.push(text)
      opening?.then((engine) => engine.define(text)).catch(() => {})
    },
    write<T>(work: (transaction: Transaction) => T, writeOptions?: WriteOptions): Promise<T> {
      if (live && !closed) return live.write(work, writeOptions)
      return opened().then((engine) => engine.write(work, writeOptions))
    },
    read<T>(work: (transaction: Transaction) => T): Promise<T> {
      if (live && !closed) return live.read(work)
      return opened().then((engine) => engine.read(work))
    },
    join(handle, argument, work) {
      if (closed) throw new ClosedError('This Sluice')
      if (live) return live.join(handle, argument, work)
      return joinTransaction(handle, argument, { place, clock: joinClock, schemas: tables }, work)
    },
    onChange(topic, listener) {
      const subscription = { topic, listener, stop: () => {} }
      subscriptions.add(subscription)
      opening
        ?.then((engine) => {
          if (subscriptions.has(subscription)) subscription.stop = engine.onChange(topic, listener)
        })
        .catch(() => {})
      return () => {
        subscriptions.delete(subscription)
        subscription.stop()
      }
    },
    idle: async () => (await opening?.catch(() => null))?.idle(),
    async close() {
      closed = true
      await (await opening?.catch(() => null))?.close()
    },
  }
}
