// @ts-check
// Takes by four processes that are killed and stopped, behind connections that are cut, on servers
// that fail and whose clock steps back: no limiter lets more through than it promises, every key
// goes by itself, and every take settles in time.
// node test/fault/runs/limits.js --seed N [--operations 1000000] [--json]
import { runLimits } from '../limits/run.js'
import { tellEnd } from '../run-end.js'
import { readRun } from '../run-options.js'
import { sayViolations } from '../violations.js'

const run = readRun('limits', ['operations', 1_000_000])
const { seed, amount: operations, again, say, seconds } = run

say(`seed ${seed}, ${operations} decisions on each rule`)
const outcome = await runLimits({
  ...{ seed, operations },
  onProgress({ stage, operations: done, faults }) {
    console.error(`${seconds()} s: ${stage}: ${done} decisions, ${faults} faults`)
  },
})
const { stages, skipped, violations, kept } = outcome

for (const { stage, decisions, seconds: tookS, faults, measures } of stages) {
  say(`\n${stage}: ${Math.round(tookS)} s, ${faults.length} faults`)
  for (const fault of faults) say(`  ${fault}`)
  say(`  decisions ${JSON.stringify(decisions)}`)
  say(`  ${JSON.stringify(measures)}`)
}
for (const what of skipped) say(`\nleft out: ${what}`)
sayViolations(violations, { say, again })
if (kept) say(`the whole history: ${kept}`)

say(`\n${seconds()} s`)
tellEnd(run, { ...outcome, violations: violations.length }, outcome)
