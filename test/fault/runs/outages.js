// @ts-check
// Outages of every kind, length and topology, each with servers of its own, and a program that must
// neither hang nor lie nor lose anything: npm run fault -- outages [--seed N] [--json] [--only PATTERN]
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { listCells, selectCells } from '../outages/cells.js'
import { shorten } from '../outages/checks.js'
import { runMatrix } from '../outages/matrix.js'
import { cellLine, headLine, resultTable } from '../outages/report.js'
import { tellSums } from '../run-end.js'

/** More would measure how long the processor is fought for. */
const SIDE_BY_SIDE = '8'
const USAGE = `npm run fault -- outages [--seed N] [--json] [--only PATTERN,…] [--side-by-side N] [--list]
PATTERN is a cell such as blackhole/15s/cluster, or part of one; * stands for anything.`

const { values } = parseArgs({
  options: {
    seed: { type: 'string', default: String(Math.floor(Math.random() * 1_000_000)) },
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '*' },
    'side-by-side': { type: 'string', default: SIDE_BY_SIDE },
    list: { type: 'boolean', default: false },
  },
})
const { only } = values
const [seed, sideBySide] = [Number(values.seed), Number(values['side-by-side'])]
const selected = selectCells(listCells(), only)
if (!Number.isInteger(seed) || !(sideBySide >= 1) || selected.length === 0) {
  console.error(selected.length === 0 ? `No cell matches ${only}.\n${USAGE}` : USAGE)
  process.exit(2)
}
if (values.list) {
  for (const { name, kind } of selected) console.log(`${name}  ${kind.about}`)
  process.exit(0)
}

const say = values.json ? () => {} : console.log
const startMs = performance.now()
say(`seed ${seed}`)
const folder = mkdtempSync(path.join(tmpdir(), 'sluice-outages-'))
const problems = new Map(selected.map(({ kind }) => [kind.name, kind.problem?.() ?? '']))
const cells = selected.filter(({ kind }) => problems.get(kind.name) === '')
for (const [name, problem] of problems) {
  if (problem !== '') say(`left out: ${name}: ${problem}`)
}
say(headLine())
const results = await runMatrix({
  ...{ cells, seed, folder, sideBySide },
  onResult(result) {
    if (values.json) return console.log(JSON.stringify({ seed, ...result }))
    say(cellLine(result))
    if (result.violations.length === 0) return
    for (const violation of shorten(result.violations)) say(`    ${violation.slice(0, 300)}`)
    say(`    again: npm run fault -- outages --seed ${seed} --only '${result.cell}'`)
  },
})
const sum = (/** @type {(result: typeof results[number]) => number} */ read) =>
  results.reduce((total, result) => total + read(result), 0)
const violations = sum((result) => result.violations.length)
say(`\n${resultTable(results)}`)
say(`${results.length} cells in ${Math.round((performance.now() - startMs) / 1000)} s`)
if (violations === 0) rmSync(folder, { recursive: true, force: true })
else say(`Histories: ${folder}`)
tellSums(
  {
    operations: sum(({ operations }) => operations),
    faults: sum(({ faults }) => faults),
    violations,
  },
  say,
)
process.exit()
