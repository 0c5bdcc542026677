// @ts-check
// Every state of every world of each model, and a trace for each rule that is taken away.
// node test/model/run.js [--only PART] [--json]
import { parseArgs } from 'node:util'
import { explore } from './explorer.js'
import { gatesModel } from './gates.js'
import * as gates from './gates-worlds.js'
import { redlockModel } from './redlock.js'
import * as redlock from './redlock-worlds.js'

const {
  values: { only, ...values },
} = parseArgs({
  options: { only: { type: 'string', default: '' }, json: { type: 'boolean', default: false } },
})
const say = values.json ? () => {} : console.log
const models = [
  {
    ...{ title: 'redlock', safe: redlock.SAFE, broken: redlock.BROKEN },
    /** @param {any} world @param {any} rules */
    modelOf: (world, rules) => redlockModel(world, rules),
  },
  {
    ...{ title: 'gates', safe: gates.SAFE, broken: gates.BROKEN },
    /** @param {any} world @param {any} rules */
    modelOf: (world, rules) => gatesModel(world, rules),
  },
]
const rows = models
  .flatMap(({ title, safe, broken, modelOf }) => [
    ...safe.map((one) => ({
      ...{ name: `${title}, ${one.name}`, claim: one.claim, world: one.world, isSafe: true },
      ...{ rules: 'rules' in one ? one.rules : {}, modelOf },
    })),
    ...broken.map(({ without, world, rules }) => ({
      ...{ name: `${title}, without ${without}`, claim: 'something goes wrong', world, rules },
      ...{ isSafe: false, modelOf },
    })),
  ])
  .filter(({ name }) => name.includes(only))
if (rows.length === 0) {
  console.error(`No world is called like ${only}.`)
  process.exit(2)
}

let [states, violations] = [0, 0]
for (const { name, claim, world, rules, isSafe, modelOf } of rows) {
  const startMs = performance.now()
  let saidMs = startMs
  const found = explore(/** @type {import('./explorer.js').Model<any>} */ (modelOf(world, rules)), {
    onDepth(depth, soFar) {
      if (performance.now() - saidMs < 10_000) return
      saidMs = performance.now()
      console.error(`${name}: ${soFar} states, ${depth} steps deep`)
    },
  })
  const seconds = Math.round((performance.now() - startMs) / 100) / 10
  const isAsClaimed = isSafe ? found.isComplete && !found.problem : found.problem !== null
  states += found.states
  if (!isAsClaimed) violations += 1
  if (values.json)
    console.log(JSON.stringify({ name, world, rules, seconds, ...found, isAsClaimed }))
  say(`\n${name}: ${claim}`)
  say(`  ${JSON.stringify({ ...world, ...rules })}`)
  const all = found.isComplete ? 'all of them' : 'so far'
  say(`  ${found.states} states, ${all}, ${found.steps} steps, ${found.depth} deep, ${seconds} s`)
  if (found.problem) {
    say(`  ${found.problem.what}`)
    for (const label of found.problem.trace) say(`    ${label}`)
  }
  if (!isAsClaimed) say(`  VIOLATION. Again: npm run model -- --only '${name}'`)
}
if (!values.json) console.log(`\n${rows.length} worlds, ${states} states, ${violations} violations`)
process.exitCode = violations > 0 ? 1 : 0
