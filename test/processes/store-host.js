// @ts-check
// Serves the stores of SQLite files to another process, so that a test can be two processes on one
// file. It runs the built package, and has no time of its own: each message brings the test's.

/**
 * @typedef {object} Message a batch of what one tick of the other process had to say
 * @property {{ monotonicMs: number, wallMs: number, storeUs: number | null }} time
 * @property {Item[]} items
 *
 * @typedef {object} Item
 * @property {number} handle of an open engine
 * @property {number} [reply] under which the answer goes back
 * @property {'open' | 'close' | 'call' | 'listen' | 'unlisten'} tag
 * @property {string} [store] one of a client, such as lock
 * @property {string} [method]
 * @property {unknown[]} [args]
 * @property {number} [listener]
 *
 * @typedef {Record<string, (...args: unknown[]) => unknown>} Store
 * @typedef {{ stores: Record<string, Store>, close: () => Promise<void>, clientId: string }} Opened
 */

const dist = new URL('../../dist/', import.meta.url)
/** @param {string} file */
const load = (file) => import(new URL(file, dist).href)
const [{ lazySqliteEngine }, locks, semaphores, queues, limits] = await Promise.all([
  load('engine/sqlite/lazy.js'),
  load('lock/open.js'),
  load('semaphore/open.js'),
  load('queue/open.js'),
  load('limit/open.js'),
])

let time = { monotonicMs: 0, wallMs: 0, storeUs: /** @type {number | null} */ (null) }
const clock = {
  monotonicMs: () => time.monotonicMs,
  wallMs: () => time.wallMs,
  storeUs: () => time.storeUs,
  /** @param {number} delayMs @param {() => void} callback */
  after(delayMs, callback) {
    const timeout = setTimeout(callback, delayMs)
    return { cancel: () => clearTimeout(timeout) }
  },
}

/** @type {Map<number, Opened>} */
const opened = new Map()
/** @type {Map<number, () => void>} */
const listening = new Map()

/** @param {unknown} message */
const send = (message) => process.send?.(message)

/** @param {string} file @param {object} settings @returns {Opened} */
function open(file, settings) {
  const logger = { info() {}, error: console.error }
  const engine = lazySqliteEngine(file, { ...settings, clock, logger })
  return {
    clientId: engine.clientId,
    stores: {
      lock: locks.openLockStore(engine),
      latch: locks.openLatchStore(engine),
      semaphore: semaphores.openSemaphoreStore(engine, 'semaphore'),
      readWriteLock: semaphores.openSemaphoreStore(engine, 'read-write-lock'),
      queue: queues.openQueueStore(engine),
      limit: limits.openLimitStore(engine),
    },
    close: () => engine.close(),
  }
}

/** @param {Item} item @returns {Promise<unknown>} */
async function perform({ tag, handle, store = '', method = '', args = [], listener = 0 }) {
  if (tag === 'open') {
    const engine = open(String(args[0]), /** @type {object} */ (args[1]))
    opened.set(handle, engine)
    return engine.clientId
  }
  const engine = opened.get(handle)
  const call = engine?.stores[store]?.[method]
  if (tag === 'unlisten') {
    listening.get(listener)?.()
    listening.delete(listener)
  } else if (tag === 'close') {
    opened.delete(handle)
    await engine?.close()
  } else if (tag === 'listen') {
    const tell = (/** @type {unknown[]} */ ...told) => send({ listener, told })
    listening.set(listener, /** @type {() => void} */ (call?.(...args, tell)))
  } else return call?.(...args)
}

process.on('message', (/** @type {Message} */ message) => {
  time = message.time
  for (const item of message.items) {
    perform(item).then(
      (value) => send({ reply: item.reply, value }),
      (error) => send({ reply: item.reply, error: { ...error, message: error.message } }),
    )
  }
})
// The test run is over, however it ended.
process.on('disconnect', () => process.exit(0))
send({ ready: true })
