// @ts-check
// Something to write to, behind each guard of examples/fence-guards: the same for a test and for the
// zombie that it starts.
import { DatabaseSync } from '@photostructure/sqlite'
import { Redis } from 'ioredis'
import { putFenced } from '../../examples/fence-guards/http.js'
import { hsetFenced, setFenced } from '../../examples/fence-guards/redis.js'
import {
  createTable,
  createTriggers,
  saveBalance,
  updateBalance,
} from '../../examples/fence-guards/sql.js'

/**
 * @typedef {object} Resource one account
 * @property {(balance: number, fence: number) => Promise<boolean>} write answers false if refused
 * @property {() => Promise<number | null>} read
 * @property {() => unknown} close
 *
 * @typedef {'sqlite' | 'redis' | 'http'} Kind
 */

/** @typedef {import('@photostructure/sqlite').DatabaseSyncInstance} Database */

const BUSY_TIMEOUT_MS = 10_000

/**
 * @param {string} file @param {string} id
 * @param {(database: Database, id: string, balance: number, fence: number) => boolean} write
 * @param {string} [definitions]
 * @returns {Resource}
 */
function openTable(file, id, write, definitions = '') {
  const database = new DatabaseSync(file, { timeout: BUSY_TIMEOUT_MS })
  database.exec(`${createTable}; ${definitions}`)
  database.prepare('INSERT OR IGNORE INTO account (id, balance) VALUES (?, 0)').run(id)
  const select = database.prepare('SELECT balance FROM account WHERE id = ?')
  return {
    write: async (balance, fence) => write(database, id, balance, fence),
    read: async () => /** @type {{balance: number}} */ (select.get(id)).balance,
    close: () => database.close(),
  }
}

/**
 * @param {string} sql with places for balance, fence and id in this order
 * @returns {(database: Database, id: string, balance: number, fence: number) => boolean}
 */
function refusedByTrigger(sql) {
  return (database, id, balance, fence) => {
    try {
      database.prepare(sql).run(balance, fence, id)
      return true
    } catch (error) {
      if (error instanceof Error && error.message.includes('stale fence')) return false
      throw error
    }
  }
}

const CARELESS_UPDATE = 'UPDATE account SET balance = ?, fence = ? WHERE id = ?'
const CARELESS_REPLACE = 'REPLACE INTO account (balance, fence, id) VALUES (?, ?, ?)'

/**
 * @param {string} url @param {string} key
 * @param {(redis: Redis, balance: string, fence: number) => Promise<boolean>} write
 * @param {(redis: Redis) => Promise<string | null>} read
 * @returns {Resource}
 */
function openKey(url, key, write, read) {
  const redis = new Redis(url, { protocol: 2 })
  return {
    write: (balance, fence) => write(redis, String(balance), fence),
    async read() {
      const balance = await read(redis)
      return balance === null ? null : Number(balance)
    },
    async close() {
      await redis.unlink(key, `${key}:fence`)
      redis.disconnect()
    },
  }
}

/** @type {Record<string, {kind: Kind, open: (place: string, id: string) => Resource}>} */
export const guards = {
  'SQL update': { kind: 'sqlite', open: (file, id) => openTable(file, id, updateBalance) },
  'SQL upsert': { kind: 'sqlite', open: (file, id) => openTable(file, id, saveBalance) },
  'SQL trigger, UPDATE': {
    kind: 'sqlite',
    open: (file, id) => openTable(file, id, refusedByTrigger(CARELESS_UPDATE), createTriggers),
  },
  'SQL trigger, REPLACE': {
    kind: 'sqlite',
    open: (file, id) => openTable(file, id, refusedByTrigger(CARELESS_REPLACE), createTriggers),
  },
  'Redis value': {
    kind: 'redis',
    open: (url, id) =>
      openKey(
        url,
        id,
        (redis, balance, fence) => setFenced(redis, id, balance, fence),
        (redis) => redis.get(id),
      ),
  },
  'Redis hash': {
    kind: 'redis',
    open: (url, id) =>
      openKey(
        url,
        `${id}:details`,
        (redis, balance, fence) => hsetFenced(redis, `${id}:details`, { balance }, fence),
        (redis) => redis.hget(`${id}:details`, 'balance'),
      ),
  },
  'HTTP header': {
    kind: 'http',
    open: (url, id) => ({
      write: (balance, fence) => putFenced(`${url}/accounts/${id}`, { balance }, fence),
      async read() {
        const response = await fetch(`${url}/accounts/${id}`)
        const account = /** @type {{balance: number} | null} */ (await response.json())
        return account?.balance ?? null
      },
      close() {},
    }),
  },
}

/** Lets everybody write: what a zombie does where nothing refuses it. */
export const UNGUARDED = 'no guard'

/** @type {typeof guards} */
export const resources = {
  ...guards,
  [UNGUARDED]: {
    kind: 'sqlite',
    open: (file, id) => openTable(file, id, refusedByTrigger(CARELESS_UPDATE)),
  },
}
