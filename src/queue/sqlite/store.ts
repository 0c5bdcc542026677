import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import type {
  AddRequest,
  DeadJob,
  ExchangeAnswer,
  ExchangeRequest,
  QueueCounts,
  QueueStore,
} from '../store.ts'
import { ensureQueue, findQueue, sweepCalls } from './epochs.ts'
import { exchange } from './exchange.ts'
import { insertJobs, JOB_COLUMNS, type JobRow, storedJob, takeNumbers } from './jobs.ts'
import { schema } from './schema.gen.ts'
import { sharedWakes } from './wakes.ts'

interface IdleCall {
  sequence: number
  fence: number
}

const SWEEP_EVERY_US = 1_000_000
/** Epochs of which the last idle call is remembered. */
const MOST_IDLE_CALLS = 1_000

/** Queues in the tables `queue`, `job`, `epoch` and `producer`. */
export function sqliteQueueStore(engine: SqliteEngine): QueueStore {
  engine.define(schema)
  const wakes = sharedWakes(engine)
  /** An idle call writes nothing, so that only this process can know of it. */
  const idleCalls = new Map<string, IdleCall>()
  /** The highest fence that this client has seen, whatever happened to the file since. */
  let floor = 0
  let sweptUs = 0

  /** A clock that was moved back must not put sweeping off. */
  function sweepSometimes(transaction: Transaction): void {
    if (Math.abs(transaction.nowUs - sweptUs) < SWEEP_EVERY_US) return
    const hasMore = sweepCalls(transaction)
    if (!hasMore) sweptUs = transaction.nowUs
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
      return exchange(transaction, request, { floor, idleFence })
    })
    if (answer.tag === 'lost') return answer
    floor = Math.max(floor, answer.fence)
    if (isIdle) keepIdleCall(key, { sequence, fence: answer.fence })
    wakes.noteDue(queue, dueUs)
    if (isNews) wakes.hint(queue)
    return { ...answer, sentAtMs }
  }

  return {
    async add(request) {
      const { ids, isNews } = await engine.write((transaction) => {
        sweepSometimes(transaction)
        return add(transaction, request)
      })
      if (isNews) wakes.hint(request.queue)
      return ids
    },

    exchange: exchangeOnce,

    counts: (queue) => engine.read((transaction) => counts(transaction, queue)),

    listDead: (queue, limit) => engine.read((transaction) => listDead(transaction, queue, limit)),

    list: (limit) => engine.read((transaction) => namesInUse(transaction, limit)),

    onWake: (queue, listener) => wakes.on(queue, listener),

    async passWake(queue) {
      wakes.pass(queue)
    },
  }
}

function add(
  transaction: Transaction,
  { queue: name, producer, sequence, jobs }: AddRequest,
): { ids: string[]; isNews: boolean } {
  const queue = ensureQueue(transaction, name)
  const last = transaction.get<{ sequence: number; firstId: number }>(
    'SELECT sequence, first_id AS firstId FROM producer WHERE queue = ? AND name = ?',
    queue.id,
    producer,
  )
  const idsFrom = (first: number) => jobs.map((_, index) => String(first + index))
  if (last && last.sequence > sequence) return { ids: [], isNews: false }
  if (last && last.sequence === sequence) return { ids: idsFrom(last.firstId), isNews: false }

  const firstId = takeNumbers(transaction, jobs.length)
  const isNews = insertJobs(transaction, queue.id, firstId, jobs)
  transaction.run(
    `INSERT INTO producer (queue, name, sequence, first_id, added_us) VALUES (?, ?, ?, ?, ?)
     ON CONFLICT (queue, name) DO UPDATE SET sequence = excluded.sequence,
       first_id = excluded.first_id, added_us = excluded.added_us`,
    queue.id,
    producer,
    sequence,
    firstId,
    transaction.nowUs,
  )
  return { ids: idsFrom(firstId), isNews }
}

function counts(transaction: Transaction, name: string): QueueCounts {
  const queue = findQueue(transaction, name)?.id ?? null
  const count = (sql: string) => transaction.get<{ n: number }>(sql, queue)?.n ?? 0
  return {
    ready: count('SELECT count(*) AS n FROM job WHERE state = 0 AND queue = ?'),
    timed: count('SELECT count(*) AS n FROM job WHERE state = 1 AND queue = ?'),
    inFlight: count(
      `SELECT count(*) AS n FROM job WHERE state = 2 AND epoch IN (
         SELECT id FROM epoch WHERE queue = ? AND deadline_us IS NOT NULL)`,
    ),
    dead: count('SELECT count(*) AS n FROM job WHERE state = 3 AND queue = ?'),
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
    ...storedJob(job),
    reason,
    diedAtMs: diedUs / 1000,
  }))
}

function namesInUse(transaction: Transaction, limit: number): string[] {
  const rows = transaction.all<{ name: string }>(
    `SELECT name FROM queue
     WHERE EXISTS (SELECT 1 FROM job WHERE state = 0 AND job.queue = queue.id)
        OR EXISTS (SELECT 1 FROM job WHERE state = 1 AND job.queue = queue.id)
        OR EXISTS (SELECT 1 FROM job WHERE state = 3 AND job.queue = queue.id)
        OR EXISTS (SELECT 1 FROM epoch WHERE epoch.queue = queue.id AND deadline_us IS NOT NULL)
     LIMIT ?`,
    limit,
  )
  return rows.map((row) => row.name)
}
