// @ts-check
// The program under test, in a process of its own: what it leaves behind can be judged then.
// It is told by its parent when the outage begins and is over, and ends by itself.
import { seededChance } from '../sqlite-chance.js'
import { nowMs, openHistory } from './history.js'
import { createRecorder } from './recorder.js'
import { COMMAND_TIMEOUT_MS, LIMIT, startWorkload } from './workload.js'

/**
 * @typedef {object} Settings
 * @property {string} url
 * @property {string} file where the history goes
 * @property {number} seed
 * @property {number} resumeWithinMs
 *
 * @typedef {{say: 'begin', quiet: boolean} | {say: 'healed'}} Order
 * @typedef {{say: 'warm'} | {say: 'done'}} News
 */

const WARM_MS = 1_000
/** How long after the first successes everything goes on. */
const AFTER_MS = 700
const DRAIN_WITHIN_MS = 12_000
const CLOSE_WITHIN_MS = 10_000
const SETTLE_WITHIN_MS = 6_000
/** The longest that the ends of sockets may need to be told. */
const HANDLES_WITHIN_MS = 2_000
const RESUMED = ['job', 'lock', 'limit', 'idle-worked', 'idle-taken']

/** @type {Settings} */
const settings = JSON.parse(process.argv[2] ?? '{}')
const { createSluice, slidingLog, SluiceError } = /** @type {typeof import('../../../src/index.ts')} */ (
  await import(new URL('../../../dist/index.js', import.meta.url).href)
)
const history = openHistory(settings.file)
const delay = (/** @type {number} */ ms) => new Promise((resolve) => setTimeout(resolve, ms))

process.on('unhandledRejection', (error) => stray('unhandled rejection', error))
process.on('uncaughtException', (error) => stray('uncaught exception', error))
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning') stray('warning', warning)
})

/** @param {string} kind @param {unknown} error */
function stray(kind, error) {
  const text = error instanceof Error ? (error.stack ?? error.message) : String(error)
  history.append({ line: 'stray', what: `${kind}: ${text}` })
}

/** @template T @param {Promise<T>} promise @param {number} withinMs @returns {Promise<T | undefined>} */
async function within(promise, withinMs) {
  /** @type {NodeJS.Timeout | undefined} */
  let timer
  /** @type {Promise<undefined>} */
  const late = new Promise((resolve) => {
    timer = setTimeout(() => resolve(undefined), withinMs)
  })
  return await Promise.race([promise, late]).finally(() => clearTimeout(timer))
}

/** @param {(order: Order) => void} onOrder */
function listen(onOrder) {
  process.on('message', (order) => onOrder(/** @type {Order} */ (order)))
}

/** @param {News} news */
const tell = (news) => void process.send?.(news)

const listHandles = () => process.getActiveResourcesInfo().sort()
function measureHeap() {
  for (let round = 0; round < 3; round += 1) globalThis.gc?.()
  return process.memoryUsage().heapUsed
}

/** @param {import('../../../src/index.ts').Sluice} sluice @param {string} by */
function watchEvents(sluice, by) {
  let isToldAvailable = true
  for (const name of /** @type {const} */ (['unavailable', 'available', 'reset'])) {
    sluice.on(name, (event) => {
      if (name !== 'reset') isToldAvailable = name === 'available'
      const reason = 'reason' in event ? { reason: event.reason } : {}
      history.append({ line: 'event', name, by, atMs: nowMs(), ...reason })
    })
  }
  return () => {
    const { available } = sluice.health()
    return available === isToldAvailable
      ? []
      : [`health() of ${by} says available: ${available}, the last event said otherwise`]
  }
}

