import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import { type LimitStore, placesOf } from '../store.ts'
import { judge } from './rule.ts'
import { schema } from './schema.gen.ts'
import { sweep } from './sweep.ts'

const SWEEP_EVERY_US = 1_000_000

/** Limits in the tables `funnel`, `bucket`, `counter`, `sliding_log` and `log_entry`. */
export function sqliteLimitStore(engine: SqliteEngine): LimitStore {
  engine.define(schema)
  let sweptUs = 0

  /** With takes that are charged alone: the others change nothing. */
  function sweepSometimes(transaction: Transaction): void {
    if (Math.abs(transaction.nowUs - sweptUs) < SWEEP_EVERY_US) return
    const hasMore = sweep(transaction)
    if (!hasMore) sweptUs = transaction.nowUs
  }

  return {
    take({ limiter, key, rule, cost, peek }) {
      const judgeIn = (transaction: Transaction) =>
        judge(transaction, rule, { limiter, key, place: 1 }, cost)
      if (peek || cost === 0) return engine.read((transaction) => judgeIn(transaction).answer)
      return engine.write((transaction) => {
        const { answer, charge } = judgeIn(transaction)
        if (!answer.allowed) return answer
        charge()
        sweepSometimes(transaction)
        return answer
      })
    },

    takeSeveral({ limiter, key, rules, cost, peek }) {
      const places = placesOf(rules)
      const judgeAt = (transaction: Transaction, index: number, units: number) => {
        const [rule, place] = [rules[index], places[index]]
        if (rule === undefined || place === undefined) throw new RangeError(`no rule ${index}`)
        return judge(transaction, rule, { limiter, key, place }, units)
      }
      function judgeAll(transaction: Transaction) {
        const judged = rules.map((_, index) => judgeAt(transaction, index, cost))
        const isAllowed = judged.every(({ answer }) => answer.allowed)
        const answers = judged.map(({ answer }, index) =>
          isAllowed || !answer.allowed ? answer : judgeAt(transaction, index, 0).answer,
        )
        return { answers, charges: isAllowed ? judged.map(({ charge }) => charge) : [] }
      }
      if (peek || cost === 0) return engine.read((transaction) => judgeAll(transaction).answers)
      return engine.write((transaction) => {
        const { answers, charges } = judgeAll(transaction)
        for (const charge of charges) charge()
        if (charges.length > 0) sweepSometimes(transaction)
        return answers
      })
    },

    list: (limit) =>
      engine.read((transaction) =>
        transaction
          .all<{ limiter: string; key: string }>(
            `SELECT limiter, key FROM funnel WHERE until_us > ?1
           UNION SELECT limiter, key FROM bucket WHERE until_us > ?1
           UNION SELECT limiter, key FROM counter WHERE until_us > ?1
           UNION SELECT limiter, key FROM sliding_log WHERE until_us > ?1 LIMIT ?2`,
            transaction.nowUs,
            limit,
          )
          .map(({ limiter, key }) => ({ limiter, key })),
      ),
  }
}
