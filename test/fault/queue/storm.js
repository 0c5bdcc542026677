// @ts-check
// A storm: workers and others share an engine, while processes, connections and the server fail. When
// it is over and everything is worked off, all that was told is judged.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startFaults } from '../locks/faults.js'
import { createNotes } from '../locks/notes.js'
import { monotonicMs } from '../outcomes/history.js'
import { readFiles } from '../records.js'
import { seededChance } from '../sqlite-chance.js'
import { badEnds } from '../violations.js'
import { startCrew } from './crew.js'

/**
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {import('./crew.js').Role} Role
 * @typedef {import('./ground.js').Place} Place
 * @typedef {import('../locks/faults.js').Kind} Kind
 * @typedef {ReturnType<typeof seededChance>} Chance
 *
 * @typedef {object} StormRun
 * @property {number} seed
 * @property {number} jobs that are added at least
 * @property {number} faults that are injected at least
 * @property {'redis' | 'sqlite'} [engine]
 * @property {readonly [shortest: number, longest: number]} [calmMs] between faults
 * @property {(progress: {jobs: number, faults: number}) => void} [onProgress] every few seconds
 */

/**
 * @template History
 * @template {object} Measures
 * @typedef {object} Theme what is played, and how it is judged
 * @property {string} name
 * @property {string} program that each process runs
 * @property {Partial<Record<Role, number>>} sizes how many processes there are of each role
 * @property {(engine: 'redis' | 'sqlite', folder: string, chance: Chance) => Promise<Place>} open
 * @property {(scene: import('./faults.js').Scene) => Kind[]} processKinds
 * @property {(place: Place, notes: import('../locks/notes.js').Notes) => Promise<() => Promise<void>>} begin
 *   is called with the first process; what it gives is called once nothing is added any more, and works
 *   off what is left
 * @property {import('../records.js').Format<History>} format
 * @property {(history: History) => Violation[]} check
 * @property {(history: History) => Measures} measure
 * @property {(measures: Measures) => number} countOperations
 */

/**
 * @template {object} Measures
 * @typedef {object} StormOutcome
 * @property {number} operations
 * @property {string[]} faults with the second in which each began
 * @property {number} kinds of faults
 * @property {Measures} measures
 * @property {string[]} skipped what could not be done here, and why
 * @property {Violation[]} violations
 * @property {string} [kept] where the history is, after violations
 */

const PROGRESS_MS = 5_000
const POLL_MS = 50

/**
 * @template History
 * @template {object} Measures
 * @param {Theme<History, Measures>} theme
 * @param {StormRun} run
 * @returns {Promise<StormOutcome<Measures>>}
 */
export async function playStorm(theme, { seed, jobs, faults: least, engine = 'redis', ...run }) {
  const { calmMs, onProgress } = run
  const { program, sizes } = theme
  const folder = mkdtempSync(path.join(tmpdir(), `sluice-${theme.name}-`))
  const chance = seededChance(seed)
  const startMs = monotonicMs()
  /** @type {string[]} */
  const faults = []
  const notesFile = path.join(folder, 'parent.jsonl')
  const notes = createNotes(notesFile)
  const place = await theme.open(engine, folder, chance)
  const crew = startCrew({
    ...{ urlOf: place.urlOf, folder, chance, program, sizes },
    onDeath: (name) => notes.note('fault', monotonicMs(), `${name} ended`, monotonicMs(), name),
  })
  /** @type {import('./faults.js').Scene['fault']} */
  async function fault(what, hit, inject) {
    const fromMs = monotonicMs()
    faults.push(`${((fromMs - startMs) / 1_000).toFixed(1).padStart(6)} s  ${what}`)
    try {
      await inject()
    } finally {
      notes.note('fault', monotonicMs(), what, fromMs, hit)
    }
  }
  const timer = setInterval(
    () => onProgress?.({ jobs: crew.added, faults: faults.length }),
    PROGRESS_MS,
  )
  let isKept = false
  try {
    const finish = await theme.begin(place, notes)
    const scene = { crew, chance, fault }
    const streams = [theme.processKinds(scene), ...place.kindsOf(scene)].map((some) =>
      startFaults(chance, some, calmMs ?? place.calmMs),
    )
    await Promise.race([Promise.all(streams.map(({ eachOnce }) => eachOnce)), enough()])
    await enough()
    await Promise.all(streams.map(({ stop }) => stop()))
    await place.heal()
    const others = /** @type {Role[]} */ (Object.keys(sizes)).filter((role) => role !== 'worker')
    const ends = (await Promise.all(others.map((role) => crew.end(role)))).flat()
    notes.note('quiet', monotonicMs())
    await finish()
    ends.push(...(await crew.end('worker')))
    notes.close()

    const history = readFiles(theme.format, crew.files(), notesFile)
    const bad = badEnds(ends.filter(({ exit }) => exit !== 0))
    const violations = [...theme.check(history), ...bad]
    const measures = theme.measure(history)
    isKept = violations.length > 0
    return {
      operations: theme.countOperations(measures),
      ...{ faults, measures, violations },
      kinds: new Set(faults.map((line) => kindOf(line))).size,
      skipped: place.problem === undefined ? [] : [`clocks: ${place.problem}`],
      ...(isKept && { kept: folder }),
    }
  } finally {
    clearInterval(timer)
    crew.close()
    await place.close()
    if (!isKept) rmSync(folder, { recursive: true, force: true })
  }

  async function enough() {
    while (crew.added < jobs || faults.length < least) await pause(POLL_MS)
  }
}

/** Lengths and places aside. @param {string} line */
const kindOf = (line) => line.replace(/^.*? s {2}/, '').replace(/\(.*\)|(?<!F)-?\d+|ALL|WRITE/g, '')
