import type { SqliteEngine } from '../../engine/sqlite/engine.ts'
import type { LeaderStore } from '../leader-store.ts'
import type { LockStore } from '../store.ts'

const topicOf = (name: string) => `election:${name}`

/** Who leads on SQLite. Other processes see each commit by themselves; this one has to be told. */
export function sqliteLeaderStore(engine: SqliteEngine, elections: LockStore): LeaderStore {
  return {
    watch: async (name) => (await elections.inspect(name)).holder,
    announce: (name) =>
      engine.write((transaction) => transaction.emit(topicOf(name)), { durable: false }),
    onNews: (name, listener) => engine.onChange(topicOf(name), listener),
  }
}
