// @ts-check
// Redlock on five real servers that are killed, stopped, slow, cut off and back without data, one by
// one and in pairs, and six processes that are killed and stopped.
// npm run fault -- redlock [--seed N] [--acquisitions 50000] [--json]
import { runRedlock } from '../redlock/run.js'
import { tellEnd } from '../run-end.js'
import { readRun } from '../run-options.js'
import { sayViolations } from '../violations.js'

const run = readRun('redlock', ['acquisitions', 50_000])
const { seed, again, say, seconds } = run

say(`seed ${seed}`)
const { faults, violations, ...outcome } = await runRedlock({
  ...{ seed, acquisitions: run.amount },
  onProgress(operations, count) {
    console.error(`${seconds()} s: ${operations} operations, ${count} faults`)
  },
})
for (const fault of faults) say(`  ${fault}`)
sayViolations(violations, { say, again })
if (outcome.kept) say(`the whole history: ${outcome.kept}`)
say(`\n${outcome.acquisitions} acquisitions, ${seconds()} s`)
say(`furthest beyond a deadline: ${Math.round(outcome.longestOverMs)} ms`)
const { operations } = outcome
const sums = { operations, faults: faults.length, violations: violations.length }
tellEnd(run, sums, { ...outcome, faults, violations })
