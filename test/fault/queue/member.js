// @ts-check
// What every process of a storm has besides its work: one Sluice of the built package, and an ear for
// what it is told.
import { liveAsChild } from '../in-child.js'
import { blockFor } from '../locks/lanes.js'
import { seededChance } from '../sqlite-chance.js'
import { COMMAND_TIMEOUT_MS, PATIENCE_MS } from './plan.js'

/**
 * @typedef {import('./plan.js').Nature} Nature
 * @typedef {import('./lanes.js').Death} Death
 * @typedef {import('./lanes.js').Queue} Queue
 *
 * @typedef {object} ProcessPlan
 * @property {string} url
 * @property {string} who
 * @property {import('./crew.js').Role} role
 * @property {number} seed
 * @property {string} file
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

/**
 * @template {{close: () => void}} Recorder
 * @param {ProcessPlan} plan
 * @param {object} own
 * @param {Recorder} own.recorder
 * @param {(name: string) => import('../../../src/index.ts').QueueOptions<any>} own.optionsOf a queue
 */
export function joinStorm({ url, who, seed }, { recorder, optionsOf }) {
  const silent = () => {}
  const sluice = createSluice(url, {
    commandTimeout: COMMAND_TIMEOUT_MS,
    connectTimeout: COMMAND_TIMEOUT_MS,
    logger: { info: silent, warn: silent, error: silent },
  })
  const say = (/** @type {News} */ news) => void process.send?.(news)
  let [isEnding, isAwaited, addedCount] = [false, false, 0]
  /** @type {Death | undefined} */
  let dieAt
  /** @type {(nature: Nature, size: number) => void} */
  let onAdd = () => {}
  /** @type {Omit<import('./lanes.js').Scene, 'recorder'> & {recorder: Recorder}} */
  const scene = {
    ...{ sluice, recorder, who, chance: seededChance(seed) },
    open: (name) => /** @type {Queue} */ (sluice.queue(name, optionsOf(name))),
    mayGoOn: () => !isEnding,
    isAwaited() {
      const was = isAwaited
      isAwaited = false
      return was
    },
    tellBusy: () => say({ isBusy: true }),
    tellAdded(count) {
      addedCount += count
    },
    drawDeath() {
      const at = dieAt
      dieAt = undefined
      return at
    },
  }
  /** Resolves when it is told to end. */
  const told = new Promise((resolve) => {
    process.on('message', (message) => {
      const order = /** @type {Order} */ (message)
      if (order.await) isAwaited = true
      if (order.freezeMs) blockFor(order.freezeMs)
      if (order.dieAt) dieAt = order.dieAt
      if (order.add) onAdd(order.add.nature, order.add.size)
      if (!order.end) return
      isEnding = true
      setTimeout(() => process.exit(3), PATIENCE_MS).unref()
      resolve(undefined)
    })
  })
  const child = liveAsChild(() => say({ added: addedCount }), PROGRESS_MS)
  return {
    ...{ scene, told },
    /** @param {typeof onAdd} add */
    onAdd(add) {
      onAdd = add
    },
    /** Its work is done, and nothing else keeps it running. */
    async leave() {
      await sluice.close()
      recorder.close()
      child.leave()
    },
  }
}
