// @ts-check
// The tour: what Sluice promises, shown with real processes, in the order of a newcomer's questions.
import { runSteps } from './run-steps.js'
import { formatStep, formatSummary } from './show.js'
import { blocking } from './steps/blocking.js'
import { conflict } from './steps/conflict.js'
import { delays } from './steps/delays.js'
import { frozenHolder } from './steps/frozen-holder.js'
import { killedWorker } from './steps/killed-worker.js'
import { limits } from './steps/limits.js'
import { ownRedis } from './steps/own-redis.js'
import { race } from './steps/race.js'
import { redlockStep } from './steps/redlock.js'

/**
 * @typedef {object} Context
 * @property {import('./place.js').Place} place
 * @property {import('./processes.js').Processes} processes
 * @property {import('sluice').Sluice} sluice of this process, on the place's engine
 */

/** @type {import('./run-steps.js').Step<Context>[]} */
const steps = [
  race,
  frozenHolder,
  conflict,
  blocking,
  delays,
  limits,
  killedWorker,
  redlockStep,
  ownRedis,
]

/**
 * @param {Context} context
 * @param {import('./show.js').Ink} ink
 * @param {(line: string) => void} log
 */
export async function runTour(context, ink, log) {
  const startedMs = performance.now()
  let number = 0
  const results = await runSteps(
    steps,
    context,
    (result) => log(`${formatStep(result, ink)}\n`),
    ({ title }) => log(ink.bold(`${++number}. ${title}`)),
  )
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  log(`${formatSummary(results, ink)}\n\nThe tour took ${seconds} s.`)
  return results
}
