// @ts-check
// The command line of a storm: what it says while it runs, and how it ends.
import { tellEnd } from '../run-end.js'
import { readRun, refuse } from '../run-options.js'
import { sayViolations } from '../violations.js'

/**
 * @template {object} Measures
 * @param {string} name of the run
 * @param {number} faultsByDefault
 * @param {(run: import('./storm.js').StormRun) => Promise<import('./storm.js').StormOutcome<Measures>>} play
 */
export async function commandStorm(name, faultsByDefault, play) {
  const run = readRun(name, ['jobs', 10_000], { faults: `${faultsByDefault}`, engine: 'redis' })
  const { seed, say, seconds } = run
  const { engine } = run.further
  const least = Number(run.further.faults)
  if (engine !== 'redis' && engine !== 'sqlite') {
    refuse(`--engine must be redis or sqlite, not ${engine}.`)
  }
  if (!Number.isInteger(least)) {
    refuse(`--faults must be a whole number, such as --faults ${faultsByDefault}.`)
  }

  say(`seed ${seed}`)
  const outcome = await play({
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
}
