import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import { historyOf } from '../history.ts'
import {
  type CancelVerdict,
  type ChangeVerdict,
  MOST_LINES,
  type Note,
  type Opening,
  type RecordEnd,
  type RecordStore,
  type Running,
  type TicketDelivery,
} from '../record-store.ts'
import type { Retention } from '../retention.ts'
import { addNamedBatch } from './add.ts'
import { closedEvent, closeRecord } from './close-record.ts'
import { findQueue } from './epochs.ts'
import { tellEvents } from './events.ts'
import { noteCrashInRecord } from './history.ts'
import { findRecord, lives, type RecordRow } from './record-row.ts'
import {
  dropTicket,
  dueUsOf,
  endRecord,
  linesOf,
  moveJob,
  rankJob,
  recordTopic,
} from './records.ts'

/** Records in the tables `record` and `record_line`; their tickets are in `job`. */
export function sqliteRecordStore(
  engine: SqliteEngine,
  hint: (queue: string) => void,
  eventsKept: number,
  retention: Retention | null,
): RecordStore {
  /** Wakes a consumer where the work says so. */
  async function writeNews<T>(
    queue: string,
    work: (transaction: Transaction) => { answer: T; isNews: boolean },
  ): Promise<T> {
    const { answer, isNews } = await engine.write(work)
    if (isNews) hint(queue)
    return answer
  }

  const find = (transaction: Transaction, queue: string, name: string) =>
    findRecord(transaction, findQueue(transaction, queue)?.id ?? null, name)

  return {
    addNamed: (request) =>
      writeNews(request.queue, (transaction) => addNamedBatch(transaction, request, eventsKept)),

    openRecords: ({ queue, fence, tickets, keptFailures = 0 }) =>
      engine.write((transaction) =>
        tickets.map((ticket) => {
          const found = find(transaction, queue, ticket.name)
          const opening = openRecord(transaction, found, fence, ticket)
          if (!('payload' in opening)) return opening
          if (found && opening.tag !== 'bury' && keptFailures > 0) {
            noteCrashInRecord(transaction, found, ticket, keptFailures)
          }
          return { ...opening, ...historyOf(find(transaction, queue, ticket.name)?.history) }
        }),
      ),

    closeRecords: ({ queue, rememberMs, closings }) =>
      writeNews(queue, (transaction) => {
        const closed = closings.map((closing) => {
          const found = find(transaction, queue, closing.name)
          const one = closeRecord(transaction, found, closing, { rememberMs, retention })
          if (typeof one.ending === 'string') transaction.emit(recordTopic(queue, closing.name))
          return one
        })
        tellEvents(transaction, queue, eventsKept, () =>
          closings.flatMap((closing, index) => closedEvent(closing, closed[index]?.ending) ?? []),
        )
        const isNews = closed.some((one) => one.isNews)
        return { answer: closed.map(({ verdict }) => verdict), isNews }
      }),

    noteRecord: (queue, running, note) =>
      engine.write((transaction) =>
        noteRecord(transaction, find(transaction, queue, running.name), running, note),
      ),

    findCancelling: (queue, running) =>
      engine.read((transaction) =>
        running
          .filter(({ name, fence }) => {
            const found = find(transaction, queue, name)
            return found?.state === 'cancelling' && found.fence === fence
          })
          .map(({ name }) => name),
      ),

    readRecord: (queue, name) =>
      engine.read((transaction) => {
        const found = find(transaction, queue, name)
        if (!found) return null
        const { payload, attempt, progress, number, state, dueUs, gate, endedUs } = found
        return {
          ...endOf(found),
          ticket: String(found.ticket),
          payload,
          attempt,
          progress,
          lines: linesOf(transaction, found),
          ...historyOf(found.history),
          addedAtMs: number / 1000,
          dueAtMs: state === 'waiting' && dueUs > 0 ? dueUs / 1000 : null,
          gate: state === 'waiting' ? gate : null,
          endedAtMs: endedUs === null ? null : endedUs / 1000,
        }
      }),

    watchRecord: (queue, name) =>
      engine.read((transaction) => {
        const found = find(transaction, queue, name)
        return found ? endOf(found) : null
      }),

    onRecordNews: (queue, name, listener) => engine.onChange(recordTopic(queue, name), listener),

    cancelRecord: (queue, name, rememberMs) =>
      engine.write((transaction) => {
        const found = find(transaction, queue, name)
        if (found?.state === 'waiting') transaction.emit(recordTopic(queue, name))
        if (!found) return null
        const verdict = cancelRecord(transaction, found, rememberMs)
        if (found.state === 'waiting') {
          tellEvents(transaction, queue, eventsKept, () => [{ type: 'cancelled', name }])
        }
        return verdict
      }),

    changeRecord: (queue, name, when, priority) =>
      writeNews<ChangeVerdict | null>(queue, (transaction) => {
        const found = find(transaction, queue, name)
        if (!found) return { answer: null, isNews: false }
        if (!lives(found)) return { answer: 'ended', isNews: false }
        if (found.state !== 'waiting') return { answer: 'running', isNews: false }
        const isMoved = when !== null && moveTo(transaction, found, dueUsOf(transaction, when))
        const isRanked = priority !== undefined && rankJob(transaction, found, priority)
        return { answer: 'changed', isNews: isMoved || isRanked }
      }),
  }
}

