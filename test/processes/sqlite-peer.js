// @ts-check
// Another process on a SQLite file, told by messages what to do there. It runs the built package.

const dist = new URL('../../dist/', import.meta.url)
/** @param {string} file */
const load = (file) => import(new URL(file, dist).href)
const [{ openSqliteEngine }, { loadDriver }, { systemClock }] = await Promise.all([
  load('engine/sqlite/open.js'),
  load('engine/sqlite/driver.js'),
  load('clock.js'),
])

const TABLE = 'CREATE TABLE IF NOT EXISTS tally (who TEXT PRIMARY KEY, count INTEGER) STRICT'
const COUNT = `INSERT INTO tally (who, count) VALUES ('peer', 1)
  ON CONFLICT (who) DO UPDATE SET count = count + 1`

const BE_READY = `INSERT INTO tally (who, count) VALUES ('ready', 1)
  ON CONFLICT (who) DO UPDATE SET count = count + 1 RETURNING count`
const READY = "SELECT count FROM tally WHERE who = 'ready'"

const TAKE_TURN = `INSERT INTO tally (who, count) VALUES ('last', ?)
  ON CONFLICT (who) DO UPDATE SET count = excluded.count WHERE count <> excluded.count`

/** @type {any} */
let engine
/** @type {any} */
let database

const commands = {
  /** @param {string} file @param {'full' | 'normal'} synchronous */
  async open(file, synchronous) {
    engine = await openSqliteEngine(file, {
      clock: systemClock,
      synchronous,
      connectTimeoutMs: 5000,
    })
    engine.define(TABLE)
    await this.commit()
  },
  /** Answers the system's monotonic time after the commit, in ms. */
  async commit() {
    await engine.write((/** @type {any} */ transaction) => transaction.run(COUNT))
    return Number(process.hrtime.bigint()) / 1e6
  },
  /**
   * Writes as fast as it can, as on a disk that needs `diskMs` for each commit, until all processes
   * together have written `total` times. Answers how often this one did, and how often it was
   * another that had written before.
   * Nobody starts before all `writers` are there: on a busy machine that can take a while.
   * @param {number} writers @param {number} total @param {number} diskMs
   */
  async loop(writers, total, diskMs) {
    let ready = await engine.write(
      (/** @type {any} */ transaction) => transaction.get(BE_READY).count,
    )
    while (ready < writers) {
      await new Promise((resolve) => setTimeout(resolve, 1))
      ready = await engine.read((/** @type {any} */ transaction) => transaction.get(READY).count)
    }
    const disk = new Int32Array(new SharedArrayBuffer(4))
    let [commits, turns, written] = [0, 0, 0]
    for (; written < total; commits++) {
      const answer = await engine.write((/** @type {any} */ transaction) => {
        if (diskMs > 0) Atomics.wait(disk, 0, 0, diskMs)
        const isTurn = transaction.run(TAKE_TURN, process.pid) > 0
        return { isTurn, count: transaction.get(`${COUNT} RETURNING count`).count }
      })
      written = answer.count
      if (answer.isTurn) turns++
    }
    return { commits, turns }
  },
  /** Takes the write lock and keeps it. */
  async hold(/** @type {string} */ file) {
    database = (await loadDriver()).open(file)
    database.exec('BEGIN IMMEDIATE')
  },
  letGo() {
    database.exec('COMMIT')
    database.close()
  },
}

process.on(
  'message',
  async (/** @type {{ name: keyof typeof commands, args: any[] }} */ message) => {
    try {
      const call = /** @type {(...args: any[]) => unknown} */ (commands[message.name])
      process.send?.({ value: await call.apply(commands, message.args) })
    } catch (error) {
      process.send?.({ error: String(error) })
    }
  },
)
// The test run is over, however it ended.
process.on('disconnect', () => process.exit(0))
