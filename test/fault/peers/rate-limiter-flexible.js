// @ts-check
// rate-limiter-flexible as its guide for Redis has it, and with what it offers against outages.
import { openClient } from './ioredis.js'
import { LIMIT, loadPeer } from './systems.js'

/**
 * @typedef {import('./systems.js').Place} Place
 * @typedef {import('./systems.js').PeerLimiter} PeerLimiter
 *
 * @typedef {object} Limiter
 * @property {(key: string) => Promise<unknown>} consume
 * @property {(key: string) => Promise<{consumedPoints: number} | null>} get
 *
 * @typedef {Record<'RateLimiterRedis' | 'RateLimiterMemory' | 'RLWrapperTimeouts', new (options: object) => Limiter>} Package
 */

const TIMEOUT_MS = 2_000
const rule = { points: LIMIT.units, duration: LIMIT.seconds }

/** @param {Place} place */
async function openStored(place) {
  const storeClient = await openClient(place, { enableOfflineQueue: false })
  const found = /** @type {Package} */ (loadPeer('rate-limiter-flexible'))
  return { found, limiter: new found.RateLimiterRedis({ storeClient, ...rule }) }
}

/** @param {Limiter} stored @param {Limiter} asked @returns {PeerLimiter} */
const peerOf = (stored, asked) => ({
  take: (key) => asked.consume(key),
  charged: async (key) => (await stored.get(key))?.consumedPoints ?? 0,
})

/** @param {Place} place */
export async function openLimiter(place) {
  const { limiter } = await openStored(place)
  return peerOf(limiter, limiter)
}

/** @param {Place} place */
export async function openInsuredLimiter(place) {
  const { limiter, found } = await openStored(place)
  const insuranceLimiter = new found.RateLimiterMemory(rule)
  const options = { limiter, insuranceLimiter, timeoutMs: TIMEOUT_MS }
  return peerOf(limiter, new found.RLWrapperTimeouts(options))
}
