import type { SqliteEngine } from '../../engine/sqlite/engine.ts'
import { ArgumentError } from '../../errors.ts'
import { forgottenBatch } from '../durability.ts'
import type { QueueStore } from '../store.ts'

/** The log gets commits in their order: one that waits for the disk stands for those before it. */
export function sqliteConfirming(
  engine: SqliteEngine,
): Pick<QueueStore, 'checkDemand' | 'confirm'> {
  return {
    async checkDemand(_, { replicas, fsync }) {
      if (replicas > 0) {
        const expected = "'fsync' or left out: only Redis has replicas, and the engine is SQLite"
        throw new ArgumentError('add.durability', expected, 'a wish for replicas')
      }
      if (fsync && engine.place === ':memory:') {
        throw new ArgumentError('add.durability', 'left out: memory has no disk', "'fsync'")
      }
    },

    async confirm({ queue, producer, first, sequence, isNamed }) {
      const table = isNamed ? 'named_producer' : 'producer'
      const batch = `WHERE name = ? AND sequence >= ? AND unbroken_from <= ?
        AND queue = (SELECT id FROM queue WHERE name = ?)`
      const known = [producer, sequence, first, queue]
      const isKnown =
        engine.synchronous === 'full'
          ? await engine.read(
              (transaction) =>
                transaction.get(`SELECT 1 FROM ${table} ${batch}`, ...known) !== undefined,
            )
          : await engine.write(
              (transaction) =>
                transaction.run(`UPDATE ${table} SET added_us = added_us ${batch}`, ...known) > 0,
              { durable: 'always' },
            )
      if (!isKnown) throw forgottenBatch(engine.place)
    },
  }
}
