import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import {
  asLost,
  type EventPage,
  type EventStore,
  type EventsRead,
  type EventType,
  judge,
  type NewEvent,
  numberOf,
  type StoredEvent,
} from '../event-store.ts'
import { cutBytes } from '../history.ts'
import { ensureQueue } from './epochs.ts'

/** Events of one page. */
const MOST_READ = 500
const LONGEST_REASON_BYTES = 256
const KEPT_US = 7 * 86_400_000_000
const MOST_SWEPT = 100

const eventsTopic = (queue: string) => `events:${JSON.stringify([queue])}`

interface EventRow {
  number: number
  type: EventType
  job: string | null
  name: string | null
  attempt: number | null
  reason: string | null
  count: number | null
  atUs: number
}

/** Writes what happened, and drops what is more than `keep`. With a `keep` of 0 it asks for nothing. */
export function tellEvents(
  transaction: Transaction,
  queue: string,
  keep: number,
  happened: () => readonly NewEvent[],
): void {
  const events = keep === 0 ? [] : happened()
  if (events.length === 0) return
  const { nowUs } = transaction
  const { id } = ensureQueue(transaction, queue)
  const sql = 'SELECT event_last AS last FROM queue WHERE id = ?'
  const known = transaction.get<{ last: number }>(sql, id)?.last ?? 0
  const start = known === 0 ? nowUs : known
  for (const [index, event] of events.entries()) {
    const { type, id: job = null, name = null, attempt = null, reason, count = null } = event
    const cut = reason === undefined ? null : cutBytes(reason, LONGEST_REASON_BYTES)
    transaction.run(
      `INSERT INTO event (queue, number, type, job, name, attempt, reason, count, at_us)
       VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`,
      ...[id, start + index + 1, type, job, name, attempt, cut, count, nowUs],
    )
  }
  const last = start + events.length
  transaction.run(
    `UPDATE queue SET event_last = ?1, event_base = CASE event_last WHEN 0 THEN ?2 ELSE event_base END
     WHERE id = ?3`,
    last,
    start,
    id,
  )
  transaction.run('DELETE FROM event WHERE queue = ? AND number <= ?', id, last - keep)
  transaction.emit(eventsTopic(queue))
}

/** Forgets some old events. Answers the queues that had them. */
export const sweepEvents = (transaction: Transaction) =>
  transaction.all<{ queue: number }>(
    `DELETE FROM event WHERE (queue, number) IN (
       SELECT queue, number FROM event WHERE at_us < ? ORDER BY at_us LIMIT ${MOST_SWEPT})
     RETURNING queue`,
    transaction.nowUs - KEPT_US,
  )

/** Events in the table `event`; the numbers of the last ones are in `queue`. */
export function sqliteEventStore(
  engine: SqliteEngine,
): Pick<EventStore, 'readEvents' | 'onEventNews'> {
  return {
    readEvents: (queue, place) =>
      engine.read((transaction): EventPage => {
        const page = judge(place, read(transaction, queue, numberOf(place)))
        if (page) return page
        const anew = read(transaction, queue, 'start')
        return asLost(place, judge('start', anew) as EventPage, anew.previous)
      }),
    onEventNews: (queue, listener) => engine.onChange(eventsTopic(queue), listener),
  }
}

function read(transaction: Transaction, name: string, from: string): EventsRead {
  const { nowUs } = transaction
  const queue = transaction.get<{ id: number; base: number; last: number }>(
    'SELECT id, event_base AS base, event_last AS last FROM queue WHERE name = ? AND event_last > 0',
    name,
  )
  if (!queue) return { events: [], previous: 0, base: 0, last: null, nowUs }
  const { base, last } = queue
  if (from === 'now') return { events: [], previous: last, base, last, nowUs }
  const rows = transaction.all<EventRow>(
    `SELECT number, type, job, name, attempt, reason, count, at_us AS atUs FROM event
     WHERE queue = ? AND number > ? ORDER BY number LIMIT ${MOST_READ}`,
    queue.id,
    from === 'start' ? 0 : Number(from),
  )
  return { events: rows.map(eventOf), previous: (rows[0]?.number ?? 0) - 1, base, last, nowUs }
}

function eventOf({ number, type, job, name, attempt, reason, count, atUs }: EventRow): StoredEvent {
  return {
    number,
    type,
    atMs: atUs / 1000,
    ...(job === null ? {} : { id: job }),
    ...(name === null ? {} : { name }),
    ...(attempt === null ? {} : { attempt }),
    ...(reason === null ? {} : { reason }),
    ...(count === null ? {} : { count }),
  }
}
