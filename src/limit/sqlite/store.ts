import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import { type LimitStore, type PartAnswer, placesOf, type TakeSeveralRequest } from '../store.ts'
import { forget, type Judged, judge } from './rule.ts'
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

  function takeUnits(request: TakeSeveralRequest, least: number): Promise<PartAnswer> {
    const isLook = request.peek || request.cost === 0
    if (isLook) {
      return engine.read((transaction) => {
        const { units, answers } = judgeUnits(transaction, request, least)
        return { units, answers }
      })
    }
    return engine.write((transaction) => {
      const { charges, ...answer } = judgeUnits(transaction, request, least)
      for (const charge of charges) charge()
      if (charges.length > 0) sweepSometimes(transaction)
      return answer
    })
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

    takeSeveral: async (request) => (await takeUnits(request, request.cost)).answers,

    takeAtMost: (request) => takeUnits(request, 1),

    reset: ({ limiter, key, rules }) =>
      engine.write((transaction) => {
        const places = placesOf(rules)
        for (const [index, { kind }] of rules.entries()) {
          forget(transaction, kind, { limiter, key, place: places[index] ?? 1 })
        }
      }),

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

interface JudgedTogether extends PartAnswer {
  /** What to write; nothing when one refuses. */
  charges: (() => void)[]
}

/** Judges as many units as all rules have left, from `least` to the cost; changes nothing itself. */
function judgeUnits(
  transaction: Transaction,
  { limiter, key, rules, cost }: TakeSeveralRequest,
  least: number,
): JudgedTogether {
  const places = placesOf(rules)
  const judgeAll = (units: number) =>
    rules.map((rule, index) =>
      judge(transaction, rule, { limiter, key, place: places[index] ?? 1 }, units),
    )
  const areAllowed = (judged: Judged[]) => judged.every(({ answer }) => answer.allowed)

  let units = cost
  let judged = judgeAll(units)
  if (!areAllowed(judged) && least < cost) {
    units = Math.min(units, ...judgeAll(0).map(({ answer }) => answer.remaining))
    units = Math.max(units, least)
    judged = judgeAll(units)
  }
  if (areAllowed(judged)) {
    const answers = judged.map(({ answer }) => answer)
    return { units, answers, charges: judged.map(({ charge }) => charge) }
  }
  const asTheyAre = judgeAll(0)
  const answers = judged.map(({ answer }, index) =>
    answer.allowed ? (asTheyAre[index]?.answer ?? answer) : answer,
  )
  return { units: 0, answers, charges: [] }
}
