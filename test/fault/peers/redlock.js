// @ts-check
// redlock with its defaults, on one server. Leases are short here, so none needs an extension.
import { openClient } from './ioredis.js'
import { LEASE_TTL_MS, loadPeer } from './systems.js'

/**
 * @typedef {import('./systems.js').Place} Place
 * @typedef {import('./systems.js').PeerLock} PeerLock
 *
 * @typedef {{expiration: number, release: () => Promise<unknown>}} Lock5
 * @typedef {object} Redlock5
 * @property {(names: string[], ttlMs: number) => Promise<Lock5>} acquire
 * @property {(event: 'error', listener: (error: Error) => void) => unknown} on
 *
 * @typedef {{expiration: number, unlock: () => Promise<unknown>}} Lock4
 * @typedef {object} Redlock4
 * @property {(name: string, ttlMs: number) => Promise<Lock4>} lock
 * @property {(event: string, listener: (error: unknown) => void) => unknown} on
 */

/** @param {Place} place @returns {Promise<PeerLock>} */
export async function openRedlock5(place) {
  const client = await openClient(place)
  const { default: Redlock } = /** @type {{default: new (clients: unknown[]) => Redlock5}} */ (
    loadPeer('redlock5')
  )
  const redlock = new Redlock([client])
  redlock.on('error', (error) => {
    // That somebody else has the lock is no trouble.
    if (error.name !== 'ResourceLockedError') place.tell(`redlock: ${error}`)
  })
  return {
    async acquire(name) {
      const lock = await redlock.acquire([name], LEASE_TTL_MS)
      return { remainingMs: lock.expiration - Date.now(), release: () => lock.release() }
    },
  }
}

/** @param {Place} place @returns {Promise<PeerLock>} */
export async function openRedlock4(place) {
  const client = await openClient(place)
  const Redlock = /** @type {new (clients: unknown[]) => Redlock4} */ (loadPeer('redlock4'))
  const redlock = new Redlock([client])
  redlock.on('clientError', (error) => place.tell(`redlock: ${error}`))
  return {
    async acquire(name) {
      const lock = await redlock.lock(name, LEASE_TTL_MS)
      return { remainingMs: lock.expiration - Date.now(), release: async () => lock.unlock() }
    },
  }
}
