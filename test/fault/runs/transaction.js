// @ts-check
// Increments by eight processes that are killed and stopped, through connections and servers that
// fail: what was acknowledged is in the sum, and nothing else but what was left in doubt. The same
// through plain ioredis for comparison.
// node test/fault/runs/transaction.js --seed N [--operations 200000] [--json]
import { tellEnd } from '../run-end.js'
import { readRun } from '../run-options.js'
import { runPlain, runTransactions } from '../transactions/run.js'
import { sayViolations } from '../violations.js'

const run = readRun('transaction', ['operations', 200_000])
const { seed, again, say, seconds } = run

/** @type {import('../transactions/run.js').TransactionRun} */
const work = {
  ...{ seed, operations: run.amount },
  onProgress({ stage, operations: done, faults }) {
    console.error(`${seconds()} s: ${stage}: ${done} operations, ${faults} faults`)
  },
}
say(`seed ${seed}`)
const outcome = await runTransactions(work)
const plain = await runPlain(work)

for (const { stage, operations: done, seconds: tookS, faults, ends, lost } of [
  ...outcome.stages,
  plain,
]) {
  say(`\n${stage}: ${done} operations in ${Math.round(tookS)} s, ${faults.length} faults`)
  for (const fault of faults) say(`  ${fault}`)
  say(
    `  acknowledged ${ends.ok}, told that nothing happened ${ends.fail}, left in doubt ${ends.unknown}`,
  )
  say(`  lost updates: ${lost}`)
}
sayViolations(outcome.violations, { say, again })
say(`\n${seconds()} s`)
const sums = { ...outcome, violations: outcome.violations.length }
tellEnd(run, sums, { ...outcome, plain })
