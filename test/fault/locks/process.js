// @ts-check
// One process with one Sluice. It takes and releases locks until it is told to end, and does to
// itself what it is asked to. It runs the built package.
import { seededChance } from '../sqlite-chance.js'
import { startLanes, takeEachOnce } from './lanes.js'
import { joinCrew, PATIENCE_MS } from './member.js'
import { CALLERS, COMMAND_TIMEOUT_MS, LONGEST_TTL_MS } from './plan.js'
import { createRecorder } from './recorder.js'
import { connectResource } from './resource.js'

/**
 * @typedef {object} ProcessPlan
 * @property {string} url
 * @property {number} seed
 * @property {string} file
 * @property {boolean} isLast it takes every lock once, instead of some again and again
 *
 * What it is told: to end, to block itself, to say when it holds a hot name, or that the resource
 * has seen its oldest message.
 * @typedef {{end?: true, freezeMs?: number, await?: true, answered?: true}} Order
 *
 * @typedef {object} News
 * @property {import('./resource.js').WriteRequest[]} [writes]
 * @property {number} [operations] so far
 * @property {string} [holding] a hot name
 */

const dist = new URL('../../../dist/index.js', import.meta.url)
/** @type {typeof import('../../../src/index.ts')} */
const { createSluice } = await import(dist.href)

/** @type {ProcessPlan} */
const plan = JSON.parse(process.argv[2] ?? '{}')
const recorder = createRecorder(plan.file)
const resource = connectResource()
const silent = () => {}
const sluice = createSluice(plan.url, {
  // Whether a lock can be had is what the last one is for, not how soon.
  commandTimeout: plan.isLast ? PATIENCE_MS : COMMAND_TIMEOUT_MS,
  connectTimeout: COMMAND_TIMEOUT_MS,
  logger: { info: silent, warn: silent, error: silent },
})
const member = joinCrew({ sluice, recorder, resource, chance: seededChance(plan.seed) })

await (plan.isLast
  ? takeEachOnce(member.scene, LONGEST_TTL_MS * 2)
  : startLanes(member.scene, CALLERS))
await sluice.close()
member.leave()
