// @ts-check
// Five outages, and what other libraries do in them beside us, measured by the same code:
// npm run fault -- outages-peers [--seed N] [--json] [--only PATTERN,…] [--system NAME] [--keep]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { listCells, selectCells } from '../outages/cells.js'
import { turnstile } from '../outages/matrix.js'
import { worseOf } from '../peers/measure.js'
import { report, settingsList } from '../peers/report.js'
import { systems, versionOf } from '../peers/systems.js'
import { runTrial } from '../peers/trial.js'
import { judgeOurs } from '../peers/verdict.js'
import { tellSums } from '../run-end.js'

/** Those that differ most: dead sockets, a silent server, a deaf handshake, lost data, lost replies. */
const CELLS = ['blackhole/15s', 'stopped/6s', 'unanswered/6s', 'crash-empty/1s', 'resets/6s'].map(
  (cell) => `${cell}/standalone`,
)
const ROUNDS = 2

const {
  values: { only, ...values },
} = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '*' },
    system: { type: 'string', default: '' },
    rounds: { type: 'string', default: String(ROUNDS) },
    keep: { type: 'boolean', default: false },
    'side-by-side': { type: 'string', default: '14' },
  },
})
const [seed, rounds, places] = [values.seed, values.rounds, values['side-by-side']].map(Number)
const known = listCells()
const cells = selectCells(
  CELLS.flatMap((name) => known.filter((cell) => cell.name === name)),
  only,
)
const compared = systems.filter(({ name }) => name.includes(values.system))
if (!Number.isInteger(seed) || !rounds || !places || cells.length * compared.length === 0) {
  console.error('npm run fault -- outages-peers [--seed N] [--json] [--only PATTERN,…]')
  process.exit(2)
}

const say = values.json ? () => {} : console.log
const startMs = performance.now()
// Nothing here is drawn by lot: the seed only names the run.
say(`seed ${seed}`)
const folder = mkdtempSync(path.join(tmpdir(), 'sluice-outages-peers-'))
const inTurn = turnstile(places)
const startInTurn = turnstile(3)
const rows = await Promise.all(
  cells.flatMap((cell) => compared.map((system) => ({ cell, system }))).map(runAll),
)

/** @param {{cell: typeof cells[number], system: typeof systems[number]}} row */
async function runAll({ cell, system }) {
  const trials = await Promise.all(
    Array.from({ length: rounds ?? ROUNDS }, (_, round) =>
      inTurn(() => runTrial({ cell, system, round, folder, startInTurn })),
    ),
  )
  const figures = trials.map((trial) => trial.figures).reduce(worseOf)
  const violations = system.isOurs
    ? trials.flatMap((trial) => judgeOurs(cell, system, trial.figures))
    : []
  const faults = trials.reduce((sum, trial) => sum + trial.faults, 0)
  if (values.json) {
    const about = { seed, cell: cell.name, system: system.name, version: versionOf(system) }
    console.log(JSON.stringify({ ...about, ...figures, faults, violations }))
  }
  for (const violation of violations) say(`${cell.name}, ${system.name}: ${violation}`)
  return { cell, system, figures, faults, violations }
}

say(`\n${report(rows)}\n\n${settingsList(compared)}\n`)
say(`${rows.length} rows, ${rounds} rounds, ${Math.round((performance.now() - startMs) / 1000)} s`)
const sum = (/** @type {(row: typeof rows[number]) => number} */ read) =>
  rows.reduce((total, row) => total + read(row), 0)
const violations = sum((row) => row.violations.length)
if (violations === 0 && !values.keep) rmSync(folder, { recursive: true, force: true })
else say(`Records: ${folder}`)
tellSums({
  operations: sum(({ figures }) => figures.operations),
  faults: sum(({ faults }) => faults),
  violations,
})
process.exit()
