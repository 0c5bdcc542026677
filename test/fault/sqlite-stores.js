// @ts-check
// The stores of the built package on a SQLite file, for processes that are killed and those that
// look at what is left.

/** @typedef {import('../../src/engine/sqlite/engine.ts').SqliteEngine} SqliteEngine */

const dist = new URL('../../dist/', import.meta.url)
/** @param {string} file */
const load = (file) => import(new URL(file, dist).href)

/** Loads the package, and gives what opens an engine and what makes stores of one. */
export async function loadStores() {
  const [{ lazySqliteEngine }, { openLockStore }, { openQueueStore }, { openLimitStore }, clocks] =
    await Promise.all([
      load('engine/sqlite/lazy.js'),
      load('lock/open.js'),
      load('queue/open.js'),
      load('limit/open.js'),
      load('clock.js'),
    ])
  return {
    /** @param {string} file @param {{connectTimeoutMs: number, commandTimeoutMs: number}} timeouts @returns {SqliteEngine} */
    openEngine: (file, timeouts) =>
      lazySqliteEngine(file, {
        clock: clocks.systemClock,
        synchronous: 'full',
        logger: console,
        ...timeouts,
      }),
    /** @param {SqliteEngine} engine */
    storesOf: (engine) => ({
      queue: openQueueStore(engine),
      lock: openLockStore(engine),
      limit: openLimitStore(engine),
    }),
  }
}
