// @ts-check
// Processes that write to one SQLite store are killed at random moments, half of them by themselves
// in the middle of a transaction, while one writer lives on and must never be kept waiting.
import { fork } from 'node:child_process'
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { seededChance } from './sqlite-chance.js'
import { contradictions } from './sqlite-history.js'
import { LIMITER, monotonicMs, RULE, startLanes } from './sqlite-lanes.js'
import { loadStores } from './sqlite-stores.js'

/** @typedef {import('./sqlite-history.js').Line} Line */
/** @typedef {import('./sqlite-lanes.js').Chance} Chance */
/** @typedef {import('../../src/engine/sqlite/engine.ts').SqliteEngine} SqliteEngine */

/**
 * @typedef {object} KillRun
 * @property {number} seed
 * @property {number} kills
 * @property {(done: Outcome) => void} [onBatch]
 *
 * @typedef {object} Outcome
 * @property {number} operations that were answered
 * @property {number} faults processes that were killed
 * @property {number} inTransaction those that were killed in the middle of one for sure
 * @property {number} longestMs of a call of the writer that lives on
 * @property {string[]} violations
 */

const BATCH = 6
/** Batches that share a file; the first process on a new one is killed while it makes it. */
const BATCHES_A_FILE = 4
const COMMAND_TIMEOUT_MS = 2_000
const GRACE_MS = 250
/** A process that has not killed itself by then has no statements left to count. */
const PATIENCE_MS = 5_000
const WRITER = path.join(import.meta.dirname, '..', 'processes', 'sqlite-writer.js')

/** Rows that contradict others: a transaction was torn. */
const TORN = [
  'SELECT id FROM job WHERE queue NOT IN (SELECT id FROM queue)',
  `SELECT id FROM job WHERE state = 2
   AND epoch NOT IN (SELECT id FROM epoch WHERE deadline_us IS NOT NULL)`,
  `SELECT name FROM epoch WHERE deadline_us IS NOT NULL
   AND id NOT IN (SELECT epoch FROM job WHERE state = 2)`,
]

async function prepareToOpen() {
  const { openEngine, storesOf } = await loadStores()
  const timeouts = { connectTimeoutMs: COMMAND_TIMEOUT_MS, commandTimeoutMs: COMMAND_TIMEOUT_MS }
  return (/** @type {string} */ file) => {
    const engine = openEngine(file, timeouts)
    return { engine, ...storesOf(engine) }
  }
}

/** @param {KillRun} run @returns {Promise<Outcome>} */
export async function killWriters({ seed, kills, onBatch = () => {} }) {
  const open = await prepareToOpen()
  const chance = seededChance(seed)
  /** @type {Outcome} */
  const outcome = { operations: 0, faults: 0, inTransaction: 0, longestMs: 0, violations: [] }
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-kills-'))
  const delay = monitorEventLoopDelay({ resolution: 5 })
  delay.enable()
  try {
    let fileCount = 0
    while (outcome.faults < kills) {
      const inFile = path.join(folder, String(++fileCount))
      for (let batch = 0; batch < BATCHES_A_FILE && outcome.faults < kills; batch++) {
        const count = Math.min(BATCH, kills - outcome.faults)
        await runBatch({ open, chance, delay, inFile, batch, count, outcome })
        await check({ open, inFile, outcome })
        onBatch(outcome)
      }
      outcome.operations += historyOf(inFile).filter(({ phase }) => phase === 'got').length
    }
  } finally {
    delay.disable()
    rmSync(folder, { recursive: true, force: true })
  }
  return outcome
}

/**
 * @typedef {object} Batch
 * @property {Awaited<ReturnType<typeof prepareToOpen>>} open
 * @property {Chance} chance
 * @property {ReturnType<typeof monitorEventLoopDelay>} delay
 * @property {string} inFile
 * @property {number} batch
 * @property {number} count
 * @property {Outcome} outcome
 *
 * @param {Batch} batch
 */
