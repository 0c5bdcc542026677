// @ts-check
// One process with one Sluice. It adds jobs or works on them until it is told to end, and does to
// itself what it is asked to. It runs the built package.
import { liveAsChild } from '../in-child.js'
import { blockFor } from '../locks/lanes.js'
import { seededChance } from '../sqlite-chance.js'
import { createAdding } from './adding.js'
import { startWorker, takeByHand } from './lanes.js'
import { COMMAND_TIMEOUT_MS, PATIENCE_MS } from './plan.js'
import { createRecorder } from './recorder.js'

/**
 * @typedef {import('./plan.js').Nature} Nature
 * @typedef {import('./lanes.js').Death} Death
 *
 * @typedef {object} ProcessPlan
 * @property {string} url
 * @property {string} who
 * @property {'worker' | 'producer'} role
 * @property {number} seed
 *
 * @typedef {object} Order
 * @property {true} [end] once what is under way is done
 * @property {true} [await] to say when the next job, or the next add, is under way
 * @property {number} [freezeMs] to block itself
 * @property {Death} [dieAt]
 * @property {{nature: Nature, size: number}} [add]
 *
 * @typedef {{isBusy?: true, added?: number}} News
 */

const PROGRESS_MS = 100

const dist = new URL('../../../dist/index.js', import.meta.url)
/** @type {typeof import('../../../src/index.ts')} */
const { createSluice } = await import(dist.href)

/** @type {ProcessPlan & {file: string}} */
const plan = JSON.parse(process.argv[2] ?? '{}')
const recorder = createRecorder(plan.file)
const silent = () => {}
const sluice = createSluice(plan.url, {
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: COMMAND_TIMEOUT_MS,
  logger: { info: silent, warn: silent, error: silent },
})
const say = (/** @type {News} */ news) => void process.send?.(news)
let [isEnding, isAwaited] = [false, false]
/** @type {Death | undefined} */
let dieAt
/** @type {import('./lanes.js').Scene} */
const scene = {
  ...{ sluice, recorder, who: plan.who, chance: seededChance(plan.seed) },
  mayGoOn: () => !isEnding,
  isAwaited() {
    const was = isAwaited
    isAwaited = false
    return was
  },
  tellBusy: () => say({ isBusy: true }),
  drawDeath() {
    const at = dieAt
    dieAt = undefined
    return at
  },
}
const adding = plan.role === 'producer' ? createAdding(scene) : undefined
const tellProgress = () => say({ added: adding?.addedCount ?? 0 })

const told = new Promise((resolve) => {
  process.on('message', (message) => {
    const order = /** @type {Order} */ (message)
    if (order.await) isAwaited = true
    if (order.freezeMs) blockFor(order.freezeMs)
    if (order.dieAt) dieAt = order.dieAt
    if (order.add) void adding?.addOf(order.add.nature, order.add.size)
    if (!order.end) return
    isEnding = true
    setTimeout(() => process.exit(3), PATIENCE_MS).unref()
    resolve(undefined)
  })
})
const child = liveAsChild(tellProgress, PROGRESS_MS)

if (adding) await adding.start()
else {
  startWorker(scene, 'worked')
  startWorker(scene, 'spread')
  await Promise.all([takeByHand(scene), told])
}
await sluice.close()
recorder.close()
child.leave()
