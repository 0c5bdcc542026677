// @ts-check
// One process with one Sluice. It takes from every limiter, far more than they allow, until it is
// told to end. It runs the built package.
import { setTimeout as pause } from 'node:timers/promises'
import { liveAsChild } from '../in-child.js'
import { seededChance } from '../sqlite-chance.js'
import {
  CALLERS,
  COMMAND_TIMEOUT_MS,
  KEYS,
  LONGEST_RUN,
  MOST_AT_ONCE,
  MOST_COST,
  PLANS,
} from './plan.js'
import { createRecorder } from './recorder.js'

/**
 * @typedef {object} ProcessPlan
 * @property {string} url
 * @property {number} seed
 * @property {string} file
 */

const PROGRESS_MS = 50
/** Longer than any call may take: who still waits then waits for ever. */
const PATIENCE_MS = 15_000
/** Of a caller whose last takes failed. */
const REST_MS = 5

const dist = new URL('../../../dist/index.js', import.meta.url)
/** @type {typeof import('../../../src/index.ts')} */
const sluiceModule = await import(dist.href)

/** @type {ProcessPlan} */
const plan = JSON.parse(process.argv[2] ?? '{}')
const chance = seededChance(plan.seed)
const recorder = createRecorder(plan.file)
const silent = () => {}
const sluice = sluiceModule.createSluice(plan.url, {
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: COMMAND_TIMEOUT_MS,
  logger: { info: silent, warn: silent, error: silent },
})
let isEnding = false

const drawCost = () => (chance.next() < 0.8 ? 1 : chance.whole(2, MOST_COST))

/** Equal ones come in runs, which the engine is asked about at once. */
function drawCosts() {
  /** @type {number[]} */
  const costs = []
  const count = chance.whole(1, MOST_AT_ONCE)
  while (costs.length < count) {
    const run = Math.min(chance.whole(1, LONGEST_RUN), count - costs.length)
    costs.push(...new Array(run).fill(drawCost()))
  }
  return costs
}

/** @param {import('../../../src/index.ts').Limiter} limiter @param {number} index of the plan */
async function call(limiter, index) {
  while (!isEnding) {
    const group = { plan: index, key: chance.whole(1, KEYS), withinMs: COMMAND_TIMEOUT_MS }
    if (!(await recorder.take(limiter, group, drawCosts()))) await pause(REST_MS)
  }
}

process.on('message', (message) => {
  if (message === 'end') isEnding = true
})
const say = () => void process.send?.(recorder.counts)
const child = liveAsChild(say, PROGRESS_MS)

const callers = PLANS.flatMap(({ name, rule }, index) => {
  // Every decision is the engine's.
  const limiter = sluice.limiter(name, rule(sluiceModule), { deniedCache: false })
  return Array.from({ length: CALLERS }, () => call(limiter, index))
})
const told = new Promise((resolve) => process.once('message', resolve))
await told
await Promise.race([Promise.all(callers), pause(PATIENCE_MS, undefined, { ref: false })])
await sluice.close()
recorder.close()
child.leave()
