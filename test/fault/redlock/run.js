// @ts-check
// Six processes take and release locks on five servers of which up to two fail at a time. What they
// were told is then judged.
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startCrew } from '../locks/crew.js'
import { processKinds, startFaults, untilEnough } from '../locks/faults.js'
import * as format from '../locks/history.js'
import { createNotes } from '../locks/notes.js'
import { readFiles, recordsOf } from '../records.js'
import { seededChance } from '../sqlite-chance.js'
import { badEnds } from '../violations.js'
import { check } from './check.js'
import { nodeKinds, startNodes } from './nodes.js'
import { PROCESSES } from './plan.js'

/**
 * @typedef {import('../locks/history.js').Violation} Violation
 * @typedef {import('../locks/history.js').Span} Span
 * @typedef {import('./check.js').Call} Call
 * @typedef {import('./check.js').Told} Told
 *
 * @typedef {object} RedlockOutcome
 * @property {number} operations acquisitions and releases that were answered
 * @property {number} acquisitions
 * @property {string[]} faults with the second in which each began
 * @property {number} longestOverMs how far beyond its deadline the latest call settled; negative if before
 * @property {Violation[]} violations
 * @property {string} [kept] where the history is, after violations
 */

const PROGRAM = path.join(import.meta.dirname, 'process.js')
const PROCESS_CALM_MS = /** @type {const} */ ([400, 2_000])
const NODE_CALM_MS = /** @type {const} */ ([300, 2_000])
const PROGRESS_MS = 5_000

/**
 * @param {object} options
 * @param {number} options.seed
 * @param {number} options.acquisitions at least so many
 * @param {(operations: number, faults: number) => void} [options.onProgress] every few seconds
 * @returns {Promise<RedlockOutcome>}
 */
export async function runRedlock({ seed, acquisitions, onProgress = () => {} }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-redlock-'))
  const notesFile = path.join(folder, 'parent.jsonl')
  const notes = createNotes(notesFile)
  const { faults } = notes
  const chance = seededChance(seed)
  const nodes = await startNodes()
  const options = { url: nodes.url, folder, size: PROCESSES, notes, chance, program: PROGRAM }
  const crew = await startCrew(options)
  const timer = setInterval(() => onProgress(crew.operations, faults.length), PROGRESS_MS)
  let isKept = true
  try {
    const scene = { crew, notes, chance }
    const injected = [
      startFaults(chance, processKinds(scene), PROCESS_CALM_MS),
      startFaults(chance, nodeKinds(scene, nodes), NODE_CALM_MS),
    ]
    // Each lease is released, or lost.
    await untilEnough(injected, () => crew.operations >= acquisitions * 2)
    const ends = await crew.end()
    notes.close()
    const told = readTold(crew.files(), notesFile)
    const violations = [...check(told), ...badEnds(ends)]
    isKept = violations.length > 0
    return {
      ...{ operations: crew.operations, acquisitions: told.holds.length, faults, violations },
      longestOverMs: told.calls.reduce(
        (longest, call) => Math.max(longest, overOf(call)),
        -Infinity,
      ),
      ...(isKept && { kept: folder }),
    }
  } finally {
    clearInterval(timer)
    crew.close()
    await nodes.close()
    if (!isKept) rmSync(folder, { recursive: true, force: true })
  }
}

/** @param {Call} call */
const overOf = ({ invokedMs, endedMs = invokedMs, withinMs, idleMs = 0 }) =>
  endedMs - invokedMs - idleMs - withinMs

/** @param {readonly Span[]} idle @param {number} fromMs @param {number} toMs */
function idleWithin(idle, fromMs, toMs) {
  return idle.reduce(
    (sum, span) => sum + Math.max(0, Math.min(toMs, span.toMs) - Math.max(fromMs, span.fromMs)),
    0,
  )
}

/** @param {readonly {who: string, file: string}[]} files @param {string} notesFile @returns {Told} */
function readTold(files, notesFile) {
  const history = readFiles(format, files, notesFile)
  const idleOf = (/** @type {string} */ who) => history.lives.get(who)?.idle ?? []
  const holds = history.holds.map((hold) => {
    const { lastMs = 0, killedMs } = history.lives.get(hold.who) ?? {}
    const { toldMs = Number.POSITIVE_INFINITY } = hold
    const idleMs = idleWithin(idleOf(hold.who), hold.invokedMs, hold.atMs)
    // Of a process that was killed nothing is known after its last line, and it did nothing any more.
    const last = killedMs === undefined ? {} : { toldMs: Math.min(toldMs, lastMs) }
    return { ...hold, ...last, idleMs }
  })
  const calls = files.flatMap(({ who, file }) => readCalls(who, `${file}.calls`))
  return { holds, writes: history.writes, calls }
}

/** @param {string} who @param {string} file @returns {Call[]} */
function readCalls(who, file) {
  if (!existsSync(file)) return []
  return recordsOf(readFileSync(file, 'utf8')).map(
    ([, endedMs, op, invokedMs, withinMs, idleMs]) => ({
      ...{ who, op, invokedMs, endedMs, withinMs, idleMs },
    }),
  )
}