/** What is due already stands in line, and stays where it is. */
function moveTo(transaction: Transaction, found: RecordRow, dueUs: number): boolean {
  const isDue = Math.max(dueUs, found.dueUs) <= transaction.nowUs
  return !isDue && moveJob(transaction, found, dueUs)
}

function openRecord(
  transaction: Transaction,
  found: RecordRow | undefined,
  fence: number,
  { number, attempt }: TicketDelivery,
): Opening {
  if (!found || String(found.ticket) !== number) return { tag: 'drop' }
  const { state, payload, dueUs } = found
  if (state === 'dead') return { tag: 'bury', payload, reason: found.reason ?? '' }
  if (state === 'waiting' && dueUs > transaction.nowUs) {
    return { tag: 'later', delayMs: (dueUs - transaction.nowUs) / 1000 }
  }
  if (!lives(found) || (state !== 'waiting' && found.fence > fence)) return { tag: 'drop' }
  const isCancelling = state === 'cancelling'
  transaction.run(
    'UPDATE record SET state = ?, fence = ?, attempt = ?, gate = NULL WHERE id = ?',
    isCancelling ? 'cancelling' : 'running',
    fence,
    attempt,
    found.id,
  )
  if (isCancelling) return { tag: 'cancelled' }
  return { tag: isOverdue(transaction, found) ? 'overdue' : 'run', payload }
}

function isOverdue(transaction: Transaction, { ticket }: RecordRow): boolean {
  const sql = 'SELECT 1 FROM job WHERE id = ? AND deadline_us < ?'
  return transaction.get(sql, ticket, transaction.nowUs) !== undefined
}

function noteRecord(
  transaction: Transaction,
  found: RecordRow | undefined,
  { fence }: Running,
  note: Note,
): boolean {
  const isRunning = found && lives(found) && found.state !== 'waiting'
  if (!isRunning || found.fence !== fence) return false
  if ('progress' in note) {
    transaction.run('UPDATE record SET progress = ? WHERE id = ?', note.progress, found.id)
    return true
  }
  transaction.run(
    `INSERT INTO record_line (record, number, text)
     VALUES (?1, (SELECT coalesce(max(number), 0) + 1 FROM record_line WHERE record = ?1), ?2)`,
    found.id,
    note.line,
  )
  transaction.run(
    `DELETE FROM record_line WHERE record = ?1
       AND number <= (SELECT max(number) FROM record_line WHERE record = ?1) - ${MOST_LINES}`,
    found.id,
  )
  return true
}

function cancelRecord(
  transaction: Transaction,
  found: RecordRow,
  rememberMs: number,
): CancelVerdict {
  if (found.state === 'cancelled') return 'cancelled'
  if (!lives(found)) return 'ended'
  if (found.state === 'waiting') {
    dropTicket(transaction, found)
    const how = { state: 'cancelled', result: null, reason: null } as const
    endRecord(transaction, found, { ...how, rememberMs })
    return 'cancelled'
  }
  transaction.run(
    `UPDATE record SET state = 'cancelling', next_number = NULL, next_payload = NULL,
       next_due_us = NULL, next_max_attempts = NULL WHERE id = ?`,
    found.id,
  )
  return 'cancelling'
}

function endOf({ state, number, endedNumber, endedAs, result, reason }: RecordRow): RecordEnd {
  const ended =
    endedNumber === null || endedAs === null
      ? null
      : { number: String(endedNumber), state: endedAs, result, reason }
  return { state, number: String(number), ended }
}
