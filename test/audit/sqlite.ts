// What may be left in a SQLite store: which tables, and in each of them which rows.

import type { SqliteEngine, SqlRow, Transaction } from '../../src/engine/sqlite/engine.ts'
import { GATE_TABLE, type KnownTable, TURN_TABLE } from './sqlite-gates.ts'

const DAY_US = 86_400_000_000
/** A test steps its clock back by a day at most: what was stored before seems that far ahead. */
const SLACK_US = DAY_US

/** Every table that Sluice makes. */
const KNOWN_TABLES: readonly KnownTable[] = [
  { name: 'store_clock' },
  {
    name: 'lock',
    ends: { column: 'expires_us', withinUs: DAY_US },
    contradictions: [
      {
        what: 'a lock that is granted to nobody',
        sql: 'SELECT name FROM lock WHERE owner IS NULL AND is_granted = 1',
      },
      {
        what: 'a holder that still waits',
        sql: `SELECT lock.name FROM lock JOIN waiter
              ON waiter.gate = 'lock:' || lock.name AND waiter.owner = lock.owner`,
      },
    ],
  },
  {
    name: 'latch',
    ends: { column: 'until_us', withinUs: 30 * DAY_US },
    contradictions: [
      {
        what: 'a latch that counts other arrivals than there are',
        sql: `SELECT * FROM latch WHERE opened_us IS NULL AND count - missing <>
                (SELECT count(*) FROM latch_arrival WHERE latch_arrival.latch = latch.name)`,
      },
    ],
  },
  {
    name: 'latch_arrival',
    contradictions: [
      {
        what: 'an arrival at no latch that is shut',
        sql: `SELECT * FROM latch_arrival
              WHERE latch NOT IN (SELECT name FROM latch WHERE opened_us IS NULL)`,
      },
    ],
  },
  {
    name: 'semaphore',
    ends: { column: 'until_us', withinUs: DAY_US },
    contradictions: [
      {
        what: 'another sum than that of the weights that are held',
        sql: `SELECT * FROM semaphore WHERE used <>
                (SELECT coalesce(sum(weight), 0) FROM permit WHERE permit.gate = semaphore.gate)`,
      },
      {
        what: 'a lower fence than that of a holder',
        sql: `SELECT * FROM semaphore WHERE fence <
                (SELECT max(fence) FROM permit WHERE permit.gate = semaphore.gate)`,
      },
      {
        what: 'over before a lease is',
        sql: `SELECT * FROM semaphore WHERE until_us <
                (SELECT max(expires_us) FROM permit WHERE permit.gate = semaphore.gate)`,
      },
    ],
  },
  {
    name: 'permit',
    ends: { column: 'expires_us', withinUs: DAY_US },
    contradictions: [
      {
        what: 'a holder of no semaphore',
        sql: 'SELECT * FROM permit WHERE gate NOT IN (SELECT gate FROM semaphore)',
      },
      {
        what: 'a holder that waits for what it has',
        sql: `SELECT permit.* FROM permit JOIN waiter USING (gate, owner)
              WHERE permit.weight = waiter.weight AND permit.is_solo = waiter.is_solo`,
      },
    ],
  },
  { name: 'waiter', ends: { column: 'deadline_us', withinUs: DAY_US } },
  { name: 'withdrawal', ends: { column: 'until_us', withinUs: DAY_US } },
  {
    name: 'queue',
    ends: { column: 'called_us', withinUs: 0 },
    contradictions: [
      {
        what: 'another count or size than that of the jobs that wait',
        sql: `WITH counted (queue, jobs, bytes) AS (
                SELECT queue, 1, octet_length(payload) FROM job WHERE state IN (0, 1, 4) AND is_suspect = 0
                UNION ALL SELECT queue, 1 - is_first, octet_length(payload) FROM strand_job
                UNION ALL SELECT queue, 0, counted_bytes FROM record)
              SELECT name, waiting, waiting_bytes, coalesce(sum(jobs), 0) AS found,
                coalesce(sum(bytes), 0) AS found_bytes
              FROM queue LEFT JOIN counted ON counted.queue = queue.id
              GROUP BY queue.id HAVING waiting <> found OR waiting_bytes <> found_bytes`,
      },
    ],
  },
  { name: 'job_number' },
  GATE_TABLE,
  TURN_TABLE,
  {
    name: 'job',
    ends: { column: 'at_us', withinUs: Number.MAX_SAFE_INTEGER },
    contradictions: [
      {
        what: 'a job of no queue',
        sql: 'SELECT id FROM job WHERE queue NOT IN (SELECT id FROM queue)',
      },
      {
        what: 'a job in flight without a lease',
        sql: `SELECT id FROM job WHERE state = 2
              AND epoch NOT IN (SELECT id FROM epoch WHERE deadline_us IS NOT NULL)`,
      },
      {
        what: 'more than one suspect in flight for an epoch',
        sql: `SELECT epoch FROM job WHERE state = 2 AND is_suspect = 1
              GROUP BY epoch HAVING count(*) > 1`,
      },
    ],
  },
  {
    name: 'epoch',
    ends: { column: 'called_us', withinUs: 0 },
    contradictions: [
      {
        what: 'a lease for nothing',
        sql: `SELECT name FROM epoch WHERE deadline_us IS NOT NULL
              AND id NOT IN (SELECT epoch FROM job WHERE state = 2)`,
      },
    ],
  },
  { name: 'named_producer', ends: { column: 'added_us', withinUs: 0 } },
  {
    name: 'record',
    ends: { column: 'until_us', withinUs: 31 * DAY_US },
    contradictions: [
      {
        what: 'a job that lives, without its ticket',
        sql: `SELECT name FROM record WHERE until_us IS NULL
              AND ticket NOT IN (SELECT id FROM job WHERE job.record = record.name AND state <> 3)`,
      },
    ],
  },
  {
    name: 'record_line',
    contradictions: [
      {
        what: 'a line of no record',
        sql: 'SELECT text FROM record_line WHERE record NOT IN (SELECT id FROM record)',
      },
    ],
  },
  {
    name: 'schedule',
    contradictions: [
      {
        what: 'a schedule without its ticket',
        sql: `SELECT name FROM schedule WHERE ticket NOT IN (
                SELECT id FROM job WHERE job.record = 'schedule:' || schedule.name AND state <> 3)`,
      },
      {
        what: 'two tickets of one schedule in line',
        sql: `SELECT record FROM job WHERE record LIKE 'schedule:%' AND state < 2
              GROUP BY queue, record HAVING count(*) > 1`,
      },
    ],
  },
  {
    name: 'strand_job',
    contradictions: [
      {
        what: 'a first one of a key without its ticket, or not the first',
        sql: `SELECT number FROM strand_job AS one WHERE is_first = 1 AND (
                number NOT IN (SELECT id FROM job WHERE job.strand = one.key AND state <> 3)
                OR place <> (SELECT min(place) FROM strand_job
                             WHERE queue = one.queue AND key = one.key))`,
      },
      {
        what: 'one that waits behind nothing',
        sql: `SELECT number FROM strand_job AS one WHERE is_first = 0 AND NOT EXISTS (
                SELECT 1 FROM strand_job WHERE queue = one.queue AND key = one.key AND is_first = 1)`,
      },
    ],
  },
  {
    name: 'event',
    ends: { column: 'at_us', withinUs: 0 },
    contradictions: [
      {
        what: 'an event of no queue, or behind its last one',
        sql: `SELECT * FROM event WHERE NOT EXISTS (
                SELECT 1 FROM queue WHERE id = event.queue
                  AND event_base < event.number AND event.number <= event_last)`,
      },
    ],
  },
  {
    name: 'done_job',
    ends: { column: 'until_us', withinUs: 30 * DAY_US },
    contradictions: [
      {
        what: 'a job of no queue that is done',
        sql: 'SELECT job FROM done_job WHERE queue NOT IN (SELECT id FROM queue)',
      },
    ],
  },
  { name: 'producer', ends: { column: 'added_us', withinUs: 0 } },
  { name: 'funnel', ends: { column: 'until_us', withinUs: 366 * DAY_US } },
  { name: 'bucket', ends: { column: 'until_us', withinUs: 366 * DAY_US } },
  {
    name: 'counter',
    ends: { column: 'until_us', withinUs: 366 * DAY_US },
    contradictions: [
      {
        what: 'a counter of other things than units',
        sql: `SELECT limiter FROM counter, json_each(counts)
              WHERE json_each.type <> 'integer' OR json_each.value < 0`,
      },
    ],
  },
  { name: 'blocked', ends: { column: 'until_us', withinUs: 366 * DAY_US } },
  { name: 'held', ends: { column: 'until_us', withinUs: DAY_US } },
  {
    name: 'request',
    ends: { column: 'until_us', withinUs: DAY_US },
  },
  { name: 'sliding_log', ends: { column: 'until_us', withinUs: 366 * DAY_US } },
  {
    name: 'log_entry',
    contradictions: [
      {
        what: 'an entry of no log',
        sql: 'SELECT log FROM log_entry WHERE log NOT IN (SELECT id FROM sliding_log)',
      },
    ],
  },
]

