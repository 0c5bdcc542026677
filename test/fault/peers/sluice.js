// @ts-check
// Sluice as any user opens it. Its types come from the sources, since the build may not be there yet.
import { LEASE_TTL_MS, LIMIT } from './systems.js'

/** @typedef {import('./systems.js').Place} Place */

const silent = { info() {}, warn() {}, error() {} }

/** @param {Place} place */
async function open({ host, port, tell }) {
  const build = new URL('../../../dist/index.js', import.meta.url).href
  /** @type {typeof import('../../../src/index.ts')} */
  const product = await import(build)
  const sluice = product.createSluice(`redis://${host}:${port}`, { logger: silent })
  sluice.on('unavailable', ({ reason }) => tell(`unavailable: ${reason}`))
  return { sluice, product }
}

/** @param {Place} place @returns {Promise<import('./systems.js').PeerQueue>} */
export async function openQueue(place) {
  const { sluice } = await open(place)
  /** @type {import('../../../src/index.ts').Queue<string>} */
  const queue = sluice.queue('peers')
  return {
    add: (payload) => queue.add(payload),
    work: async (handle) => queue.work(async ({ data, id }) => handle(data, id)),
    async left() {
      const { ready, timed, inFlight, dead } = await queue.counts()
      return ready + timed + inFlight + dead
    },
  }
}

/** @param {Place} place @returns {Promise<import('./systems.js').PeerLock>} */
export async function openLock(place) {
  const { sluice } = await open(place)
  return {
    async acquire(name) {
      const lease = await sluice.lock(name, { ttl: LEASE_TTL_MS }).acquire({ wait: '3s' })
      return { remainingMs: lease.remainingMs, release: () => lease.release() }
    },
  }
}

/** @param {Place} place @returns {Promise<import('./systems.js').PeerLimiter>} */
export async function openLimiter(place) {
  const { sluice, product } = await open(place)
  const rule = product.slidingLog({ limit: LIMIT.units, per: LIMIT.seconds * 1_000 })
  const limiter = sluice.limiter('peers', rule)
  return {
    take: (key) => limiter.take(key),
    async charged(key) {
      // A peek of one more would tell what is left after that one.
      const { limit, remaining } = await limiter.peek(key, { cost: 0 })
      return limit - remaining
    },
  }
}
