// @ts-check
// Every Redlock that is compared, behind the same few methods, with its defaults.
import { loadPeer } from '../peers/systems.js'

/**
 * @typedef {object} Terms
 * @property {number} ttlMs
 * @property {boolean} [isOnce] one attempt, where the system lets its caller choose
 *
 * @typedef {object} Lease
 * @property {number} remainingMs what it says itself when it was granted
 * @property {number} [fence]
 * @property {() => Promise<unknown>} release
 *
 * @typedef {object} Opened
 * @property {(name: string, terms: Terms) => Promise<Lease>} acquire rejects when it is not to be had
 *
 * @typedef {object} System
 * @property {string} name
 * @property {string} [packageName] in bench/, which installs it
 * @property {string} settings
 * @property {boolean} [isOurs]
 * @property {(urls: readonly string[]) => Promise<Opened>} open
 *
 * @typedef {{on: (event: 'error', listener: () => void) => unknown}} Client
 * @typedef {{expiration: number, release?: () => Promise<unknown>, unlock?: () => Promise<unknown>}} Expiring
 */

const silent = { info() {}, warn() {}, error() {} }
const WAIT = '3s'

/** @param {readonly string[]} urls */
function openClients(urls) {
  const { Redis } = /** @type {{Redis: new (url: string) => Client}} */ (loadPeer('ioredis'))
  return urls.map((url) => {
    const client = new Redis(url)
    client.on('error', () => {})
    return client
  })
}

/** @param {readonly string[]} urls @returns {Promise<Opened>} */
async function openOurs(urls) {
  const build = new URL('../../../dist/redlock/index.js', import.meta.url).href
  /** @type {typeof import('../../../src/redlock/index.ts')} */
  const { redlock } = await import(build)
  const red = redlock(urls, { logger: silent, longestTtl: '6s', allowEven: true })
  return {
    async acquire(name, { ttlMs, isOnce = false }) {
      const lease = await red.lock(name, { ttl: ttlMs }).acquire({ wait: isOnce ? 0 : WAIT })
      return {
        ...{ remainingMs: lease.remainingMs, fence: lease.fence },
        release: () => lease.release(),
      }
    },
  }
}

/** redlock 5, and what was made of it. @param {new (clients: unknown[], options: object) => any} Redlock */
const openLikeRedlock5 = (Redlock) => async (/** @type {readonly string[]} */ urls) => {
  const clients = openClients(urls)
  const [patient, hasty] = [{}, { retryCount: 0 }].map((options) => {
    const redlock = new Redlock(clients, options)
    redlock.on?.('error', () => {})
    return redlock
  })
  return {
    async acquire(/** @type {string} */ name, /** @type {Terms} */ { ttlMs, isOnce = false }) {
      /** @type {Expiring} */
      const lock = await (isOnce ? hasty : patient).acquire([name], ttlMs)
      return {
        remainingMs: lock.expiration - Date.now(),
        release: async () => lock.release?.(),
      }
    },
  }
}

/** @param {readonly string[]} urls @returns {Promise<Opened>} */
async function openRedlock4(urls) {
  const clients = openClients(urls)
  const Redlock = /** @type {new (clients: unknown[], options?: object) => any} */ (
    loadPeer('redlock4')
  )
  const [patient, hasty] = [{}, { retryCount: 0 }].map((options) => {
    const redlock = new Redlock(clients, options)
    redlock.on('clientError', () => {})
    return redlock
  })
  return {
    async acquire(name, { ttlMs, isOnce = false }) {
      /** @type {Expiring} */
      const lock = await (isOnce ? hasty : patient).lock(name, ttlMs)
      return { remainingMs: lock.expiration - Date.now(), release: async () => lock.unlock?.() }
    },
  }
}

/** @param {readonly string[]} urls @returns {Promise<Opened>} */
async function openUniversal(urls) {
  const { createRedlock, IoredisAdapter } = /** @type {any} */ (loadPeer('redlock-universal'))
  const adapters = openClients(urls).map((client) => new IoredisAdapter(client))
  return {
    async acquire(name, { ttlMs, isOnce = false }) {
      const retries = isOnce ? { retryAttempts: 0 } : {}
      const lock = createRedlock({ adapters, key: name, ttl: ttlMs, ...retries })
      const handle = await lock.acquire()
      return {
        remainingMs: handle.acquiredAt + handle.ttl - Date.now(),
        release: () => lock.release(handle),
      }
    },
  }
}

/** @param {readonly string[]} urls @returns {Promise<Opened>} */
async function openSemaphore(urls) {
  const { RedlockMutex } = /** @type {any} */ (loadPeer('redis-semaphore'))
  const clients = openClients(urls)
  return {
    async acquire(name, { ttlMs, isOnce = false }) {
      const once = isOnce ? { acquireAttemptsLimit: 1 } : {}
      const onLockLost = () => {}
      const mutex = new RedlockMutex(clients, name, { lockTimeout: ttlMs, onLockLost, ...once })
      const startMs = Date.now()
      await mutex.acquire()
      // It states no end. Who made one attempt only began it when it was called.
      return {
        remainingMs: isOnce ? startMs + ttlMs - Date.now() : ttlMs,
        release: () => mutex.release(),
      }
    },
  }
}

const onIoredis = 'defaults, on ioredis 6 with defaults'

/** @type {readonly System[]} */
export const systems = [
  {
    name: 'Sluice',
    settings: "`longestTtl: '6s'`, `wait: '3s'`, else defaults",
    isOurs: true,
    open: openOurs,
  },
  { name: 'redlock 4', packageName: 'redlock4', settings: onIoredis, open: openRedlock4 },
  {
    name: 'redlock 5',
    packageName: 'redlock5',
    settings: onIoredis,
    open: (urls) => openLikeRedlock5(/** @type {any} */ (loadPeer('redlock5')).default)(urls),
  },
  {
    name: '@sesamecare-oss/redlock',
    packageName: '@sesamecare-oss/redlock',
    settings: onIoredis,
    open: (urls) =>
      openLikeRedlock5(/** @type {any} */ (loadPeer('@sesamecare-oss/redlock')).Redlock)(urls),
  },
  {
    name: 'redlock-universal',
    packageName: 'redlock-universal',
    settings: `${onIoredis}; \`createRedlock\``,
    open: openUniversal,
  },
  {
    name: 'redis-semaphore',
    packageName: 'redis-semaphore',
    settings: `${onIoredis}; \`RedlockMutex\`, which states no end of its lease`,
    open: openSemaphore,
  },
]