/** Everything that should not be there, one line each. */
export function auditSqlite(engine: SqliteEngine): Promise<string[]> {
  return engine.read((transaction) =>
    tablesOf(transaction).flatMap((name) => {
      const table = KNOWN_TABLES.find((candidate) => candidate.name === name)
      return table ? auditTable(transaction, table) : [`${name}: no table that sluice makes`]
    }),
  )
}

function auditTable(transaction: Transaction, { name, ends, contradictions }: KnownTable) {
  const findings: string[] = []
  if (ends) {
    const latestUs = Math.min(transaction.nowUs + ends.withinUs + SLACK_US, Number.MAX_SAFE_INTEGER)
    const rows = transaction.all(`SELECT * FROM ${name} WHERE ${ends.column} > ?`, latestUs)
    findings.push(...rows.map((row) => `${name}: ${text(row)} is never removed`))
  }
  for (const { what, sql } of contradictions ?? []) {
    findings.push(...transaction.all(sql).map((row) => `${name}: ${what}: ${text(row)}`))
  }
  return findings
}

const text = (row: SqlRow) => JSON.stringify(row)

function tablesOf(transaction: Transaction): string[] {
  const rows = transaction.all<{ name: string }>(
    `SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`,
  )
  return rows.map(({ name }) => name)
}

const dataTablesOf = (transaction: Transaction) =>
  tablesOf(transaction).filter((name) => name !== 'store_clock')

/** Every row of every table, one line each, in a fixed order. */
export function dumpSqlite(engine: SqliteEngine): Promise<string[]> {
  return engine.read((transaction) =>
    dataTablesOf(transaction).flatMap((name) => {
      const rows = transaction.all(`SELECT * FROM ${name}`)
      return rows.map((row) => `${name} ${text(row)}`).sort()
    }),
  )
}

export function wipeSqlite(engine: SqliteEngine): Promise<void> {
  return engine.write((transaction) => {
    for (const name of dataTablesOf(transaction)) transaction.run(`DELETE FROM ${name}`)
  })
}
