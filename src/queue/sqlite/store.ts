import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import { SettingsMismatchError } from '../../errors.ts'
import { WITHIN } from '../add-store.ts'
import { unpackReason } from '../dead-reason.ts'
import { QueueFullError } from '../errors.ts'
import type { EventStore, NewEvent } from '../event-store.ts'
import { partitionName } from '../partitions.ts'
import type { Retention, RetentionStore } from '../retention.ts'
import type { DeadJob, ExchangeAnswer, ExchangeRequest, QueueCounts, QueueStore } from '../store.ts'
import { addBatch, addWithin } from './add.ts'
import { sqliteConfirming } from './confirming.ts'
import { agreePartitions, ensureQueue, findQueue, renewLease, sweepCalls } from './epochs.ts'
import { sqliteEventStore, tellEvents } from './events.ts'
import { exchange } from './exchange.ts'
import { JOB_COLUMNS, type JobRow, storedJob } from './job-row.ts'
import { PLACE_OF_READY, takeNumbers } from './jobs.ts'
import { sqliteListing } from './listing.ts'
import { type Fences, sqliteParkingStore } from './parking-store.ts'
import { sqliteRecordStore } from './record-store.ts'
import { sweepRecords } from './records.ts'
import { drain, obliterate } from './removal.ts'
import { sqliteScheduleStore } from './schedule-store.ts'
import { schema } from './schema.gen.ts'
import { sqliteStrandStore } from './strand-store.ts'
import { redriveKeyed } from './strands.ts'
import { noteWaiting } from './waiting.ts'
import { sharedWakes } from './wakes.ts'

interface IdleCall {
  sequence: number
  fence: number
}

const SWEEP_EVERY_US = 1_000_000
/** Epochs of which the last idle call is remembered. */
const MOST_IDLE_CALLS = 1_000
/** No transaction keeps other writers waiting for long. */
const MOST_AHEAD = 100

/** Queues in the tables `queue`, `job`, `epoch` and `producer`. */
export function sqliteQueueStore(engine: SqliteEngine): QueueStore {
  engine.define(schema)
  const storeKeeping = (eventsKept: number, retention: Retention | null): QueueStore => ({
    ...storeOn(engine, eventsKept, retention),
    ...sqliteEventStore(engine),
    keepingEvents: (keep) => storeKeeping(keep, retention),
    retaining: (one) => storeKeeping(eventsKept, one),
  })
  return storeKeeping(0, null)
}

