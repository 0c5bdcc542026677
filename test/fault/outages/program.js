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
const WARM_WITHIN_MS = 20_000
/** How long after the first successes everything goes on. */
const AFTER_MS = 700
const DRAIN_WITHIN_MS = 12_000
const CLOSE_WITHIN_MS = 10_000
const SETTLE_WITHIN_MS = 6_000
/** Client libraries leave a timer of 2 s behind for a socket that may not close. */
const HANDLES_WITHIN_MS = 3_000
/** What works all the time, and what only after the outage. */
const WARM = ['job', 'lock', 'limit']
const IDLE = ['idle-worked', 'idle-taken']

/** @type {Settings} */
const settings = JSON.parse(process.argv[2] ?? '{}')
const { createSluice, slidingLog, SluiceError } =
  /** @type {typeof import('../../../src/index.ts')} */ (
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

/** @param {() => boolean} isSo @param {number} withinMs */
async function until(isSo, withinMs) {
  const deadlineMs = nowMs() + withinMs
  while (!isSo() && nowMs() < deadlineMs) await delay(20)
}

// Without its parent nobody needs it any more. It is the last to close the channel when it is done.
process.once('disconnect', () => process.exit(1))

/** @param {News} news */
const tell = (news) => void process.send?.(news)

/** Without the pipes to the parent, of which some are made when they are first used. */
const listHandles = () =>
  process
    .getActiveResourcesInfo()
    .filter((handle) => handle !== 'PipeWrap' && handle !== 'CloseReq')
    .sort()
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

/** What the parent says, in order. */
function listen() {
  /** @type {Order[]} */
  const orders = []
  let wake = () => {}
  process.on('message', (order) => {
    orders.push(/** @type {Order} */ (order))
    wake()
  })
  return async () => {
    while (orders.length === 0) {
      await new Promise((resolve) => {
        wake = () => resolve(undefined)
      })
    }
    return orders.shift()
  }
}

/** @typedef {Record<'a' | 'b' | 'idle', import('../../../src/index.ts').Sluice>} Sluices */

/** Works before, during and after the outage. @param {Sluices} sluices @param {() => Promise<Order | undefined>} nextOrder */
async function live(sluices, nextOrder) {
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
  const hasAll = (/** @type {string[]} */ whats) => whats.every((what) => achieved.has(what))
  await until(() => hasAll(WARM), WARM_WITHIN_MS)
  await delay(WARM_MS)
  if (!hasAll(WARM)) throw new Error('nothing worked before the outage')
  const heapBeforeBytes = measureHeap()
  tell({ say: 'warm' })

  const begin = await nextOrder()
  workload.beQuiet(begin?.say === 'begin' && begin.quiet)
  await nextOrder()
  workload.beQuiet(false)
  achieved.clear()
  const waking = workload.wakeIdle()
  const all = Object.values(sluices)
  const isHealthy = () => all.every((sluice) => sluice.health().available)
  const hasResumed = () => isHealthy() && hasAll([...WARM, ...IDLE])
  await until(hasResumed, settings.resumeWithinMs + SETTLE_WITHIN_MS)
  await delay(AFTER_MS)
  // What had died silently may only be noticed now.
  await until(isHealthy, settings.resumeWithinMs)

  workload.stop()
  await within(Promise.all([workload.settled(), waking]), SETTLE_WITHIN_MS)
  await drain(sluices)
  return { recorder, heapBeforeBytes }
}

async function main() {
  const nextOrder = listen()
  const handlesBefore = listHandles()
  const logger = {
    info() {},
    warn() {},
    error: (/** @type {string} */ message) => stray('log', message),
  }
  const open = () => createSluice(settings.url, { commandTimeout: COMMAND_TIMEOUT_MS, logger })
  const sluices = { a: open(), b: open(), idle: open() }
  const looks = Object.entries(sluices).map(([by, sluice]) => watchEvents(sluice, by))
  /** @type {Set<string>} */
  const healthLies = new Set()
  const look = setInterval(() => {
    for (const lie of looks.flatMap((one) => one())) healthLies.add(lie)
  }, 50)

  const { recorder, heapBeforeBytes } = await live(sluices, nextOrder)
  const closingMs = nowMs()
  const closes = Object.values(sluices).map((sluice) => sluice.close({ timeout: '1s' }))
  await within(Promise.all(closes), CLOSE_WITHIN_MS)
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
  process.removeAllListeners('disconnect')
  process.disconnect()
}

/** What is left once everything that was added has been delivered. @param {Sluices} sluices */
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
