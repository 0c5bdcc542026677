import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import { InternalError } from '../../errors.ts'
import {
  type LimitStore,
  type PartAnswer,
  partsOf,
  type TakeAnswer,
  type TakeRequest,
  type TakeSeveralRequest,
  type TakeTogetherRequest,
} from '../store.ts'
import { blockedForUs, liftBlock, putBlock } from './blocks.ts'
import { releaseLeases, renewLeases } from './leases.ts'
import { cancelParts, judgePart, reserveParts, takeOnce, takeParts } from './parts.ts'
import { forget } from './rule.ts'
import { schema } from './schema.gen.ts'
import { sweep } from './sweep.ts'
import { takeEach } from './times.ts'

const SWEEP_EVERY_US = 1_000_000

/** Limits in the tables of `schema.sql`. */
export function sqliteLimitStore(engine: SqliteEngine): LimitStore {
  engine.define(schema)
  let sweptUs = 0

  /** With takes that are charged alone: the others change nothing. */
  function sweepSometimes(transaction: Transaction): void {
    if (Math.abs(transaction.nowUs - sweptUs) < SWEEP_EVERY_US) return
    const hasMore = sweep(transaction)
    if (!hasMore) sweptUs = transaction.nowUs
  }

  /** Reads where nothing can change. */
  function takeUnits(request: TakeSeveralRequest, least: number | null): Promise<PartAnswer> {
    const parts = partsOf(request)
    if (request.peek || request.cost === 0) {
      return engine.read((transaction) =>
        takeParts(transaction, parts, { ...request, peek: true }, least),
      )
    }
    return engine.write((transaction) => {
      const answer = takeParts(transaction, parts, request, least)
      if (answer.units !== 0) sweepSometimes(transaction)
      return answer
    })
  }

  function takeTogether(request: TakeTogetherRequest): Promise<TakeAnswer[]> {
    const { parts, peek, requestId } = request
    if (peek) {
      return engine.read((transaction) => takeParts(transaction, parts, request).answers)
    }
    return engine.write((transaction) => {
      const answers =
        requestId === undefined
          ? takeParts(transaction, parts, request).answers
          : takeOnce(transaction, { ...request, requestId })
      sweepSometimes(transaction)
      return answers
    })
  }

  const isBlocked = (transaction: Transaction, { limiter, key }: TakeRequest) =>
    blockedForUs(transaction, limiter, key) > 0

  return {
    async take(request) {
      const { limiter, key, rule, cost, peek } = request
      if (request.requestId !== undefined || rule.kind === 'concurrency') {
        const parts = partsOf({ ...request, rules: [rule] })
        return onlyOf(await takeTogether({ ...request, parts }))
      }
      const part = { limiter, key, tag: null, rule, place: 1, cost }
      const judgeIn = (transaction: Transaction) => judgePart(transaction, part, cost)
      if (peek || cost === 0) return engine.read((transaction) => judgeIn(transaction).answer)
      return engine.write((transaction) => {
        const { answer, charge } = judgeIn(transaction)
        if (!answer.allowed) return answer
        charge()
        sweepSometimes(transaction)
        return answer
      })
    },

    takeTimes(request, times) {
      const { limiter, key, rule, cost } = request
      return engine.write((transaction) => {
        const address = { limiter, key, place: 1 }
        if (isBlocked(transaction, request)) {
          const part = { ...address, tag: null, rule, cost }
          return new Array<TakeAnswer>(times).fill(judgePart(transaction, part, cost).answer)
        }
        const { answers, isCharged } = takeEach(transaction, rule, address, { cost, times })
        if (isCharged) sweepSometimes(transaction)
        return answers
      })
    },

    async takeSeveral(request) {
      if (request.requestId !== undefined)
        return takeTogether({ ...request, parts: partsOf(request) })
      return (await takeUnits(request, null)).answers
    },

    takeAtMost: (request) => takeUnits(request, 1),

    takeTogether,

    reserve: ({ parts, longestUs }) =>
      engine.write((transaction) => reserveParts(transaction, parts, longestUs)),

    cancel: ({ parts, receipts }) =>
      engine.write((transaction) => cancelParts(transaction, parts, receipts)),

    penalize: (parts) =>
      engine.write((transaction) =>
        parts.map((part) => {
          const { answer, charge } = judgePart(transaction, part, part.cost, { isPenalty: true })
          charge()
          return answer
        }),
      ),

    block: ({ parts, forUs }) =>
      engine.write((transaction) => {
        for (const part of parts) putBlock(transaction, part, forUs)
        sweepSometimes(transaction)
      }),

    async renewLeases(request) {
      const sentAtMs = engine.clock.monotonicMs()
      const tag = await engine.write((transaction) => renewLeases(transaction, request))
      return tag === 'lost' ? { tag } : { tag, sentAtMs }
    },

    releaseLeases: (request) => engine.write((transaction) => releaseLeases(transaction, request)),

    onDoubt: () => () => {},
    resetSince: () => null,

    reset: (request) =>
      engine.write((transaction) => {
        liftBlock(transaction, request.limiter, request.key)
        for (const part of partsOf(request)) forget(transaction, part.rule.kind, part)
      }),

    list: (limit) =>
      engine.read((transaction) =>
        transaction
          .all<{ limiter: string; key: string }>(
            `SELECT limiter, key FROM funnel WHERE until_us > ?1 AND at_us + debt_us > ?1
           UNION SELECT limiter, key FROM bucket WHERE until_us > ?1
           UNION SELECT limiter, key FROM counter WHERE until_us > ?1
           UNION SELECT limiter, key FROM blocked WHERE until_us > ?1
           UNION SELECT limiter, key FROM held WHERE until_us > ?1
           UNION SELECT limiter, key FROM sliding_log WHERE until_us > ?1 LIMIT ?2`,
            transaction.nowUs,
            limit,
          )
          .map(({ limiter, key }) => ({ limiter, key })),
      ),
  }
}

function onlyOf(answers: TakeAnswer[]): TakeAnswer {
  const [answer] = answers
  if (answer === undefined) throw new InternalError('A take was not answered.')
  return answer
}
