// @ts-check
// One process with one Redlock. It takes and releases locks until it is told to end, and does to
// itself what it is asked to. It runs the built package.
import { startLanes, takeEachOnce } from '../locks/lanes.js'
import { joinCrew } from '../locks/member.js'
import { createNotes } from '../locks/notes.js'
import { createRecorder } from '../locks/recorder.js'
import { connectResource } from '../locks/resource.js'
import { monotonicMs } from '../outcomes/history.js'
import { watchStalls } from '../outcomes/recorder.js'
import { seededChance } from '../sqlite-chance.js'
import {
  acquireWithinMs,
  CALLERS,
  COMMAND_TIMEOUT_MS,
  LONGEST_LEASE_MS,
  NODE_TIMEOUT_MS,
} from './plan.js'

/**
 * @typedef {import('../locks/lanes.js').Scene} Scene
 */

const dist = new URL('../../../dist/redlock/index.js', import.meta.url)
/** @type {typeof import('../../../src/redlock/index.ts')} */
const { redlock } = await import(dist.href)

/** `url` has those of all nodes. @type {import('../locks/process.js').ProcessPlan} */
const plan = JSON.parse(process.argv[2] ?? '{}')
const recorder = createRecorder(plan.file)
const calls = createNotes(`${plan.file}.calls`)
const stalls = watchStalls()
const resource = connectResource()
const silent = () => {}
/** Some do without: they take what is free in another way, and exclude the others all the same. */
const isFenced = plan.seed % 3 !== 0
const red = redlock(plan.url.split(','), {
  commandTimeout: COMMAND_TIMEOUT_MS,
  connectTimeout: COMMAND_TIMEOUT_MS,
  longestTtl: LONGEST_LEASE_MS,
  fence: isFenced,
  logger: { info: silent, warn: silent, error: silent },
})

/** Notes when a call settled. @template T @param {string} op @param {number} withinMs @param {() => Promise<T>} call */
async function timed(op, withinMs, call) {
  const [invokedMs, stalledMs] = [monotonicMs(), stalls.totalMs()]
  try {
    return await call()
  } finally {
    calls.note('call', monotonicMs(), op, invokedMs, withinMs, stalls.totalMs() - stalledMs)
  }
}

/** A lock whose calls are timed, and those of its leases. @param {string} name @param {object} options */
function lock(name, options) {
  const made = red.lock(name, options)
  /** @template {import('../../../src/index.ts').Lease | null} Got @param {number} waitMs @param {() => Promise<Got>} call */
  async function take(waitMs, call) {
    const lease = await timed('acquire', acquireWithinMs(waitMs), call)
    if (lease === null) return lease
    const release = lease.release.bind(lease)
    return Object.assign(lease, { release: () => timed('release', NODE_TIMEOUT_MS, release) })
  }
  return {
    tryAcquire: () => take(0, () => made.tryAcquire()),
    /** @param {{wait: number}} wanted */
    acquire: ({ wait }) => take(wait, () => made.acquire({ wait })),
  }
}

const member = joinCrew({
  ...{ recorder, resource },
  sluice: /** @type {Scene['sluice']} */ (/** @type {unknown} */ ({ lock })),
  chance: seededChance(plan.seed),
})

await (plan.isLast
  ? takeEachOnce(member.scene, LONGEST_LEASE_MS * 2)
  : startLanes(member.scene, CALLERS))
await red.close()
calls.close()
stalls.stop()
member.leave()
