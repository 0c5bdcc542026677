// @ts-check
// Every state of every world of a model, and a trace for each rule that is taken away.
// node test/model/run.js [--only PART] [--json]
import { parseArgs } from 'node:util'
import { explore } from './explorer.js'
import { redlockModel } from './redlock.js'
import { BROKEN, SAFE } from './redlock-worlds.js'

const {
  values: { only, ...values },
} = parseArgs({
  options: { only: { type: 'string', default: '' }, json: { type: 'boolean', default: false } },
})
const say = values.json ? () => {} : console.log
const rows = [
  ...SAFE.map(({ name, claim, world }) => ({ name, claim, world, rules: {}, isSafe: true })),
  ...BROKEN.map(({ without, world, rules }) => ({
    ...{ name: `without ${without}`, claim: 'something goes wrong', world, rules, isSafe: false },
  })),
].filter(({ name }) => name.includes(only))
if (rows.length === 0) {
  console.error(`No world is called like ${only}.`)
  process.exit(2)
}

let [states, violations] = [0, 0]
for (const { name, claim, world, rules, isSafe } of rows) {
  const startMs = performance.now()
  let saidMs = startMs
  const found = explore(redlockModel(world, rules), {
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
  say(`\nredlock, ${name}: ${claim}`)
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
