import type { Transaction } from '../../engine/sqlite/engine.ts'
import { InternalError } from '../../errors.ts'
import { otherRequest } from '../other-request.ts'
import { readReceipt, receiptText } from '../receipts.ts'
import {
  isReservable,
  type ReservableRule,
  receiptOf,
  withoutReservation,
} from '../reservations.ts'
import {
  type Part,
  type PartAnswer,
  REQUEST_MEMORY_US,
  type ReserveAnswer,
  type TakeAnswer,
  type TakeTogetherRequest,
} from '../store.ts'
import { blockedForUs } from './blocks.ts'
import { shortenLeases } from './leases.ts'
import { buckets, funnels, type How, type Judged, judge } from './rule.ts'

type Parts = readonly Part[]

/** Judges what one rule is asked, and the block before it; changes nothing itself. */
export function judgePart(
  transaction: Transaction,
  part: Part,
  cost: number,
  how: How = {},
): Judged {
  const { rule, limiter, key } = part
  const judged = judge(transaction, rule, part, cost, how)
  const leftUs = rule.kind === 'concurrency' ? 0 : blockedForUs(transaction, limiter, key)
  if (leftUs === 0) return judged
  const isCharged = cost <= 0 || how.isPenalty || (how.putOffUs ?? 0) >= leftUs
  const { answer } = isCharged ? judged : judge(transaction, rule, part, 0)
  const { retryAfterUs } = judged.answer
  return {
    charge: judged.charge,
    answer: {
      allowed: isCharged,
      remaining: 0,
      retryAfterUs:
        isCharged || retryAfterUs === null ? retryAfterUs : Math.max(retryAfterUs, leftUs),
      resetAfterUs: Math.max(answer.resetAfterUs, leftUs),
    },
  }
}

const areAllowed = (judged: Judged[]) => judged.every(({ answer }) => answer.allowed)

/** Judges a take by all of its rules, and charges it if all allow it and it is no peek. */
export function takeParts(
  transaction: Transaction,
  parts: Parts,
  { peek, owner = '' }: Omit<TakeTogetherRequest, 'parts'>,
  least: number | null = null,
): PartAnswer {
  const judgeAll = (units?: number) =>
    parts.map((part) => judgePart(transaction, part, units ?? part.cost, { owner }))
  let units = parts[0]?.cost ?? 0
  let judged = judgeAll()
  if (!areAllowed(judged) && least !== null) {
    units = Math.min(units, ...judgeAll(0).map(({ answer }) => answer.remaining))
    units = Math.max(units, least)
    judged = judgeAll(units)
  }
  if (areAllowed(judged)) {
    if (!peek) for (const { charge } of judged) charge()
    return { units, answers: judged.map(({ answer }) => answer) }
  }
  if (!peek && shortenLate(transaction, parts, judged)) {
    judged = parts.map((part) => judgePart(transaction, part, least ?? part.cost, { owner }))
  }
  const asTheyAre = judgeAll(0)
  const answers = judged.map(({ answer }, index) =>
    answer.allowed ? (asTheyAre[index]?.answer ?? answer) : answer,
  )
  return { units: 0, answers }
}

/** Whether some leases were of a clock that ran ahead. */
function shortenLate(transaction: Transaction, parts: Parts, judged: Judged[]): boolean {
  const late = parts.filter(({ rule }, index) => {
    const waitUs = judged[index]?.answer.retryAfterUs ?? 0
    return rule.kind === 'concurrency' && waitUs > rule.leaseUs
  })
  for (const part of late) shortenLeases(transaction, part)
  return late.length > 0
}

/** The same once: a repeat of the request is answered as it was. */
export function takeOnce(
  transaction: Transaction,
  request: TakeTogetherRequest & { requestId: string },
): TakeAnswer[] {
  const { parts, requestId } = request
  const [first] = parts
  if (first === undefined) throw new InternalError('A take has no rules.')
  const whose = [first.limiter, first.key, requestId]
  const terms = parts.map(({ rule, cost }) => `${rule.kind}:${cost}`).join(',')
  const told = transaction.get<{ terms: string; answers: string }>(
    `SELECT terms, answers FROM request
     WHERE limiter = ? AND key = ? AND id = ? AND until_us > ?`,
    ...[...whose, transaction.nowUs],
  )
  if (told && told.terms !== terms) throw otherRequest(requestId)
  if (told) return JSON.parse(told.answers) as TakeAnswer[]
  const { answers } = takeParts(transaction, parts, request)
  if (answers.every(({ allowed }) => allowed)) {
    transaction.run(
      `INSERT OR REPLACE INTO request (limiter, key, id, terms, answers, until_us)
       VALUES (?, ?, ?, ?, ?, ?)`,
      ...[...whose, terms, JSON.stringify(answers), transaction.nowUs + REQUEST_MEMORY_US],
    )
  }
  return answers
}

/** Charges a take that begins when all allow it, if that is soon enough. */
export function reserveParts(
  transaction: Transaction,
  parts: Parts,
  longestUs: number,
): ReserveAnswer {
  const judgeAll = (how: How) => parts.map((part) => judgePart(transaction, part, part.cost, how))
  let judged = judgeAll({})
  const waits = judged.map(({ answer }) => answer.retryAfterUs ?? Number.POSITIVE_INFINITY)
  const waitUs = Math.max(...waits)
  if (waitUs > longestUs) {
    const { answers } = takeParts(transaction, parts, { peek: true })
    return { waitUs: null, answers, receipts: [] }
  }
  if (waitUs > 0) judged = judgeAll({ putOffUs: waitUs })
  const { nowUs } = transaction
  const receipts = parts.map((part, index) => {
    const [rule, before] = [reservableOf(part), stateOf(transaction, part)]
    judged[index]?.charge()
    return receiptText(receiptOf(rule, before, stateOf(transaction, part), nowUs))
  })
  return { waitUs, answers: judged.map(({ answer }) => answer), receipts }
}

function reservableOf({ rule }: Part): ReservableRule {
  if (isReservable(rule)) return rule
  throw new InternalError(`A ${rule.kind} knows no reservations.`)
}

const stateOf = (transaction: Transaction, part: Part) =>
  part.rule.kind === 'funnel' ? funnels.read(transaction, part) : buckets.read(transaction, part)

/** Gives a reservation back, but for what others have reserved behind it. */
export function cancelParts(
  transaction: Transaction,
  parts: Parts,
  receipts: readonly string[],
): void {
  const { nowUs } = transaction
  for (const [index, part] of parts.entries()) {
    const [rule, receipt] = [reservableOf(part), readReceipt(receipts[index] ?? '')]
    const state = stateOf(transaction, part)
    const { next, resetAfterUs } = withoutReservation(rule, state, receipt, nowUs)
    if ('debtUs' in next) funnels.write(transaction, part, next, resetAfterUs)
    else buckets.write(transaction, part, next, resetAfterUs)
  }
}