async function main() {
  /** @type {Order[]} */
  const orders = []
  let wake = () => {}
  listen((order) => {
    orders.push(order)
    wake()
  })
  const nextOrder = async () => {
    while (orders.length === 0) await new Promise((resolve) => (wake = () => resolve(undefined)))
    return orders.shift()
  }
  const handlesBefore = listHandles()

  const logger = { info() {}, warn() {}, error: (/** @type {string} */ message) => stray('log', message) }
  const open = () => createSluice(settings.url, { commandTimeout: COMMAND_TIMEOUT_MS, logger })
  const sluices = { a: open(), b: open(), idle: open() }
  const all = Object.entries(sluices)
  const looks = all.map(([by, sluice]) => watchEvents(sluice, by))
  /** @type {Set<string>} */
  const healthLies = new Set()
  const look = setInterval(() => {
    for (const lie of looks.flatMap((one) => one())) healthLies.add(lie)
  }, 50)

  const recorder = createRecorder(history.append, SluiceError)
  /** @type {Set<string>} */
  const achieved = new Set()
  const workload = startWorkload({
    recorder,
    sluices,
    chance: seededChance(settings.seed),
    rule: slidingLog({ limit: LIMIT.limit, per: LIMIT.perMs }),
    achieved: (what) => achieved.add(what),
  })
  const hasAll = async (/** @type {string[]} */ whats, /** @type {number} */ withinMs) => {
    const deadlineMs = nowMs() + withinMs
    while (!whats.every((what) => achieved.has(what)) && nowMs() < deadlineMs) await delay(20)
  }
  await hasAll(RESUMED.slice(0, 3), SETTLE_WITHIN_MS)
  await delay(WARM_MS)
  const heapBeforeBytes = measureHeap()
  tell({ say: 'warm' })

  const begin = await nextOrder()
  workload.beQuiet(begin?.say === 'begin' && begin.quiet)
  await nextOrder()
  workload.beQuiet(false)
  achieved.clear()
  const waking = workload.wakeIdle()
  await hasAll(RESUMED, settings.resumeWithinMs + SETTLE_WITHIN_MS)
  await delay(AFTER_MS)

  workload.stop()
  await within(Promise.all([workload.settled(), waking]), SETTLE_WITHIN_MS)
  await drain(sluices)
  const closingMs = nowMs()
  await within(Promise.all(all.map(([, sluice]) => sluice.close({ timeout: '1s' }))), CLOSE_WITHIN_MS)
  const closeMs = nowMs() - closingMs
  recorder.stop()
  clearInterval(look)
  const handlesAfter = await settleHandles(handlesBefore)
  history.append({
    line: 'hygiene',
    ...{ closeMs, handlesBefore, handlesAfter, healthLies: [...healthLies] },
    ...{ heapBeforeBytes, heapAfterBytes: measureHeap() },
  })
  tell({ say: 'done' })
  history.close()
  process.disconnect()
}

/** What is left once everything that was added has been delivered. @param {Record<'a' | 'b' | 'idle', import('../../../src/index.ts').Sluice>} sluices */
async function drain({ a, b }) {
  const deadlineMs = nowMs() + DRAIN_WITHIN_MS
  const pulled = b.queue('pulled')
  for (;;) {
    for (const delivery of await pulled.take({ max: 100 }).catch(() => [])) {
      const { data, id, fence } = delivery
      history.append({
        line: 'delivery',
        ...{ queue: 'pulled', payload: String(data), id, fence, atMs: nowMs() },
      })
      await delivery.ack().catch(() => {})
    }
    const counts = await Promise.all(
      ['work', 'pulled'].map(async (queue) => ({ queue, counts: await a.queue(queue).counts() })),
    ).catch(() => [])
    const isEmpty = (/** @type {{ready: number, timed: number, inFlight: number}} */ count) =>
      count.ready + count.timed + count.inFlight === 0
    const isDone = counts.length > 0 && counts.every((one) => isEmpty(one.counts))
    if (isDone || nowMs() > deadlineMs) {
      for (const one of counts) history.append({ line: 'rest', ...one })
      return
    }
    await delay(100)
  }
}

/** @param {string[]} before */
async function settleHandles(before) {
  const deadlineMs = nowMs() + HANDLES_WITHIN_MS
  for (;;) {
    // Seen from a callback that no timer of this function is waiting for.
    await new Promise((resolve) => setTimeout(resolve, 20))
    const after = listHandles()
    if (String(after) === String(before) || nowMs() > deadlineMs) return after
  }
}

await main()
