import { toUs } from '../../duration.ts'
import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import { TooManySchedulesError } from '../errors.ts'
import {
  type EmitRequest,
  MOST_SCHEDULES,
  type PutSchedule,
  SCHEDULE_PREFIX,
  type SchedulePlace,
  type ScheduleStore,
  type ScheduleTerms,
  type StoredSchedule,
} from '../schedule-store.ts'
import { addedEvent } from './add.ts'
import { ensureQueue, findQueue } from './epochs.ts'
import { tellEvents } from './events.ts'
import { insertJobs, takeNumbers } from './jobs.ts'
import { dropTicket } from './records.ts'

interface ScheduleRow {
  id: number
  queue: number
  name: string
  rule: string
  terms: string
  payload: string
  slotUs: number
  ticket: number
  lastUs: number | null
  emitted: number
}

interface Put {
  place: SchedulePlace | null
  isNews: boolean
}

interface Emitted {
  verdict: 'emitted' | 'stale'
  isNews: boolean
}

const COLUMNS =
  'id, queue, name, rule, terms, payload, slot_us AS slotUs, ticket, last_us AS lastUs, emitted'

/** Schedules in the table `schedule`; their tickets are in `job`. */
export function sqliteScheduleStore(
  engine: SqliteEngine,
  hint: (queue: string) => void,
  eventsKept: number,
): ScheduleStore {
  return {
    readSchedule: (queue, name) =>
      engine.read((transaction) => {
        const found = find(transaction, queue, name)
        return { nowMs: transaction.nowUs / 1000, schedule: found ? scheduleOf(found) : null }
      }),

    listSchedules: (queue, limit, after) =>
      engine.read((transaction) =>
        transaction
          .all<ScheduleRow>(
            `SELECT ${COLUMNS} FROM schedule WHERE queue = ? AND name > ? ORDER BY name LIMIT ?`,
            findQueue(transaction, queue)?.id ?? null,
            after ?? '',
            limit,
          )
          .map(scheduleOf),
      ),

    async putSchedule(request) {
      const { place, isNews } = await engine.write((transaction) => put(transaction, request))
      if (!place) throw new TooManySchedulesError(request.queue, request.name, MOST_SCHEDULES)
      if (isNews) hint(request.queue)
      return place
    },

    async emitSlots(request) {
      const { verdict, isNews } = await engine.write((transaction) =>
        emit(transaction, request, eventsKept),
      )
      if (isNews) hint(request.queue)
      return verdict
    },

    removeSchedule: (queue, name) =>
      engine.write((transaction) => {
        const found = find(transaction, queue, name)
        if (found) remove(transaction, found)
        return found !== undefined
      }),
  }
}

const find = (transaction: Transaction, queue: string, name: string) =>
  transaction.get<ScheduleRow>(
    `SELECT ${COLUMNS} FROM schedule WHERE queue = ? AND name = ?`,
    findQueue(transaction, queue)?.id ?? null,
    name,
  )

/** Without a place: there are too many. */
function put(transaction: Transaction, request: PutSchedule): Put {
  const { queue: queueName, name, rule, terms, payload, slotMs } = request
  const found = find(transaction, queueName, name)
  const texts = [rule, JSON.stringify(terms), payload]
  if (found) {
    const sql = 'UPDATE schedule SET rule = ?, terms = ?, payload = ? WHERE id = ?'
    transaction.run(sql, ...texts, found.id)
    if (found.rule === rule) return { place: placeOf(found), isNews: false }
    dropTicket(transaction, found)
    const isNews = setSlot(transaction, found, toUs(slotMs))
    return { place: placeOf({ ...found, slotUs: toUs(slotMs) }), isNews }
  }
  const queue = ensureQueue(transaction, queueName).id
  const sql = 'SELECT count(*) AS n FROM schedule WHERE queue = ?'
  if ((transaction.get<{ n: number }>(sql, queue)?.n ?? 0) >= MOST_SCHEDULES)
    return { place: null, isNews: false }
  const slotUs = toUs(slotMs)
  const row = transaction.get<{ id: number }>(
    `INSERT INTO schedule (queue, name, rule, terms, payload, slot_us, ticket)
     VALUES (?, ?, ?, ?, ?, ?, 0) RETURNING id`,
    queue,
    name,
    ...texts,
    slotUs,
  )
  const isNews = setSlot(transaction, { id: row?.id ?? 0, queue, name }, slotUs)
  return { place: placeOf({ slotUs, lastUs: null, emitted: 0 }), isNews }
}

/** The next slot, and its ticket, which goes before what else is in line. Answers whether that is news. */
function setSlot(
  transaction: Transaction,
  { id, queue, name }: Pick<ScheduleRow, 'id' | 'queue' | 'name'>,
  slotUs: number,
): boolean {
  const ticket = takeNumbers(transaction, 1)
  transaction.run('UPDATE schedule SET slot_us = ?, ticket = ? WHERE id = ?', slotUs, ticket, id)
  return insertJobs(transaction, queue, ticket, [
    {
      ...{ payload: '', name: SCHEDULE_PREFIX + name, maxAttempts: 1, lifo: true },
      ...{ delayMs: 0, dueAtMs: slotUs / 1000 },
    },
  ])
}

function emit(transaction: Transaction, request: EmitRequest, eventsKept: number): Emitted {
  const { ticket, slotsMs, nextSlotMs, name } = request
  const found = find(transaction, request.queue, name)
  if (!found || String(found.ticket) !== ticket) return { verdict: 'stale', isNews: false }
  const { maxAttempts, priority } = termsOf(found)
  const jobs = slotsMs.map((slotAtMs) => ({
    ...{ payload: found.payload, maxAttempts, priority, delayMs: 0 },
    schedule: { name, slotAtMs },
  }))
  const lastMs = slotsMs.at(-1)
  if (lastMs !== undefined) {
    const firstId = takeNumbers(transaction, jobs.length)
    insertJobs(transaction, found.queue, firstId, jobs)
    tellEvents(transaction, request.queue, eventsKept, () =>
      jobs.map((_, index) => addedEvent(String(firstId + index))),
    )
    const sql = 'UPDATE schedule SET last_us = ?, emitted = emitted + ? WHERE id = ?'
    transaction.run(sql, toUs(lastMs), jobs.length, found.id)
  }
  const isEarlier = nextSlotMs !== null && setSlot(transaction, found, toUs(nextSlotMs))
  if (nextSlotMs === null) transaction.run('DELETE FROM schedule WHERE id = ?', found.id)
  return { verdict: 'emitted', isNews: isEarlier || jobs.length > 0 }
}

function remove(transaction: Transaction, found: ScheduleRow): void {
  dropTicket(transaction, found)
  transaction.run('DELETE FROM schedule WHERE id = ?', found.id)
}

const termsOf = ({ terms }: ScheduleRow) => JSON.parse(terms) as ScheduleTerms

const placeOf = ({
  slotUs,
  lastUs,
  emitted,
}: Pick<ScheduleRow, 'slotUs' | 'lastUs' | 'emitted'>) => ({
  slotMs: slotUs / 1000,
  lastSlotMs: lastUs === null ? null : lastUs / 1000,
  emittedCount: emitted,
})

const scheduleOf = (row: ScheduleRow): StoredSchedule => ({
  ...placeOf(row),
  ...{ name: row.name, rule: row.rule, payload: row.payload, terms: termsOf(row) },
  ticket: String(row.ticket),
})
