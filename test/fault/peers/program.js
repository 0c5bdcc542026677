// @ts-check
// One system in a process of its own: the same shape of work for all, one call every 100 ms
// whether the one before has settled or not.
import { setTimeout as delay } from 'node:timers/promises'
import { nowMs } from '../outages/history.js'
import { recordInto } from './records.js'
import { findSystem, openLimiter, openLock, openQueue } from './systems.js'

/**
 * @typedef {{system: string, host: string, port: number, directPort: number, file: string}} Settings
 *
 * @typedef {object} Work
 * @property {() => void} tick begins the next call
 * @property {() => Promise<void>} afterHealing somebody else, with a connection of its own, gives work
 * @property {() => boolean} resumed whether everything has worked again that was begun after healing
 * @property {() => boolean} drained whether all that was acknowledged has been done
 * @property {() => Promise<void>} inspect asks the server what became of it all
 */

const EVERY_MS = 100
const FRESH_EVERY_MS = 500
const WARM_MS = 1_500
/** Everything goes on for so long after healing, whatever the state. */
const AFTER_MS = 5_000
/** A call that has not settled by then never will, as far as anyone waits. */
const SETTLE_WITHIN_MS = 30_000
/** Also for jobs that only come back once somebody notices that nobody works on them. */
const RESUME_WITHIN_MS = 60_000
const INSPECT_WITHIN_MS = 15_000
const HOLD_MS = 20
/** A name comes back after its lease could have expired. */
const LOCK_NAMES = 30

/** @type {Settings} */
const settings = JSON.parse(process.argv[2] ?? '{}')
const record = recordInto(settings.file)
process.on('unhandledRejection', (error) => stray(`unhandled rejection: ${error}`))
process.on('uncaughtException', (error) => stray(`uncaught exception: ${error}`))

/** @param {string} what */
const stray = (what) => record({ line: 'stray', what, atMs: nowMs() })

const place = {
  host: settings.host,
  port: settings.port,
  tell: (/** @type {string} */ what) => record({ line: 'told', what, atMs: nowMs() }),
}
/** Past the proxy, when all is over; what it tells is not about the outage. */
const directPlace = { host: settings.host, port: settings.directPort, tell: () => {} }
const freshPlace = { ...place, tell: () => {} }

/** @typedef {import('./records.js').CallRecord} CallRecord */
/** @type {Set<CallRecord>} */
const pending = new Set()
/** @type {Set<CallRecord['op']>} */
const worked = new Set()
let healedMs = Number.POSITIVE_INFINITY

/** @template T @param {CallRecord['op']} op @param {string} subject @param {() => Promise<T>} run @param {(value: T) => Partial<CallRecord>} [detail] @returns {Promise<T | undefined>} */
async function call(op, subject, run, detail = () => ({})) {
  /** @type {CallRecord} */
  const entry = { line: 'call', op, startMs: nowMs(), endMs: null, subject }
  pending.add(entry)
  try {
    const value = await run()
    Object.assign(entry, { endMs: nowMs(), ...detail(value) })
    if (entry.startMs >= healedMs) worked.add(op)
    return value
  } catch (error) {
    Object.assign(entry, { endMs: nowMs(), failure: String(error) })
    return undefined
  } finally {
    pending.delete(entry)
    record(entry)
  }
}

/** @returns {Promise<Work>} */
async function startQueue() {
  const queue = await openQueue(settings.system, place)
  let last = 0
  let worksAgain = false
  /** @type {Set<string>} */
  const open = new Set()
  /** @type {Set<string>} */
  const done = new Set()
  /** @type {Set<string>} added after healing */
  const late = new Set()
  await queue.work((payload, id) => {
    record({ line: 'job', payload, id, atMs: nowMs() })
    done.add(payload)
    open.delete(payload)
    if (late.has(payload)) worksAgain = true
  })
  /** @param {import('./systems.js').PeerQueue} by @param {string} payload */
  async function add(by, payload) {
    if (nowMs() >= healedMs) late.add(payload)
    const isAdded = await by.add(payload).then(() => true)
    if (isAdded && !done.has(payload)) open.add(payload)
  }
  return {
    tick() {
      const payload = `job-${++last}`
      void call('add', payload, () => add(queue, payload))
    },
    async afterHealing() {
      const fresh = await openQueue(settings.system, freshPlace)
      for (let index = 1; ; index += 1) {
        await add(fresh, `fresh-${index}`).catch(() => {})
        await delay(FRESH_EVERY_MS)
      }
    },
    resumed: () => worked.has('add') && worksAgain,
    drained: () => open.size === 0,
    async inspect() {
      const direct = await openQueue(settings.system, directPlace)
      record({ line: 'left', count: await direct.left() })
    },
  }
}

/** @returns {Promise<Work>} */
async function startLock() {
  const lock = await openLock(settings.system, place)
  let last = 0
  return {
    async tick() {
      const name = `lock-${++last % LOCK_NAMES}`
      const lease = await call(
        'acquire',
        name,
        () => lock.acquire(name),
        (granted) => ({
          remainingMs: granted.remainingMs,
        }),
      )
      if (lease === undefined) return
      await delay(HOLD_MS)
      await call('release', name, lease.release)
    },
    afterHealing: async () => {},
    resumed: () => worked.has('acquire') && worked.has('release'),
    drained: () => true,
    inspect: async () => {},
  }
}

/** @returns {Promise<Work>} */
async function startLimiter() {
  const limiter = await openLimiter(settings.system, place)
  /** @type {string[]} one for each take: what counts twice is seen */
  const keys = []
  return {
    tick() {
      const key = `take-${keys.length}`
      keys.push(key)
      void call('take', key, () => limiter.take(key))
    },
    afterHealing: async () => {},
    resumed: () => worked.has('take'),
    drained: () => true,
    async inspect() {
      const direct = await openLimiter(settings.system, directPlace)
      for (const key of keys) {
        record({ line: 'charge', subject: key, count: await direct.charged(key) })
      }
    },
  }
}

const starters = { queue: startQueue, lock: startLock, limiter: startLimiter }

/** What a processor that is fought for takes from every deadline. */
function watchStalls() {
  let dueMs = nowMs() + 20
  setInterval(() => {
    const lengthMs = nowMs() - dueMs
    if (lengthMs > 30) record({ line: 'stall', atMs: nowMs(), lengthMs })
    dueMs = nowMs() + 20
  }, 20)
}

/** @param {Work} work */
async function observe(work) {
  const isOpen = () => [...pending].some(({ startMs }) => startMs < healedMs)
  for (;;) {
    const sinceMs = nowMs() - healedMs
    if (sinceMs >= RESUME_WITHIN_MS) return
    if (work.resumed() && sinceMs >= AFTER_MS) {
      if (work.drained() && (sinceMs >= SETTLE_WITHIN_MS || !isOpen())) return
    }
    await delay(50)
  }
}

async function main() {
  const work = await starters[findSystem(settings.system).kind]()
  watchStalls()
  const ticking = setInterval(() => work.tick(), EVERY_MS)
  await delay(WARM_MS)
  /** @type {Promise<void>} */
  const healed = new Promise((resolve) => process.once('message', () => resolve()))
  process.send?.('warm')
  await healed
  healedMs = nowMs()
  // It may be cut off as well, and then has nothing to give.
  work.afterHealing().catch(() => {})
  await observe(work)
  clearInterval(ticking)
  // What was begun last has a moment to settle; what is open afterwards is judged by its age.
  await delay(1_000)
  for (const entry of pending) record(entry)
  await Promise.race([work.inspect(), delay(INSPECT_WITHIN_MS)])
  process.exit(0)
}

await main()
