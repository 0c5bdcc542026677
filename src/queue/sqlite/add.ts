import type { Transaction } from '../../engine/sqlite/engine.ts'
import type { WithinRequest } from '../add-store.ts'
import { QueueFullError } from '../errors.ts'
import type { NewEvent } from '../event-store.ts'
import type { AddNamedRequest, NamedAdd } from '../record-store.ts'
import type { AddRequest } from '../store.ts'
import type { AddKeyedRequest } from '../strand-store.ts'
import { answerOnce, unbrokenFrom } from './batches.ts'
import { ensureQueue, findQueue, type QueueRow } from './epochs.ts'
import { tellEvents } from './events.ts'
import { insertJobs, takeNumbers } from './jobs.ts'
import { addNamed } from './records.ts'
import { addKeyed } from './strands.ts'
import { amountOf } from './waiting.ts'

interface Added {
  ids: string[]
  isNews: boolean
  /** What waits already, where there is no room. */
  full?: { length: number; bytes: number }
}

export function addBatch(transaction: Transaction, request: AddRequest, eventsKept: number): Added {
  const { queue: name, producer, sequence, lastAdded = 0, jobs } = request
  const found = findQueue(transaction, name)
  const last = transaction.get<{ sequence: number; unbrokenFrom: number; firstId: number }>(
    `SELECT sequence, unbroken_from AS unbrokenFrom, first_id AS firstId FROM producer
     WHERE queue = ? AND name = ?`,
    found?.id ?? null,
    producer,
  )
  const idsFrom = (first: number) => jobs.map((_, index) => String(first + index))
  if (last && last.sequence > sequence) return { ids: [], isNews: false }
  if (last && last.sequence === sequence) return { ids: idsFrom(last.firstId), isNews: false }

  const full = fullness(found, request)
  if (full) return { ids: [], isNews: false, full }
  const queue = found ?? ensureQueue(transaction, name)
  const firstId = takeNumbers(transaction, jobs.length)
  const isNews = insertJobs(transaction, queue.id, firstId, jobs) && !queue.isPaused
  transaction.run(
    `INSERT INTO producer (queue, name, sequence, unbroken_from, first_id, added_us)
     VALUES (?, ?, ?, ?, ?, ?)
     ON CONFLICT (queue, name) DO UPDATE SET sequence = excluded.sequence,
       unbroken_from = excluded.unbroken_from, first_id = excluded.first_id,
       added_us = excluded.added_us`,
    queue.id,
    producer,
    sequence,
    unbrokenFrom(last, sequence, lastAdded),
    firstId,
    transaction.nowUs,
  )
  const ids = idsFrom(firstId)
  tellEvents(transaction, name, eventsKept, () => ids.map(addedEvent))
  return { ids, isNews }
}

const addedNamedEvent = ({ name }: { name: string }): NewEvent => ({ type: 'added', name })

export const addedEvent = (id: string): NewEvent => ({ type: 'added', id })

function fullness(
  queue: QueueRow | undefined,
  {
    jobs,
    maxLength = Number.POSITIVE_INFINITY,
    maxBytes = Number.POSITIVE_INFINITY,
  }: Pick<AddRequest, 'jobs' | 'maxLength' | 'maxBytes'>,
): Added['full'] {
  const [length, bytes] = [queue?.waiting ?? 0, queue?.waitingBytes ?? 0]
  const isFull = length + jobs.length > maxLength || bytes + amountOf(jobs).bytes > maxBytes
  return isFull ? { length, bytes } : undefined
}

export function addNamedBatch(
  transaction: Transaction,
  request: AddNamedRequest,
  eventsKept: number,
): { answer: NamedAdd[]; isNews: boolean } {
  const { queue: name, producer, sequence, lastAdded, jobs } = request
  const queue = ensureQueue(transaction, name)
  let isNews = false
  const batch = { queue: queue.id, producer, sequence, lastAdded }
  const answer = answerOnce(transaction, batch, () => {
    const isCounted = request.maxBytes !== undefined
    const added = jobs.map((job) => addNamed(transaction, queue.id, job, isCounted))
    refuseGrowth(transaction, queue, request)
    isNews = added.some((one) => one.isNews)
    tellEvents(transaction, name, eventsKept, () =>
      jobs.filter((_, index) => added[index]?.isNew).map(addedNamedEvent),
    )
    return added.map(({ number, isNew }) => ({ number, isNew }))
  })
  return { answer, isNews }
}

export function addKeyedBatch(
  transaction: Transaction,
  request: AddKeyedRequest,
  eventsKept: number,
): { answer: (string | null)[]; isNews: boolean } {
  const { queue: name, producer, sequence, jobs } = request
  const queue = ensureQueue(transaction, name)
  let isNews = false
  const batch = { queue: queue.id, producer: `${producer}:keyed`, sequence }
  const answer = answerOnce(transaction, batch, () => {
    const full = fullness(queue, request)
    if (full) throw new QueueFullError(name, request, full)
    const added = addKeyed(transaction, queue.id, jobs)
    isNews = added.some((one) => one.isNews)
    tellEvents(transaction, name, eventsKept, () =>
      added.flatMap(({ id }) => (id === null ? [] : addedEvent(id))),
    )
    return added.map(({ id }) => id)
  })
  return { answer, isNews }
}

/** Undoes what made more wait than there is room for: only the adding tells how much is new. */
function refuseGrowth(
  transaction: Transaction,
  { waiting, waitingBytes }: QueueRow,
  { queue: name, maxLength, maxBytes }: Pick<AddNamedRequest, 'queue' | 'maxLength' | 'maxBytes'>,
): void {
  if (maxLength === undefined && maxBytes === undefined) return
  const after = findQueue(transaction, name)
  const isOver = (now = 0, before: number, most = Number.POSITIVE_INFINITY) =>
    now > before && now > most
  const isFull =
    isOver(after?.waiting, waiting, maxLength) ||
    isOver(after?.waitingBytes, waitingBytes, maxBytes)
  if (!isFull) return
  throw new QueueFullError(name, { maxLength, maxBytes }, { length: waiting, bytes: waitingBytes })
}

/** It has no sequence: whoever commits the transaction, or not, does so once. */
export function addWithin(
  transaction: Transaction,
  request: WithinRequest,
  eventsKept: number,
): string {
  const { job } = request
  if ('name' in job) {
    const queue = ensureQueue(transaction, request.queue)
    const { number, isNew } = addNamed(transaction, queue.id, job, request.maxBytes !== undefined)
    refuseGrowth(transaction, queue, request)
    if (isNew) tellEvents(transaction, request.queue, eventsKept, () => [addedNamedEvent(job)])
    return number
  }
  const jobs = [job]
  const found = findQueue(transaction, request.queue)
  const full = fullness(found, { ...request, jobs })
  if (full) throw new QueueFullError(request.queue, request, full)
  const number = takeNumbers(transaction, 1)
  const queue = found ?? ensureQueue(transaction, request.queue)
  insertJobs(transaction, queue.id, number, jobs)
  tellEvents(transaction, request.queue, eventsKept, () => [addedEvent(String(number))])
  return String(number)
}
