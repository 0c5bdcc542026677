// @ts-check
// What is in the store, read without the library: the layout is described in its Lua scripts.
import { send } from '../resp.js'

/**
 * @typedef {object} StoredJob
 * @property {string} queue
 * @property {'ready' | 'tail' | 'segment' | 'suspects' | 'timed' | 'inflight' | 'dead'} place
 * @property {string} key
 * @property {string} id
 * @property {number} attempt failed ones
 *
 * @typedef {{name: string, owner: string, remainingMs: number}} StoredLock
 * @typedef {{limiter: string, key: string, units: number}} Charge
 *
 * @typedef {object} Store
 * @property {StoredJob[]} jobs
 * @property {StoredLock[]} locks held by someone
 * @property {Charge[]} charges of limiters that only fill up
 *
 * @typedef {{port: number, host?: string}} Endpoint
 */

const HEADER_LENGTH = 28
/** A dead letter is its time, the length of its reason, the reason and the body. */
const DEATH_LENGTH = 20

/** @param {string} body */
function readBody(body) {
  return {
    key: String(JSON.parse(body.slice(HEADER_LENGTH + Number.parseInt(body.slice(26, 28), 16)))),
    id: body.slice(0, 16),
    attempt: Number(body.slice(18, 21)),
  }
}

/** @param {string} letter */
const bodyOfLetter = (letter) => letter.slice(DEATH_LENGTH + Number(letter.slice(16, DEATH_LENGTH)))

/** How the bodies of each place are read. @type {Record<StoredJob['place'], (key: string) => string[]>} */
const PLACES = {
  ready: (key) => ['LRANGE', key, '0', '-1'],
  tail: (key) => ['LRANGE', key, '0', '-1'],
  segment: (key) => ['LRANGE', key, '0', '-1'],
  suspects: (key) => ['LRANGE', key, '0', '-1'],
  timed: (key) => ['ZRANGE', key, '0', '-1'],
  inflight: (key) => ['HVALS', key],
  dead: (key) => ['LRANGE', key, '0', '-1'],
}

/** @param {Endpoint} server @param {string} pattern */
async function keysLike(server, pattern) {
  return /** @type {string[]} */ (await send(server, ['KEYS', pattern]))
}

/** What stands between the braces of a key. @param {string} key */
const nameIn = (key) => decodeURIComponent(key.slice(key.indexOf('{') + 1, key.indexOf('}')))

/** @param {Endpoint} server @returns {Promise<StoredJob[]>} */
async function readJobs(server) {
  /** @type {StoredJob[]} */
  const jobs = []
  for (const key of await keysLike(server, 'sluice:queue:*')) {
    const part = key.slice(key.indexOf('}:') + 2).split(':')[0] ?? ''
    const read = Object.hasOwn(PLACES, part) ? /** @type {StoredJob['place']} */ (part) : null
    if (!read) continue
    const texts = /** @type {string[]} */ (await send(server, PLACES[read](key)))
    // The hash of what is in flight also says which one is suspect: an id is no body.
    const bodies = texts.filter((text) => text.length > HEADER_LENGTH)
    const entries = read === 'dead' ? bodies.map(bodyOfLetter) : bodies
    for (const body of entries) jobs.push({ queue: nameIn(key), place: read, ...readBody(body) })
  }
  return jobs
}

/** @param {Endpoint} server @returns {Promise<StoredLock[]>} */
async function readLocks(server) {
  const nowUs = await readClock(server)
  const keys = await keysLike(server, 'sluice:lock:*')
  const locks = []
  for (const key of keys) {
    if ((await send(server, ['TYPE', key])) !== 'hash') continue
    const fields = /** @type {(string | null)[]} */ (
      await send(server, ['HMGET', key, 'owner', 'expires_us'])
    )
    const [owner, expiresUs] = fields
    if (!owner || !expiresUs) continue
    const remainingMs = (Number(expiresUs) - nowUs) / 1_000
    if (remainingMs > 0) locks.push({ name: nameIn(key), owner, remainingMs })
  }
  return locks
}

/** Microseconds on the server's clock. @param {Endpoint} server */
async function readClock(server) {
  const [seconds, microseconds] = /** @type {string[]} */ (await send(server, ['TIME']))
  return Number(seconds) * 1e6 + Number(microseconds)
}

/**
 * A funnel says when it will be empty, in 16 digits and three more, or what it owed at some time.
 *
 * @param {string} state @param {number} nowUs
 */
const debtUs = (state, nowUs) =>
  /^\d{19}$/.test(state) ? Number(state.slice(0, 16)) - nowUs : parseFloat(state)

/**
 * The units that each key was charged: a log has an entry for each, a funnel a debt.
 *
 * @param {Endpoint} server
 * @param {readonly {name: string, perMs: number}[]} limiters
 * @returns {Promise<Charge[]>}
 */
async function readCharges(server, limiters) {
  const charges = []
  const nowUs = await readClock(server)
  for (const { name, perMs } of limiters) {
    for (const key of await keysLike(server, `sluice:limit:{${name}/*`)) {
      const isLog = key.endsWith(':log')
      const count = isLog && (await send(server, ['TYPE', key])) === 'list' ? 'LLEN' : 'ZCARD'
      const answer = await send(server, isLog ? [count, key] : ['GET', key])
      const units = isLog
        ? Number(answer)
        : Math.ceil(debtUs(String(answer), nowUs) / (perMs * 1_000))
      charges.push({ limiter: name, key: nameIn(key).slice(name.length + 1), units })
    }
  }
  return charges
}

/**
 * @param {Endpoint} server
 * @param {readonly {name: string, perMs: number}[]} limiters
 * @returns {Promise<Store>}
 */
export async function readStore(server, limiters) {
  return {
    jobs: await readJobs(server),
    locks: await readLocks(server),
    charges: await readCharges(server, limiters),
  }
}