function storeOn(
  engine: SqliteEngine,
  eventsKept: number,
  retention: Retention | null,
): Omit<QueueStore, keyof EventStore | keyof RetentionStore> {
  const wakes = sharedWakes(engine)
  const hint = (queue: string) => wakes.hint(queue)
  const tell = (transaction: Transaction, queue: string, event: NewEvent) =>
    tellEvents(transaction, queue, eventsKept, () => [event])
  /** An idle call writes nothing, so that only this process can know of it. */
  const idleCalls = new Map<string, IdleCall>()
  const fences: Fences = { floor: 0 }
  let sweptUs = 0

  /** A clock that was moved back must not put sweeping off. */
  function sweepSometimes(transaction: Transaction): void {
    if (Math.abs(transaction.nowUs - sweptUs) < SWEEP_EVERY_US) return
    const hasMore = [sweepRecords, sweepCalls].map((sweep) => sweep(transaction))
    if (!hasMore.includes(true)) sweptUs = transaction.nowUs
  }

  function keepIdleCall(key: string, call: IdleCall): void {
    idleCalls.delete(key)
    idleCalls.set(key, call)
    for (const oldest of idleCalls.keys()) {
      if (idleCalls.size <= MOST_IDLE_CALLS) break
      idleCalls.delete(oldest)
    }
  }

  async function exchangeOnce(request: ExchangeRequest): Promise<ExchangeAnswer> {
    const { queue, epoch, sequence } = request
    const key = JSON.stringify([queue, epoch])
    const idle = idleCalls.get(key)
    if (idle && idle.sequence > sequence) return { tag: 'lost' }
    const sentAtMs = engine.clock.monotonicMs()
    const idleFence = idle?.sequence === sequence ? idle.fence : null
    const { answer, isIdle, isNews, dueUs } = await engine.write((transaction) => {
      sweepSometimes(transaction)
      return exchange(transaction, request, {
        floor: fences.floor,
        idleFence,
        eventsKept,
        retention,
      })
    })
    if (answer.tag === 'lost') return answer
    fences.floor = Math.max(fences.floor, answer.fence)
    if (isIdle) keepIdleCall(key, { sequence, fence: answer.fence })
    wakes.noteDue(queue, dueUs)
    if (isNews) wakes.hint(queue)
    return { ...answer, sentAtMs }
  }

  return {
    ...sqliteRecordStore(engine, hint, eventsKept, retention),
    ...sqliteStrandStore(engine, hint, eventsKept, retention),
    ...sqliteScheduleStore(engine, hint, eventsKept),
    ...sqliteParkingStore(engine, hint, eventsKept, fences),
    mostAhead: MOST_AHEAD,
    addBehind: null,

    async add(request) {
      const { ids, isNews, full } = await engine.write((transaction) => {
        sweepSometimes(transaction)
        return addBatch(transaction, request, eventsKept)
      })
      if (full) throw new QueueFullError(request.queue, request, full)
      if (isNews) wakes.hint(request.queue)
      return ids
    },

    addWithin: (handle, request) =>
      engine.join(handle, WITHIN, (transaction) => addWithin(transaction, request, eventsKept)),

    ...sqliteConfirming(engine),
    ...sqliteListing(engine),

    exchange: exchangeOnce,

    renew: (queue, epoch, leaseMs) =>
      engine.write((transaction) => renewLease(transaction, queue, epoch, leaseMs * 1000)),

    async agreePartitions(queue, said) {
      const agreed = await engine.write((transaction) => agreePartitions(transaction, queue, said))
      if (said !== null && agreed !== said) {
        throw new SettingsMismatchError('Queue', queue, agreed, said)
      }
      return Array.from({ length: agreed }, (_, partition) =>
        partition === 0 ? queue : partitionName(queue, partition),
      )
    },

    counts: (queue) => engine.read((transaction) => counts(transaction, queue)),

    listDead: (queue, limit) => engine.read((transaction) => listDead(transaction, queue, limit)),

    async redrive(queue, limit) {
      const count = await engine.write((transaction) =>
        redrive(transaction, queue, limit, eventsKept),
      )
      if (count > 0) wakes.hint(queue)
      return count
    },

    purge: (queue, limit) => engine.write((transaction) => purge(transaction, queue, limit)),

    drain: (queue, limit) =>
      engine.write((transaction) => {
        const count = drain(transaction, queue, limit)
        if (count > 0) tell(transaction, queue, { type: 'drained', count })
        return count
      }),

    obliterate: (queue, step) =>
      engine.write((transaction) => {
        const answer = obliterate(transaction, queue, step, purge)
        if (answer.tag === 'gone') tell(transaction, queue, { type: 'obliterated' })
        return answer
      }),

    pause: (queue) =>
      engine.write((transaction) => {
        if (setPaused(transaction, queue, 1)) tell(transaction, queue, { type: 'paused' })
      }),

    async resume(queue) {
      await engine.write((transaction) => {
        if (setPaused(transaction, queue, 0)) tell(transaction, queue, { type: 'resumed' })
      })
      wakes.hint(queue)
    },

    list: (limit) => engine.read((transaction) => namesInUse(transaction, limit)),

    onWake: (queue, listener) => wakes.on(queue, listener),

    async passWake(queue) {
      wakes.pass(queue)
    },
  }
}

/** Whether that is another state. */
function setPaused(transaction: Transaction, name: string, isPaused: 0 | 1): boolean {
  const queue = isPaused ? ensureQueue(transaction, name) : findQueue(transaction, name)
  if (!queue || queue.isPaused === isPaused) return false
  return transaction.run('UPDATE queue SET is_paused = ? WHERE id = ?', isPaused, queue.id) > 0
}

