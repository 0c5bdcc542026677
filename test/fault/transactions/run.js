// @ts-check
// Eight processes that increment counters while processes, connections and servers fail. What they
// were told is then held against what the counters have.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { startFaults, untilEnough } from '../locks/faults.js'
import { seededChance } from '../sqlite-chance.js'
import { badEnds } from '../violations.js'
import { check, count, countLost } from './check.js'
import { startCrew } from './crew.js'
import { COUNTERS } from './plan.js'
import { PLAIN, STAGES } from './stages.js'

/**
 * @typedef {import('./history.js').Violation} Violation
 * @typedef {import('./stages.js').Stage} Stage
 *
 * @typedef {object} TransactionRun
 * @property {number} seed
 * @property {number} operations
 * @property {readonly Stage[]} [stages]
 * @property {readonly [shortest: number, longest: number]} [calmMs] between faults
 * @property {(progress: {stage: string, operations: number, faults: number}) => void} [onProgress]
 *
 * @typedef {object} StageOutcome
 * @property {string} stage
 * @property {number} operations
 * @property {number} seconds
 * @property {string[]} faults
 * @property {Record<'ok' | 'fail' | 'unknown', number>} ends
 * @property {number} lost acknowledged increments that another one overwrote unseen
 * @property {Violation[]} violations
 */

const PROGRESS_MS = 5_000
const CALM_MS = /** @type {const} */ ([500, 3_000])

/** @param {TransactionRun} run */
export async function runTransactions({ stages = STAGES, ...run }) {
  /** @type {StageOutcome[]} */
  const outcomes = []
  for (const [index, stage] of stages.entries()) {
    outcomes.push(await runStage(stage, { ...run, seed: run.seed * 10 + index }))
  }
  return {
    stages: outcomes,
    operations: outcomes.reduce((sum, one) => sum + one.operations, 0),
    faults: outcomes.reduce((sum, { faults }) => sum + faults.length, 0),
    violations: outcomes.flatMap(({ violations }) => violations),
  }
}

/** For comparison. What it loses is no violation of ours. */
export const runPlain = (/** @type {TransactionRun} */ run) =>
  runStage(PLAIN, { ...run, seed: run.seed * 10 + 9 })

/** @param {Stage} stage @param {Omit<TransactionRun, 'stages'>} run @returns {Promise<StageOutcome>} */
async function runStage(
  { name, share, way, open },
  { seed, operations, calmMs = CALM_MS, onProgress = () => {} },
) {
  const startMs = performance.now()
  const folder = mkdtempSync(path.join(tmpdir(), 'sluice-transactions-'))
  const chance = seededChance(seed)
  const ground = await open()
  const crew = startCrew({ url: ground.url, folder, way, chance })
  /** @type {string[]} */
  const faults = []
  const scene = {
    ...{ crew, chance },
    /** @template T @param {string} what @param {() => Promise<T>} inject */
    fault(what, inject) {
      faults.push(what)
      return inject()
    },
  }
  try {
    const injected = [startFaults(chance, ground.kinds(scene), calmMs)]
    const progress = setInterval(
      () => onProgress({ stage: name, operations: crew.operations, faults: faults.length }),
      PROGRESS_MS,
    )
    await untilEnough(injected, () => crew.operations >= operations * share).finally(() =>
      clearInterval(progress),
    )
    const bad = await crew.end()
    const finals = await readFinals(ground)
    const history = crew.readHistory()
    return {
      ...{ stage: name, operations: history.length, faults, ends: count(history) },
      seconds: (performance.now() - startMs) / 1_000,
      lost: countLost(history, finals),
      violations: [...badEnds(bad), ...check(history, finals)],
    }
  } finally {
    crew.close()
    await ground.close()
    rmSync(folder, { recursive: true, force: true })
  }
}

/** @param {import('./stages.js').Ground} ground */
async function readFinals({ read }) {
  /** @type {Map<string, number>} */
  const finals = new Map()
  for (const counter of COUNTERS) finals.set(counter, Number(await read(counter)))
  return finals
}
