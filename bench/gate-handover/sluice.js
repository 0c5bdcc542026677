// @ts-check
import { createSluice } from '../../dist/index.js'
import { benchQueueOf } from '../queue-process/sluice.js'
import { lockOf } from './work.js'

export const settings = 'defaults, concurrency 10; callers hold for up to 10 min'

/** @type {import('./work.js').Open} */
export async function open(port, locks) {
  const sluice = createSluice(`redis://127.0.0.1:${port}`)
  const queue = sluice.queue('bench')
  return {
    ...benchQueueOf(sluice, { lock: ({ index }) => lockOf(index, locks) }),
    parked: async () => (await queue.counts()).parked ?? 0,
    async acquire(name) {
      const lease = await sluice.lock(name, { ttl: '10m' }).acquire({ wait: '10m' })
      return () => lease.release()
    },
  }
}
