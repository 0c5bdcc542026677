// @ts-check
// The power goes while a process adds and acknowledges jobs; what comes back is held against what it
// was told.
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { startChild } from '../child.js'
import { monotonicMs } from '../outcomes/history.js'
import { compileShim } from '../shims/shims.js'
import { seededChance } from '../sqlite-chance.js'
import { check, listLost } from './check.js'
import { readSteps } from './history.js'
import { KINDS, QUEUE } from './stores.js'

/**
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {import('./stores.js').Kind} Kind
 *
 * @typedef {object} PowerRun
 * @property {number} seed
 * @property {number} cuts of each kind of store
 * @property {(cut: Cut) => void} [onCut]
 *
 * @typedef {object} Cut
 * @property {string} store
 * @property {number} answered
 * @property {number} lost
 * @property {Violation[]} violations
 *
 * @typedef {object} PowerOutcome
 * @property {Cut[]} cuts
 * @property {string[]} skipped what could not be done here, and why
 */

const PROGRAM = path.join(import.meta.dirname, 'process.js')
/** Shorter and longer than what a store may wait before it syncs. */
const RUNS_MS = /** @type {const} */ ([1_500, 4_000])

/** @param {PowerRun} run @returns {Promise<PowerOutcome>} */
export async function cutPower({ seed, cuts: count, onCut = () => {} }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-power-'))
  const chance = seededChance(seed)
  try {
    const shim = await compileShim('power-loss', folder)
    if ('problem' in shim) return { cuts: [], skipped: [`power cuts: ${shim.problem}`] }
    /** @type {Cut[]} */
    const cuts = []
    for (const kind of KINDS) {
      for (let round = 1; round <= count; round++) {
        const inFolder = path.join(folder, `${cuts.length}`)
        mkdirSync(inFolder)
        const moment = {
          afterMs: chance.whole(...RUNS_MS),
          // One right behind a sync loses nothing, and would not show that others do.
          mustLose: (kind.loses === 'seconds' || kind.loses === 'the end') && round === 1,
        }
        const cut = await cutOnce(kind, inFolder, shim.library, moment)
        cuts.push(cut)
        onCut(cut)
      }
    }
    return { cuts, skipped: [] }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/**
 * @param {Kind} kind
 * @param {string} folder
 * @param {string} shim
 * @param {{afterMs: number, mustLose: boolean}} moment of the cut
 * @returns {Promise<Cut>}
 */
async function cutOnce(kind, folder, shim, { afterMs, mustLose }) {
  const { name, loses, synchronous, durability, open } = kind
  const store = await open(folder, shim)
  const plan = { url: store.url, synchronous, durability }
  const child = startChild(PROGRAM, 'process', { folder, plan, env: store.env })
  try {
    while (readSteps(readFileSync(child.file, 'utf8')).length === 0) await pause(20)
    await pause(afterMs)
    if (mustLose) await stopWithUnsynced(store, child)
    const cutMs = monotonicMs()
    child.kill('SIGKILL')
    await child.exit
    await store.cut()
    const steps = readSteps(readFileSync(child.file, 'utf8'))
    const history = { steps, cutMs, ...(await readJobs(store.url)) }
    return {
      store: name,
      answered: steps.filter(({ toldMs }) => toldMs !== undefined).length,
      lost: listLost(history).length,
      violations: check(history, loses),
    }
  } finally {
    child.kill('SIGKILL')
    await store.close()
  }
}

/**
 * Stops everybody with two steps answered since the last sync: the later one was asked for after it.
 *
 * @param {import('./stores.js').Store} store
 * @param {import('../child.js').Child} child
 */
async function stopWithUnsynced(store, child) {
  const countTold = () =>
    readSteps(readFileSync(child.file, 'utf8')).filter(({ toldMs }) => toldMs !== undefined).length
  for (;;) {
    // Soon: some stores sync many times a second.
    const synced = store.synced()
    const told = countTold()
    await pause(5)
    child.kill('SIGSTOP')
    store.pause()
    // Whatever they were about is over, and no more begins.
    await pause(20)
    if (store.synced() === synced && countTold() >= told + 2) return
    store.resume()
    child.kill('SIGCONT')
  }
}

/** Those that the killed process had are not waited for. @param {string} url */
async function readJobs(url) {
  const dist = new URL('../../../dist/index.js', import.meta.url)
  /** @type {typeof import('../../../src/index.ts')} */
  const { createSluice } = await import(dist.href)
  const sluice = createSluice(url)
  try {
    const queue = /** @type {import('../../../src/index.ts').Queue<string>} */ (sluice.queue(QUEUE))
    /** @type {string[]} */
    const found = []
    const { inFlight } = await queue.counts()
    for (;;) {
      const taken = await queue.take({ max: 500 })
      if (taken.length === 0) return { found, inFlight }
      found.push(...taken.map(({ data }) => data))
      await Promise.all(taken.map((delivery) => delivery.ack()))
    }
  } finally {
    await sluice.close()
  }
}
