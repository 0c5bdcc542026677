// @ts-check
// One process with one Sluice. It does what its lanes do until its share of calls is made, says so,
// and ends in good order when it is told that everything works again. It runs the built package.
import { seededChance } from '../sqlite-chance.js'
import { monotonicMs } from './history.js'
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

// Whoever started this process is gone.
const endAlone = () => process.exit(1)
process.once('disconnect', endAlone)
const healed = told('healed')
const progress = setInterval(() => say({ endedCount: recorder.endedCount }), PROGRESS_MS)
lanes.working(scene)
const running = [
  { lane: lanes.adding(scene), count: 12 },
  { lane: lanes.takingByHand(scene), count: 8 },
  { lane: lanes.locking(scene), count: 20 },
  { lane: lanes.limiting(scene), count: 20 },
].flatMap(({ lane, count }) => Array.from({ length: count }, () => lane()))
const spent = Promise.all(running)
// A call that never settles must not keep the run from being checked.
const late = new Promise((resolve) => {
  void healed.then(() => setTimeout(resolve, PATIENCE_MS).unref())
})
let [endedCount, endedMs] = [0, monotonicMs()]
while (left > 0 && monotonicMs() - endedMs < PATIENCE_MS) {
  await new Promise((resolve) => setTimeout(resolve, 20))
  if (recorder.endedCount > endedCount) [endedCount, endedMs] = [recorder.endedCount, monotonicMs()]
}
left = 0
say({ isSpent: true })
await healed
await Promise.race([spent, late])
await lanes.lockEachOnce(scene)
await sluice.close({ timeout: 5_000 })
clearInterval(progress)
say({ endedCount: recorder.endedCount })
recorder.close()
process.off('disconnect', endAlone)
process.disconnect()
