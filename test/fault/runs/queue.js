// @ts-check
// A storm over queues: six workers and two producers while processes, connections and the server
// fail: no acknowledged job lost, none ended twice or from nowhere, and a fault for each duplicate.
// node test/fault/runs/queue.js --seed N [--jobs 10000] [--faults 100] [--engine redis|sqlite] [--json]
import { runStorm } from '../queue/run.js'
import { tellEnd } from '../run-end.js'
import { readRun, refuse } from '../run-options.js'
import { sayViolations } from '../violations.js'

const run = readRun('queue', ['jobs', 10_000], { faults: '100', engine: 'redis' })
const { seed, say, seconds } = run
const { engine } = run.further
const least = Number(run.further.faults)
if (engine !== 'redis' && engine !== 'sqlite') {
  refuse(`--engine must be redis or sqlite, not ${engine}.`)
}
if (!Number.isInteger(least)) refuse('--faults must be a whole number, such as --faults 100.')

say(`seed ${seed}`)
const outcome = await runStorm({
  ...{ seed, jobs: run.amount, faults: least, engine },
  onProgress: (done) => console.error(`${seconds()} s: ${done.jobs} jobs, ${done.faults} faults`),
})
const { operations, faults, violations } = outcome
for (const fault of faults) say(`  ${fault}`)
say(`${outcome.kinds} kinds of faults`)
say(`${JSON.stringify(outcome.measures)}`)
for (const what of outcome.skipped) say(`\nleft out: ${what}`)

sayViolations(violations, { say, again: `${run.again} --faults ${least} --engine ${engine}` })
if (outcome.kept) say(`the whole history: ${outcome.kept}`)

say(`\n${seconds()} s`)
tellEnd(run, { operations, faults: faults.length, violations: violations.length }, outcome)
