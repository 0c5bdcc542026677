// @ts-check
// Eight processes take and release locks on one store after another, while processes and servers
// fail. What they were told is then judged.
import path from 'node:path'
import { readFiles } from '../records.js'
import { seededChance } from '../sqlite-chance.js'
import { runStages } from '../stage-loop.js'
import { badEnds } from '../violations.js'
import { check, measure } from './check.js'
import { startCrew } from './crew.js'
import { untilEnough } from './faults.js'
import * as format from './history.js'
import { createNotes } from './notes.js'
import { PROCESSES } from './plan.js'
import { STAGES } from './stages.js'

/**
 * @typedef {import('./check.js').Measures} Measures
 *
 * @typedef {object} LocksRun
 * @property {number} seed
 * @property {number} operations acquisitions and releases that are answered
 * @property {keyof typeof STAGES} [engine]
 * @property {(progress: {stage: string, operations: number, faults: number}) => void} [onProgress] every few seconds
 *
 * @typedef {object} StageOutcome
 * @property {string} stage
 * @property {number} operations
 * @property {number} seconds
 * @property {string[]} faults with the second of the stage in which each began
 * @property {Measures} measures
 */

const PROGRESS_MS = 5_000

/** @param {LocksRun} run @returns {Promise<import('../stage-loop.js').StagesOutcome<StageOutcome>>} */
export async function runLocks({ seed, operations, engine = 'redis', onProgress = () => {} }) {
  const chance = seededChance(seed)
  return await runStages({
    ...{ name: 'locks', stages: STAGES[engine], operations },
    runStage: (terms) => runStage({ ...terms, chance, onProgress }),
  })
}

/**
 * @typedef {import('../stage-loop.js').StageTerms<import('./stages.js').Store>} StageTerms
 *
 * @typedef {object} Shared by all stages
 * @property {ReturnType<typeof seededChance>} chance
 * @property {NonNullable<LocksRun['onProgress']>} onProgress
 *
 * @param {StageTerms & Shared} run
 */
async function runStage({ name: stage, ground: store, folder, share, chance, onProgress }) {
  const notesFile = path.join(folder, 'parent.jsonl')
  const notes = createNotes(notesFile)
  const { faults, seconds } = notes
  const crew = await startCrew({ url: store.url, folder, size: PROCESSES, notes, chance })
  const report = () => onProgress({ stage, operations: crew.operations, faults: faults.length })
  const timer = setInterval(report, PROGRESS_MS)
  try {
    const injected = store.startFaults({ crew, notes, chance })
    await untilEnough(injected, () => crew.operations >= share)
    const ends = await crew.end()
    notes.close()
    const history = readFiles(format, crew.files(), notesFile)
    const violations = [...check(history), ...badEnds(ends)]
    const { operations } = crew
    /** @type {StageOutcome} */
    const outcome = { stage, operations, seconds: seconds(), faults, measures: measure(history) }
    return { operations, outcome, violations }
  } finally {
    clearInterval(timer)
    crew.close()
    await store.close()
  }
}