async function runBatch({ open, chance, delay, inFile, batch, count, outcome }) {
  const victims = Array.from({ length: count }, (_, index) => ({
    who: `${batch}-${index}`,
    seed: chance.whole(1, 1e9),
    dieAt: index % 2 === 0 && batch + index > 0 ? chance.whole(1, 300) : 0,
    // The first one of a new file has only begun to make it.
    afterMs: batch + index === 0 ? chance.whole(0, 12) : chance.whole(0, 150),
  }))
  const dying = victims.map((victim) => killOne(inFile, victim, outcome))
  const { engine, ...stores } = open(`${inFile}.db`)
  const who = `${batch}-survivor`
  /** @type {Map<string, number>} */
  const askedMs = new Map()
  delay.reset()
  const stop = startLanes({
    who,
    stores,
    chance: seededChance(chance.whole(1, 1e9)),
    tell(line) {
      appendFileSync(`${inFile}.${who}.jsonl`, `${JSON.stringify(line)}\n`)
      if (line.phase === 'asks') return askedMs.set(line.op, line.atMs)
      const tookMs = line.atMs - (askedMs.get(line.op) ?? line.atMs) - delay.max / 1e6
      outcome.longestMs = Math.max(outcome.longestMs, tookMs)
      if (tookMs > COMMAND_TIMEOUT_MS + GRACE_MS) {
        outcome.violations.push(`${line.op} of the writer that lives on took ${tookMs} ms`)
      }
    },
    onFailure: (op, error) => outcome.violations.push(`${who} ${op}: ${String(error)}`),
  })
  await Promise.all(dying)
  await stop()
  await engine.close()
}

/**
 * @param {string} inFile
 * @param {{ who: string, seed: number, dieAt: number, afterMs: number }} victim
 * @param {Outcome} outcome
 */
async function killOne(inFile, { who, seed, dieAt, afterMs }, outcome) {
  const args = [`${inFile}.db`, `${inFile}.${who}.jsonl`, who, String(seed), String(dieAt)]
  const child = fork(WRITER, args)
  let isImpatient = false
  const kill = () => child.kill('SIGKILL')
  const patience = setTimeout(() => {
    isImpatient = true
    kill()
  }, PATIENCE_MS)
  child.on('message', (message) => {
    if (message !== 'ready') outcome.violations.push(String(message))
    else if (dieAt === 0) setTimeout(kill, afterMs)
  })
  const signal = await new Promise((resolve) => child.once('exit', (_, by) => resolve(by)))
  clearTimeout(patience)
  outcome.faults++
  if (dieAt > 0 && !isImpatient) outcome.inTransaction++
  if (signal !== 'SIGKILL') outcome.violations.push(`${who} ended by itself`)
}

/** @param {string} inFile @returns {Line[]} */
function historyOf(inFile) {
  const [folder, name] = [path.dirname(inFile), `${path.basename(inFile)}.`]
  const files = readdirSync(folder).filter(
    (file) => file.startsWith(name) && file.endsWith('.jsonl'),
  )
  return files.flatMap((file) =>
    readFileSync(path.join(folder, file), 'utf8')
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => JSON.parse(line)),
  )
}

/** @param {Pick<Batch, 'open' | 'inFile' | 'outcome'>} batch */
async function check({ open, inFile, outcome }) {
  const { engine, limit } = open(`${inFile}.db`)
  const startMs = monotonicMs()
  const request = { limiter: LIMITER, key: 'all', rule: RULE, cost: 1, peek: true }
  const { remaining } = await limit.take(request)
  const tookMs = monotonicMs() - startMs
  if (tookMs > COMMAND_TIMEOUT_MS + GRACE_MS) outcome.violations.push(`opening took ${tookMs} ms`)
  const found = await engine.read((transaction) => {
    const integrity = transaction.all('PRAGMA integrity_check').map((row) => row.integrity_check)
    const torn = TORN.flatMap((sql) => transaction.all(sql)).map((row) => JSON.stringify(row))
    const rows = transaction.all('SELECT payload FROM job')
    const keys = rows.map(({ payload }) => JSON.parse(String(payload)))
    const store = { keys, charged: RULE.capacity - remaining }
    return [
      ...integrity.filter((finding) => finding !== 'ok').map((finding) => `integrity: ${finding}`),
      ...torn.map((row) => `a torn transaction left ${row}`),
      ...contradictions(historyOf(inFile), store),
    ]
  })
  outcome.violations.push(...found)
  await engine.close()
}
