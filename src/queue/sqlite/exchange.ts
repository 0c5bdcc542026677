import { toUs } from '../../duration.ts'
import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { NewEvent } from '../event-store.ts'
import type { Retention } from '../retention.ts'
import type { ExchangeAnswer, ExchangeRequest } from '../store.ts'
import {
  addEpoch,
  type EpochRow,
  ensureQueue,
  findEpoch,
  findQueue,
  firstOtherLeaseUs,
  keepCall,
  type QueueRow,
  recoverFirst,
  refreshAfterSilence,
} from './epochs.ts'
import { tellEvents } from './events.ts'
import { earlier, firstLookUs, takeLooks } from './gates.ts'
import { type JobRow, rowId, storedJob } from './job-row.ts'
import {
  acknowledge,
  bury,
  type Claimed,
  claim,
  claimedIn,
  dropOldDead,
  firstDueUs,
  hasReady,
  OVERDUE,
  promote,
  retry,
} from './jobs.ts'
import { retainAcked } from './retained.ts'
import { type Amount, NO_AMOUNT, sumOf } from './waiting.ts'

type Answer = { tag: 'lost' } | Omit<ExchangeAnswer & { tag: 'ok' }, 'sentAtMs'>

export interface Exchanged {
  answer: Answer
  /** Nothing was there to keep: an idle consumer writes nothing. */
  isIdle: boolean
  /** Others may claim what is left. */
  isNews: boolean
  /** When the next timed job is due, or gate looked at. */
  dueUs: number | null
  /** When the first of the others' leases ends. */
  otherLeaseUs: number | null
}

/** What a paused queue gives. */
const NOTHING: Claimed = { jobs: [], isMoreReady: false, taken: NO_AMOUNT, overdueIds: [] }

const LOST: Exchanged = {
  answer: { tag: 'lost' },
  isIdle: false,
  isNews: false,
  dueUs: null,
  otherLeaseUs: null,
}

/** What the client knows that is not in the file. */
export interface Known {
  /** The highest fence that it has seen. */
  floor: number
  /** The fence that this very call was answered with before, if it was idle then. */
  idleFence: number | null
  /** Events that are kept of the queue. */
  eventsKept: number
  /** Which of the jobs that are done are kept. */
  retention: Retention | null
}

/** One call of a consumer. */
export function exchange(
  transaction: Transaction,
  request: ExchangeRequest,
  { floor, idleFence, eventsKept, retention }: Known,
): Exchanged {
  const { epoch: name, sequence } = request
  const queue = findQueue(transaction, request.queue)
  const known = queue && findEpoch(transaction, queue.id, name)
  if (queue && known && known.sequence >= sequence) {
    return known.sequence === sequence ? repeat(transaction, queue, known, request.want) : LOST
  }
  const epochId = known?.id ?? null
  const { want } = request
  if (idleFence !== null) return outcome(transaction, queue, epochId, { fence: idleFence, want })
  if (request.heldCount > 0 && !known?.deadlineUs) return LOST

  const isIdle = !known?.deadlineUs && isSilent(request) && !hasWork(transaction, queue, request)
  const fence = Math.max((queue?.fence ?? 0) + 1, floor + 1, transaction.nowUs)
  if (isIdle) return { ...outcome(transaction, queue, epochId, { fence, want }), isIdle }
  const inQueue = queue ?? ensureQueue(transaction, request.queue)
  const epoch = known ?? addEpoch(transaction, inQueue.id, name)
  return run(transaction, request, inQueue, epoch, { fence, eventsKept, retention })
}

/** A consumer without deliveries that has nothing to say. */
const isSilent = ({ acks, retries, deaths }: ExchangeRequest) =>
  acks.length + retries.length + deaths.length === 0

/** Whether a call that says nothing would change something. */
function hasWork(
  transaction: Transaction,
  queue: QueueRow | undefined,
  { want }: ExchangeRequest,
): boolean {
  if (!queue) return false
  if (queue.isPaused) return firstOtherLeaseUs(transaction, queue.id, null) !== null
  const dueUs = firstDueUs(transaction, queue.id)
  return (
    isDue(transaction, dueUs) ||
    (want > 0 && hasReady(transaction, queue.id, 'plain')) ||
    (want > 0 && hasReady(transaction, queue.id, 'suspect')) ||
    (want > 0 && isDue(transaction, firstLookUs(transaction, queue.id))) ||
    firstOtherLeaseUs(transaction, queue.id, null) !== null
  )
}

const isDue = ({ nowUs }: Transaction, atUs: number | null) => atUs !== null && atUs <= nowUs

