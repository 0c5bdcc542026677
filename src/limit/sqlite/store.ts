import type { SqliteEngine } from '../../engine/sqlite/engine.ts'
import type { LimitStore } from '../store.ts'
import { takeFunnel } from './funnel.ts'
import { schema } from './schema.gen.ts'
import { takeLog } from './sliding-log.ts'
import { sweep } from './sweep.ts'

/** Limits in the tables `funnel` and `log_entry`. */
export function sqliteLimitStore(engine: SqliteEngine): LimitStore {
  engine.define(schema)
  return {
    take: (request) =>
      engine.write((transaction) => {
        sweep(transaction)
        return request.rule.kind === 'funnel'
          ? takeFunnel(transaction, request, request.rule)
          : takeLog(transaction, request, request.rule)
      }),

    list: (limit) =>
      engine.read((transaction) =>
        transaction.all<{ limiter: string; key: string }>(
          `SELECT limiter, key FROM funnel WHERE until_us > ?1
           UNION SELECT limiter, key FROM log_entry WHERE until_us > ?1 LIMIT ?2`,
          transaction.nowUs,
          limit,
        ),
      ),
  }
}
