// @ts-check
// One process with one Sluice. It does what its lanes do until its share of calls is made, says so,
// and ends in good order when it is told that everything works again. It runs the built package.
import { seededChance } from '../sqlite-chance.js'
import * as lanes from './lanes.js'
import { createRecorder } from './recorder.js'

/**
 * @typedef {object} ProcessPlan
 * @property {string} who
 * @property {string} url
 * @property {number} seed
 * @property {number} operations
 * @property {number} timeoutMs of one command
 * @property {string} file
 */

const LANES = { adding: 8, takingByHand: 6, locking: 16, limiting: 14 }
const PROGRESS_MS = 1_000
/** Longer than any call may take: who still waits then waits for ever. */
const PATIENCE_MS = 15_000

const dist = new URL('../../../dist/index.js', import.meta.url)
/** @type {typeof import('../../../src/index.ts')} */
const { createSluice, funnel, slidingLog } = await import(dist.href)

/** @type {ProcessPlan} */
const plan = JSON.parse(process.argv[2] ?? '{}')
const { who, url, timeoutMs } = plan
const chance = seededChance(plan.seed)
const recorder = createRecorder(who, plan.file)
const silent = () => {}
const sluice = createSluice(url, {
  commandTimeout: timeoutMs,
  connectTimeout: 1_000,
  logger: { info: silent, warn: silent, error: silent },
})
let left = plan.operations
const scene = {
  ...{ sluice, recorder, chance, who, timeoutMs },
  rules: { funnel, slidingLog },
  mayGoOn: () => left-- > 0,
}

const told = (/** @type {string} */ word) =>
  new Promise((resolve) => {
    process.on('message', (message) => {
      if (message === word) resolve(undefined)
    })
  })
const say = (/** @type {object} */ message) => void process.send?.(message)

const healed = told('healed')
const progress = setInterval(() => say({ endedCount: recorder.endedCount }), PROGRESS_MS)
lanes.working(scene)
const running = Object.entries(LANES).flatMap(([name, count]) => {
  const lane = lanes[/** @type {keyof typeof LANES} */ (name)](scene)
  return Array.from({ length: count }, () => lane())
})
const spent = Promise.all(running)
// A call that never settles must not keep the run from being checked.
const late = new Promise((resolve) => {
  void healed.then(() => setTimeout(resolve, PATIENCE_MS))
})
while (left > 0) await new Promise((resolve) => setTimeout(resolve, 20))
say({ isSpent: true })
await healed
await Promise.race([spent, late])
await lanes.lockEachOnce(scene)
await sluice.close({ timeout: 5_000 })
clearInterval(progress)
say({ endedCount: recorder.endedCount })
recorder.close()
process.disconnect()
