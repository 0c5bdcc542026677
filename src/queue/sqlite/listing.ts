import type { SqliteEngine, Transaction } from '../../engine/sqlite/engine.ts'
import { unpackReason } from '../dead-reason.ts'
import type {
  GatesRequest,
  ListedGate,
  ListedJob,
  ListingStore,
  ListPage,
  ListRequest,
} from '../listing-store.ts'
import { findQueue } from './epochs.ts'
import { JOB_COLUMNS, type JobRow, storedJob } from './job-row.ts'
import { listDone } from './retained.ts'
import { firstOf } from './strands.ts'

interface Row extends JobRow {
  atUs: number
  reason: string | null
  gateName: string | null
  /** Where it is in the order of its state. */
  major: string
  minor: number
}

const IN_FLIGHT = 'state = 2 AND epoch IN (SELECT id FROM epoch WHERE queue = ?)'

/** Of each state: which jobs, in the order of an index, and from where on; `?` are queue and cursor. */
const STATES = {
  ready: {
    major: `is_suspect || ':' || rank`,
    minor: 'place',
    where: 'state = 0 AND queue = ? AND (is_suspect, rank, place) > (?, ?, ?)',
    order: 'is_suspect, rank, place',
    start: [0, Number.MIN_SAFE_INTEGER, 0],
  },
  timed: {
    major: 'at_us',
    minor: 'id',
    where: 'state = 1 AND queue = ? AND (at_us, id) > (?, ?)',
    order: 'at_us, id',
    start: [0, 0],
  },
  parked: {
    major: `gate || ':' || rank || ':' || round`,
    minor: 'id',
    where: `state = 4 AND gate IN (SELECT id FROM gate WHERE queue = ?)
      AND (gate, rank, round, id) > (?, ?, ?, ?)`,
    order: 'gate, rank, round, id',
    start: [0, Number.MIN_SAFE_INTEGER, 0, 0],
  },
  inFlight: { major: `''`, minor: 'id', where: `${IN_FLIGHT} AND id > ?`, order: 'id', start: [0] },
  dead: {
    major: `''`,
    minor: 'place',
    where: 'state = 3 AND queue = ? AND place > ?',
    order: 'place',
    start: [0],
  },
} as const

export const sqliteListing = (engine: SqliteEngine): ListingStore => ({
  listJobs: (queue, request) => engine.read((transaction) => listJobs(transaction, queue, request)),
  listGates: (queue, request) =>
    engine.read((transaction) => listGates(transaction, queue, request)),
})

/** Jobs of a state, page by page. */
function listJobs(transaction: Transaction, name: string, request: ListRequest): ListPage {
  const { state, limit, cursor } = request
  const queue = findQueue(transaction, name)
  if (!queue) return { jobs: [], cursor: null }
  if (state === 'done') return listDone(transaction, queue.id, request)
  const { major, minor, where, order, start } = STATES[state]
  const known = (cursor ?? '')
    .split(/[:@]/)
    .filter((part) => part !== '')
    .map(Number)
  const from = known.length === start.length ? known : start
  const rows = transaction.all<Row>(
    `SELECT ${JOB_COLUMNS}, at_us AS atUs, reason, ${major} AS major, ${minor} AS minor,
       (SELECT name FROM gate WHERE gate.id = job.gate) AS gateName FROM job
     WHERE ${where} ORDER BY ${order} LIMIT ?`,
    queue.id,
    ...from,
    limit,
  )
  const jobs = rows.map(
    ({ atUs, reason, gateName, major: _, minor: __, ...job }): ListedJob => ({
      ...storedJob(job),
      ...(job.strand === null || state === 'dead'
        ? {}
        : firstJob(transaction, queue.id, job.strand)),
      ...(state === 'timed' ? { dueAtMs: atUs / 1000 } : {}),
      ...(gateName === null ? {} : { gate: gateName }),
      ...(state === 'dead' ? { ...unpackReason(reason ?? ''), diedAtMs: atUs / 1000 } : {}),
    }),
  )
  const last = rows.length === limit ? rows.at(-1) : undefined
  return { jobs, cursor: last ? `${last.major}@${last.minor}` : null }
}

/** Gates with parked jobs. */
function listGates(
  transaction: Transaction,
  name: string,
  { limit, only }: GatesRequest,
): ListedGate[] {
  const queue = findQueue(transaction, name)
  if (!queue) return []
  return transaction.all<ListedGate>(
    `SELECT name, terms, parked AS count FROM gate
     WHERE queue = ?1 AND parked > 0 AND (?2 IS NULL OR name = ?2) ORDER BY id LIMIT ?3`,
    queue.id,
    only ?? null,
    limit,
  )
}

/** What a ticket stands for: the first job of the key, and how many wait behind it. */
function firstJob(transaction: Transaction, queue: number, key: string) {
  const sql = 'SELECT count(*) - 1 AS behind FROM strand_job WHERE queue = ? AND key = ?'
  const behind = transaction.get<{ behind: number }>(sql, queue, key)?.behind ?? 0
  return { payload: firstOf(transaction, queue, key)?.payload ?? '', behind }
}
