// @ts-check
// A process that writes to a SQLite store until it is killed. What it asks for, and what it is
// answered, it appends to a file, one write a line. Told to, it kills itself in the middle of a
// transaction, after so many statements. It runs the built package.
import { openSync, writeSync } from 'node:fs'
import { seededChance } from '../fault/sqlite-chance.js'
import { startLanes } from '../fault/sqlite-lanes.js'
import { loadStores } from '../fault/sqlite-stores.js'

/** @typedef {import('../../src/engine/sqlite/engine.ts').SqliteEngine} SqliteEngine */
/** @typedef {import('../../src/engine/sqlite/engine.ts').Transaction} Transaction */

const [file = '', historyFile = '', who = '', seed = '1', dieAt = '0'] = process.argv.slice(2)
const { openEngine, storesOf } = await loadStores()

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
    get memo() {
      return transaction.memo
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

const engine = openEngine(file, { connectTimeoutMs: 5_000, commandTimeoutMs: 2_000 })
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
  stores: storesOf(mortal),
  chance: seededChance(Number(seed)),
  tell: (line) => writeSync(history, `${JSON.stringify(line)}\n`),
  onFailure: (op, error) => process.send?.(`${who} ${op}: ${String(error)}`),
})