function counts(transaction: Transaction, name: string): QueueCounts {
  const row = findQueue(transaction, name)
  const queue = row?.id ?? null
  const count = (sql: string) => transaction.get<{ n: number }>(sql, queue)?.n ?? 0
  const parked = count('SELECT coalesce(sum(parked), 0) AS n FROM gate WHERE queue = ?')
  return {
    ready:
      count('SELECT count(*) AS n FROM job WHERE state = 0 AND queue = ?') +
      count('SELECT count(*) AS n FROM strand_job WHERE is_first = 0 AND queue = ?'),
    timed:
      count('SELECT count(*) AS n FROM job WHERE state = 1 AND queue = ?') -
      count(
        'SELECT count(*) AS n FROM schedule JOIN job ON job.id = ticket WHERE state = 1 AND schedule.queue = ?',
      ),
    inFlight: count(
      `SELECT count(*) AS n FROM job WHERE state = 2 AND epoch IN (
         SELECT id FROM epoch WHERE queue = ? AND deadline_us IS NOT NULL)`,
    ),
    dead: count('SELECT count(*) AS n FROM job WHERE state = 3 AND queue = ?'),
    ...(parked > 0 ? { parked } : {}),
    ...(row?.isPaused ? { paused: true } : {}),
  }
}

function listDead(transaction: Transaction, name: string, limit: number): DeadJob[] {
  const rows = transaction.all<JobRow & { reason: string; diedUs: number }>(
    `SELECT ${JOB_COLUMNS}, reason, at_us AS diedUs FROM job
     WHERE state = 3 AND queue = ? ORDER BY place LIMIT ?`,
    findQueue(transaction, name)?.id ?? null,
    limit,
  )
  return rows.map(({ reason, diedUs, ...job }) => ({
    ...{ ...storedJob(job), ...unpackReason(reason) },
    diedAtMs: diedUs / 1000,
  }))
}

function redrive(
  transaction: Transaction,
  name: string,
  limit: number,
  eventsKept: number,
): number {
  const queue = findQueue(transaction, name)?.id
  if (queue === undefined) return 0
  const letters = transaction.all<{ id: number; bytes: number; strand: string | null }>(
    `SELECT id, octet_length(payload) AS bytes, strand FROM job
     WHERE state = 3 AND queue = ? ORDER BY place LIMIT ?`,
    queue,
    limit,
  )
  if (letters.length === 0) return 0
  const plain = letters.filter(({ strand }) => strand === null)
  for (const { id, strand } of letters) {
    if (strand === null) reviveLetter(transaction, id)
    else redriveKeyed(transaction, queue, id)
  }
  const bytes = plain.reduce((sum, letter) => sum + letter.bytes, 0)
  noteWaiting(transaction, queue, { jobs: plain.length, bytes })
  tellEvents(transaction, name, eventsKept, () =>
    letters.map(({ id }) => ({ type: 'redriven', id: String(id) })),
  )
  return letters.length
}

function reviveLetter(transaction: Transaction, id: number): void {
  transaction.run(
    `UPDATE job SET state = 0, ${PLACE_OF_READY}, at_us = 0, attempt = 0, crashes = 0, is_suspect = 0,
       deadline_us = NULL, reason = NULL WHERE id = ?`,
    takeNumbers(transaction, 1),
    id,
  )
}

function purge(transaction: Transaction, name: string, limit: number): number {
  return transaction.run(
    `DELETE FROM job WHERE id IN (
       SELECT id FROM job WHERE state = 3 AND queue = ? ORDER BY place LIMIT ?)`,
    findQueue(transaction, name)?.id ?? null,
    limit,
  )
}

function namesInUse(transaction: Transaction, limit: number): string[] {
  const rows = transaction.all<{ name: string }>(
    `SELECT name FROM queue
     WHERE is_paused = 1
        OR EXISTS (SELECT 1 FROM job WHERE state = 0 AND job.queue = queue.id)
        OR EXISTS (SELECT 1 FROM job WHERE state = 1 AND job.queue = queue.id)
        OR EXISTS (SELECT 1 FROM job WHERE state = 3 AND job.queue = queue.id)
        OR EXISTS (SELECT 1 FROM gate WHERE gate.queue = queue.id AND parked > 0)
        OR EXISTS (SELECT 1 FROM epoch WHERE epoch.queue = queue.id AND deadline_us IS NOT NULL)
     LIMIT ?`,
    limit,
  )
  return rows.map((row) => row.name)
}
