import { resolve } from 'node:path'
import { ClosedError } from '../../errors.ts'
import { newClientId } from '../client-id.ts'
import type { SqliteEngine, Transaction, WriteOptions } from './engine.ts'
import { DEFAULT_COMMAND_TIMEOUT_MS, openSqliteEngine, type SqliteEngineOptions } from './open.ts'

/**
 * An engine that opens its file on first use: making one does no I/O and cannot fail. What goes
 * wrong while opening is told to every call, and the next call tries again.
 */
export function lazySqliteEngine(location: string, options: SqliteEngineOptions): SqliteEngine {
  const place = location === ':memory:' ? location : resolve(location)
  const tables: string[] = []
  const subscriptions = new Set<{ topic: string; listener: () => void; stop: () => void }>()
  let opening: Promise<SqliteEngine> | null = null
  let closed = false

  async function open(): Promise<SqliteEngine> {
    const engine = await openSqliteEngine(location, options)
    for (const text of tables) engine.define(text)
    for (const one of subscriptions) one.stop = engine.onChange(one.topic, one.listener)
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
    define(text) {
      tables.push(text)
      opening?.then((engine) => engine.define(text)).catch(() => {})
    },
    write: async <T>(work: (transaction: Transaction) => T, writeOptions?: WriteOptions) =>
      (await opened()).write(work, writeOptions),
    read: async <T>(work: (transaction: Transaction) => T) => (await opened()).read(work),
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
