// @ts-check
// What every process of a crew does besides its work: it heeds what it is told, says how far it is,
// and does not outlive whoever started it.
import { liveAsChild } from '../in-child.js'
import { freeze } from './lanes.js'

/**
 * @typedef {import('./process.js').Order} Order
 * @typedef {import('./process.js').News} News
 * @typedef {import('./lanes.js').Scene} Scene
 */

const PROGRESS_MS = 100
/** Longer than any call may take: who still waits then waits for ever. */
export const PATIENCE_MS = 15_000

/** @param {Omit<Scene, 'mayGoOn' | 'isAwaited' | 'tellHolding'>} own */
export function joinCrew(own) {
  const { recorder, resource } = own
  const say = (/** @type {News} */ news) => void process.send?.(news)
  let isEnding = false
  let isAwaited = false
  /** @type {Scene} */
  const scene = {
    ...own,
    mayGoOn: () => !isEnding,
    isAwaited() {
      const was = isAwaited
      isAwaited = false
      return was
    },
    tellHolding: (holding) => say({ holding }),
  }

  process.on('message', (message) => {
    const order = /** @type {Order} */ (message)
    if (order.answered) resource.answered()
    if (order.end) isEnding = true
    if (order.await) isAwaited = true
    if (order.freezeMs) freeze(scene, order.freezeMs)
  })
  const child = liveAsChild(() => {
    say({ operations: recorder.operations })
    if (isEnding) setTimeout(() => process.exit(3), PATIENCE_MS).unref()
  }, PROGRESS_MS)

  return {
    scene,
    /** Its work is done, and nothing else keeps it running. */
    leave() {
      recorder.close()
      child.leave()
    },
  }
}
