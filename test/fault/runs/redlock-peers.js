// @ts-check
// What other Redlocks do where ours has to hold, by the same code, each in a process of its own:
// npm run fault -- redlock-peers [--seed N] [--only SCENARIO] [--system NAME] [--json]
import { fork } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { turnstile } from '../outages/matrix.js'
import { versionOf } from '../peers/systems.js'
import { scenarios } from '../redlock-peers/scenarios.js'
import { systems } from '../redlock-peers/systems.js'
import { tellSums } from '../run-end.js'

const TRIAL = path.join(import.meta.dirname, '../redlock-peers/trial.js')
const PATIENCE_MS = 90_000
/** Each has up to five servers. */
const SIDE_BY_SIDE = 4

const {
  values: { only, ...values },
} = parseArgs({
  options: {
    seed: { type: 'string', default: '1' },
    only: { type: 'string', default: '' },
    system: { type: 'string', default: '' },
    json: { type: 'boolean', default: false },
  },
})
const tried = scenarios.filter(({ name }) => name.includes(only))
const compared = systems.filter(({ name }) => name.includes(values.system))
if (tried.length * compared.length === 0) {
  console.error('npm run fault -- redlock-peers [--only SCENARIO] [--system NAME] [--json]')
  process.exit(2)
}
const say = values.json ? () => {} : console.log
const startMs = performance.now()
// Nothing here is drawn by lot: the seed only names the run.
say(`seed ${values.seed}`)
const inTurn = turnstile(SIDE_BY_SIDE)

/** @param {string} system @param {string} scenario @returns {Promise<{what: string, strays: number}>} */
function attempt(system, scenario) {
  return new Promise((resolve) => {
    const child = fork(TRIAL, [system, scenario], { silent: true })
    const timer = setTimeout(() => child.kill('SIGKILL'), PATIENCE_MS)
    child.once('message', (message) => {
      resolve(/** @type {{what: string, strays: number}} */ (message))
    })
    child.once('exit', (code, signal) => {
      clearTimeout(timer)
      resolve({ what: `the process ended with ${signal ?? code}`, strays: 0 })
    })
  })
}

const cells = await Promise.all(
  tried.flatMap((scenario) =>
    compared.map((system) =>
      inTurn(async () => {
        const { what, strays } = await attempt(system.name, scenario.name)
        const cell = { scenario: scenario.name, system: system.name, what, strays }
        const version = versionOf(system)
        if (values.json) console.log(JSON.stringify({ seed: values.seed, version, ...cell }))
        return { ...cell, isOurs: system.isOurs === true }
      }),
    ),
  ),
)

/** @param {typeof cells[number] | undefined} cell */
function shown(cell) {
  const strays = cell?.strays ? `, **${cell.strays} unhandled**` : ''
  return `${cell?.what ? `**${cell.what}**` : 'ok'}${strays}`
}
say(`\n|  | ${compared.map(({ name }) => name).join(' | ')} |`)
say(`| --- |${' --- |'.repeat(compared.length)}`)
for (const { name } of tried) {
  const row = compared.map((system) =>
    shown(cells.find((cell) => cell.scenario === name && cell.system === system.name)),
  )
  say(`| ${name} | ${row.join(' | ')} |`)
}
say('')
for (const { name, about, must } of tried) say(`- **${name}**: ${about}. Must be: ${must}.`)
say('')
for (const system of compared) {
  say(`- **${system.name}** ${versionOf(system)}: ${system.settings}.`)
}
const violations = cells.filter(({ isOurs, what, strays }) => isOurs && (what !== '' || strays > 0))
say(`\n${Math.round((performance.now() - startMs) / 1000)} s`)
const sums = {
  operations: cells.length,
  faults: tried.length,
  violations: violations.length,
}
tellSums(sums, say)
process.exit()
