// @ts-check
// Four processes take from limiters on one server after another, while processes, connections and
// servers fail. What they were allowed is then judged.
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { untilEnough } from '../locks/faults.js'
import { createNotes } from '../locks/notes.js'
import { monotonicMs } from '../outcomes/history.js'
import { readFiles } from '../records.js'
import { seededChance } from '../sqlite-chance.js'
import { runStages } from '../stage-loop.js'
import { badEnds } from '../violations.js'
import { check, measure } from './check.js'
import { startCrew } from './crew.js'
import * as format from './history.js'
import { LONGEST_PERIOD_MS, PLANS } from './plan.js'
import { STAGES } from './stages.js'

/**
 * @typedef {object} LimitsRun
 * @property {number} seed
 * @property {number} operations decisions on each rule
 * @property {(progress: {stage: string, operations: number, faults: number}) => void} [onProgress] every few seconds
 *
 * @typedef {object} StageOutcome
 * @property {string} stage
 * @property {Record<string, number>} decisions on each rule
 * @property {number} seconds
 * @property {string[]} faults with the second of the stage in which each began
 * @property {ReturnType<typeof measure> & ReturnType<import('./crew.js').Crew['others']>} measures
 */

const PROGRESS_MS = 5_000
const LOOK_MS = 1_000
const sum = (/** @type {readonly number[]} */ numbers) => numbers.reduce((a, b) => a + b, 0)

/** @param {LimitsRun} run @returns {Promise<import('../stage-loop.js').StagesOutcome<StageOutcome>>} */
export async function runLimits({ seed, operations, onProgress = () => {} }) {
  const chance = seededChance(seed)
  return await runStages({
    ...{ name: 'limits', stages: STAGES, operations },
    runStage: (terms) =>
      runStage({ ...terms, chance, onProgress }).finally(() => terms.ground.server.close()),
  })
}

/**
 * @typedef {import('../stage-loop.js').StageTerms<import('./stages.js').Ground>} StageTerms
 *
 * @typedef {object} Shared by all stages
 * @property {import('./crew.js').Chance} chance
 * @property {NonNullable<LimitsRun['onProgress']>} onProgress
 *
 * @param {StageTerms & Shared} run
 */
async function runStage({ name: stage, ground, folder, share, chance, onProgress }) {
  const notesFile = path.join(folder, 'parent.jsonl')
  const notes = createNotes(notesFile)
  const { faults, seconds } = notes
  const { server } = ground
  const crew = await startCrew({ server, folder, chance })
  const report = () => onProgress({ stage, operations: sum(crew.decided()), faults: faults.length })
  const timer = setInterval(report, PROGRESS_MS)
  const looking = setInterval(() => void lookAtKeys(server, notes).catch(() => {}), LOOK_MS)
  try {
    const injected = [ground.startFaults({ crew, notes, chance })]
    await untilEnough(injected, () => Math.min(...crew.decided()) >= share)
    clearInterval(looking)
    await lookAtKeys(server, notes)
    const ends = await crew.end()
    notes.close()
    const history = readFiles(format, crew.files(), notesFile)
    const left = history.steps.length > 0 ? [] : await findLeft(server)
    const decided = crew.decided()
    const decisions = Object.fromEntries(PLANS.map(({ name }, at) => [name, decided[at] ?? 0]))
    const measures = { ...measure(history), ...crew.others() }
    /** @type {StageOutcome} */
    const outcome = { stage, decisions, seconds: seconds(), faults, measures }
    return {
      ...{ operations: sum(decided), outcome },
      violations: [
        ...check(history),
        ...badEnds(ends),
        ...left.map((key) => ({ what: `${key} is still there`, witness: [{ key }] })),
      ],
    }
  } finally {
    clearInterval(timer)
    clearInterval(looking)
    await crew.close()
  }
}

/** @typedef {import('../server.js').Server} Server */

/** There are few of them, and nobody else. @param {Server} server */
const keysOf = async (server) => /** @type {string[]} */ (await server.command('KEYS', '*:limit:*'))

/** @param {Server} server @param {import('../locks/notes.js').Notes} notes */
async function lookAtKeys(server, notes) {
  for (const key of await keysOf(server)) {
    const ttlMs = Number(await server.command('PTTL', key))
    // It may have gone meanwhile.
    if (ttlMs !== -2) notes.note('key', monotonicMs(), key, ttlMs)
  }
}

/** Keys that outlive the longest period in which nobody takes. @param {Server} server */
async function findLeft(server) {
  await pause(LONGEST_PERIOD_MS + 100)
  return await keysOf(server)
}
