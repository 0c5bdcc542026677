// Tables that somebody changed, and rows that Sluice never writes.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { loadDriver } from '../../src/engine/sqlite/driver.ts'
import {
  type Answer,
  addJobs,
  type Bytes,
  codeOf,
  exchangeRequest,
  expectWorks,
  integrityOf,
  lockRequest,
  makeStores,
  openStores,
  outcomeOf,
  place,
  takeRequest,
} from './sqlite-fixture.ts'

let closed: Bytes
let folder: string

beforeAll(async () => {
  ;({ closed } = await makeStores())
})
beforeEach(() => {
  folder = mkdtempSync(path.join(tmpdir(), 'sluice-rows-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

/** A store after statements of another program. */
async function changed(sql: string): Promise<string> {
  const file = place(folder, closed)
  const database = (await loadDriver()).open(file)
  database.exec(sql)
  database.close()
  return file
}

/** The table as it was, with what does not hold any more replaced. */
const rebuilt = (table: string, columns: string, strict: string) =>
  `ALTER TABLE ${table} RENAME TO old; CREATE TABLE ${table} (${columns}) ${strict};
   INSERT INTO ${table} SELECT * FROM old; DROP TABLE old`
const JOB_COLUMNS = [
  ...['id', 'queue', 'state', 'is_suspect DEFAULT 0', 'rank DEFAULT 0', 'place'],
  ...['at_us DEFAULT 0', 'deadline_us', 'epoch', 'claimed_in DEFAULT 0', 'attempt DEFAULT 0'],
  ...[
    'max_attempts',
    'crashes DEFAULT 0',
    'payload',
    'record',
    'schedule',
    'slot_us',
    'strand',
    'reason',
    'history',
    'gate',
    'demand',
    'round',
  ],
].join()

const HARMLESS: readonly [string, string][] = [
  ['a missing table, which is made anew', 'DROP TABLE funnel'],
  ['a missing index, which is made anew', 'DROP INDEX job_ready'],
  ['a table of its own', 'CREATE TABLE theirs (a)'],
  ['an index of its own', 'CREATE INDEX theirs ON job (payload)'],
  ['another column', 'ALTER TABLE job ADD COLUMN note TEXT'],
  [
    'a trigger that minds its own business',
    'CREATE TABLE log (a); CREATE TRIGGER t AFTER INSERT ON job BEGIN INSERT INTO log VALUES (1); END',
  ],
]

const DAMAGING: readonly [string, string, string[]][] = [
  ['without a column', 'ALTER TABLE lock DROP COLUMN releaser', ['acquire', 'taken']],
  [
    'with a column that has to be given',
    rebuilt(
      'queue',
      'id INTEGER PRIMARY KEY, name TEXT, called_us INTEGER, fence INTEGER, is_paused INTEGER DEFAULT 0, waiting INTEGER DEFAULT 0, waiting_bytes INTEGER DEFAULT 0, partitions INTEGER DEFAULT 1, event_last INTEGER DEFAULT 0, event_base INTEGER DEFAULT 0, more INTEGER NOT NULL DEFAULT -1',
      '',
    )
      .replace('SELECT *', 'SELECT *, 0')
      .replace(' DEFAULT -1', ''),
    [],
  ],
  [
    'with a column of another type',
    rebuilt(
      'lock',
      'kind TEXT, name INTEGER, owner TEXT, fence INTEGER, expires_us INTEGER, since_us INTEGER, busy_us INTEGER, is_granted INTEGER, passes INTEGER, metadata TEXT, releaser TEXT, forced_owner TEXT, forced_reason TEXT, UNIQUE (kind, name)',
      'STRICT',
    ).replace('SELECT * FROM old', 'SELECT * FROM old WHERE 0'),
    ['acquire', 'taken'],
  ],
  [
    'with a trigger that refuses',
    "CREATE TRIGGER t BEFORE INSERT ON job BEGIN SELECT RAISE(ABORT, 'no'); END",
    ['add'],
  ],
  [
    'with a view for a table',
    'DROP TABLE funnel; CREATE VIEW funnel AS SELECT 1 AS limiter, 1 AS key, 1 AS debt_us, 1 AS at_us, 1 AS until_us',
    [],
  ],
]

describe('changed tables', () => {
  it.each(HARMLESS)('E6 %s: everything works', async (_, sql) => {
    await expectWorks(await changed(sql))
  })

  it.each(DAMAGING)(
    'E6 %s: what needs them fails with the file, the rest works',
    async (_, sql, failing) => {
      const file = await changed(sql)
      const { codes, failed } = await outcomeOf(file)
      expect(
        codes.every((code) => code === 'SLUICE_STORE_CORRUPT'),
        String(codes),
      ).toBe(true)
      expect(failed).toEqual(expect.arrayContaining(failing))
      expect((await integrityOf(file, 'quick_check')).join()).not.toContain('***')
    },
  )
})

/** More microseconds than a number in JavaScript can count. */
const FAR_US = 253_402_300_799_000_000
const LATE_US = 7_258_118_400_000_000
const queueOf = (name: string) => `(SELECT id FROM queue WHERE name = '${name}')`
const badJob = (values: string) =>
  `INSERT INTO job (id, queue, state, place, max_attempts, payload) VALUES (${values})`

/** Rows beside those of the store: of jobs, in a table that takes anything. */
const BAD_JOBS: readonly [string, string][] = [
  ["state 'zzz'", badJob(`1, ${queueOf('jobs')}, 'zzz', 1, 3, '1'`)],
  ['state 9', badJob(`1, ${queueOf('jobs')}, 9, 1, 3, '1'`)],
  [
    "attempt 'abc'",
    `${badJob(`1, ${queueOf('jobs')}, 0, 1, 3, '1'`)}; UPDATE job SET attempt = 'abc' WHERE id = 1`,
  ],
  ['id NULL', badJob(`NULL, ${queueOf('jobs')}, 0, 1, 3, '1'`)],
  ["id 'abc'", badJob(`'abc', ${queueOf('jobs')}, 0, 1, 3, '1'`)],
  ['the id of another job', badJob(`(SELECT min(id) FROM job), ${queueOf('jobs')}, 0, 1, 3, '1'`)],
  ["place 'abc'", badJob(`1, ${queueOf('jobs')}, 0, 'abc', 3, '1'`)],
  ['no attempts', badJob(`1, ${queueOf('jobs')}, 0, 1, NULL, '1'`)],
  ['payload NULL', badJob(`1, ${queueOf('jobs')}, 0, 1, 3, NULL`)],
  ['a payload that is no JSON', badJob(`1, ${queueOf('jobs')}, 0, 1, 3, '{'`)],
  ['a payload of bytes', badJob(`1, ${queueOf('jobs')}, 0, 1, 3, x'ff00'`)],
  ['a payload of 50 MB', badJob(`1, ${queueOf('jobs')}, 0, 1, 3, hex(zeroblob(25000000))`)],
  [
    'due in the year 9999',
    `${badJob(`1, ${queueOf('jobs')}, 1, 1, 3, '1'`)}; UPDATE job SET at_us = ${FAR_US} WHERE id = 1`,
  ],
  [
    'in flight for nobody',
    `${badJob(`1, ${queueOf('jobs')}, 2, 1, 3, '1'`)}; UPDATE job SET epoch = 77 WHERE id = 1`,
  ],
  ['of no queue', badJob("1, 77, 0, 1, 3, '1'")],
]

const OTHER_ROWS: readonly [string, string, string[]][] = [
  [
    'a lock that is held until the year 9999',
    `UPDATE lock SET expires_us = ${FAR_US} WHERE name = 'lock 7'`,
    ['taken', 'list'],
  ],
  [
    'a lease of an epoch that ends in the year 9999',
    `INSERT INTO epoch (queue, name, deadline_us, lease_us, sequence, fence, claimed_count, stale_ids, called_us) VALUES (${queueOf('jobs')}, 'far', ${FAR_US}, 1, 1, 1, 1, '', 1)`,
    [],
  ],
  [
    'a limit that is used up until the year 9999',
    `UPDATE funnel SET at_us = ${FAR_US}, until_us = ${FAR_US}`,
    ['take'],
  ],
  [
    'a number that no job may have any more',
    'UPDATE job_number SET last = 9223372036854775807',
    ['add'],
  ],
  ['a number that was given before', 'UPDATE job_number SET last = 5', []],
  [
    'a clock that no number can hold',
    'UPDATE store_clock SET now_us = 9223372036854775807',
    ['add', 'claim', 'acquire', 'take'],
  ],
]

describe('rows that Sluice never writes', () => {
  it.each(BAD_JOBS)('E6 a job with %s does not keep the others from being done', async (_, sql) => {
    const file = await changed(`${rebuilt('job', JOB_COLUMNS, '')}; ${sql}`)
    const stores = openStores(file)
    const answers: Answer[] = []
    const seen = new Set<string>()
    let acks: string[] = []
    for (let sequence = 1; sequence <= 8; sequence++) {
      try {
        const request = { sequence, acks, heldCount: acks.length, want: 40 }
        const answer = await stores.queue.exchange(exchangeRequest(request))
        if (answer.tag === 'lost') break
        for (const { payload } of answer.jobs) seen.add(String(payload))
        acks = answer.jobs.map(({ id }) => id)
      } catch (error) {
        answers.push({ call: 'claim', error })
      }
    }
    const codes = answers.map((answer) => codeOf(answer, file))
    const good = [...seen].filter((payload) => /^"\d+\.\d+"$/.test(payload))
    // A hundred and sixty are ready, the others are due later.
    expect(good, codes.join()).toHaveLength(160)
    await addJobs(stores, 'jobs', ['"after"'])
    await stores.engine.close()
  })

  it.each(OTHER_ROWS)(
    'E6 %s: typed errors or answers, and nothing is worse',
    async (_, sql, failing) => {
      const file = await changed(sql)
      const { codes, failed } = await outcomeOf(file)
      expect(failed).toEqual(expect.arrayContaining(failing))
      if (failing.length === 0) expect(codes).toEqual([])
      expect(await integrityOf(file)).toEqual(['ok'])
    },
  )

  it('E6 a lock until the year 2200 keeps out those of its name alone', async () => {
    const file = await changed(`UPDATE lock SET expires_us = ${LATE_US} WHERE name = 'lock 7'`)
    const { lock, limit, engine } = openStores(file)
    expect(await lock.acquire(lockRequest('lock 7', 'me'))).toMatchObject({ tag: 'held' })
    expect(await lock.acquire(lockRequest('free', 'me'))).toMatchObject({ tag: 'acquired' })
    expect(await limit.take(takeRequest('key 1'))).toMatchObject({ allowed: true })
    await engine.close()
  })
})
