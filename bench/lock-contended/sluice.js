// @ts-check
import { createSluice } from '../../dist/index.js'
import { TTL_MS } from './work.js'

export const settings = 'defaults, but wait 10 min; leases renewed by themselves'

/** A third of the claim lease. */
const HEARTBEAT_MS = 1_000

/** @type {import('./work.js').Open} */
export async function open(port) {
  const sluice = createSluice(`redis://127.0.0.1:${port}`)
  return {
    everyMs: HEARTBEAT_MS,
    async acquire(name) {
      const lease = await sluice.lock(name, { ttl: TTL_MS }).acquire({ wait: '10m' })
      return () => lease.release()
    },
    close: () => sluice.close(),
  }
}
