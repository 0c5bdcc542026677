// @ts-check
// A storm: six workers and two producers share queues, while processes, connections and the server
// fail in every way. When it is over and everything is worked off, all that was told is judged.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startFaults } from '../locks/faults.js'
import { createNotes } from '../locks/notes.js'
import { monotonicMs } from '../outcomes/history.js'
import { readFiles } from '../records.js'
import { seededChance } from '../sqlite-chance.js'
import { check, measure } from './check.js'
import { startCrew } from './crew.js'
import { processKinds } from './faults.js'
import { openRedis, openSqlite } from './ground.js'
import * as format from './history.js'
import { keyOf, optionsOf, QUEUES } from './plan.js'
import { closeSchedules, openSchedules } from './schedules.js'

/**
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {import('./check.js').Measures} Measures
 * @typedef {import('./lanes.js').Queue} Queue
 *
 * @typedef {object} StormRun
 * @property {number} seed
 * @property {number} jobs that are added at least
 * @property {number} faults that are injected at least
 * @property {'redis' | 'sqlite'} [engine]
 * @property {readonly [shortest: number, longest: number]} [calmMs] between faults
 * @property {(progress: {jobs: number, faults: number}) => void} [onProgress] every few seconds
 *
 * @typedef {object} StormOutcome
 * @property {number} operations jobs that were added, and deliveries
 * @property {string[]} faults with the second in which each began
 * @property {number} kinds of faults
 * @property {Measures} measures
 * @property {string[]} skipped what could not be done here, and why
 * @property {Violation[]} violations
 * @property {string} [kept] where the history is, after violations
 */

const PROGRESS_MS = 5_000
const POLL_MS = 50
/** A lease of a dead one who took by hand, a quarter of it until that is noticed, and the rest. */
const WORKED_OFF_MS = 60_000
const MOST_LETTERS = 1_000

/** @param {StormRun} run @returns {Promise<StormOutcome>} */
export async function runStorm({ seed, jobs, faults: least, engine = 'redis', ...run }) {
  const { calmMs, onProgress } = run
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-storm-'))
  const chance = seededChance(seed)
  const startMs = monotonicMs()
  /** @type {string[]} */
  const faults = []
  const notesFile = path.join(folder, 'parent.jsonl')
  const notes = createNotes(notesFile)
  const place = await (engine === 'redis' ? openRedis(folder, chance.next) : openSqlite(folder))
  const crew = startCrew({
    ...{ urlOf: place.urlOf, folder, chance },
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
    const firsts = await withQueues(place.url, (queueOf) => openSchedules(queueOf(QUEUES.worked)))
    const scene = { crew, chance, fault }
    const streams = [processKinds(scene), ...place.kindsOf(scene)].map((some) =>
      startFaults(chance, some, calmMs ?? place.calmMs),
    )
    await Promise.race([Promise.all(streams.map(({ eachOnce }) => eachOnce)), enough()])
    await enough()
    await Promise.all(streams.map(({ stop }) => stop()))
    await place.heal()
    const ends = await crew.end('producer')
    notes.note('quiet', monotonicMs())
    await withQueues(place.url, (queueOf) => workOff(queueOf, firsts, notes))
    ends.push(...(await crew.end('worker')))
    notes.close()

    const history = readFiles(format, crew.files(), notesFile)
    const violations = [...check(history), ...ends.flatMap(checkExit)]
    const measures = measure(history)
    isKept = violations.length > 0
    return {
      operations: measures.added + measures.deliveries,
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

/** @param {{who: string, exit: number | string | null}} end @returns {Violation[]} */
const checkExit = (end) =>
  end.exit === 0 ? [] : [{ what: `process ${end.who} ended with ${end.exit}`, witness: [end] }]

/** Lengths and places aside. @param {string} line */
const kindOf = (line) => line.replace(/^.*? s {2}/, '').replace(/\(.*\)|(?<!F)-?\d+|ALL|WRITE/g, '')

/**
 * Sees that schedules go on, waits until nothing is left but dead letters, and notes them.
 *
 * @param {(name: string) => Queue} queueOf
 * @param {Map<string, number>} firsts of schedules
 * @param {import('../locks/notes.js').Notes} notes
 */
async function workOff(queueOf, firsts, notes) {
  for (const schedule of await closeSchedules(queueOf(QUEUES.worked), firsts)) {
    notes.note('scheduled', monotonicMs(), schedule)
  }
  const untilMs = monotonicMs() + WORKED_OFF_MS
  for (const name of Object.values(QUEUES)) {
    const queue = queueOf(name)
    let left = 1
    while (left > 0 && monotonicMs() < untilMs) {
      await pause(POLL_MS)
      const { ready, timed, inFlight } = await queue.counts()
      left = ready + timed + inFlight
    }
    notes.note('left', monotonicMs(), name, left)
    for (const letter of await queue.dead.list({ limit: MOST_LETTERS })) {
      notes.note('dead', monotonicMs(), name, keyOf(letter), letter.id, letter.reason)
    }
  }
}

/**
 * With a Sluice of this process, and nothing in between.
 *
 * @template Answer
 * @param {string} url
 * @param {(queueOf: (name: string) => Queue) => Promise<Answer>} use
 */
async function withQueues(url, use) {
  const dist = new URL('../../../dist/index.js', import.meta.url)
  /** @type {typeof import('../../../src/index.ts')} */
  const { createSluice } = await import(dist.href)
  const sluice = createSluice(url)
  try {
    return await use((name) => /** @type {Queue} */ (sluice.queue(name, optionsOf(name))))
  } finally {
    await sluice.close()
  }
}
