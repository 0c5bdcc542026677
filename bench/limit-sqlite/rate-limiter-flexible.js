// @ts-check
import { RateLimiterSQLite } from 'rate-limiter-flexible'
import { loadDriver } from '../../dist/engine/sqlite/driver.js'
import { always } from '../kit/limiter.js'
import { isRefusal } from '../kit/rate-limiter-flexible.js'
import { RULE } from '../limit-take/work.js'

export const packageName = 'rate-limiter-flexible'
export const settings =
  "RateLimiterSQLite (fixed window), WAL and synchronous NORMAL, on Sluice's driver in the shape of better-sqlite3; statements prepared once"

/** @typedef {Awaited<ReturnType<typeof loadDriver>>} Driver */

/** What the library calls of better-sqlite3. @param {ReturnType<Driver['open']>} database */
function adapt(database) {
  /** @type {Map<string, ReturnType<typeof database.prepare>>} */
  const statements = new Map()
  const prepare = (/** @type {string} */ sql) => {
    const statement = statements.get(sql) ?? database.prepare(sql)
    statements.set(sql, statement)
    return statement
  }
  return {
    prepare,
    transaction: (/** @type {() => unknown} */ work) => () => {
      prepare('BEGIN').run()
      const answer = work()
      prepare('COMMIT').run()
      return answer
    },
  }
}

/** @type {import('./work.js').Open} */
export async function open(folder, store = 'file-normal', { units, seconds } = RULE) {
  const driver = await loadDriver()
  const database = driver.open(store === 'memory' ? ':memory:' : `${folder}/limits.db`)
  database.exec('PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL')
  const limiter = await new Promise((resolve, reject) => {
    /** @type {RateLimiterSQLite} */
    const made = new RateLimiterSQLite(
      {
        ...{ storeClient: adapt(database), storeType: 'better-sqlite3', tableName: 'limits' },
        ...{ points: units, duration: seconds },
      },
      (/** @type {unknown} */ error) => (error ? reject(error) : resolve(made)),
    )
  })
  return {
    take: (key) => limiter.consume(key),
    isAllowed: always,
    isRefusal,
    close: () => database.close(),
  }
}
