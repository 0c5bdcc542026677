// @ts-check
// A process that writes to a SQLite store until it is killed. What it asks for, and what it is
// answered, it appends to a file, one write a line. Told to, it kills itself in the middle of a
// transaction, after so many statements. It runs the built package.
import { openSync, writeSync } from 'node:fs'
import { seededChance } from '../fault/sqlite-chance.js'
import { startLanes } from '../fault/sqlite-lanes.js'

/** @typedef {import('../../src/engine/sqlite/engine.ts').SqliteEngine} SqliteEngine */
/** @typedef {import('../../src/engine/sqlite/engine.ts').Transaction} Transaction */

const [file = '', historyFile = '', who = '', seed = '1', dieAt = '0'] = process.argv.slice(2)
const dist = new URL('../../dist/', import.meta.url)
/** @param {string} path */
const load = (path) => import(new URL(path, dist).href)
const [{ lazySqliteEngine }, { openLockStore }, { openQueueStore }, { openLimitStore }, clocks] =
  await Promise.all([
    load('engine/sqlite/lazy.js'),
    load('lock/open.js'),
    load('queue/open.js'),
    load('limit/open.js'),
    load('clock.js'),
  ])

let left = Number(dieAt) || Number.POSITIVE_INFINITY

/** @param {Transaction} transaction @returns {Transaction} */
function counted(transaction) {
  const count = () => {
    if (--left <= 0) process.kill(process.pid, 'SIGKILL')
  }
  return {
    get nowUs() {
      return transaction.nowUs
    },
    get(sql, ...values) {
      count()
      return transaction.get(sql, ...values)
    },
    all(sql, ...values) {
      count()
      return transaction.all(sql, ...values)
    },
    run(sql, ...values) {
      const changes = transaction.run(sql, ...values)
      count()
      return changes
    },
    emit: (topic) => transaction.emit(topic),
  }
}

/** @type {SqliteEngine} */
const engine = lazySqliteEngine(file, {
  clock: clocks.systemClock,
  synchronous: 'full',
  connectTimeoutMs: 5_000,
  commandTimeoutMs: 2_000,
  logger: console,
})
/** @type {SqliteEngine} */
const mortal = {
  ...engine,
  write: (work, options) => engine.write((transaction) => work(counted(transaction)), options),
}
const history = openSync(historyFile, 'a')
process.once('disconnect', () => process.exit())
process.send?.('ready')
startLanes({
  who,
  stores: {
    queue: openQueueStore(mortal),
    lock: openLockStore(mortal),
    limit: openLimitStore(mortal),
  },
  chance: seededChance(Number(seed)),
  tell: (line) => writeSync(history, `${JSON.stringify(line)}\n`),
  onFailure: (op, error) => process.send?.(`${who} ${op}: ${String(error)}`),
})