function run(
  transaction: Transaction,
  request: ExchangeRequest,
  queue: QueueRow,
  { id: epoch }: EpochRow,
  { fence, eventsKept, retention }: { fence: number } & Pick<Known, 'eventsKept' | 'retention'>,
): Exchanged {
  const { sequence, want, retries } = request
  const { nowUs } = transaction
  const leaseUs = toUs(request.leaseMs)
  const wasSilent = refreshAfterSilence(transaction, queue, leaseUs)
  const oldDueUs = retries.length > 0 ? firstDueUs(transaction, queue.id) : null
  if (retention && request.acks.length > 0) {
    retainAcked(transaction, queue.id, epoch, request.acks.map(rowId), retention)
  }
  const { staleIds, back } = settle(transaction, queue.id, epoch, request)
  const { isPaused } = queue
  const dueUs = isPaused ? null : promote(transaction, queue.id)
  const { jobs, isMoreReady, taken, overdueIds } = isPaused
    ? NOTHING
    : claim(transaction, queue.id, { epoch, sequence }, want)
  const [claimedCount, staleText] = [jobs.length, staleIds.join()]
  keepCall(transaction, { id: epoch, leaseUs, sequence, fence, claimedCount, staleIds: staleText })
  transaction.run(
    `UPDATE queue SET called_us = ?, fence = ?, waiting = waiting + ?,
       waiting_bytes = waiting_bytes + ? WHERE id = ?`,
    nowUs,
    fence,
    back.jobs - taken.jobs,
    back.bytes - taken.bytes,
    queue.id,
  )
  const looked = isPaused ? null : firstLookUs(transaction, queue.id)
  const hasLooked = want > 0 && isDue(transaction, looked)
  const gates = hasLooked ? takeLooks(transaction, queue.id) : []
  const lookUs = hasLooked ? undefined : looked
  const asked = { fence, jobs, staleIds, dueUs, lookUs, gates, want, isMoreReady }
  const answered = outcome(transaction, queue, epoch, asked)
  const { otherLeaseUs } = answered
  const isOver = !wasSilent && otherLeaseUs !== null && otherLeaseUs <= nowUs
  const crashed = isOver ? recoverFirst(transaction, queue.id, epoch, request) : []
  tellEvents(transaction, request.queue, eventsKept, () => [
    ...settledEvents(transaction, request, staleIds),
    ...overdueIds.map(overdueEvent),
    ...crashed,
  ])
  // Who retries may be on its way out: the others have to know of the new time.
  const isEarlier = retries.length > 0 && dueUs !== null && dueUs < (oldDueUs ?? dueUs + 1)
  return { ...answered, isNews: isMoreReady || isOver || isEarlier }
}

/** Answers the ids that were not the epoch's any more, and how much more waits. */
function settle(
  transaction: Transaction,
  queue: number,
  epoch: number,
  { acks, retries, deaths }: ExchangeRequest,
): { staleIds: string[]; back: Amount } {
  const staleAcks = acks.filter((id) => !acknowledge(transaction, epoch, rowId(id)))
  const amounts = retries.map(({ id, ...how }) => retry(transaction, epoch, rowId(id), how))
  const staleRetries = retries.filter((_, index) => amounts[index] === undefined)
  const staleDeaths = deaths.filter(({ id, ...how }) => !bury(transaction, epoch, rowId(id), how))
  if (deaths.length > 0) dropOldDead(transaction, queue)
  const staleIds = [...staleAcks, ...[...staleRetries, ...staleDeaths].map(({ id }) => id)]
  return { staleIds, back: sumOf(amounts.filter((amount) => amount !== undefined)) }
}

/** What was settled, as it is told. */
function settledEvents(
  transaction: Transaction,
  request: ExchangeRequest,
  staleIds: string[],
): NewEvent[] {
  const { acks, retries, deaths, quietIds = [] } = request
  const untold = new Set([...staleIds, ...quietIds])
  const isTold = ({ id }: { id: string }) => !untold.has(id)
  return [
    ...retries
      .filter((retry) => retry.failed && isTold(retry))
      .map(({ id }) => retriedEvent(transaction, id)),
    ...deaths.filter(isTold).map(({ id, reason }): NewEvent => ({ type: 'dead', id, reason })),
    ...acks.filter((id) => !untold.has(id)).map((id): NewEvent => ({ type: 'done', id })),
  ]
}

function retriedEvent(transaction: Transaction, id: string): NewEvent {
  const sql = 'SELECT attempt FROM job WHERE id = ?'
  return { type: 'retried', id, ...transaction.get<{ attempt: number }>(sql, rowId(id)) }
}

const overdueEvent = (id: string): NewEvent => ({ type: 'dead', id, reason: OVERDUE })

/** The same answer as before; unless its jobs were taken back since. */
function repeat(
  transaction: Transaction,
  queue: QueueRow,
  known: EpochRow,
  want: number,
): Exchanged {
  if (known.claimedCount > 0 && !known.deadlineUs) return LOST
  return outcome(transaction, queue, known.id, {
    fence: known.fence,
    jobs: claimedIn(transaction, known.id, known.sequence),
    staleIds: known.staleIds === '' ? [] : known.staleIds.split(','),
    want,
  })
}

function outcome(
  transaction: Transaction,
  queue: QueueRow | undefined,
  epoch: number | null,
  result: {
    fence: number
    jobs?: JobRow[]
    staleIds?: string[]
    dueUs?: number | null
    /** Left out where it has to be looked up. */
    lookUs?: number | null | undefined
    gates?: string[]
    want?: number
    isMoreReady?: boolean
  },
): Exchanged {
  const { fence, jobs = [], staleIds = [], gates = [], want = 0, isMoreReady = false } = result
  const hasTimes = queue !== undefined && !queue.isPaused
  const dueUs = result.dueUs ?? (hasTimes ? firstDueUs(transaction, queue.id) : null)
  const otherLeaseUs = queue ? firstOtherLeaseUs(transaction, queue.id, epoch) : null
  const hasLook = hasTimes && result.lookUs === undefined
  const lookUs = hasLook ? firstLookUs(transaction, queue.id) : (result.lookUs ?? null)
  // Who wants nothing is told of no gate: a look is no reason for it to call.
  const nextUs = want > 0 ? earlier(dueUs, lookUs) : dueUs
  const isMore = jobs.length < want && (isMoreReady || isDue(transaction, dueUs))
  return {
    answer: {
      tag: 'ok',
      jobs: jobs.map(storedJob),
      fence,
      staleIds,
      nextDueMs: nextUs === null ? null : Math.max(0, nextUs - transaction.nowUs) / 1000,
      more: isMore || (want > 0 && isDue(transaction, lookUs)),
      watch: otherLeaseUs !== null,
      ...(gates.length > 0 ? { gates } : {}),
    },
    isIdle: false,
    isNews: false,
    dueUs: earlier(dueUs, lookUs),
    otherLeaseUs,
  }
}
