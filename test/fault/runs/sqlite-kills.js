// @ts-check
// kill -9 of processes in the middle of their transactions on one SQLite file, 500 times:
// npm run fault -- sqlite-kills [--seed N] [--kills N] [--json]
import { tellEnd } from '../run-end.js'
import { readRun } from '../run-options.js'
import { killWriters } from '../sqlite-kill-run.js'

const run = readRun('sqlite-kills', ['kills', 500])
const { seed, say, seconds } = run
say(`seed ${seed}`)
let shown = 0
const outcome = await killWriters({
  seed,
  kills: run.amount,
  onBatch({ faults, violations }) {
    if (faults % 50 === 0) say(`${faults} killed`)
    for (const violation of violations.slice(shown)) say(violation)
    shown = violations.length
  },
})
say(`${outcome.inTransaction} of them inside a transaction for sure; ${seconds()} s`)
say(`longest call of the writer that lived on: ${Math.round(outcome.longestMs)} ms`)
tellEnd(run, { ...outcome, violations: outcome.violations.length }, outcome)
process.exit()
