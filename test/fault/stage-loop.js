// @ts-check
// A run in stages: each has a ground of its own, and a share of the operations.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'

/**
 * @typedef {object} Violation
 * @property {string} what
 * @property {object[]} witness the fewest records that show it
 */

/**
 * @template {{faults: readonly string[]}} StageOutcome
 * @typedef {object} StagesOutcome
 * @property {number} operations
 * @property {number} faults
 * @property {StageOutcome[]} stages
 * @property {string[]} skipped what could not be done here, and why
 * @property {Violation[]} violations
 * @property {string} [kept] where the history is, after violations
 */

/**
 * @template {object} Ground
 * @typedef {object} Stage
 * @property {string} name
 * @property {number} share of the operations
 * @property {(folder: string) => Promise<Ground | {problem: string}>} open
 */

/**
 * @template Ground
 * @typedef {object} StageTerms
 * @property {string} name
 * @property {Ground} ground
 * @property {string} folder of this stage alone
 * @property {number} share
 */

/**
 * One stage after the other. What they wrote down is kept if it shows a violation.
 *
 * @template {object} Ground
 * @template {{faults: readonly string[]}} StageOutcome
 * @param {object} options
 * @param {string} options.name of the run, for its folder
 * @param {readonly Stage<Ground>[]} options.stages
 * @param {number} options.operations
 * @param {(terms: StageTerms<Ground>) => Promise<{operations: number, outcome: StageOutcome, violations: Violation[]}>} options.runStage
 * @returns {Promise<StagesOutcome<StageOutcome>>}
 */
export async function runStages({ name, stages, operations, runStage }) {
  const folder = mkdtempSync(path.join(tmpdir(), `sluice-${name}-`))
  /** @type {StagesOutcome<StageOutcome>} */
  const outcome = { operations: 0, faults: 0, stages: [], skipped: [], violations: [] }
  try {
    for (const [index, stage] of stages.entries()) {
      const inFolder = path.join(folder, `${index}`)
      mkdirSync(inFolder)
      const ground = await stage.open(inFolder)
      if ('problem' in ground) {
        outcome.skipped.push(`${stage.name}: ${ground.problem}`)
        continue
      }
      const share = Math.ceil(operations * stage.share)
      const told = await runStage({ name: stage.name, ground, folder: inFolder, share })
      outcome.stages.push(told.outcome)
      outcome.violations.push(...told.violations)
      outcome.operations += told.operations
      outcome.faults += told.outcome.faults.length
    }
    if (outcome.violations.length > 0) outcome.kept = folder
    return outcome
  } finally {
    if (outcome.kept === undefined) rmSync(folder, { recursive: true, force: true })
  }
}
