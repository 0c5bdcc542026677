// @ts-check
// Eight processes take and release locks on one store after another, while processes and servers
// fail. What they were told is then judged.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { monotonicMs } from '../outcomes/history.js'
import { seededChance } from '../sqlite-chance.js'
import { check, measure } from './check.js'
import { startCrew } from './crew.js'
import { emptyHistory, readParent, readProcess } from './history.js'
import { createNotes } from './notes.js'
import { PROCESSES } from './plan.js'
import { STAGES } from './stages.js'

/**
 * @typedef {import('./history.js').Violation} Violation
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
 *
 * @typedef {object} LocksOutcome
 * @property {number} operations
 * @property {number} faults
 * @property {StageOutcome[]} stages
 * @property {string[]} skipped what could not be done here, and why
 * @property {Violation[]} violations
 * @property {string} [kept] where the history is, after violations
 */

const PROGRESS_MS = 5_000
const POLL_MS = 50

/** @param {LocksRun} run @returns {Promise<LocksOutcome>} */
export async function runLocks({ seed, operations, engine = 'redis', onProgress = () => {} }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-locks-'))
  const chance = seededChance(seed)
  /** @type {LocksOutcome} */
  const outcome = { operations: 0, faults: 0, stages: [], skipped: [], violations: [] }
  try {
    for (const [index, stage] of STAGES[engine].entries()) {
      const inFolder = path.join(folder, `${index}`)
      mkdirSync(inFolder)
      const store = await stage.open(inFolder)
      if ('problem' in store) {
        outcome.skipped.push(`${stage.name}: ${store.problem}`)
        continue
      }
      const share = Math.ceil(operations * stage.share)
      const told = await runStage({ stage, store, folder: inFolder, share, chance, onProgress })
      outcome.stages.push(told.outcome)
      outcome.violations.push(...told.violations)
      outcome.operations += told.outcome.operations
      outcome.faults += told.outcome.faults.length
    }
    if (outcome.violations.length > 0) outcome.kept = folder
    return outcome
  } finally {
    if (outcome.kept === undefined) rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * @typedef {object} StageRun
 * @property {import('./stages.js').Stage} stage
 * @property {import('./stages.js').Store} store
 * @property {string} folder
 * @property {number} share
 * @property {ReturnType<typeof seededChance>} chance
 * @property {NonNullable<LocksRun['onProgress']>} onProgress
 *
 * @param {StageRun} run
 */
async function runStage({ stage, store, folder, share, chance, onProgress }) {
  const startMs = monotonicMs()
  const seconds = () => (monotonicMs() - startMs) / 1_000
  /** @type {string[]} */
  const faults = []
  const notesFile = path.join(folder, 'parent.jsonl')
  const notes = createNotes(notesFile, (what) =>
    faults.push(`${seconds().toFixed(1).padStart(5)} s  ${what}`),
  )
  const crew = await startCrew({ url: store.url, folder, size: PROCESSES, notes, chance })
  const report = () =>
    onProgress({ stage: stage.name, operations: crew.operations, faults: faults.length })
  const timer = setInterval(report, PROGRESS_MS)
  try {
    const injected = store.startFaults({ crew, notes, chance })
    await Promise.all(injected.map(({ eachOnce }) => eachOnce))
    while (crew.operations < share) await pause(POLL_MS)
    await Promise.all(injected.map(({ stop }) => stop()))
    const ends = await crew.end()
    notes.close()
    const history = emptyHistory()
    for (const { who, file } of crew.files()) readProcess(history, who, readFileSync(file, 'utf8'))
    readParent(history, readFileSync(notesFile, 'utf8'))
    const violations = [
      ...check(history),
      ...ends.map((end) => ({ what: `process ${end.who} ended with ${end.exit}`, witness: [end] })),
    ]
    const measures = measure(history)
    return {
      outcome: {
        stage: stage.name,
        operations: crew.operations,
        seconds: seconds(),
        faults,
        measures,
      },
      violations,
    }
  } finally {
    clearInterval(timer)
    crew.close()
    await store.close()
  }
}
