// @ts-check
// Acquisitions and releases by eight processes that are killed, stopped and blocked, on servers that
// fail, forget and have their clock set: never two holders, fences that grow, and every loss told.
// node test/fault/runs/locks.js --seed N [--operations 1000000] [--engine redis|sqlite] [--json]
import { runLocks } from '../locks/run.js'
import { tellEnd } from '../run-end.js'
import { readRun, refuse } from '../run-options.js'
import { sayViolations } from '../violations.js'

const run = readRun('locks', ['operations', 1_000_000], { engine: 'redis' })
const { seed, say, seconds } = run
const { engine } = run.further
if (engine !== 'redis' && engine !== 'sqlite') {
  refuse(`--engine must be redis or sqlite, not ${engine}.`)
}
const again = `${run.again} --engine ${engine}`

say(`seed ${seed}`)
const outcome = await runLocks({
  ...{ seed, operations: run.amount, engine },
  onProgress({ stage, operations: done, faults }) {
    console.error(`${seconds()} s: ${stage}: ${done} operations, ${faults} faults`)
  },
})
const { stages, skipped, violations, kept } = outcome

for (const { stage, operations: done, seconds: tookS, faults, measures } of stages) {
  say(`\n${stage}: ${done} operations in ${Math.round(tookS)} s, ${faults.length} faults`)
  for (const fault of faults) say(`  ${fault}`)
  say(`  ${JSON.stringify(measures)}`)
}
for (const what of skipped) say(`\nleft out: ${what}`)

sayViolations(violations, { say, again })
if (kept) say(`the whole history: ${kept}`)

say(`\n${seconds()} s`)
tellEnd(run, { ...outcome, violations: violations.length }, outcome)
