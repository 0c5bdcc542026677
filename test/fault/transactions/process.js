// @ts-check
// One process that increments counters by reading and writing them, until it is told to end. It runs
// the built package, or plain ioredis for comparison.
import { openSync, writeSync } from 'node:fs'
import { setTimeout as pause } from 'node:timers/promises'
import { liveAsChild } from '../in-child.js'
import { seededChance } from '../sqlite-chance.js'
import { openIncrement } from './increments.js'
import { COUNTERS, LANES, THINKS } from './plan.js'

/**
 * @typedef {object} ProcessPlan
 * @property {string} url
 * @property {number} seed
 * @property {string} file
 * @property {import('./increments.js').Way} way
 *
 * @typedef {{end?: true}} Order
 * @typedef {{operations: number}} News
 */

const PROGRESS_MS = 100
/** Longer than any call may take: who still waits then waits for ever. */
const PATIENCE_MS = 60_000

/** @type {ProcessPlan} */
const plan = JSON.parse(process.argv[2] ?? '{}')
const chance = seededChance(plan.seed)
const file = openSync(plan.file, 'a')
const write = (/** @type {unknown[]} */ ...line) => writeSync(file, `${JSON.stringify(line)}\n`)
const say = (/** @type {News} */ news) => void process.send?.(news)
let [number, operations, isEnding] = [0, 0, false]

process.on('message', (message) => {
  if (!(/** @type {Order} */ (message).end)) return
  isEnding = true
  setTimeout(() => process.exit(3), PATIENCE_MS).unref()
})
const child = liveAsChild(() => say({ operations }), PROGRESS_MS)

async function think() {
  if (chance.whole(1, THINKS.oneOf) === 1) await pause(chance.whole(1, THINKS.longestMs))
}

async function lane() {
  const { increment, close } = openIncrement(plan, think)
  while (!isEnding) {
    const counter = COUNTERS[chance.whole(0, COUNTERS.length - 1)] ?? ''
    const own = ++number
    // Before anything is sent: who is killed in between may have done it.
    write('begun', own, counter)
    write('ended', own, ...(await increment(counter)))
    operations++
  }
  await close()
}

await Promise.all(Array.from({ length: LANES }, lane))
child.leave()
