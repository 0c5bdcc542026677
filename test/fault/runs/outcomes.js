// @ts-check
// Operations through connections that are reset after they were sent: each effect at most once, and
// each outcome told truthfully, as the store shows in the end.
// node test/fault/runs/outcomes.js --seed N [--operations 100000] [--json]
import { runOutcomes } from '../outcomes/run.js'
import { tellEnd } from '../run-end.js'
import { readRun } from '../run-options.js'
import { sayViolations } from '../violations.js'

const run = readRun('outcomes', ['operations', 100_000])
const { seed, again, say, seconds } = run

say(`seed ${seed}`)
const outcome = await runOutcomes({
  seed,
  operations: run.amount,
  onProgress({ operations: done, faults: { resets, storms } }) {
    console.error(`${seconds()} s: ${done} operations, ${resets} resets, ${storms} outages`)
  },
})
const { faults, ends, unknownOf, violations } = outcome

sayViolations(violations, { say, again })

say(
  `${faults.resets} resets, ${faults.storms} outages, ${faults.drops} of which dropped bytes; ${seconds()} s`,
)
say(
  `answered ${ends.ok}, told that nothing happened ${ends.fail}, left in doubt ${ends.unknown}: ${JSON.stringify(unknownOf)}`,
)
say(`furthest beyond a deadline: ${Math.round(outcome.longestOverMs)} ms`)
const sums = {
  operations: outcome.operations,
  faults: faults.resets + faults.storms,
  violations: violations.length,
}
tellEnd(run, sums, outcome)
