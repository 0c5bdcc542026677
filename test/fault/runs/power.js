// @ts-check
// Power cuts under a queue: nothing that was answered is lost where each call is synced, and what a
// less careful store loses is what it says.
// node test/fault/runs/power.js --seed N [--cuts 3] [--json]
import { cutPower } from '../power/run.js'
import { tellEnd } from '../run-end.js'
import { readRun } from '../run-options.js'
import { sayViolations } from '../violations.js'

const run = readRun('power', ['cuts', 3])
const { seed, say, again } = run
say(`seed ${seed}`)
const outcome = await cutPower({
  ...{ seed, cuts: run.amount },
  onCut: ({ store, answered, lost }) => say(`${store}: ${answered} answered, ${lost} of them lost`),
})
const { cuts, skipped } = outcome
for (const what of skipped) say(`\nleft out: ${what}`)
const violations = cuts.flatMap((cut) => cut.violations)
sayViolations(violations, { say, again })
const operations = cuts.reduce((sum, { answered }) => sum + answered, 0)
tellEnd(run, { operations, faults: cuts.length, violations: violations.length }, outcome)
